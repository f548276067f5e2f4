"""The studio in a real browser: the whole way from two files to takes, by mouse and by keyboard."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hocket
from conftest import BROWSER
from studio.served import FEW, SMALL, Served

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium here")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    studio = Served(tmp_path_factory.mktemp("studio"))
    yield studio
    studio.close()


class Tab:
    """A tab on the studio, with all that it said and asked for."""

    def __init__(self, browser: Any, served: Served, **how: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **how)
        self.tab, self.served = self.context.new_page(), served
        self.said: list[str] = []
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.asked: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))

    def open(self, project: str = "") -> None:
        self.tab.goto(f"{self.served.address}/{f'#/{project}' if project else ''}")
        self.until("document.documentElement.dataset.ready === 'yes'")

    def until(self, expression: str, seconds: float = 60.0) -> None:
        """Wait for something; the page's policy lets no waiting script in."""
        end = time.monotonic() + seconds
        while not self.tab.evaluate(expression):
            assert time.monotonic() < end, (expression, self.said)
            self.tab.wait_for_timeout(30)

    def close(self) -> None:
        assert self.said == []
        assert all(url.startswith((self.served.address, "data:", "blob:")) for url in self.asked)
        self.context.close()


LOUD = """async (url) => {
    const content = await (await fetch(url)).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 44100, 44100).decodeAudioData(content);
    const samples = sound.getChannelData(0);
    let power = 0;
    for (const sample of samples) power += sample * sample;
    return [Math.sqrt(power / samples.length), sound.duration];
}"""
PLACE = "document.querySelector('.take .head-line').style.transform"
WORKING = "document.querySelectorAll('.job progress').length"


def test_the_whole_way(
    browser: Any, served: Served, theme_files: list[Path], tmp_path: Path
) -> None:
    tab = Tab(browser, served, viewport={"width": 1100, "height": 900})
    tab.open()
    page = tab.tab
    page.locator("input[type=file]").set_input_files(theme_files[0])
    # the second is dropped
    tab.until("document.querySelectorAll('.theme .roll').length === 1")
    page.evaluate(
        """([name, content]) => {
            const moved = new DataTransfer();
            moved.items.add(new File([Uint8Array.from(content)], name));
            const drop = new DragEvent('drop', {dataTransfer: moved, bubbles: true});
            document.querySelector('.drop').dispatchEvent(drop);
        }""",
        ["turn.mid", list(theme_files[1].read_bytes())],
    )
    tab.until("document.querySelectorAll('.theme .roll').length === 2")
    project = page.url.rpartition("/")[2]
    assert "3/4" in page.locator(".theme").nth(1).inner_text()

    # learn; the page is closed meanwhile, and opened again
    served.post(f"/projects/{project}/learn", FEW)
    page.goto("about:blank")
    tab.open(project)
    tab.until("document.querySelectorAll('.theme .tag').length === 2")
    assert "bars kept apart" in page.locator("figure").inner_text()

    # draw a mix, and fuse
    page.evaluate(
        "([key, value]) => localStorage.setItem(key, JSON.stringify(value))",
        [f"hocket-{project}", {**SMALL, **FEW}],
    )
    page.reload()
    tab.until("document.querySelectorAll('.mix .point').length === 1")
    page.locator(".mix").scroll_into_view_if_needed()
    box = page.locator(".mix").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 14, box["y"] + box["height"] - 20)
    tab.until("document.querySelectorAll('.mix .point').length === 2")
    page.locator(".mix .point").first.focus()
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    drawn = page.locator(".mix-ends output").inner_text()
    assert drawn.startswith("0:0.8, 8:0.")
    page.get_by_role("button", name="Write takes").click()
    tab.until("document.querySelectorAll('.take .roll').length === 2", 120)
    job = served.get(f"/projects/{project}")["jobs"][0]
    assert job["knobs"]["mix"] == drawn

    # hear: not silent, and the playhead moves
    loud, seconds = page.evaluate(LOUD, f"/api/fusions/{job['id']}/takes/1/file/mp3")
    assert loud > 0.02
    assert seconds > 3
    assert page.evaluate(PLACE) == "translateX(0px)"
    page.locator(".take .play").first.click()
    tab.until(f"parseFloat({PLACE}.slice(11)) > 20")
    page.locator(".take .play").first.click()

    # why this note, the score, a favourite
    page.locator(".take .roll").first.focus()
    page.keyboard.press("Enter")
    tab.until("document.querySelectorAll('.take .why tr').length > 2")
    page.locator(".take summary", has_text="Score").first.click()
    tab.until("document.querySelectorAll('.take .score svg g.note').length > 20")
    page.locator(".star").first.click()
    tab.until("document.querySelector('.star').textContent === '★'")

    # take home
    with page.expect_download() as waited:
        page.locator(".take a[data-kind=mid]").first.click()
    waited.value.save_as(tmp_path / "take.mid")
    assert len(hocket.read(tmp_path / "take.mid").notes) > 10
    with page.expect_download() as waited:
        page.get_by_role("link", name="All takes (zip)").click()
    waited.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(io.BytesIO((tmp_path / "all.zip").read_bytes())) as archive:
        assert "take-02.musicxml" in archive.namelist()

    # delete with undo
    page.locator(".take").first.get_by_role("button", name="Delete").click()
    tab.until("document.querySelectorAll('.take').length === 1")
    page.get_by_role("button", name="Undo").click()
    tab.until("document.querySelectorAll('.take').length === 2")
    tab.close()

    # a new server: all is there
    served.kill()
    served.start()
    tab = Tab(browser, served)
    tab.open(project)
    tab.until("document.querySelectorAll('.take .roll').length === 2")
    assert tab.tab.locator(".star").first.inner_text() == "★"
    assert tab.tab.locator(".theme .tag").count() == 2
    tab.close()


def faults(tab: Tab) -> list[str]:
    """Return what axe finds that is serious."""
    found = axe.Axe().run(tab.tab).response["violations"]
    return [
        f"{each['id']}: {node['html'][:150]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_everybody_can_use_it(
    browser: Any, served: Served, theme_files: list[Path], scheme: str, width: int
) -> None:
    projects = served.get("/projects")["projects"]
    full = next((p["id"] for p in projects if p["themes"] == 2), "") or served.project(*theme_files)
    size = {"width": width, "height": 800}
    tab = Tab(browser, served, viewport=size, color_scheme=scheme, bypass_csp=True)
    tab.open(full)
    tab.until("document.querySelectorAll('.theme .roll').length === 2")
    tab.tab.evaluate(
        "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
    )
    tab.tab.wait_for_timeout(500)
    assert faults(tab) == []
    assert tab.tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.tab.goto(f"{served.address}/#/")
    tab.until("document.querySelector('main h1')?.textContent === 'Projects'")
    assert faults(tab) == []
    tab.close()


def test_the_keyboard_is_enough(browser: Any, served: Served, theme_files: list[Path]) -> None:
    """Everything that can be done has its place in the order of Tab, and Enter or space does it."""
    project = served.project(*theme_files)
    tab = Tab(browser, served)
    tab.open(project)
    tab.until("document.querySelectorAll('.theme .roll').length === 2")
    reached = set()
    for _ in range(120):
        tab.tab.keyboard.press("Tab")
        reached.add(
            tab.tab.evaluate("(e => e.ariaLabel || e.textContent.trim())(document.activeElement)")
        )
    for wanted in ("Choose files", "Learn the themes", "Mix over the bars, 1", "Rank openings",
                   "Write takes", "More settings", "Walk: play or pause", "Remove: Turn"):  # fmt: skip
        assert wanted in reached
    tab.tab.locator("[aria-label='Remove: Turn']").focus()
    tab.tab.keyboard.press("Enter")
    tab.until("document.querySelectorAll('.theme').length === 1")
    tab.tab.get_by_role("button", name="Undo").focus()
    tab.tab.keyboard.press("Enter")
    tab.until("document.querySelectorAll('.theme').length === 2")
    tab.close()


def test_titles_are_data(browser: Any, served: Served, theme_files: list[Path]) -> None:
    from dataclasses import replace

    from hocket.scores.midi import midi_bytes

    title = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    project = served.project()
    hostile = replace(hocket.read(theme_files[0]), title=title)
    served.upload(project, "hostile.mid", midi_bytes(hostile))
    tab = Tab(browser, served)
    tab.open(project)
    tab.until("document.querySelectorAll('.theme .roll').length === 1")
    assert tab.tab.locator(".theme h3").inner_text() == title
    assert "taken" not in tab.tab.title()
    tab.close()


def test_a_tab_that_nobody_sees_holds_no_connection(
    browser: Any, served: Served, theme_files: list[Path]
) -> None:
    project = served.project(theme_files[0])
    tab = Tab(browser, served)
    tab.open(project)
    hide = """(hidden) => {
        Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    tab.tab.evaluate(hide, True)
    served.upload(project, "turn.mid", theme_files[1].read_bytes())
    tab.tab.wait_for_timeout(1500)
    assert tab.tab.locator(".theme").count() == 1
    tab.tab.evaluate(hide, False)
    tab.until("document.querySelectorAll('.theme').length === 2")
    tab.close()

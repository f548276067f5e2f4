"""The page in a real browser: it sounds, the playhead moves, keys are enough, nothing leaves it."""

from __future__ import annotations

import base64
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import BROWSER
from hocket import page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium here")


@pytest.fixture(scope="module")
def file(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("browser") / "run"))
    return page.write_page(folder)


class Opened:
    """A page that is open, with all that it said and asked for."""

    def __init__(self, browser: Any, file: Path, **how: Any) -> None:
        self.context = browser.new_context(**how)
        self.tab = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.goto(file.as_uri())
        self.until("document.documentElement.dataset.ready === 'yes'")

    def until(self, expression: str, seconds: float = 20.0) -> None:
        """Wait for something; the page's policy lets no waiting script in."""
        end = time.monotonic() + seconds
        while not self.tab.evaluate(expression):
            assert time.monotonic() < end, expression
            self.tab.wait_for_timeout(30)

    def take(self, expression: str) -> Any:
        return self.tab.evaluate(f"(() => {{ const take = takes[0]; return {expression}; }})()")

    def place(self) -> float:
        """Pixels of the playhead from the left."""
        found = re.search(r"translateX\(([\d.]+)px\)", self.take("take.line.style.transform"))
        assert found is not None
        return float(found[1])


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Opened]:
    found = Opened(browser, file)
    yield found
    assert found.said == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in found.asked)
    found.context.close()


def test_what_is_played_is_not_silent(opened: Opened) -> None:
    """The sound of each take, decoded by the browser itself."""
    for number in range(2):
        loud, seconds, end = opened.tab.evaluate(
            """async (number) => {
                const take = takes[number], context = new OfflineAudioContext(1, 44100, 44100);
                const sound = await context.decodeAudioData(bytes(take.data.mp3).buffer);
                const samples = sound.getChannelData(0);
                let power = 0;
                for (const sample of samples) power += sample * sample;
                return [Math.sqrt(power / samples.length), sound.duration, take.end];
            }""",
            number,
        )
        assert loud > 0.02
        assert seconds > end - 3


def test_the_playhead_moves_while_it_plays(opened: Opened) -> None:
    assert opened.place() == 0
    button = opened.tab.locator(".play").first
    button.click()
    opened.until("takes[0].sound.currentTime > 0.4")
    first = opened.place()
    opened.until("takes[0].sound.currentTime > 0.8")
    assert 0 < first < opened.place()
    assert button.inner_text() == "Pause"
    opened.tab.locator(".play").nth(1).click()  # one plays at a time
    opened.until("!takes[1].sound.paused")
    assert opened.take("take.sound.paused")
    opened.until("document.querySelector('.play').textContent === 'Play'")


def test_a_click_goes_there_and_tells_the_note(opened: Opened) -> None:
    start, _, pitch = opened.take("take.data.notes[9].slice(0, 3)")
    x, y = opened.take(f"[({start} + .05) * take.scale(), take.y({pitch}) + 3]")
    opened.tab.locator(".roll").first.click(position={"x": x, "y": y})
    assert opened.take("take.sound.currentTime") == pytest.approx(start + 0.05, abs=0.1)
    assert opened.place() == pytest.approx(x, abs=3)
    assert opened.tab.locator(".told").first.inner_text().startswith("Bar ")


def test_keys_are_enough(opened: Opened) -> None:
    """Tab reaches every control in order, arrows go by bars, space plays."""
    reached = []
    for _ in range(9):
        opened.tab.keyboard.press("Tab")
        reached.append(
            opened.tab.evaluate(
                "document.activeElement.className || document.activeElement.tagName.toLowerCase()"
            )
        )
    assert reached == [
        "play", "input", "roll", "summary", "summary", "button", "button", "button", "play",
    ]  # fmt: skip
    opened.tab.locator(".roll").first.focus()
    opened.tab.keyboard.press("ArrowRight")
    opened.tab.keyboard.press("ArrowRight")
    assert opened.take("take.bar()") == 2
    assert "bar 3" in opened.tab.locator(".roll").first.get_attribute("aria-valuetext")
    opened.tab.keyboard.press("ArrowLeft")
    assert opened.take("take.bar()") == 1
    opened.tab.keyboard.press(" ")
    opened.until("!takes[0].sound.paused")
    opened.tab.keyboard.press(" ")
    assert opened.take("take.sound.paused")


def test_heads_light_up_in_the_score(opened: Opened) -> None:
    opened.tab.locator("summary", has_text="Score").first.click()
    assert opened.tab.locator(".score svg").first.is_visible()
    opened.tab.locator(".play").first.click()
    opened.until("document.querySelectorAll('.score .sounding').length > 0")


def test_downloads_are_the_files(opened: Opened, file: Path) -> None:
    for kind, name in (("mid", "take-01.mid"), ("mxl", "take-01.mxl"), ("mp3", "take-01.mp3")):
        with opened.tab.expect_download() as waited:
            opened.tab.locator(f"a[data-file={kind}]").first.click()
        assert waited.value.suggested_filename == name
        content = Path(waited.value.path()).read_bytes()
        assert content == base64.b64decode(opened.take(f"take.data.{kind}"))
    assert (
        base64.b64decode(opened.take("take.data.mid")) == (file.parent / "take-01.mid").read_bytes()
    )


@pytest.mark.parametrize("width", [360, 820])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_fits_a_phone_in_dark_and_light(
    browser: Any, file: Path, width: int, scheme: str
) -> None:
    found = Opened(browser, file, viewport={"width": width, "height": 700}, color_scheme=scheme)
    assert found.tab.evaluate("document.documentElement.scrollWidth") <= width
    paper = found.tab.evaluate("getComputedStyle(document.body).backgroundColor")
    bright = sum(map(int, re.findall(r"\d+", paper)[:3])) / 3
    assert bright < 60 if scheme == "dark" else bright > 200
    assert found.said == []
    found.context.close()


def test_a_script_in_a_title_does_not_run(browser: Any, tiny_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    report = (folder / "report.json").read_text(encoding="utf-8")
    bad = "</script><img src=x onerror=document.title=1><script>document.title=2</script>"
    escaped = bad.replace('"', '\\"')
    (folder / "report.json").write_text(report.replace("Walk", escaped), encoding="utf-8")
    found = Opened(browser, page.write_page(folder))
    assert found.tab.title() == "Walk × Turn"
    assert "<img src=x" in found.tab.locator(".words").first.inner_text()
    assert found.said == []
    found.context.close()

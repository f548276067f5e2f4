"""Walks through the studio with the demo themes and takes the pictures of docs/studio.md: `make docs`.

    python docs/studio.py docs/images

Needs playwright and Chromium. Prints how long each step took.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pictures import save

sys.path.append(str(Path(__file__).parents[1] / "benchmarks" / "studio"))


def until(tab: Any, expression: str, seconds: float = 240.0) -> None:
    """Wait for something on the page."""
    end = time.monotonic() + seconds
    while not tab.evaluate(expression):
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain: {expression}")
        tab.wait_for_timeout(20)


def walk(tab: Any, address: str, images: Path) -> None:
    """Do the whole way, and take pictures."""
    began = time.perf_counter()

    def step(what: str) -> None:
        print(f"{time.perf_counter() - began:6.1f} s  {what}")

    tab.goto(address)
    until(tab, "document.documentElement.dataset.ready === 'yes'")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    step(f"first view; painted after {tab.evaluate(paint):.0f} ms")
    for number, demo in enumerate((1, 0), 1):
        tab.locator(".drop .small button").nth(demo).click()
        until(tab, f"document.querySelectorAll('.theme .roll').length === {number}")
    step("two themes")
    tab.get_by_role("button", name="Learn the themes").click()
    until(tab, "(document.querySelector('.job')?.textContent || '').includes('step 60')")
    save(tab.screenshot(full_page=True), images / "studio-learn.png")
    until(tab, "document.querySelectorAll('.theme .tag').length === 2")
    step("learned")
    tab.get_by_role("button", name="Rank openings").click()
    until(tab, "document.querySelectorAll('.seeds li').length > 2")
    step("openings ranked")
    tab.get_by_role("button", name="A to B").click()
    tab.get_by_role("button", name="Write takes").click()
    until(tab, "document.querySelectorAll('.take .roll').length === 4")
    step("takes on the page")
    tab.locator(".take .play").first.click()
    until(tab, "document.querySelector('.take .time').textContent > '0:04'")
    tab.locator(".take .play").first.click()
    tab.locator(".take .roll").first.focus()
    tab.keyboard.press("Enter")
    until(tab, "document.querySelectorAll('.take .why tr').length > 2")
    tab.locator(".take summary", has_text="Score").first.click()
    until(tab, "document.querySelectorAll('.take .score svg').length > 0")
    tab.wait_for_timeout(1500)
    top = tab.locator("section", has=tab.locator(".mix")).first
    save(top.screenshot(), images / "studio-mix.png")
    save(tab.locator(".take").first.screenshot(), images / "studio-takes.png")


def main() -> None:
    """Start a studio in a new folder and walk."""
    from playwright.sync_api import sync_playwright

    from served import Served  # type: ignore[import-not-found]

    images = Path(sys.argv[1])
    browser = next((p for p in map(shutil.which, ("chromium", "chromium-browser")) if p), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        studio = Served(Path(folder))
        chromium = driver.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = chromium.new_page(viewport={"width": 1100, "height": 900})
        walk(tab, studio.address, images)
        project = tab.url.rpartition("/")[2]
        phone = chromium.new_page(viewport={"width": 390, "height": 1100}, color_scheme="dark")
        phone.goto(f"{studio.address}/#/{project}")
        until(phone, "document.querySelectorAll('.take .roll').length === 4")
        phone.wait_for_timeout(800)
        save(phone.screenshot(), images / "studio-phone.png")
        chromium.close()
        studio.close()


if __name__ == "__main__":
    main()

"""How large a run's page is, how long it takes to make, and how soon a browser can use it.

    python benchmarks/exports/pages.py RUN --out benchmarks/results/page.json

Needs playwright and Chromium. Times of loading are medians of the rounds, each in a new context: until
something is painted, until all takes can be played, and until the first sound after a click.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from hocket.page import page


def loaded(file: Path, browser: str, rounds: int, width: int) -> dict[str, float]:
    """Return the medians of the times of loading, in milliseconds."""
    from playwright.sync_api import sync_playwright

    painted, ready, heard = [], [], []
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=browser,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for _ in range(rounds):
            context = chromium.new_context(viewport={"width": width, "height": 900})
            tab = context.new_page()
            tab.goto(file.resolve().as_uri())
            while not tab.evaluate("document.documentElement.dataset.ready === 'yes'"):
                tab.wait_for_timeout(5)
            ready.append(tab.evaluate("performance.now()"))
            tab.wait_for_timeout(100)
            painted.append(
                tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            )
            began = time.perf_counter()
            tab.locator(".play").first.click()
            while not tab.evaluate("takes[0].sound.currentTime > 0"):
                tab.wait_for_timeout(2)
            heard.append(1000 * (time.perf_counter() - began))
            context.close()
        chromium.close()
    return {
        "painted_ms": statistics.median(painted),
        "ready_ms": statistics.median(ready),
        "heard_after_click_ms": statistics.median(heard),
    }


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    began = time.perf_counter()
    text = page(options.run)
    result: dict[str, Any] = {
        "seconds_to_make": round(time.perf_counter() - began, 1),
        "bytes": len(text.encode()),
        "takes": text.count('<section class="take"'),
    }
    for width in (1200, 360):
        times = loaded(options.run / "index.html", options.browser, options.rounds, width)
        result[f"width_{width}"] = {name: round(value) for name, value in times.items()}
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()

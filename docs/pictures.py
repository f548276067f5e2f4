"""Draws the pictures of the documentation anew: `make docs`, from the run in out/demo.

    python docs/pictures.py out/demo docs/images

Screenshots of the page need playwright and Chromium; without these they stay as they are.
"""

from __future__ import annotations

import json
import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from hocket import read
from hocket.analysis.provenance import origins
from hocket.exports import model
from hocket.notation import engrave_svg
from hocket.notation.printing import png
from hocket.pictures import bars_matrix, self_similarity
from hocket.pictures.style import ink
from hocket.runs import load_settings, named

COLOURS = 128
"""Of a picture; a third of the bytes."""
SCORE_DPI = 100


def save(content: bytes, target: Path) -> None:
    """Save a picture with few colours."""
    with Image.open(BytesIO(content)) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(target, optimize=True)
    print(target, target.stat().st_size)


def screenshots(page: Path, images: Path) -> None:
    """Take pictures of a page, wide and light, and of a phone's width and dark."""
    browser = next((p for p in map(shutil.which, ("chromium", "chromium-browser")) if p), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser = None
    if browser is None:
        print("no screenshots: they need playwright and Chromium")
        return
    shots = (("page", 1100, 1300, "light"), ("page-phone", 390, 1000, "dark"))
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, width, height, scheme in shots:
            tab = chromium.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            tab.goto(page.resolve().as_uri())
            if name == "page":
                tab.locator("summary", has_text="Score").first.click()
            tab.wait_for_timeout(500)
            save(tab.screenshot(), images / f"{name}.png")
        chromium.close()


def main() -> None:
    """Draw them all."""
    run, images = Path(sys.argv[1]), Path(sys.argv[2])
    _, themes = load_settings(run)
    take, pieces = read(run / "take-01.mid"), named(themes)
    save((run / "take-01.png").read_bytes(), images / "take.png")
    heads = ink(origins(take, pieces))
    save(png(engrave_svg(take, colours=heads)[0], SCORE_DPI), images / "score-take.png")
    save(png(engrave_svg(read("demo:elise"))[0], SCORE_DPI), images / "score-elise.png")
    save(bars_matrix(take, pieces), images / "origins.png")
    form = json.loads((run / "report.json").read_bytes())["takes"][0]["form"]
    save(self_similarity(take, form=form), images / "similarity.png")
    model(run / "themes" / "A.theme", plot=images / "network.png")
    save((images / "network.png").read_bytes(), images / "network.png")
    screenshots(run / "index.html", images)


if __name__ == "__main__":
    main()

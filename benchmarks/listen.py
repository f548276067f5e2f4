"""Two programs' takes of the same themes to a page on which anybody can judge them blindly.

    python benchmarks/listen.py [THEME THEME] [-o out/listen] [--pairs 12]

Writes `index.html`, to be opened in a browser: in each pair one take is hocket's, one of the recipe it
grew from (`--preset classic`), in random order. It plays by itself, and keeps the answers to itself.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import hocket
from hocket.display import Display
from hocket.music import Piece
from hocket.scores.files import make_folder, write_text

TEMPLATE = Path(__file__).with_name("listen.html")


def notes_of(piece: Piece) -> list[list[float]]:
    """Return start and length in seconds, pitch and velocity of each note."""
    found = []
    for note in piece.notes:
        start, end = piece.seconds(note.start), piece.seconds(note.end)
        found.append([round(start, 3), round(end - start, 3), note.pitch, note.velocity])
    return found


def page(
    themes: Sequence[Piece], takes: Mapping[str, Sequence[Piece]], random: np.random.Generator
) -> str:
    """Return the page: takes by who wrote them, equally many of each, paired in order."""
    pairs: list[list[dict[str, Any]]] = []
    for pair in zip(*([(who, take) for take in of] for who, of in takes.items()), strict=True):
        shuffled = [pair[place] for place in random.permutation(len(pair))]
        pairs.append(
            [
                {"who": base64.b64encode(who.encode()).decode(), "notes": notes_of(take)}
                for who, take in shuffled
            ]
        )
    data = {
        "themes": [{"title": theme.title, "notes": notes_of(theme)} for theme in themes],
        "pairs": pairs,
    }
    data["fingerprint"] = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:12]
    text = json.dumps(data).replace("<", "\\u003c")  # a title may hold anything
    return TEMPLATE.read_text(encoding="utf-8").replace("DATA", text, 1)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("themes", nargs="*", default=["demo:gymnopedie", "demo:elise"])
    parser.add_argument("-o", "--out", type=Path, default=Path("out/listen"))
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--bars", type=int, default=16)
    parser.add_argument("--rng", type=int, default=1)
    options = parser.parse_args()
    asked = {"takes": options.pairs, "bars": options.bars, "rng": options.rng}
    takes: dict[str, Sequence[Piece]] = {}
    for who, preset in (("hocket", "theme"), ("the recipe it grew from", "classic")):
        with Display() as display:
            run = hocket.fuse(
                *options.themes, config=hocket.preset(preset), reporter=display, **asked
            )
        takes[who] = [take.piece for take in run.takes]
        themes = [theme.piece for theme in run.themes.values()]
    make_folder(options.out)
    write_text(options.out / "index.html", page(themes, takes, np.random.default_rng(options.rng)))
    print(f"open {options.out / 'index.html'} in a browser")


if __name__ == "__main__":
    main()

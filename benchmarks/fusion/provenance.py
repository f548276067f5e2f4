"""How long it takes to say where notes come from: a piece of 1,000 against ten themes of 3,000.

    python benchmarks/fusion/provenance.py --out benchmarks/results/fusion-provenance.json [--rounds 9]

Random walks on the white keys, so that many short runs are shared; the piece quotes each theme now and
then. "first" is with the index of the themes, as for one piece that is checked; "next" is each further
piece against the same themes. The map is all three views: theme, place and length of each quote.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

import numpy as np

from hocket.analysis.provenance import origins
from hocket.analysis.tracing import VIEWS, trace
from hocket.music import Note, Piece
from hocket.scores.files import write_text

THEMES, THEME_NOTES, NOTES = 10, 3000, 1000
SCALE = (0, 2, 4, 5, 7, 9, 11)


def walk(random: np.random.Generator, notes: int) -> list[int]:
    """Return the pitches of a random walk on the white keys."""
    steps = np.clip(np.cumsum(random.integers(-2, 3, notes)) % 29 + 15, 0, 51)
    return [21 + 12 * int(step // 7) + SCALE[int(step) % 7] for step in steps]


def piece(pitches: list[int]) -> Piece:
    """Return pitches in eighths."""
    return Piece.of([Note(12 * n, 12, pitch) for n, pitch in enumerate(pitches)])


def main() -> None:
    """Time rounds, and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    for number in range(options.rounds + 1):
        random = np.random.default_rng(number)
        tunes = [walk(random, THEME_NOTES) for _ in range(THEMES)]
        themes = {str(name): piece(tune) for name, tune in enumerate(tunes)}
        for which in ("first", "next"):
            own = walk(random, 60 * THEMES)
            parts = [(*tune[100:140], *own[60 * n : 60 * n + 60]) for n, tune in enumerate(tunes)]
            asked = piece([pitch for part in parts for pitch in part][:NOTES])
            began = time.perf_counter()
            views = [trace(asked, themes, view) for view in VIEWS]
            mapped = time.perf_counter()
            origins(asked, themes)
            if number:  # the first round compiles the loops
                seconds.setdefault(f"map, {which}", []).append(mapped - began)
                seconds.setdefault(f"shares, {which}", []).append(time.perf_counter() - mapped)
            assert views[0].longest >= 40
    found = {name: median(times) for name, times in seconds.items()}
    for name, value in found.items():
        print(f"| {name} | {1000 * value:.1f} ms |")
    write_text(options.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

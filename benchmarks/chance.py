"""What pieces have in common that have nothing to do with each other: the level of chance for measures.

    python benchmarks/chance.py --folder BASE --out chance.json

BASE is the base corpus, unpacked (its manifest.csv names composers). A piece of 200 to 600 notes is
measured as a take beside two "themes" of other composers, each of one or more pieces until it has about
as many notes as asked for. The medians and 95 % quantiles are what `analysis/chance.py` ships.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from hocket.analysis import as_json, measure
from hocket.music import Piece
from hocket.reporter import Silent
from hocket.sources import read_piece

SIZES = (250, 500, 1000, 2000, 4000, 8000)
MEASURES = (
    *("known", "cover16", "longest", "switches"),
    *("melody_known", "melody_cover16", "melody_longest", "tune_cover16", "tune_longest"),
)


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=200, help="of each size")
    parser.add_argument("--rng", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.rng)
    with (options.folder / "manifest.csv").open(encoding="utf-8") as file:
        entries = [row for row in csv.DictReader(file) if int(row["notes"]) <= 2000]
    takes = [row for row in entries if 200 <= int(row["notes"]) <= 600]
    read: dict[str, Piece] = {}

    def piece(row: dict[str, str]) -> Piece:
        if row["path"] not in read:
            read[row["path"]] = read_piece(options.folder / row["path"], False, Silent())
        return read[row["path"]]

    result: dict[str, dict[str, list[float]]] = {}
    for size in SIZES:
        found: list[dict[str, float]] = []
        while len(found) < options.pairs:
            take = takes[random.integers(len(takes))]
            others = [row for row in entries if row["composer"] != take["composer"]]
            themes: dict[str, list[Piece]] = {"A": [], "B": []}
            for members in themes.values():
                while sum(len(member.notes) for member in members) < 0.8 * size:
                    row = others[random.integers(len(others))]
                    if size >= 500 or int(row["notes"]) < 2 * size:
                        members.append(piece(row))
            found.append(as_json(measure(piece(take), themes)))
        result[str(size)] = {
            name: [float(np.quantile([one[name] for one in found], q)) for q in (0.5, 0.95)]
            for name in MEASURES
        }
        print(size, result[str(size)], flush=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Whether the dial does what it says: the share of the first theme, as `--mix` goes from 0 to 1.

    python benchmarks/fusion/dial.py A.theme B.theme --out benchmarks/results/fusion-dial.json

Of 32 takes each (all that are written, none chosen): the median share of A among the notes that one
theme alone has, the weaker theme's share, and what is known; and the rank correlation of dial and share
over all takes. Theme files come from `hocket learn`, or lie in the folders of fusion.py.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median

import numpy as np

import hocket
from hocket.analysis import measure
from hocket.scores.files import write_text
from hocket.sources import saved_theme

DIALS = (0.0, 0.25, 0.5, 0.75, 1.0)
TAKES = 32


def main() -> None:
    """Write takes at each dial, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("themes", type=Path, nargs=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rng", type=int, default=1)
    options = parser.parse_args()
    pieces = dict(zip("AB", (saved_theme(file).piece for file in options.themes), strict=True))
    rows, dials, shares = [], [], []
    for dial in DIALS:
        run = hocket.fuse(*options.themes, takes=TAKES, keep=TAKES, mix=dial, rng=options.rng)
        found = [measure(take.piece, pieces) for take in run.takes]
        dials += [dial] * len(found)
        shares += [one.share["A"] for one in found]
        row = {
            "dial": dial,
            "share of A": median(one.share["A"] for one in found),
            "weaker": median(min(one.share.values()) for one in found),
            "known": median(one.known for one in found),
        }
        rows.append(row)
        print("| " + " | ".join(f"{value:.2f}" for value in row.values()) + " |", flush=True)
    correlation = spearman(np.array(dials), np.array(shares))
    print(f"rank correlation over {len(shares)} takes: {correlation:.3f}")
    result = {"themes": [file.stem for file in options.themes], "rank correlation": correlation}
    write_text(options.out, json.dumps(result | {"rows": rows}, indent=1) + "\n")


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Return the rank correlation of two rows (N); equal values share their mean rank."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    below = (values[:, None] > values).sum(1)
    alike = (values[:, None] == values).sum(1)
    ranks: np.ndarray = below + (alike - 1) / 2
    return ranks


if __name__ == "__main__":
    main()

"""The base model on compositions it never learned, in nats per note, by family of events, and in int8.

    python benchmarks/quality/heldout.py --corpus CORPUS --valid LIST --out result.json

CORPUS is what `hocket prepare` made, LIST the names of the pieces. Each piece starts from an empty
state and an empty memory. It is heard in the common key; which of twelve transpositions that was is
told to nobody, so ln 12 nats a piece are added.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from heard import TRANSPOSITION, at_home, heard, nats, notes_in, surprises
from hocket.base import base_of
from hocket.config import RunConfig
from hocket.corpus import load_library
from hocket.corpus.lessons import lessons
from hocket.model import checking, convert
from hocket.tokens import VOCAB

EXPRESSION = ("VEL", "PEDAL")


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--valid", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base")
    parser.add_argument("--every", type=int, default=1, help="take each n-th piece only")
    parser.add_argument("--int8", type=int, default=8, help="each n-th piece also in int8")
    options = parser.parse_args()
    base = base_of(RunConfig(base=options.base))
    wanted = options.valid.read_text(encoding="utf-8").splitlines()[:: options.every]
    library = load_library(options.corpus)
    others = [name for name in library.names if name not in set(wanted)]
    corpus = lessons(library, kept=wanted, left_out=others[1:])
    engine = convert.engine(base.engine, threads=1)
    total, notes, families = 0.0, 0, Counter[str]()
    compared = np.zeros(2)
    pieces = {}
    names = [name for name in library.names if name in set(wanted)]
    for number, name in enumerate(names):
        piece = int(np.flatnonzero(corpus.held_out[corpus.bounds[:-1]])[number])
        ids = at_home(corpus, piece)
        cost = nats(base.arrays, base.model, ids)
        for family, events in VOCAB.families.items():
            inside = (ids[1:] >= events.start) & (ids[1:] < events.stop)
            families[family] += cost[inside].sum()
        pieces[name] = [float(cost.sum()), notes_in(ids)]
        total, notes = total + cost.sum() + TRANSPOSITION, notes + notes_in(ids)
        if number % options.int8 == 0:
            converted = surprises(checking.said(engine, heard(ids)), ids)
            compared += cost.sum(), converted.sum()
        print(f"{number + 1} of {len(names)}: {total / notes:.4f} nats a note", flush=True)
    said = {family: float(value / notes) for family, value in families.items()}
    result = {
        "pieces": len(names),
        "notes": notes,
        "nats_per_note": total / notes,
        "without_loudness": (total - sum(families[f] for f in EXPRESSION)) / notes,
        "by_family": said,
        "int8_lost": float(compared[1] / compared[0] - 1),
        "base": base.fingerprint,
        "each": pieces,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print({name: value for name, value in result.items() if name != "each"})


if __name__ == "__main__":
    main()

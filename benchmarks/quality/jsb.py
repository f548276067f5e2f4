"""The JSB chorales on a grid of sixteenths, canonical split 229/76/77, by the preset `jsb`.

    python benchmarks/quality/jsb.py --data Jsb16thSeparated.json --rng 1 --out result.json

-ln P(four voices) / (4 x frames): a chorale becomes a piece in four parts, repeated pitches being
held, as the data does not tell them apart; so the frames follow from the events, and what all events
cost bounds what the frames cost from above. Each piece starts from an empty state and memory. It is
heard in the common key, found from its own notes, for which ln 12 nats a piece are added. Training
stops and is chosen on valid; `--test` hears test once, and the pieces in it that share less than half
of their 12-interval runs with training. `--start base` learns on top of the base model, all weights;
no chorale of valid or test is in its corpus.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heard import TRANSPOSITION, Arrays, at_home, knobs_of, nats
from hocket import config as settings
from hocket import training
from hocket.base import base_of
from hocket.config import ModelConfig, RunConfig
from hocket.corpus.lessons import lessons
from hocket.corpus.library import Library
from hocket.corpus.store import Corpus
from hocket.music import Note, Part, Piece
from hocket.tokens import VOCAB, decode, encode

FRAME_TICKS = 6
RUN = 12

Frames = Sequence[Sequence[int]]


def piece_of(frames: Frames) -> Piece:
    """Return a chorale as a piece in four parts, equal pitches in a row being one note."""
    notes = []
    for part in range(4):
        voice = [int(frame[part]) for frame in frames] + [-2]
        start = 0
        for place in range(1, len(voice)):
            if voice[place] == voice[start]:
                continue
            if voice[start] >= 0:
                ticks = (start * FRAME_TICKS, (place - start) * FRAME_TICKS)
                notes.append(Note(*ticks, voice[start], part=part))
            start = place
    return Piece.of(notes, parts=[Part()] * 4)


def said(frames: Frames) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return the events of a chorale; they must say all of its notes."""
    piece = piece_of(frames)
    ids = encode(piece)
    assert decode(ids).notes == piece.notes, "the grammar has to say all of a chorale"
    return ids


def library_of(sides: dict[str, list[Frames]]) -> Library:
    """Return the chorales as a library that lies in memory."""
    ids = [said(frames) for side in sides.values() for frames in side]
    names = tuple(f"{name}/{n}" for name, side in sides.items() for n in range(len(side)))
    bounds = np.cumsum([0, *map(len, ids)])
    return Library(np.concatenate(ids), bounds, names, 0, VOCAB.fingerprint, Path())


def judged(
    arrays: Arrays,
    model: ModelConfig,
    corpus: Corpus,
    which: np.ndarray[Any, Any],
    frames: list[Frames],
) -> dict[str, Any]:
    """Return nats by piece (voices x frames), micro over frames and macro over pieces."""
    costs = [
        float(nats(arrays, model, at_home(corpus, piece)).sum()) + TRANSPOSITION
        for piece in which.tolist()
    ]
    lengths = np.array([4 * len(each) for each in frames])
    return {
        "micro": float(np.sum(costs) / lengths.sum()),
        "macro": float(np.mean(np.array(costs) / lengths)),
        "each": [cost / length for cost, length in zip(costs, lengths.tolist(), strict=True)],
    }


def runs(frames: Frames) -> set[tuple[int, ...]]:
    """Return the 12-interval runs of each voice of a chorale."""
    found = set()
    for part in range(4):
        voice = [note.pitch for note in piece_of(frames).notes if note.part == part]
        steps = np.diff(voice).tolist()
        found |= {tuple(steps[n : n + RUN]) for n in range(len(steps) - RUN + 1)}
    return found


def main() -> None:
    """Train, judge and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--test", action="store_true", help="also hear the test split, once")
    parser.add_argument("--start", choices=["nothing", "base"], default="nothing")
    parser.add_argument("--set", nargs="*", default=[], metavar="KNOB=VALUE")
    options = parser.parse_args()
    sides: dict[str, list[Frames]] = json.loads(options.data.read_text(encoding="utf-8"))
    knobs = knobs_of(options.set)
    config = settings.replaced(settings.preset("jsb"), {"rng": options.rng, **knobs})
    base = None
    if options.start == "base":
        own = base_of(RunConfig())
        base = training.Base(own.arrays, own.fingerprint)
        learning = replace(config.training, rank=0, quote=None)
        config = replace(
            config, model=replace(own.model, dropout=config.model.dropout), training=learning
        )
    library = library_of({name: sides[name] for name in ("train", "valid", "test")})
    valid = [name for name in library.names if name.startswith("valid")]
    test = [name for name in library.names if name.startswith("test")]
    corpus = lessons(library, kept=valid, left_out=test)
    began = time.monotonic()

    def told(progress: training.Progress) -> None:
        if progress.step % config.training.check_every == 0:
            print(progress.step, round(progress.loss, 4), progress.held_out, flush=True)

    best = training.learn(corpus, config, base=base, on_progress=told)
    seconds = time.monotonic() - began
    arrays = {name: tensor.numpy() for name, tensor in best.best.items()}
    which = np.flatnonzero(corpus.held_out[corpus.bounds[:-1]])
    result: dict[str, Any] = {
        "rng": options.rng,
        "seconds": seconds,
        "step": best.position.best_step,
        "weights": int(sum(array.size for array in arrays.values())),
        "valid": judged(arrays, config.model, corpus, which, sides["valid"]),
    }
    if options.test:
        heard = lessons(library, kept=test, left_out=valid)
        which = np.flatnonzero(heard.held_out[heard.bounds[:-1]])
        result["test"] = judged(arrays, config.model, heard, which, sides["test"])
        known = set().union(*(runs(frames) for frames in sides["train"]))
        shares = [len(own & known) / max(len(own), 1) for own in map(runs, sides["test"])]
        new = [
            cost for cost, share in zip(result["test"]["each"], shares, strict=True) if share < 0.5
        ]
        result["test"]["macro_new"], result["test"]["new"] = float(np.mean(new)), len(new)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for side in ("valid", "test"):
        if side in result:
            print(side, {k: v for k, v in result[side].items() if k != "each"})
    print({k: v for k, v in result.items() if k not in ("valid", "test")})


if __name__ == "__main__":
    main()

"""Twenty pieces never trained on: the first half is learned, the second half predicted.

    python benchmarks/quality/fewshot.py --folder BASE --list FEWSHOT.csv --out result.json

Nats per note on the second half, heard as a piece of its own in the key that the first half says, by
the networks in float32:

- nothing: a network that learned the first half from nothing (`--preset hybrid`, one theme)
- base: the base model alone
- recalled: the base model with the first half in its memory, no weight touched
- learned: the same after `learn` on the first half: what a theme file is, at `--strengths`

with the seconds that learning took and how many numbers it left in the theme file. `--budgets` gives
the curve: most seconds that either way of learning may take. `--set rank=0` learns all weights.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heard import Arrays, Ids, knobs_of, nats, notes_in
from hocket import config as settings
from hocket import learning, training
from hocket.base import base_of
from hocket.config import ModelConfig, RunConfig
from hocket.corpus import build
from hocket.model.changes import merged, weakened
from hocket.model.weights import Weights
from hocket.music import Piece
from hocket.music.pitch import COMMON_KEY, agreeing
from hocket.reporter import Silent
from hocket.sources import Theme, read_piece
from hocket.tokens import encode, sight
from hocket.tokens.memory import Memory
from hocket.training.checkpoint import Position


def halves(piece: Piece) -> tuple[Piece, Piece]:
    """Return a piece up to the bar line nearest to the middle of its notes, and from there on."""
    starts = [note.start for note in piece.notes]
    middle = starts[len(starts) // 2]
    line = min((bar.start for bar in piece.bars()[1:]), key=lambda start: abs(start - middle))
    parts = []
    for ticks in (range(line), range(line, piece.end)):
        at = max(
            (meter for meter in piece.meters if meter.tick <= ticks.start), key=lambda m: m.tick
        )
        later = [m for m in piece.meters if m.tick in ticks and m.tick > ticks.start]
        meters = [at._replace(tick=0), *(m._replace(tick=m.tick - ticks.start) for m in later)]
        pedals = [p._replace(tick=p.tick - ticks.start) for p in piece.pedals if p.tick in ticks]
        notes = piece.excerpt(ticks)
        parts.append(Piece.of(notes, parts=piece.parts, meters=meters, pedals=pedals))
    return parts[0], parts[1]


def nats_per_note(
    arrays: Arrays, model: ModelConfig, ids: Ids, memory: Memory | None, themes: int
) -> float:
    """Return what the piece costs, all its events, divided by its notes."""
    return float(nats(arrays, model, ids, memory, themes).sum() / notes_in(ids))


def from_nothing(first: Piece, config: RunConfig) -> tuple[Arrays, ModelConfig]:
    """Return the weights of a network that learned a piece from nothing."""
    corpus = build([first], held_out=config.training.held_out, rng=config.rng)
    best = training.learn(corpus, config).best
    return {name: tensor.numpy() for name, tensor in best.items()}, config.model


Learned = tuple[Callable[[float], Arrays], int, Position]
"""The weights at a strength, how many numbers were learned, and how learning went."""


def changed(first: Piece, base: Weights, config: RunConfig) -> Learned:
    """Learn a theme file."""
    theme = Theme("first half", (first,))
    learned, checkpoint = learning.learn_theme("A", theme, base, config, None, Silent())
    size = int(sum(change.size for change in learned.changes.values()))
    return (
        lambda strength: merged(base.arrays, weakened(learned.changes, strength)),
        size,
        checkpoint.position,
    )


def all_changed(first: Piece, base: Weights, config: RunConfig) -> Learned:
    """Learn all weights, which no theme file has room for."""
    theme = {"A": Theme("first half", (first,))}
    corpus = learning.corpus_of(theme, config, Silent(), learning.USUAL_METERS)
    own = replace(config, model=base.model)
    checkpoint = learning.learn(corpus, own, None, Silent(), base=base, resume=False)
    best = {name: tensor.numpy() for name, tensor in checkpoint.best.items()}
    size = int(sum(array.size for array in best.values()))
    return (
        lambda strength: {
            name: own + np.float32(strength) * (best[name] - own)
            for name, own in base.arrays.items()
        },
        size,
        checkpoint.position,
    )


def row(
    path: Path, config: RunConfig, minutes: float, nothing: bool, strengths: Sequence[float]
) -> dict[str, Any]:
    """Return the figures of one piece."""
    piece = read_piece(path, False, Silent())
    first, second = halves(piece)
    moved = agreeing([first], COMMON_KEY)[0]  # what has been heard says the key
    second = second.transposed(moved.notes[0].pitch - first.notes[0].pitch)
    first = moved
    ids = encode(second).astype(np.int64)
    base = base_of(config)
    memory = sight.remembered([encode(first)])
    found: dict[str, Any] = {"notes": [len(first.notes), len(second.notes)]}
    found["base"] = nats_per_note(base.arrays, base.model, ids, None, 0)
    found["recalled"] = nats_per_note(base.arrays, base.model, ids, memory, 0)
    limited = replace(config, training=replace(config.training, minutes=minutes))
    began = time.monotonic()
    learn = changed if config.training.rank else all_changed
    weights_at, found["weights"], position = learn(first, base, limited)
    found["seconds"] = time.monotonic() - began
    for strength in strengths:
        arrays = weights_at(strength)
        found[f"learned {strength:g}"] = nats_per_note(arrays, base.model, ids, memory, 0)
    found["step"], found["stopped"] = position.best_step, position.stopped
    found["held_out"], found["quote"] = position.best_held_out, position.best_quote
    if nothing:
        scratch = settings.preset("hybrid")
        scratch = replace(scratch, training=replace(scratch.training, minutes=minutes))
        weights, model = from_nothing(first, scratch)
        found["nothing"] = nats_per_note(weights, model, ids, None, 1)
    return found


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the means over pieces, and the largest loss against the base model on any."""
    result = {
        name: float(np.mean([r[name] for r in rows]))
        for name in rows[0]
        if all(isinstance(r.get(name), float) for r in rows)
    }
    for name in ("recalled", *[name for name in rows[0] if name.startswith("learned")]):
        result[f"{name}, less than base"] = 1 - result[name] / result["base"]
        result[f"{name}, worst"] = float(max(r[name] / r["base"] - 1 for r in rows))
        if "nothing" in result:
            result[f"{name}, less than nothing"] = 1 - result[name] / result["nothing"]
    return result


def main() -> None:
    """Print a line for each piece and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base")
    parser.add_argument("--budgets", type=float, nargs="+", default=[45.0], help="in seconds")
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.3, 1.0])
    parser.add_argument("--nothing", action="store_true", help="also learn from nothing")
    parser.add_argument("--every", type=int, default=1, help="take each n-th piece only")
    parser.add_argument("--set", nargs="*", default=[], metavar="KNOB=VALUE")
    options = parser.parse_args()
    chosen = {"base": options.base} if options.base else {}
    config = settings.replaced(RunConfig(), chosen | knobs_of(options.set))
    with options.list.open(encoding="utf-8") as file:
        paths = [entry["path"] for entry in csv.DictReader(file)][:: options.every]
    result: dict[str, Any] = {}
    for budget in options.budgets:
        rows = {}
        for path in paths:
            rows[path] = row(
                options.folder / path, config, budget / 60, options.nothing, options.strengths
            )
            shown = {k: round(v, 3) if isinstance(v, float) else v for k, v in rows[path].items()}
            print(path.split("/")[-1][:40], shown, flush=True)
        result[str(budget)] = {"summary": summary(list(rows.values())), "pieces": rows}
        print(budget, result[str(budget)]["summary"], flush=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""An independent critic: how much takes surprise a network that wrote none of them.

    PYTHONPATH=benchmarks python benchmarks/fusion/critic.py CORPUS CRITIC --fusion FUSION --out FILE

CORPUS is what `hocket prepare` made of the base corpus. The critic learns there for some 25 minutes on
one core, in the folder CRITIC; stopped and called again it goes on. FUSION is what `fusion.py` filled.
Without it, only the critic learns. What `--out` holds already of the same takes is not heard again.

The critic is no model that writes takes: it has another random seed, a third of the weights, and
learned only one half of the compositions (`halves.py`), without the held-out pieces and the themes of
pairs. The shipped base model learned both halves, so only seed, size and half differ, not the method.

Nats per note: -ln P of all events but the end, divided by the notes, of the first 32 bars in the common
key, from an empty state and memory. Variants, the same for takes and real pieces: `flat`, without
loudness and pedal, which baselines don't write (the measure); `one part`, that with all notes in one
part; `written`, as the files have it; `written, no loudness`, that without the cost of VEL and PEDAL.
A table has the median over takes of a pair, then over pairs; for real pieces it is over pieces. "Of
themes" is beside the first bars of the pair's own themes, since some music costs more than other, well
written or not. A low figure is no proof of quality: music that repeats itself is cheap too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from halves import half
from hocket import workflows
from hocket.base import base_of
from hocket.config import RunConfig
from hocket.corpus import load_library
from hocket.errors import HocketError
from hocket.model.weights import CARD_FILE, Weights
from hocket.music import Piece
from hocket.reporter import Silent
from hocket.scores.files import make_folder, write_text
from hocket.tokens import VOCAB, encode
from hocket.training import Progress
from quality.heard import nats, notes_in
from readings import (
    CONTENDERS,
    KEPT_OUT,
    THEMES,
    VALID,
    digest,
    flat,
    in_one_part,
    listed,
    pairs_in,
    real_pieces,
    takes_in,
    takes_of,
)

LEARNED_HALF, STEPS = 1, 2400
KNOBS: Mapping[str, Any] = {
    "rng": 2,
    "width": 256,
    "embedding": 96,
    "batch": 32,
    "window": 128,
    "windows": 8,
    "learning_rate": 3e-3,
    "check_every": 200,
    "shards": 1,
}
"""What the critic has that preset `base` has not; the rate falls until `STEPS`."""

MEASURE = "flat"
VARIANTS = (MEASURE, "one part", "written", "written, no loudness")
REAL_PIECES = 80
_EXPRESSION = [*VOCAB.families["VEL"], *VOCAB.families["PEDAL"]]
_END = VOCAB.id("END")


def not_learned(names: Collection[str], kept_out: Collection[str]) -> list[str]:
    """Return the pieces that the critic must not learn: the other half, and those kept out."""
    return [name for name in names if half(name) != LEARNED_HALF or name in kept_out]


class Told(Silent):
    """Tells how learning goes on, every hundred steps."""

    def learning(self, progress: Progress) -> None:
        """Print where it is."""
        if progress.step % 100 == 0:
            print(
                f"step {progress.step} of {progress.max_steps}, loss {progress.loss:.2f}, "
                f"{progress.events_per_second:,.0f} events a second, {progress.seconds_left:.0f} s",
                flush=True,
            )


def learn(corpus: Path, kept_out: Collection[str], out: Path, steps: int, **knobs: Any) -> None:
    """Let the critic learn, or go on; the weights are left in the folder `out`.

    No held-out piece picks the weights: the last ones are kept.
    """
    excluded = not_learned(load_library(corpus).names, set(kept_out))
    knobs = {**KNOBS, "max_steps": steps, **knobs}
    workflows.train(corpus, out=out, exclude=excluded, reporter=Told(), **knobs)


def nats_per_note(weights: Weights, piece: Piece) -> dict[str, float]:
    """Return what a piece costs the critic in each of the `VARIANTS`."""
    forms = {MEASURE: flat(piece), "one part": in_one_part(piece), "written": piece}
    said = {variant: np.asarray(encode(form), np.int64) for variant, form in forms.items()}
    # What baselines write is the same in all forms, and is heard once.
    distinct = {ids.tobytes(): ids for ids in said.values()}
    costs = {key: nats(weights.arrays, weights.model, ids) for key, ids in distinct.items()}
    found = {}
    for variant, ids in said.items():
        cost, after = costs[ids.tobytes()], ids[1:]
        found[variant] = float(cost[after != _END].sum() / notes_in(ids))
    quiet = ~np.isin(after, [*_EXPRESSION, _END])
    return {**found, "written, no loudness": float(cost[quiet].sum() / notes_in(ids))}


def middle(each: Collection[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each variant."""
    return {variant: median(one[variant] for one in each) for variant in VARIANTS}


def summary(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return medians over pairs of medians over takes, beside real pieces and the pair's themes."""
    real = middle(result["real"].values())
    rows: dict[str, Any] = {"real": {**real, "of real": dict.fromkeys(VARIANTS, 1.0)}}
    pairs = [
        {who: middle(group["each"]) for who, group in pair.items()}
        for pair in result["pairs"].values()
    ]
    for who in (*CONTENDERS, THEMES):
        every = [pair[who] for pair in pairs if who in pair]
        if not every:
            continue
        row = middle(every)
        beside = [pair[who][MEASURE] / pair[THEMES][MEASURE] for pair in pairs if who in pair]
        ratios = {variant: row[variant] / real[variant] for variant in VARIANTS}
        rows[who] = {**row, "of real": ratios, "of themes": median(beside)}
    return rows


def tables(result: Mapping[str, Any]) -> None:
    """Print the medians over pairs, and the measure pair by pair."""
    heads = " | ".join(f"{variant} | of real" for variant in VARIANTS)
    print(f"| nats per note | {heads} | {MEASURE}, of the pair's themes |")
    print("|---" * (2 * len(VARIANTS) + 2) + "|")
    for who, row in result["summary"].items():
        cells = [f"{row[v]:.3f} | {row['of real'][v]:.2f}" for v in VARIANTS]
        cells.append(f"{row['of themes']:.2f}" if "of themes" in row else "")
        print(f"| {who} | " + " | ".join(cells) + " |")
    each = [piece[MEASURE] for piece in result["real"].values()]
    low, high = np.quantile(each, [0.25, 0.75])
    print(f"\n{len(each)} real pieces, half of them from {low:.3f} to {high:.3f}\n")
    shown = (*CONTENDERS, THEMES)
    print(f"| pair, {MEASURE} | " + " | ".join(shown) + " |")
    print("|---" * (len(shown) + 1) + "|")
    for name, pair in result["pairs"].items():
        cells = [f"{middle(pair[w]['each'])[MEASURE]:.3f}" if w in pair else "" for w in shown]
        print(f"| {name} | " + " | ".join(cells) + " |")


def scored(
    weights: Weights, corpus: Path, valid: Sequence[str], fusion: Path, out: Path, most: int
) -> dict[str, Any]:
    """Hear real pieces and all takes that `out` has not yet, and write it after each group."""
    folders = pairs_in(fusion)
    result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    if (result.get("critic"), result.get("asked")) != (weights.fingerprint, [*valid, most]):
        result = {"critic": weights.fingerprint, "asked": [*valid, most], "real": {}, "pairs": {}}
    if not result["real"]:
        for name, piece in list(real_pieces(corpus, valid).items())[:most]:
            result["real"][name] = nats_per_note(weights, piece)
    pairs, result["pairs"] = result["pairs"], {}
    for folder in folders:
        result["pairs"][folder.name] = found = {}
        before = pairs.get(folder.name, {})
        for who in (*CONTENDERS, THEMES):
            if not (files := takes_in(folder, who)):
                continue
            if (mark := digest(files)) == before.get(who, {}).get("files"):
                found[who] = before[who]
                continue
            began = time.monotonic()
            each = [nats_per_note(weights, take) for take in takes_of(files)]
            found[who] = {"files": mark, "each": each}
            print(folder.name, who, f"{time.monotonic() - began:.0f} s", file=sys.stderr)
            write_text(out, json.dumps({**result, "pairs": {**pairs, **result["pairs"]}}) + "\n")
    result["summary"] = summary(result)
    write_text(out, json.dumps(result, indent=1) + "\n")
    return result


def main() -> None:
    """Let the critic learn if it has not, hear what was not heard yet, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, metavar="CORPUS")
    parser.add_argument("critic", type=Path, metavar="CRITIC")
    parser.add_argument("--fusion", type=Path, help="what fusion.py filled")
    parser.add_argument("--out", type=Path, default=Path("out/critic.json"))
    parser.add_argument("--valid", type=Path, default=VALID, help="names of real pieces to hear")
    parser.add_argument("--exclude", type=Path, default=KEPT_OUT, help="names never to learn")
    parser.add_argument("--steps", type=int, default=STEPS, help="that the critic learns")
    parser.add_argument("--most", type=int, default=REAL_PIECES, help="real pieces to hear")
    options = parser.parse_args()
    valid, kept_out = listed(options.valid), listed(options.exclude)
    torch.set_num_threads(1)
    try:
        if not (options.critic / CARD_FILE).exists():
            learn(options.corpus, [*valid, *kept_out], options.critic, options.steps)
        weights = base_of(RunConfig(base=str(options.critic)))
        if options.fusion:
            make_folder(options.out.parent)
            heard = options.corpus, valid, options.fusion, options.out, options.most
            tables(scored(weights, *heard))
    except HocketError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

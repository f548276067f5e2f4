"""Can bars of takes be told from bars of real pieces? A classifier tries, for each contender.

    python benchmarks/fusion/classifier.py CORPUS FUSION --out classifier.json

CORPUS is what `hocket prepare` made of the base corpus, FUSION what `fusion.py` filled, at least two
pairs. Real are the first 32 bars of held-out pieces (`valid.txt`) of at least so many, takes have 32;
all are in the common key, and bars become numbers (`features.py`). For each pair and contender, a
logistic regression and a small network learn to tell what the contender wrote for the *other* pairs
from the real pieces of one half of compositions (`halves.py`); they are judged on this pair's takes and
the pieces of the other half. Both halves take their turn as the one learned; figures are the mean.

AUC is the chance that a bar of a take looks more like one than a real bar does: .5 cannot be told.
Accuracy is the mean of the shares of takes' and of real bars that are told right. Both are medians
over pairs. The row "themes" is a control: the pairs' own themes, real music as well, told from the
same real pieces; what is told there is the choice of themes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from torch import nn

from features import Floats, features
from halves import half
from hocket.errors import HocketError
from hocket.music import Piece
from hocket.scores.files import make_folder, write_text
from readings import CONTENDERS, THEMES, VALID, listed, pairs_in, real_pieces, takes_in, takes_of

SIZES = (1, 4)
"""Bars of a window."""

KINDS = ("logistic", "network")
UNITS, STEPS, RATE, DECAY = 24, 150, 0.02, 0.05
"""Of the network: hidden units, steps on all bars at once, and AdamW's settings."""
PENALTY = 1e-3
"""On the squares of the regression's weights."""


def bars_of(pieces: Sequence[Piece], size: int) -> Floats:
    """Return the numbers (N, F) of all windows of some pieces."""
    rows = [list(window.values()) for piece in pieces for window in features(piece, size)]
    return np.array(rows, np.float64)


def told(
    kind: str,
    learned: tuple[Floats, Floats],
    judged: tuple[Floats, Floats],
    rng: int = 1,
) -> tuple[Floats, Floats]:
    """Learn from bars (real, written), and return for others how much they look written: logits (N)."""
    x = np.concatenate(learned)
    y = np.repeat([0.0, 1.0], [len(side) for side in learned])
    weight = np.repeat([0.5 / len(side) for side in learned], [len(side) for side in learned])
    center, scale = x.mean(0), np.maximum(x.std(0), 1e-6)

    def tensor(values: Floats) -> torch.Tensor:
        return torch.from_numpy(np.clip((values - center) / scale, -5, 5))

    generator = torch.random.get_rng_state()
    torch.manual_seed(rng)
    layers = [nn.Linear(x.shape[1], 1)]
    if kind == "network":
        layers = [nn.Linear(x.shape[1], UNITS), nn.Tanh(), nn.Linear(UNITS, 1)]
    model = nn.Sequential(*layers).double()
    torch.random.set_rng_state(generator)
    inputs, wanted, weights = tensor(x), torch.from_numpy(y), torch.from_numpy(weight)

    def loss() -> torch.Tensor:
        said = model(inputs)[:, 0]
        return nn.functional.binary_cross_entropy_with_logits(
            said, wanted, weights, reduction="sum"
        )

    if kind == "network":
        adam = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
        for _ in range(STEPS):
            adam.zero_grad()
            loss().backward()
            adam.step()
    else:
        newton = torch.optim.LBFGS(model.parameters(), max_iter=100, line_search_fn="strong_wolfe")

        def closure() -> torch.Tensor:
            newton.zero_grad()
            value = loss() + PENALTY * (model[0].weight ** 2).sum()
            value.backward()
            return value

        newton.step(closure)
    with torch.no_grad():
        real, written = (model(tensor(side))[:, 0].numpy() for side in judged)
    return real, written


def auc(real: Floats, written: Floats) -> float:
    """Return the chance that a written bar has the larger logit; a tie is half a chance."""
    order = np.sort(real)
    below, upto = (np.searchsorted(order, written, side) for side in ("left", "right"))
    return float((below + upto).mean() / (2 * len(real)))


def accuracy(real: Floats, written: Floats) -> float:
    """Return the mean of the shares of both kinds that are told right."""
    return float(((real <= 0).mean() + (written > 0).mean()) / 2)


def judged(kind: str, real: Sequence[Floats], others: Floats, own: Floats) -> dict[str, float]:
    """Return AUC and accuracy on a pair's own bars; the two halves of `real` take turns."""
    found: dict[str, list[float]] = {"auc": [], "accuracy": []}
    for learned, kept in (real, real[::-1]):
        said = told(kind, (learned, others), (kept, own))
        found["auc"].append(auc(*said))
        found["accuracy"].append(accuracy(*said))
    return {name: mean(values) for name, values in found.items()}


def results(
    real: Sequence[Floats], written: Mapping[str, Mapping[str, Floats]]
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Return pair, contender, kind -> figures, from the bars by contender and pair."""
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for who, pairs in written.items():
        if len(pairs) < 2:
            continue
        for pair, own in pairs.items():
            others = np.concatenate([bars for other, bars in pairs.items() if other != pair])
            figures = {kind: judged(kind, real, others, own) for kind in KINDS}
            found.setdefault(pair, {})[who] = figures
    return found


def summary(pairs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the medians over pairs, and in how many of them hocket is told worse than baselines."""
    found: dict[str, Any] = {}
    for who in (*CONTENDERS, THEMES):
        every = [pair[who] for pair in pairs.values() if who in pair]
        if every:
            found[who] = {
                kind: {name: median(one[kind][name] for one in every) for name in every[0][kind]}
                for kind in KINDS
            }
    whole = [pair for pair in pairs.values() if pair.keys() >= set(CONTENDERS)]
    found["pairs in which hocket has the lowest auc"] = {
        kind: sum(
            pair["hocket"][kind]["auc"] < min(pair[w][kind]["auc"] for w in ("recipe", "markov"))
            for pair in whole
        )
        for kind in KINDS
    }
    return found


def table(found: Mapping[str, Any], size: int, pairs: int) -> None:
    """Print the medians over pairs."""
    bars = "single bars" if size == 1 else f"{size} bars at a time"
    names = [f"{kind}, {name}" for kind in KINDS for name in ("auc", "accuracy")]
    print(f"| {bars} | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for who in (*CONTENDERS, THEMES):
        if who in found:
            values = [found[who][kind][name] for kind in KINDS for name in ("auc", "accuracy")]
            print(f"| {who} | " + " | ".join(f"{value:.3f}" for value in values) + " |")
    lowest = found["pairs in which hocket has the lowest auc"]
    said = ", ".join(f"{kind} {lowest[kind]} of {pairs}" for kind in KINDS)
    print(f"\npairs in which hocket is told worse than both baselines: {said}\n")


def main() -> None:
    """Read all, judge each pair, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, metavar="CORPUS")
    parser.add_argument("fusion", type=Path, metavar="FUSION")
    parser.add_argument("--out", type=Path, default=Path("out/classifier.json"))
    parser.add_argument("--valid", type=Path, default=VALID, help="names of real pieces")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    folders = pairs_in(options.fusion)
    if len(folders) < 2:
        raise SystemExit(f"{options.fusion}: one pair only; a classifier learns from other pairs")
    try:
        pieces = real_pieces(options.corpus, listed(options.valid))
        takes = {
            who: {
                folder.name: takes_of(files)
                for folder in folders
                if (files := takes_in(folder, who))
            }
            for who in (*CONTENDERS, THEMES)
        }
    except HocketError as error:
        raise SystemExit(str(error)) from None
    sides = [[piece for name, piece in pieces.items() if half(name) == side] for side in (0, 1)]
    if not all(sides):
        raise SystemExit(f"{options.valid}: no piece of 32 bars in one of the halves; list more")
    result: dict[str, Any] = {"real": [len(side) for side in sides], "pairs": len(folders)}
    for size in SIZES:
        real = [bars_of(side, size) for side in sides]
        written = {
            who: {pair: bars_of(each, size) for pair, each in pairs.items()}
            for who, pairs in takes.items()
        }
        print(f"{size}: numbers after {time.monotonic() - began:.0f} s", file=sys.stderr)
        by_pair = results(real, written)
        print(f"{size}: judged after {time.monotonic() - began:.0f} s", file=sys.stderr)
        found = summary(by_pair)
        bars = {"real": [len(side) for side in real]} | {
            who: sum(map(len, pairs.values())) for who, pairs in written.items()
        }
        result[f"windows of {size}"] = {"summary": found, "windows": bars, "each": by_pair}
        table(found, size, len(folders))
    result["features"] = list(features(pieces[next(iter(pieces))], 1)[0])
    make_folder(options.out.parent)
    write_text(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

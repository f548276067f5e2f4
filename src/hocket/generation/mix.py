"""The weights of the themes that takes follow, bar by bar."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ConfigError
from hocket.music import Piece

_POINT = re.compile(r"(\d{1,4})\s*:\s*(\d*\.?\d+|\d+\.)")

Mix = NDArray[np.float32]
"""The weights of the themes in each bar of each take, (B, bars, M); the last bar goes on."""

MOST_LEANED = 4
"""How much longer or shorter a theme may lead than its notes alone would ask for."""


def weights(first: float, themes: int) -> NDArray[np.float32]:
    """Return the weights (M) of the themes: `first` for the first, the others share the rest alike."""
    if themes == 1:
        return np.ones(1, np.float32)
    return np.array([first, *[(1 - first) / (themes - 1)] * (themes - 1)], np.float32)


def curve(mix: float | str, themes: int, bars: int) -> NDArray[np.float32]:
    """Return the weights of the themes bar by bar, (bars, M), of a number or of text like `0:1, 8:.5`.

    There it is the first theme's weight at some bars, counted from 0, and between them on a straight
    line. Raises `ConfigError` for text that is no curve.
    """
    if not isinstance(mix, str):
        return np.repeat(weights(mix, themes)[None], bars, axis=0)
    points: dict[int, float] = {}
    for part in mix.split(","):
        if not (found := _POINT.fullmatch(part.strip())):
            raise ConfigError(
                f"mix {mix!r}: write a number from 0 to 1, or bars and weights as in '0:1, 16:.5, 32:0'"
            )
        points[int(found[1])] = float(found[2])
    if max(points.values()) > 1 or list(points) != sorted(points):
        raise ConfigError(f"mix {mix!r}: weights lie between 0 and 1, and bars come in order")
    firsts = np.interp(np.arange(bars), list(points), list(points.values()))
    return np.stack([weights(first, themes) for first in firsts.tolist()])


def following(plans: Sequence[NDArray[np.float32]]) -> Mix:
    """Return the mix that follows a plan, weights (bars, M), for each take; its last bar goes on."""
    longest = max(len(plan) for plan in plans)
    rows = [plan[np.minimum(np.arange(longest), len(plan) - 1)] for plan in plans]
    return np.ascontiguousarray(np.stack(rows), np.float32)


def leading_time(curve: NDArray[np.float32], themes: Sequence[Piece]) -> NDArray[np.float64]:
    """Return the share of each bar (bars, M) that a theme leads, so that weights are shares of notes.

    A theme with twice the notes a bar leads half as long; else a busy theme would drown the others.
    """
    density = np.array([len(theme.notes) / max(theme.end, 1) for theme in themes])
    shares = curve / density
    return np.asarray(shares / shares.sum(1, keepdims=True), np.float64)


def leaned(
    shares: NDArray[np.float64], wanted: NDArray[np.float32], found: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return shares of bars (bars, M) corrected by what came of them: notes (M), wanted and found."""
    corrected = shares * np.clip(wanted / found, 1 / MOST_LEANED, MOST_LEANED)
    return np.asarray(corrected / corrected.sum(1, keepdims=True), np.float64)


def in_turns(shares: NDArray[np.float64], lead: int, bars_each: int) -> NDArray[np.float32]:
    """Return the weights (bars, M) in which one theme at a time leads, beginning with `lead`.

    A round lasts `bars_each` bars a theme and gives each theme whole bars; what rounding kept from a
    theme it gets in later rounds, so that up to any bar each leads for its shares (bars, M).
    """
    bars, count = shares.shape
    order = [(lead + i) % count for i in range(count)]
    leading: list[int] = []
    given, rounds = np.zeros(count, np.int64), 0
    while len(leading) < bars:
        rounds += 1
        until = rounds * bars_each * count
        ever = shares[:until].sum(0) + shares[-1] * max(until - bars, 0)
        due = _whole_bars(ever)
        for theme in order:
            leading += [theme] * int(max(due[theme] - given[theme], 0))
        given = np.maximum(due, given)
    return np.eye(count, dtype=np.float32)[leading[:bars]]


def _whole_bars(exact: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round bars (M) that sum to a whole number, by largest remainder."""
    lengths = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(lengths.sum())
    lengths[np.argsort(lengths - exact, kind="stable")[:missing]] += 1
    return lengths

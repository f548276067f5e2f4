"""The weights of the themes that takes follow, bar by bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hocket.music import Piece

Mix = NDArray[np.float32]
"""The weights of the themes in each bar of each take, (B, bars, M); the last bar goes on."""


def weights(mix: float, themes: int) -> NDArray[np.float32]:
    """Return the weights (M) of the themes: `mix` for the first, the others share the rest alike."""
    if themes == 1:
        return np.ones(1, np.float32)
    return np.array([mix, *[(1 - mix) / (themes - 1)] * (themes - 1)], np.float32)


def following(plans: Sequence[NDArray[np.float32]]) -> Mix:
    """Return the mix that follows a plan, weights (bars, M), for each take; its last bar goes on."""
    longest = max(len(plan) for plan in plans)
    rows = [plan[np.minimum(np.arange(longest), len(plan) - 1)] for plan in plans]
    return np.ascontiguousarray(np.stack(rows), np.float32)


def leading_time(constant: NDArray[np.float32], themes: Sequence[Piece]) -> NDArray[np.float64]:
    """Return the share of bars (M) that each theme leads, so that its weight is its share of notes.

    A theme with twice the notes a bar leads half as long; else a busy theme would drown the others.
    """
    density = np.array([len(theme.notes) / max(theme.end, 1) for theme in themes])
    shares = constant / density
    return np.asarray(shares / shares.sum(), np.float64)


def in_turns(
    shares: NDArray[np.float64], lead: int, bars_each: int, bars: int
) -> NDArray[np.float32]:
    """Return the weights (bars, M) in which one theme at a time leads, beginning with `lead`.

    A round lasts `bars_each` bars a theme and gives each theme whole bars; what rounding kept from a
    theme it gets in later rounds, so that over many bars each leads for its share (M).
    """
    count = len(shares)
    order = [(lead + i) % count for i in range(count)]
    leading: list[int] = []
    given, rounds = np.zeros(count, np.int64), 0
    while len(leading) < bars:
        rounds += 1
        due = _whole_bars(shares, rounds * bars_each * count)
        for theme in order:
            leading += [theme] * int(max(due[theme] - given[theme], 0))
        given = np.maximum(due, given)
    return np.eye(count, dtype=np.float32)[leading[:bars]]


def _whole_bars(shares: NDArray[np.float64], bars: int) -> NDArray[np.int64]:
    """Share out bars by largest remainder; (M), summing to `bars`."""
    exact = shares * bars
    lengths = np.floor(exact).astype(np.int64)
    lengths[np.argsort(lengths - exact, kind="stable")[: bars - lengths.sum()]] += 1
    return lengths

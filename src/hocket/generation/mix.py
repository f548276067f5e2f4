"""The weights of the themes that takes follow, bar by bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hocket.music import Piece

Mix = Callable[[NDArray[np.float64]], NDArray[np.float32]]
"""From the bar each take has come to, (B) counted from 0, to the weights of the themes, (B, M)."""


def weights(mix: float, themes: int) -> NDArray[np.float32]:
    """Return the weights (M) of the themes: `mix` for the first, the others share the rest alike."""
    if themes == 1:
        return np.ones(1, np.float32)
    return np.array([mix, *[(1 - mix) / (themes - 1)] * (themes - 1)], np.float32)


def steady(constant: NDArray[np.float32], takes: int) -> Mix:
    """Return a mix that stays the same, (M), for every take."""
    rows = np.repeat(constant[None], takes, axis=0)
    return lambda bars: rows


def leading_time(constant: NDArray[np.float32], themes: Sequence[Piece]) -> NDArray[np.float64]:
    """Return the share of bars (M) that each theme leads, so that a busy theme does not drown others.

    Half way, on a logarithmic scale, between equal time and equal notes: a theme with four times the
    notes a bar leads half as long, and is still heard in twice the notes.
    """
    density = np.array([len(theme.notes) / max(theme.end, 1) for theme in themes])
    shares = constant / np.sqrt(density)
    return np.asarray(shares / shares.sum(), np.float64)


def in_turns(shares: NDArray[np.float64], leads: Sequence[int], bars_each: int) -> Mix:
    """Return a mix in which one theme at a time leads, for as many bars as its share (M) says.

    A round of turns lasts `bars_each` bars a theme; `leads` (B) is the theme that each take's first
    round begins with. Turns change at bar lines; a theme with any share gets at least one bar while
    there are enough.
    """
    count = len(shares)
    lengths = _whole_bars(shares, bars_each * count)
    orders = [[(lead + i) % count for i in range(count)] for lead in leads]
    ends = np.array([np.cumsum(lengths[order]) for order in orders])

    def mix(bars: NDArray[np.float64]) -> NDArray[np.float32]:
        place = np.floor(bars % (bars_each * count))
        turn = np.minimum((ends <= place[:, None]).sum(1), count - 1)
        leading = [order[t] for order, t in zip(orders, turn, strict=True)]
        return np.eye(count, dtype=np.float32)[leading]

    return mix


def _whole_bars(shares: NDArray[np.float64], bars: int) -> NDArray[np.int64]:
    """Share out bars by largest remainder, none of the shares above 0 getting nothing if possible."""
    exact = shares * bars
    lengths = np.floor(exact).astype(np.int64)
    for theme in np.argsort(lengths - exact, kind="stable")[: bars - lengths.sum()]:
        lengths[theme] += 1
    for theme in np.flatnonzero((lengths == 0) & (shares > 0)):
        if lengths.max() > 1:
            lengths[lengths.argmax()] -= 1
            lengths[theme] += 1
    return lengths

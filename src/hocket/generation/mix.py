"""The weights of the themes that takes follow, bar by bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

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


def in_turns(constant: NDArray[np.float32], leads: Sequence[int], bars_each: int) -> Mix:
    """Return a mix in which one theme at a time leads, for as many bars as its weight says.

    A round of turns lasts `bars_each` bars a theme; `leads` (B) is the theme that each take's first
    round begins with. Turns change at bar lines.
    """
    count = len(constant)
    orders = [[(lead + i) % count for i in range(count)] for lead in leads]
    ends = np.array([np.round(np.cumsum(constant[order]) * bars_each * count) for order in orders])

    def mix(bars: NDArray[np.float64]) -> NDArray[np.float32]:
        place = np.floor(bars % (bars_each * count))
        turn = np.minimum((ends <= place[:, None]).sum(1), count - 1)
        leading = [order[t] for order, t in zip(orders, turn, strict=True)]
        return np.eye(count, dtype=np.float32)[leading]

    return mix

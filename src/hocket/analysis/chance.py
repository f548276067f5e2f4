"""What measures say of pieces that have nothing to do with each other: the level of chance.

Measured on the base corpus (`benchmarks/chance.py`, 300 pairs a size): a piece of 200 to 600 notes
beside two themes of other composers. The larger the themes, the more of anything they know: beside
two of 8,000 notes almost half of a stranger's notes stand in runs of four that they have too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from hocket.analysis.provenance import Theme
from hocket.music import Piece

NOTES = (250, 500, 1000, 2000, 4000, 8000)
"""Notes in each of two themes."""


class Level(NamedTuple):
    """What a measure is by chance."""

    median: float
    high: float
    """One piece of twenty has more."""


_MEASURED: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "known": (
        (0.058, 0.112, 0.135, 0.198, 0.345, 0.447),
        (0.277, 0.483, 0.484, 0.573, 0.689, 0.754),
    ),
    "cover16": ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    "longest": ((4.0, 5.0, 5.0, 5.0, 5.0, 6.0), (6.0, 7.0, 6.0, 7.0, 8.0, 8.05)),
    "switches": ((0.0, 0.433, 0.485, 0.915, 2.0, 2.356), (2.225, 3.648, 4.0, 5.08, 7.333, 6.683)),
    "melody_known": (
        (0.007, 0.063, 0.079, 0.167, 0.225, 0.31),
        (0.308, 0.417, 0.427, 0.5, 0.591, 0.748),
    ),
    "melody_cover16": ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    "melody_longest": ((3.5, 4.0, 4.0, 4.0, 5.0, 5.0), (5.0, 6.0, 6.0, 6.0, 7.0, 8.0)),
    "tune_cover16": ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    "tune_longest": ((6.0, 6.0, 6.0, 7.0, 7.0, 7.0), (8.0, 9.0, 9.0, 9.0, 9.0, 10.05)),
}
"""Of each measure the median and the 95 % quantile, for each size of `NOTES`."""


def notes_in(themes: Iterable[Theme]) -> float:
    """Return how many notes each of two themes would have that have as many as these together."""
    sets = [[theme] if isinstance(theme, Piece) else list(theme) for theme in themes]
    return sum(len(piece.notes) for pieces in sets for piece in pieces) / 2


def chance(notes: float) -> dict[str, Level]:
    """Return what measures are by chance beside two themes that have so many notes each, on average."""
    place = np.log(np.clip(notes, NOTES[0], NOTES[-1]))
    return {
        name: Level(*(round(float(np.interp(place, np.log(NOTES), row)), 3) for row in rows))
        for name, rows in _MEASURED.items()
    }

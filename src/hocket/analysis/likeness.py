"""A piece to how alike any two of its bars are, one being moved to the other.

Surprising decision: of all transpositions the one counts in which most notes agree, so a bar whose
bass alone has changed is still nearly the same bar.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.provenance import unison
from hocket.music import Piece
from hocket.music.bars import numbered_bars

_MOVED = 128
"""More semitones than any pitch can be moved, up or down."""


def likeness(piece: Piece, most_bars: int) -> NDArray[np.float64]:
    """Return (bars, bars): the notes that two bars have alike, over those of the fuller one.

    Notes are alike at the same place in the bar, one bar being moved by some interval; what sounds over
    from the bar before does not count, nor do lengths. Two empty bars are alike. At most `most_bars`
    bars are looked at; a piece without bars has one, which is empty.
    """
    bars = numbered_bars(piece)[:most_bars]
    _, distinct = unison(piece)
    notes = np.array([piece.notes[note][:3] for note in distinct.tolist()], np.int64).reshape(-1, 3)
    starts = np.array([bar.start for bar in bars], np.int64)
    bar = np.searchsorted(starts, notes[:, 0], side="right") - 1
    if bars:
        inside = (bar >= 0) & (notes[:, 0] < bars[-1].stop)
        notes, bar = notes[inside], bar[inside]
    count = max(len(bars), 1)
    sizes = np.bincount(bar, minlength=count)
    place, pitch = notes[:, 0] - starts[bar] if bars else notes[:, 0], notes[:, 2]
    order = np.argsort(place, kind="stable")  # notes of one place in the bar stand together
    place, pitch, bar = place[order], pitch[order], bar[order]
    alike = np.zeros((count, count))
    for one in range(count):
        own = np.flatnonzero(bar == one)
        first = np.searchsorted(place, place[own], side="left")
        many = np.searchsorted(place, place[own], side="right") - first
        other = np.arange(many.sum()) + np.repeat(first - np.cumsum(many) + many, many)
        moved = pitch[other] - np.repeat(pitch[own], many) + _MOVED
        agree = np.bincount(bar[other] * (2 * _MOVED) + moved, minlength=count * 2 * _MOVED)
        alike[one] = agree.reshape(count, -1).max(1)
    fuller = np.maximum(sizes[:, None], sizes)
    return np.where(fuller == 0, 1.0, alike / np.maximum(fuller, 1))

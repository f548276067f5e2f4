"""Transposition, drawn on the fly: which keys a piece may be moved to, and ids moved there.

A piece is always moved as a whole, so it is never split over two keys.
"""

from __future__ import annotations

from statistics import median

import numpy as np
from numpy.typing import NDArray

from hocket.music import Piece
from hocket.tokens.vocab import PITCHES, VOCAB

KEYS = 12
MIDDLE_C = 60

_PITCHED = tuple(VOCAB.families[name] for name in ("NOTE_OFF", "NOTE_ON"))


def transpositions(piece: Piece) -> range:
    """Return the semitones to move a piece by: up to twelve in a row, 0 among them.

    The window is the one whose middle brings the median pitch nearest to middle C; it is narrower than
    twelve only where a note would leave the piano's 88 keys.
    """
    pitches = [note.pitch for note in piece.notes]
    if not pitches:
        return range(1)
    lowest = round(MIDDLE_C - median(pitches) - (KEYS - 1) / 2)
    room_below, room_above = PITCHES.start - min(pitches), PITCHES.stop - 1 - max(pitches)
    low = min(max(lowest, 1 - KEYS, room_below), 0)
    high = min(low + KEYS - 1, room_above)
    low = max(high - KEYS + 1, room_below, 1 - KEYS)
    return range(min(low, 0), max(high, 0) + 1)


def transpose_ids(ids: NDArray[np.int64], semitones: int) -> NDArray[np.int64]:
    """Return events (N) moved by semitones; the notes must stay inside the 88 keys."""
    moved = ids.copy()
    for family in _PITCHED:
        inside = (ids >= family.start) & (ids < family.stop)
        moved[inside] += semitones
    return moved


def transpose_sounding(sounding: NDArray[np.bool_], semitones: int) -> NDArray[np.bool_]:
    """Return sounding pitches (N, 88) moved by semitones."""
    return np.roll(sounding, semitones, axis=-1)

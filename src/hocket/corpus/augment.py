"""Transposition, drawn on the fly: which keys a piece may be moved to, and events moved there.

A piece is always moved as a whole, so it is never split over two keys.
"""

from __future__ import annotations

from statistics import median

from hocket.compiled import compiled
from hocket.music import Piece
from hocket.tokens.vocab import PITCHES, VOCAB

KEYS = 12
MIDDLE_C = 60

_FIRST_PITCHED = VOCAB.families["NOTE_OFF"].start
_AFTER_PITCHED = VOCAB.families["NOTE_ON"].stop


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


def nearest(wanted: int, lowest: int, highest: int) -> int:
    """Return the semitones nearest to a wanted move, whole octaves from it, that keep to the piano.

    `lowest` and `highest` are the pitches of a piece; 0 where no such move keeps all of it there.
    """
    for octaves in (0, -12, 12):
        moved = wanted + octaves
        if lowest + moved in PITCHES and highest + moved in PITCHES:
            return moved
    return 0


@compiled
def transposed(event: int, semitones: int) -> int:
    """Return an event moved by semitones; a note must stay inside the 88 keys."""
    pitched = _FIRST_PITCHED <= event < _AFTER_PITCHED
    return int(event) + semitones if pitched else int(event)


assert VOCAB.families["NOTE_OFF"].stop == VOCAB.families["NOTE_ON"].start
"""`transposed` takes the two families of pitches as one."""

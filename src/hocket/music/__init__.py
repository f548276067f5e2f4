"""What music is: pure values, no files, no torch."""

from hocket.music.piece import (
    DEFAULT_TEMPO,
    DEFAULT_VELOCITY,
    TICKS_PER_QUARTER,
    Key,
    Meter,
    Note,
    Part,
    Pedal,
    Piece,
    Tempo,
)

__all__ = [
    "DEFAULT_TEMPO",
    "DEFAULT_VELOCITY",
    "TICKS_PER_QUARTER",
    "Key",
    "Meter",
    "Note",
    "Part",
    "Pedal",
    "Piece",
    "Tempo",
]

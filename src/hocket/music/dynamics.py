"""Notes without dynamics to notes as a player would shade them; nothing is drawn by chance.

What sounds on top is a little louder than what lies below, the first beat of a bar is heard, what falls
between beats is lighter, and over four bars the music swells and falls. A piece with dynamics of its
own is left alone.
"""

from __future__ import annotations

from dataclasses import replace
from math import pi, sin

from hocket.music.piece import DEFAULT_VELOCITY, TICKS_PER_QUARTER, Note, Piece

TOP, BELOW = 8, -7
DOWNBEAT, BEAT, BETWEEN = 6, 0, -5
SWELL = 6
"""Steps of MIDI velocity, added to the usual one."""
SWELL_BARS = 4


def has_dynamics(piece: Piece) -> bool:
    """Whether any two notes differ in loudness."""
    return len({note.velocity for note in piece.notes}) > 1


def shaded(piece: Piece) -> Piece:
    """Return the piece with loudness as a player might choose it, itself if it has dynamics."""
    if has_dynamics(piece):
        return piece
    top: dict[int, int] = {}
    for note in piece.notes:
        top[note.start] = max(top.get(note.start, 0), note.pitch)
    starts = [bar.start for bar in piece.bars()]
    lengths = {bar.start: len(bar) for bar in piece.bars()}
    notes, bar = [], 0
    for note in sorted(piece.notes):
        while bar + 1 < len(starts) and starts[bar + 1] <= note.start:
            bar += 1
        since = note.start - starts[bar]
        place = (bar % SWELL_BARS + since / lengths[starts[bar]]) / SWELL_BARS
        notes.append(_shaded(note, since, top[note.start] == note.pitch, place))
    return replace(piece, notes=tuple(sorted(notes)))


def _shaded(note: Note, since: int, on_top: bool, place: float) -> Note:
    """Return a note `since` ticks after its bar line, at a place from 0 to 1 of a phrase."""
    accent = DOWNBEAT if since == 0 else BETWEEN if since % TICKS_PER_QUARTER else BEAT
    velocity = DEFAULT_VELOCITY + (TOP if on_top else BELOW) + accent + SWELL * sin(pi * place)
    return note._replace(velocity=round(velocity))

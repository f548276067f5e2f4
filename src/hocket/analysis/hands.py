"""A piece to what two hands can reach of it.

Surprising decision: parts are not asked. What sounds at an instant is dealt out from below, as much as
the left hand can hold; if the rest is not too much for the right one, somebody can play it.
"""

from __future__ import annotations

from collections.abc import Sequence

from hocket.music import Piece

TENTH = 16
"""Semitones that a hand spans."""
FINGERS = 5


def playable(piece: Piece) -> float:
    """Return the share of the instants at which notes are struck whose notes two hands can hold.

    Each hand has five fingers and spans a tenth. A piece without notes is playable.
    """
    notes, good, instants, row = piece.notes, 0, 0, 0
    held: list[tuple[int, int]] = []
    while row < len(notes):
        now = notes[row].start
        held = [(end, pitch) for end, pitch in held if end > now]
        while row < len(notes) and notes[row].start == now:
            held.append((notes[row].end, notes[row].pitch))
            row += 1
        good += _within_reach(sorted({pitch for _, pitch in held}))
        instants += 1
    return good / instants if instants else 1.0


def _within_reach(pitches: Sequence[int]) -> bool:
    """Whether two hands can hold ascending pitches."""
    return not _left(_left(pitches))


def _left(pitches: Sequence[int]) -> Sequence[int]:
    """Return what one hand leaves of ascending pitches, that takes the lowest ones."""
    taken = sum(pitch - pitches[0] <= TENTH for pitch in pitches[:FINGERS])
    return pitches[taken:]

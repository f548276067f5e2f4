"""Pitches to letters and accidentals, by the key and by where the line goes.

A key takes twelve neighbours on the line of fifths (F C G D A E B F# ...): in minor up to the raised
fourth, so that A minor has D# and G#. Surprising decision: what is outside the scale is spelt by its
next note. A step up makes it a raised degree, a step down a lowered one.
"""

from __future__ import annotations

from typing import NamedTuple

from hocket.music.piece import Key
from hocket.music.pitch import MAJOR_STEPS

LETTERS = "CDEFGAB"
_FIFTHS = (0, 2, 4, -1, 1, 3, 5)
"""Of C D E F G A B on the line of fifths, C being 0."""
_LOWEST = {False: -3, True: -2}
"""How far left of the major tonic on the line the twelve begin, in major and in minor."""


class Spelled(NamedTuple):
    """A pitch as it is written."""

    step: int
    """Letter, 0 for C to 6 for B."""
    alter: int
    """Semitones up: -1 for a flat."""
    octave: int

    @property
    def letter(self) -> str:
        """The letter."""
        return LETTERS[self.step]


def spelled(pitch: int, key: Key, following: int | None = None) -> Spelled:
    """Return a pitch as it is written in a key, `following` being the pitch that its line goes to."""
    place = 7 * pitch % 12  # on the line of fifths, modulo 12
    lowest = key.fifths + _LOWEST[key.minor]
    fifth = lowest + (place - lowest) % 12
    inside = 0 <= fifth - (key.fifths - 1) <= 6
    if not inside and following is not None and abs(following - pitch) == 1:
        target = 7 * following % 12
        diatonic = key.fifths - 1 + (target - key.fifths + 1) % 12
        if diatonic <= key.fifths + 5:  # the line goes into the scale
            # five fifths up from the note below, as F# to G; seven down from the one above, as Bb to A
            other = diatonic + 5 if following > pitch else diatonic - 5
            if -8 <= other <= 12 and abs(_spelled(pitch, other).alter) <= 1:
                fifth = other
    return _spelled(pitch, fifth)


def altered_by(key: Key, step: int) -> int:
    """Return what the key's signature does to a letter: 1 for a sharp, -1 for a flat."""
    return -((_FIFTHS[step] + 1 - key.fifths) // 7)


def _spelled(pitch: int, fifth: int) -> Spelled:
    step = _FIFTHS.index((fifth + 1) % 7 - 1)
    alter = (fifth + 1) // 7
    natural = pitch - alter
    return Spelled(step, alter, (natural - MAJOR_STEPS[step]) // 12 - 1)

"""Lines and bars of a staff to how its notes are spelt and which of them show an accidental.

Surprising decision: a letter that was altered in the bar before says what it is when it first comes
again, though the bar line has undone it. Printed music does so, and nobody has to look back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hocket.music.piece import TICKS_PER_QUARTER, Note
from hocket.notation.layout import Bar
from hocket.notation.shapes import Shape
from hocket.notation.spelling import Spelled, altered_by, spelled
from hocket.notation.voices import Chord


def names(notes: Sequence[Note], line: Sequence[Chord], bars: Sequence[Bar]) -> dict[int, Spelled]:
    """Return how each note of a voice is spelt, by its place among the piece's notes.

    The highest and the lowest note of a chord go to those of the next, if it comes within a quarter.
    """
    found: dict[int, Spelled] = {}
    at, said = 0, dict[int, Spelled]()
    for chord, after in zip(line, [*line[1:], None], strict=True):
        while at + 1 < len(bars) and chord.start >= bars[at].ticks.stop:
            at, said = at + 1, {}
        near = after is not None and after.start - chord.end <= TICKS_PER_QUARTER
        for row in chord.rows:
            pitch, following = notes[row].pitch, None
            if after is not None and near:
                if row == chord.rows[-1]:
                    following = after.high
                elif row == chord.rows[0]:
                    following = after.low
            if pitch not in said:  # again in this bar, it is spelt as before
                said[pitch] = spelled(pitch, bars[at].key, following)
            found[row] = said[pitch]
    return found


def accidentals(
    staff: Sequence[Mapping[int, Sequence[Shape]]],
    bars: Sequence[Bar],
    spelling: Mapping[int, Spelled],
) -> dict[int, int]:
    """Return which notes show an accidental, by their place, and what it says.

    `staff` has the shapes of each bar by voice.
    """
    needed: dict[int, int] = {}
    before: dict[tuple[int, int], int] = {}
    for bar, voices in zip(bars, staff, strict=True):
        signs: dict[tuple[int, int], int] = {}
        begun = sorted(
            (shape.value.start, row)
            for shapes in voices.values()
            for shape in shapes
            if shape.chord is not None and shape.first
            for row in shape.chord.rows
        )
        for _, row in begun:
            step, alter, octave = spelling[row]
            place, usual = (step, octave), altered_by(bar.key, step)
            expected = {signs[place]} if place in signs else {usual, before.get(place, usual)}
            if expected != {alter}:
                needed[row] = alter
            signs[place] = alter
        before = signs
    return needed

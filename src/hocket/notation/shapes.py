"""Chords of a voice to the shapes in its bars: values tied together, rests, marks of tuplets.

Surprising decision: a rest is printed where a player would miss it. A lower voice never shows one, and
the upper voice leaves out what other voices fill, where there are two of those or it says nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from hocket.notation.layout import Bar
from hocket.notation.values import Tuplet, Value, tuplets, values
from hocket.notation.voices import Chord


class Shape(NamedTuple):
    """A value in a voice of a bar, with the notes in it; none for a rest."""

    value: Value
    chord: Chord | None
    first: bool
    """The chord begins here."""
    last: bool
    part: int
    """How many shapes of the chord came before."""


class Seen(Enum):
    """How a rest is written: printed, there without being printed, or as time that passes."""

    PRINTED = "printed"
    HIDDEN = "hidden"
    PASSED = "passed"


def by_bar(line: Sequence[Chord], measures: Sequence[Bar]) -> list[list[Chord]]:
    """Return for each bar the chords of a voice that sound in it."""
    found: list[list[Chord]] = [[] for _ in measures]
    at = 0
    for chord in line:
        while chord.start >= measures[at].ticks.stop:
            at += 1
        place = at
        while place < len(measures) and measures[place].ticks.start < chord.end:
            found[place].append(chord)
            place += 1
    return found


def shapes_of(line: Sequence[Chord], bar: Bar) -> list[Shape]:
    """Return the shapes of a voice in a bar, rests among them."""
    begin, length = bar.ticks.start, len(bar.ticks)
    pieces: list[tuple[int, int, Chord | None]] = []
    at = 0
    for chord in line:
        start, stop = max(chord.start - begin, 0), min(chord.end - begin, length)
        if start > at:
            pieces.append((at, start, None))
        pieces.append((start, stop, chord))
        at = stop
    if at < length:
        pieces.append((at, length, None))
    cuts = {cut for start, stop, _ in pieces for cut in (start, stop)}
    groups = tuplets(cuts, length, bar.meter)
    found: list[Shape] = []
    for start, stop, held in pieces:
        cut = values(start, stop, bar.meter, groups, rest=held is None, ahead=bar.ahead)
        for place, value in enumerate(cut):
            starts = held is not None and place == 0 and held.start - begin == start
            ends = held is not None and place == len(cut) - 1 and held.end - begin == stop
            part = 0 if held is None else _part_of(held, bar, place, starts)
            found.append(Shape(value, held, starts, ends, part))
    return found


def _part_of(chord: Chord, bar: Bar, place: int, starts: bool) -> int:
    """Return a number for a shape of a chord, 0 for the first and another for each that follows."""
    if starts or chord.start >= bar.ticks.start:
        return place
    return bar.ticks.start - chord.start + place


def rests(staff: Mapping[int, Sequence[Shape]], voice: int, *, before_clef: bool) -> list[Seen]:
    """Return how each shape of a voice is written if it is a rest, given all voices of its staff.

    With `before_clef` another clef follows at the end of the bar. verovio sets it where the last voice
    ends, so that voices have to be complete.
    """
    own = staff[voice]
    lacking = Seen.HIDDEN if before_clef else Seen.PASSED
    if voice:
        return [Seen.HIDDEN if shape.value.tuplet else lacking for shape in own]
    others = [shapes for number, shapes in staff.items() if number and shapes]
    silent = all(shape.chord is None for shape in own)
    if len(others) < 2 and not (silent and others):
        return [Seen.PRINTED] * len(own)
    sounding = sorted(
        (shape.value.start, shape.value.start + shape.value.ticks)
        for shapes in others
        for shape in shapes
        if shape.chord is not None
    )
    return [Seen.HIDDEN if _covered(shape.value, sounding) else Seen.PRINTED for shape in own]


def _covered(value: Value, sounding: Sequence[tuple[int, int]]) -> bool:
    """Whether stretches, in their order, leave no tick of a value empty."""
    reached = value.start
    for start, stop in sounding:
        if start > reached:
            break
        reached = max(reached, stop)
    return reached >= value.start + value.ticks


def tuplet_marks(shapes: Sequence[Shape]) -> dict[int, str]:
    """Return the marks of tuplets at the places where they begin and end."""
    marks: dict[int, str] = defaultdict(str)
    inside: Tuplet | None = None
    for place, shape in enumerate(shapes):
        tuplet = shape.value.tuplet
        if tuplet is not None and tuplet != inside:
            bracket = "" if tuplet.bracketed else ' bracket="no" show-number="none"'
            marks[place] += f'<tuplet type="start"{bracket}/>'
        last = place + 1 == len(shapes) or shapes[place + 1].value.tuplet != tuplet
        if tuplet is not None and last:
            marks[place] += '<tuplet type="stop"/>'
        inside = tuplet
    return marks

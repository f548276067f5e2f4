"""Stretches of a bar to note values: types, dots, tuplets and ties, as the metre wants to be read.

A value hides no beat: a note crosses no place of the bar that is stronger than where it begins. A part
of the bar with onsets off the binary grid is a tuplet, as small a part as will do. Surprising decision:
whatever the ticks, there is a way to write them. 24 ticks to the quarter are 64th notes in triplets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from hocket.music.piece import Meter

TYPES = {
    Fraction(192): "breve",
    Fraction(96): "whole",
    Fraction(48): "half",
    Fraction(24): "quarter",
    Fraction(12): "eighth",
    Fraction(6): "16th",
    Fraction(3): "32nd",
    Fraction(3, 2): "64th",
}
"""Ticks to note types, without tuplets."""
_PLAIN = (192, 144, 96, 72, 48, 36, 24, 18, 12, 9, 6, 3)
_DOTTED = {3 * ticks / 2: name for ticks, name in TYPES.items()}
SMALLEST = 3
"""Ticks of the smallest plain value."""


class Tuplet(NamedTuple):
    """A part of a bar in which `actual` notes stand in the time of `normal` ones."""

    start: int
    stop: int
    actual: int
    normal: int
    unit: int
    """Ticks of one of them."""
    bracketed: bool = True


class Value(NamedTuple):
    """One note shape: ticks from the start of the bar, its type and dots, its tuplet if any."""

    start: int
    ticks: int
    type: str
    dots: int
    tuplet: Tuplet | None = None


class Pulse(NamedTuple):
    """What a metre's bar is made of."""

    periods: tuple[int, ...]
    """Ticks from the bar down to the smallest value: the strong places first."""
    beat: int
    """Ticks of a beat, as it is beamed."""
    part: int
    """Ticks of the parts that may be tuplets on their own."""
    compound: bool


@cache
def pulse(numerator: int, denominator: int) -> Pulse:
    """Return the pulse of a metre; 3/8, 6/8, 6/4 and the like are felt in dotted beats."""
    unit = 96 // denominator or 1
    bar = max(96 * numerator // denominator, 1)
    dotted = denominator >= 8 or (denominator == 4 and numerator > 3)
    compound = dotted and numerator % 3 == 0 and unit >= SMALLEST
    beat = 3 * unit if compound else unit
    periods = [bar]
    if numerator in (4, 12) and bar // 2 > beat:
        periods.append(bar // 2)
    periods += [each for each in (beat, unit) if each < periods[-1]]
    while periods[-1] % 2 == 0 and periods[-1] // 2 >= SMALLEST:
        periods.append(periods[-1] // 2)
    part = min(unit, 24) if compound or denominator >= 8 else 24
    return Pulse(tuple(periods), beat if denominator > 2 else 24, max(part, SMALLEST), compound)


def tuplets(cuts: Iterable[int], length: int, meter: Meter) -> list[Tuplet]:
    """Return the tuplets of a bar in which something begins or ends at the cuts, in ticks."""
    beats = pulse(meter.numerator, meter.denominator)
    inner = sorted(cut for cut in set(cuts) if 0 < cut < length)
    found: list[Tuplet] = []
    begin = 0
    while begin < length:
        stop = min(begin + beats.part, length)
        wide = begin + 48
        whole = begin % 48 == 0 if not beats.compound else begin % beats.beat == 0
        if beats.part == 24 and whole and wide <= length:
            within = [cut - begin for cut in inner if begin < cut < wide]
            if within and all(cut % 16 == 0 for cut in within):
                found.append(Tuplet(begin, wide, 3, 2, 16))
                begin = wide
                continue
        found += _parts(begin, stop, [cut for cut in inner if begin < cut < stop])
        begin = stop
    return found


def _parts(begin: int, stop: int, cuts: Sequence[int]) -> list[Tuplet]:
    size, within = stop - begin, [cut - begin for cut in cuts]
    if size % SMALLEST == 0 and all(cut % SMALLEST == 0 for cut in within):
        return []
    unit, left = divmod(size, 3)
    if left == 0 and unit in _UNITS and all(cut % unit == 0 for cut in within):
        return [Tuplet(begin, stop, 3, 2, unit)]
    half, odd = divmod(size, 2)
    middle = begin + half
    halves: list[Tuplet] = []
    if not odd and half % SMALLEST == 0:
        halves = _parts(begin, middle, [cut for cut in cuts if cut < middle]) + _parts(
            middle, stop, [cut for cut in cuts if cut > middle]
        )
    unit, left = divmod(size, 6)
    if left == 0 and unit in _UNITS and all(cut % unit == 0 for cut in within):
        # six in all, but for a plain half beside a half of three
        if len(halves) == 1 and half in within:
            return halves
        return [Tuplet(begin, stop, 6, 4, unit)]
    if halves:
        return halves
    return [Tuplet(begin, stop, 3, 2, 1, bracketed=size % 3 == 0 and size <= 3)]


_UNITS = (16, 8, 4, 2, 1)


def values(
    start: int,
    stop: int,
    meter: Meter,
    groups: Sequence[Tuplet],
    *,
    rest: bool = False,
    ahead: int = 0,
) -> list[Value]:
    """Return the note values, tied together, of a stretch of a bar.

    `ahead` is how many ticks are missing at the start of a short bar, such as a pick-up.
    """
    found: list[Value] = []
    at = start
    while at < stop:
        inside = next((each for each in groups if each.start <= at < each.stop), None)
        if inside is not None:
            until = min(stop, inside.stop)
            found += _in_tuplet(at, until, inside)
            at = until
            continue
        until = min([stop, *(each.start for each in groups if each.start > at)])
        found += _plain(at, until, meter, rest, ahead)
        at = until
    return found


def _plain(start: int, stop: int, meter: Meter, rest: bool, ahead: int) -> list[Value]:
    beats = pulse(meter.numerator, meter.denominator)
    found: list[Value] = []
    while start < stop:
        fitting = (
            ticks
            for ticks in _PLAIN
            if start + ticks <= stop and _reads_well(start + ahead, ticks, beats, rest)
        )
        ticks = next(fitting, 0)
        if not ticks:  # off the grid, in a bar of an odd length
            whole = Tuplet(start, stop, 3, 2, 1, bracketed=False)
            return [*found, *_in_tuplet(start, stop, whole)]
        found.append(_value(start, Fraction(ticks), ticks, None))
        start += ticks
    return found


def _reads_well(place: int, ticks: int, beats: Pulse, rest: bool) -> bool:
    """Whether a value at a place of the bar hides no stronger place."""
    begins = next((k for k, period in enumerate(beats.periods) if place % period == 0), 99)
    if begins == 99:
        return ticks == SMALLEST
    for period in beats.periods[:begins]:
        if (place + ticks - 1) // period != place // period:
            return False
    if beats.compound and ticks >= beats.beat:  # whole beats, each of them dotted
        return ticks % beats.beat == 0 and (not rest or place % ticks == 0)
    dotted = Fraction(ticks) not in TYPES
    if rest:
        inside = place % beats.beat if beats.compound else place
        return not dotted and inside % ticks == 0
    return not dotted or ticks >= 12 or place % (ticks // 3) == 0


def _in_tuplet(start: int, stop: int, tuplet: Tuplet) -> list[Value]:
    """Return the values of a stretch within a tuplet."""
    found: list[Value] = []
    while start < stop:
        place, most = start - tuplet.start, stop - start
        for units in (6, 4, 3, 2, 1):
            ticks = units * tuplet.unit
            if ticks > most or (units > 1 and place % tuplet.unit):
                continue
            if units in (2, 4) and place // tuplet.unit % 2 and tuplet.actual > 3:
                continue
            if units in (3, 6) and place // tuplet.unit % 2:
                continue
            break
        written = Fraction(3 * ticks, 2)
        found.append(_value(start, written, ticks, tuplet))
        start += ticks
    return found


def _value(start: int, written: Fraction, ticks: int, tuplet: Tuplet | None) -> Value:
    if written in TYPES:
        return Value(start, ticks, TYPES[written], 0, tuplet)
    return Value(start, ticks, _DOTTED[written], 1, tuplet)

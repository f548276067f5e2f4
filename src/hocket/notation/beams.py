"""Values of a voice to the beams over them, one group for each beat.

Surprising decision: plain eighths go together by half bars in 2/4, 4/4, 2/2 and by whole bars in 3/4,
as engravers have them; anything shorter or in tuplets by the beat. 5/8 is 3 + 2, and 7/8 is 2 + 2 + 3.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from hocket.notation.layout import Bar
from hocket.notation.values import Value, pulse

_BEAMS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}

_UNEVEN = {5: (0, 36), 7: (0, 24, 48)}
"""Ticks at which the beats of such a bar of eighths begin."""


def beams(shapes: Sequence[tuple[Value, bool]], bar: Bar) -> list[str]:
    """Return the beam elements of each value of a voice (False marks rests, which have none)."""
    result = [""] * len(shapes)
    for group in _groups(shapes, bar):
        if len(group) < 2:
            continue
        counts = [_BEAMS[shapes[place][0].type] for place in group]
        for at, place in enumerate(group):
            lines = []
            for level in range(1, counts[at] + 1):
                before = at > 0 and counts[at - 1] >= level
                after = at + 1 < len(group) and counts[at + 1] >= level
                if before and after:
                    kind = "continue"
                elif after:
                    kind = "begin"
                elif before:
                    kind = "end"
                else:
                    kind = "forward hook" if at == 0 else "backward hook"
                lines.append(f'<beam number="{level}">{kind}</beam>')
            result[place] = "".join(lines)
    return result


def _groups(shapes: Sequence[tuple[Value, bool]], bar: Bar) -> list[list[int]]:
    """Return the places of values that are beamed together."""
    starts = _starts(shapes, bar)
    groups: list[list[int]] = []
    current: object = None
    for place, (value, sounds) in enumerate(shapes):
        if not sounds or value.type not in _BEAMS:
            current = None
            continue
        # a beam that left a tuplet, or entered one, would be read as part of it
        window = (bisect_right(starts, value.start + bar.ahead), value.tuplet)
        if current != window:
            groups.append([])
        groups[-1].append(place)
        current = window
    return groups


def _starts(shapes: Sequence[tuple[Value, bool]], bar: Bar) -> Sequence[int]:
    """Return the ticks of a bar at which a new beam begins."""
    meter = bar.meter
    span = pulse(meter.numerator, meter.denominator).beat
    plain = all(
        value.type == "eighth" and value.tuplet is None and not value.dots
        for value, sounds in shapes
        if sounds and value.type in _BEAMS
    )
    if meter.denominator == 8 and span == 12:  # no whole number of dotted beats
        if meter.numerator in _UNEVEN:
            return _UNEVEN[meter.numerator]
        span = 24
    elif not plain:
        span = 24 if span == 72 else span
    elif meter.denominator == 4:
        span = {2: 48, 3: 72, 4: 48}.get(meter.numerator, span)
    elif meter.denominator == 2:
        span = 48
    return range(0, meter.bar_ticks, span)

"""Sustain pedal events -> longer notes, in source ticks.

Surprising decision: a held note is cut at the next onset of its pitch in its part, as a piano does
it: one string has one hammer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled

SUSTAIN = 64  # controller number
PEDAL_DOWN = 64  # the smallest value that means down

_Ints = NDArray[np.int64]


def pedalled(
    starts: _Ints, durations: _Ints, pitches: _Ints, controls: Mapping[str, NDArray[np.integer]]
) -> _Ints:
    """Return durations (N) up to the pedal's release, cut at the next onset of the same pitch.

    `starts`, `durations` and `pitches` (N) are one part's notes, `controls` its control changes (C)
    as symusic's columns `time`, `number` and `value`; all times are in source ticks. No note gets
    shorter.
    """
    sustain = controls["number"] == SUSTAIN
    times = controls["time"][sustain].astype(np.int64)
    order = np.argsort(times, kind="stable")
    down = controls["value"][sustain][order] >= PEDAL_DOWN
    ends = starts + durations
    downs, ups = _held(times[order], down, int(ends.max(initial=0)))
    if not len(downs):
        return durations
    at = np.searchsorted(downs, ends, side="right") - 1
    longer = np.where((at >= 0) & (ends < ups[at]), ups[at], ends)
    _cut(longer, np.argsort(starts, kind="stable"), starts, ends, pitches)
    return np.asarray(longer - starts)


@compiled
def _held(times: _Ints, down: NDArray[np.bool_], end: int) -> tuple[_Ints, _Ints]:
    """Return when the pedal goes down and up; `end` where it is never let go."""
    downs, ups = np.empty_like(times), np.empty_like(times)
    count, is_down = 0, False
    for time, pressed in zip(times, down):  # noqa: B905 (numba knows no strict)
        if pressed and not is_down:
            downs[count] = time
        elif is_down and not pressed:
            ups[count] = time
            count += 1
        is_down = pressed
    if is_down:
        ups[count] = max(end, downs[count])
        count += 1
    return downs[:count], ups[:count]


@compiled
def _cut(longer: _Ints, order: _Ints, starts: _Ints, ends: _Ints, pitches: _Ints) -> None:
    """Cut ends (N), in place, where the pitch is struck again, but not before a note's own end."""
    nearest = np.full(128, -1, np.int64)  # pitch -> the earliest start seen so far, going backwards
    later = np.full(128, -1, np.int64)  # pitch -> the earliest start after that one
    for place in range(len(order) - 1, -1, -1):
        index = order[place]
        pitch, start = pitches[index], starts[index]
        if nearest[pitch] not in (-1, start):
            later[pitch] = nearest[pitch]
        nearest[pitch] = start
        if later[pitch] != -1:
            longer[index] = max(min(longer[index], later[pitch]), ends[index])

"""Sustain pedal events -> what one pedal does, or longer notes.

Surprising decisions: all parts share one pedal, which is down while any part holds it down, so that
one part's pedal, written into all of them, is read as itself. And a note that the pedal lengthens is
cut at the next onset of its pitch in its part, as a piano does it: one string has one hammer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.music.grid import snap
from hocket.music.piece import Pedal

SUSTAIN = 64  # controller number
PEDAL_DOWN = 64  # the smallest value that means down

_Ints = NDArray[np.int64]
_Controls = Mapping[str, NDArray[np.integer]]
_NEVER = 1 << 40  # source ticks or ticks: after all that a file can hold


def pedalling(parts: Iterable[_Controls], resolution: int, shift: int) -> list[Pedal]:
    """Return what the pedal of all parts together does, on the grid.

    Each of `parts` has its control changes (C) as symusic's columns `time`, `number` and `value`.
    Their times lose `shift` source ticks, and are snapped, `resolution` source ticks being a
    quarter. A press that begins and ends at one tick is lost; a release and the press after it at
    one tick press the pedal again.
    """
    events = [_sustain(controls) for controls in parts]
    holds = [_held(times, down, _NEVER) for times, down in events if down.any()]
    if not holds:
        return []
    downs, ups = (np.concatenate(times) for times in zip(*holds, strict=True))
    let_go = ups < _NEVER
    downs = snap(np.maximum(downs - shift, 0), resolution)
    ups[let_go] = snap(np.maximum(ups[let_go] - shift, 0), resolution)
    ticks, down = _of_any(downs, ups)
    return list(map(Pedal, ticks.tolist(), down.tolist()))


def _of_any(downs: _Ints, ups: _Ints) -> tuple[_Ints, NDArray[np.bool_]]:
    """Return when some hold begins while there is none, or the last ends, and which it is.

    The holds (N) are from `downs` to `ups`; what ends at a tick comes before what begins there.
    """
    lasting = downs < ups
    order = np.sort(np.concatenate((2 * ups[lasting], 2 * downs[lasting] + 1)))
    ticks, down = order >> 1, order % 2 == 1
    holding = np.cumsum(np.where(down, 1, -1))
    edges = (holding == down) & (ticks < _NEVER)
    return ticks[edges], down[edges]


def _sustain(controls: _Controls) -> tuple[_Ints, NDArray[np.bool_]]:
    """Return when the pedal is moved, in order of time, and whether it is down afterwards."""
    sustain = controls["number"] == SUSTAIN
    times = controls["time"][sustain].astype(np.int64)
    order = np.argsort(times, kind="stable")
    return times[order], controls["value"][sustain][order] >= PEDAL_DOWN


def pedalled(starts: _Ints, durations: _Ints, pitches: _Ints, controls: _Controls) -> _Ints:
    """Return durations (N) up to the pedal's release, cut at the next onset of the same pitch.

    `starts`, `durations` and `pitches` (N) are one part's notes, `controls` its control changes (C)
    as symusic's columns `time`, `number` and `value`; all times are in source ticks. No note gets
    shorter.
    """
    ends = starts + durations
    downs, ups = _held(*_sustain(controls), int(ends.max(initial=0)))
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

"""Sustain pedal events -> longer notes, in source ticks.

Surprising decision: a held note is cut at the next onset of its pitch in its part, as a piano does
it: one string has one hammer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUSTAIN = 64  # controller number
PEDAL_DOWN = 64  # the smallest value that means down


def pedalled(
    starts: NDArray[np.int64],
    durations: NDArray[np.int64],
    pitches: NDArray[np.integer],
    controls: Iterable[Any],
) -> NDArray[np.int64]:
    """Return durations (N) up to the pedal's release, cut at the next onset of the same pitch.

    `starts`, `durations` and `pitches` (N) are one part's notes, `controls` symusic's control
    changes; all times are in source ticks. No note gets shorter.
    """
    ends = starts + durations
    held = _held(controls, int(ends.max(initial=0)))
    if not held:
        return durations
    downs, ups = (np.array(side) for side in zip(*held, strict=True))
    at = np.searchsorted(downs, ends, side="right") - 1
    longer = np.where((at >= 0) & (ends < ups[at]), ups[at], ends)
    nearest: dict[int, int] = {}  # pitch -> the earliest start seen so far, going backwards
    later: dict[int, int] = {}  # pitch -> the earliest start after that one
    for index in np.argsort(starts, kind="stable")[::-1].tolist():
        pitch, start = int(pitches[index]), int(starts[index])
        if pitch in nearest and nearest[pitch] != start:
            later[pitch] = nearest[pitch]
        nearest[pitch] = start
        if pitch in later:
            longer[index] = max(min(longer[index], later[pitch]), ends[index])
    return np.asarray(longer - starts)


def _held(controls: Iterable[Any], end: int) -> list[tuple[int, int]]:
    """Return when the pedal is down, as (down, up); `end` where it is never let go."""
    held: list[tuple[int, int]] = []
    down: int | None = None
    for control in sorted(controls, key=lambda control: int(control.time)):
        if control.number != SUSTAIN:
            continue
        if control.value >= PEDAL_DOWN and down is None:
            down = control.time
        elif control.value < PEDAL_DOWN and down is not None:
            held.append((down, control.time))
            down = None
    if down is not None:
        held.append((down, max(end, down)))
    return held

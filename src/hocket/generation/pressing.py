"""The compiled loops of the rules: each presses down events in the weights (V) of one take, in place.

How many events are `left` is counted along. A rule that would exclude as many changes nothing: it is
passed over, so that there is always a way on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.generation.rules import Rules
from hocket.music import TICKS_PER_QUARTER
from hocket.tokens.automaton import BAR_ORIGIN, ONSETS, PHASE, TICK, Phase
from hocket.tokens.vocab import LONGEST_STEP, PITCHES, VOCAB

Weights = NDArray[np.float32]
Row = NDArray[np.int64]

MEMORY = np.float32(0.93)
"""What is left of a strike after each later one: about ten strikes count."""

_OFF, _ON = VOCAB.families["NOTE_OFF"].start, VOCAB.families["NOTE_ON"].start
_DUR, _END = VOCAB.families["DUR"].start, VOCAB.id("END")
_COUNT, _LONGEST, _QUARTER = len(PITCHES), LONGEST_STEP, TICKS_PER_QUARTER
_IS_ON = int(Phase.ON)
_EXCLUDED, _ZERO, _ONE = np.float32(-np.inf), np.float32(0), np.float32(1)


@compiled
def press(row: Row, rules: Rules, struck: Weights, weights: Weights) -> None:
    """Hear all rules, the weightiest first, on a take that stands at a `row` of the grammar's table.

    `struck` (88) says how often each pitch was struck of late; weights (V) are in nats.
    """
    left = _count(weights, 0, len(weights))
    if rules.end >= 0:
        left = _end_at_bar_line(row, rules.end, weights, left)
    if rules.longest > 0:
        left = _longest_note(row, rules.longest, weights, left)
    if rules.voices > 0:
        left = _voices(row[ONSETS:], rules.voices, weights[_ON : _ON + _COUNT], left)
    place = (row[TICK] - row[BAR_ORIGIN]) % _QUARTER
    for r in range(len(rules.off_grid)):
        left = _exclude(rules.off_grid[r, place], weights[_DUR : _DUR + _LONGEST], left)
    for r in range(len(rules.barred)):
        left = _exclude(rules.barred[r], weights, left)
    pressed = rules.closing if row[TICK] >= rules.last_bar else rules.foreign
    ons = weights[_ON : _ON + _COUNT]
    for p in range(_COUNT):
        ons[p] -= pressed[p]
    if rules.repetition > 0:
        for p in range(_COUNT):
            ons[p] -= rules.repetition * max(struck[p] - _ONE, _ZERO)


@compiled
def remember(event: int, struck: Weights) -> None:
    """Note in `struck` (88) the pitch that an event strikes, if it strikes one."""
    if _ON <= event < _ON + _COUNT:
        struck *= MEMORY
        struck[event - _ON] += _ONE


@compiled
def _count(weights: Weights, start: int, stop: int) -> int:
    """Return how many events of a range are not excluded."""
    there = weights[start:stop]
    count = 0
    for v in range(len(there)):
        count += there[v] > _EXCLUDED
    return count


@compiled
def _fill(weights: Weights, start: int, stop: int) -> None:
    there = weights[start:stop]
    for v in range(len(there)):
        there[v] = _EXCLUDED


@compiled
def _exclude(events: NDArray[np.bool_], weights: Weights, left: int) -> int:
    """Exclude `events` (N) from weights (N), unless nothing would be left; returns what is."""
    fewer = 0
    for v in range(len(events)):
        fewer += events[v] & (weights[v] > _EXCLUDED)
    if fewer < left:
        for v in range(len(events)):
            weights[v] = _EXCLUDED if events[v] else weights[v]
        left -= fewer
    return left


@compiled
def _longest_note(row: Row, ticks: int, weights: Weights, left: int) -> int:
    """Exclude waiting past a note's limit; at the limit all but NOTE_OFFs up to the lowest due."""
    onsets = row[ONSETS:]
    tick, oldest, lowest_due = row[TICK], row[TICK], -1
    for p in range(_COUNT):
        onset = onsets[p]
        if onset >= 0:
            oldest = min(oldest, onset)
            if lowest_due < 0 and tick - onset >= ticks:
                lowest_due = p
    if lowest_due >= 0 and row[PHASE] != _IS_ON:
        stop = _OFF + lowest_due + 1
        kept = _count(weights, _OFF, stop)
        if kept > 0:
            _fill(weights, 0, _OFF)
            _fill(weights, stop, len(weights))
            left = kept
        return left
    start = _DUR + min(max(ticks - (tick - oldest), 1), _LONGEST)
    fewer = _count(weights, start, _DUR + _LONGEST)
    if fewer < left:
        _fill(weights, start, _DUR + _LONGEST)
        left -= fewer
    return left


@compiled
def _voices(onsets: Row, most: int, ons: Weights, left: int) -> int:
    """Exclude the NOTE_ONs (88) of silent pitches where `most` notes sound."""
    sounding = fewer = 0
    for p in range(_COUNT):
        sounding += onsets[p] >= 0
        fewer += (onsets[p] < 0) & (ons[p] > _EXCLUDED)
    if sounding >= most and fewer < left:
        for p in range(_COUNT):
            ons[p] = _EXCLUDED if onsets[p] < 0 else ons[p]
        left -= fewer
    return left


@compiled
def _end_at_bar_line(row: Row, end: int, weights: Weights, left: int) -> int:
    """Exclude END and steps beyond before the tick `end`; at it all but END and one NOTE_OFF.

    It is the lowest sounding one's: NOTE_OFFs ascend, so after a higher one it could not end.
    """
    ticks = end - row[TICK]
    if ticks > 0:
        first, second = _DUR + min(ticks, _LONGEST), _END
        first_stop, second_stop = _DUR + _LONGEST, _END + 1
    else:
        lowest = 0
        for p in range(_COUNT - 1, -1, -1):
            if row[ONSETS + p] >= 0:
                lowest = p
        first, first_stop = _OFF + lowest + 1, _ON + _COUNT
        second, second_stop = _DUR, _DUR + _LONGEST
    fewer = _count(weights, first, first_stop) + _count(weights, second, second_stop)
    if fewer < left:
        _fill(weights, first, first_stop)
        _fill(weights, second, second_stop)
        left -= fewer
    return left


assert _OFF + _COUNT == _ON, "NOTE_OFF and NOTE_ON stand side by side"

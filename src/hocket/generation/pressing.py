"""The compiled loops of the rules: each presses down events in the weights (V) of one take, in place.

How many events are `left` is counted along. A rule that would exclude as many changes nothing: it is
passed over, so that there is always a way on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.hands import FINGERS, TENTH
from hocket.compiled import compiled
from hocket.generation.rules import Rules
from hocket.music import TICKS_PER_QUARTER
from hocket.music.parts import MOST_PARTS
from hocket.tokens.automaton import BAR_LENGTH, BAR_ORIGIN, ONSETS, PART, PHASE, TICK, VOICES, Phase
from hocket.tokens.vocab import LONGEST_STEP, LOUDNESSES, PITCHES, VOCAB

Weights = NDArray[np.float32]
Row = NDArray[np.int64]

MEMORY = np.float32(0.93)
"""What is left of a strike after each later one: about ten strikes count."""

_OFF, _ON = VOCAB.families["NOTE_OFF"].start, VOCAB.families["NOTE_ON"].start
_DUR, _END = VOCAB.families["DUR"].start, VOCAB.id("END")
_FIRST_PART, _VEL = VOCAB.families["PART"].start, VOCAB.families["VEL"].start
_PARTS, _STEPS = MOST_PARTS, len(LOUDNESSES)
_COUNT, _LONGEST, _QUARTER = len(PITCHES), LONGEST_STEP, TICKS_PER_QUARTER
_IS_ON, _IS_LOUD = int(Phase.ON), int(Phase.LOUD)
_EXCLUDED, _ZERO, _ONE = np.float32(-np.inf), np.float32(0), np.float32(1)


OUT_OF_REACH = np.float32(100)
"""By how many nats a note is pressed down that no hand can hold."""


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
        left = _voices(row, rules.voices, weights, left)
    if rules.reach:
        _reach(row, weights)
    place = (row[TICK] - row[BAR_ORIGIN]) % _QUARTER
    for r in range(len(rules.off_grid)):
        left = _exclude(rules.off_grid[r, place], weights[_DUR : _DUR + _LONGEST], left)
    for r in range(len(rules.barred)):
        left = _exclude(rules.barred[r], weights, left)
    ends = row[TICK] >= rules.last_bar
    pressed = rules.closing if ends or _is_closing(row, rules.phrase) else rules.foreign
    ons = weights[_ON : _ON + _COUNT]
    for p in range(_COUNT):
        ons[p] -= pressed[p]
    for p in range(_lowest(row) if ends else 0):
        ons[p] -= rules.rootless[p]
    if rules.repetition > 0:
        for p in range(_COUNT):
            ons[p] -= rules.repetition * max(struck[p] - _ONE, _ZERO)


@compiled
def _reach(row: Row, weights: Weights) -> None:
    """Press down notes that two hands could not hold with those that sound in this part and lower ones.

    What sounds in later parts may still end at this instant. They are not excluded, since a part that
    was begun has to strike something.
    """
    held, count = np.empty(_COUNT + 1, np.int64), 0
    for p in range(_COUNT):
        for part in range(row[PART] + 1):
            if row[ONSETS + part * _COUNT + p] >= 0:
                held[count] = p
                count += 1
                break
    for p in range(_COUNT):
        if weights[_ON + p] > _EXCLUDED and not _within_reach(held[:count], p):
            weights[_ON + p] -= OUT_OF_REACH


@compiled
def _within_reach(held: Row, new: int) -> bool:
    """Whether two hands can hold ascending pitches and a new one; see `analysis.hands`."""
    hands, fingers, lowest, place, is_new_taken = 0, FINGERS, 0, 0, False
    while place < len(held) or not is_new_taken:
        takes_new = not is_new_taken and (place == len(held) or new <= held[place])
        pitch = new if takes_new else held[place]
        if takes_new:
            is_new_taken = True
            place += place < len(held) and held[place] == new
        else:
            place += 1
        if fingers == FINGERS or pitch - lowest > TENTH:
            hands, fingers, lowest = hands + 1, 0, pitch
        fingers += 1
    return hands <= 2


@compiled
def _is_closing(row: Row, phrase: int) -> bool:
    """Whether a take stands in the last bar of a phrase of so many ticks."""
    place = row[TICK] - row[BAR_ORIGIN]
    return bool(phrase > 0 and place % phrase >= phrase - row[BAR_LENGTH])


@compiled
def _lowest(row: Row) -> int:
    """Return the lowest pitch that sounds in any part; above all pitches if none does."""
    for p in range(_COUNT):
        for part in range(_PARTS):
            if row[ONSETS + part * _COUNT + p] >= 0:
                return p
    return _COUNT


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
def _part(row: Row, part: int) -> Row:
    """Return when each pitch (88) of a part was struck."""
    return row[ONSETS + part * _COUNT : ONSETS + (part + 1) * _COUNT]


@compiled
def _longest_note(row: Row, ticks: int, weights: Weights, left: int) -> int:
    """Exclude waiting past a note's limit, and at the limit all that would pass over its NOTE_OFF."""
    tick, oldest, due_part, due_pitch = row[TICK], row[TICK], -1, -1
    for part in range(_PARTS):
        onsets = _part(row, part)
        for p in range(_COUNT):
            if onsets[p] >= 0:
                oldest = min(oldest, onsets[p])
                if due_part < 0 and part >= row[PART] and tick - onsets[p] >= ticks:
                    due_part, due_pitch = part, p
    if due_part > row[PART]:
        left = _exclude_range(_DUR, _DUR + _LONGEST, weights, left)
        return _exclude_range(_FIRST_PART + due_part, _FIRST_PART + _PARTS - 1, weights, left)
    if due_part == row[PART] and row[PHASE] != _IS_ON and row[PHASE] != _IS_LOUD:
        stop = _OFF + due_pitch + 1
        kept = _count(weights, _OFF, stop)
        if kept > 0:
            _fill(weights, 0, _OFF)
            _fill(weights, stop, len(weights))
            left = kept
        return left
    start = _DUR + min(max(ticks - (tick - oldest), 1), _LONGEST)
    return _exclude_range(start, _DUR + _LONGEST, weights, left)


@compiled
def _voices(row: Row, most: int, weights: Weights, left: int) -> int:
    """Exclude, where `most` notes sound, what leads to striking a silent pitch."""
    if row[VOICES] < most:
        return left
    onsets, ons, fewer, more = _part(row, row[PART]), weights[_ON : _ON + _COUNT], 0, 0
    for p in range(_COUNT):
        fewer += (onsets[p] < 0) & (ons[p] > _EXCLUDED)
        more += (onsets[p] >= 0) & (ons[p] > _EXCLUDED)
    if fewer < left:
        for p in range(_COUNT):
            ons[p] = _EXCLUDED if onsets[p] < 0 else ons[p]
        left -= fewer
    if not more:
        left = _exclude_range(_VEL, _VEL + _STEPS, weights, left)
    for part in range(row[PART] + 1, _PARTS):
        silent = True
        for onset in _part(row, part):
            silent = silent and onset < 0
        if silent:
            event = _FIRST_PART + part - 1
            left = _exclude_range(event, event + 1, weights, left)
    return left


@compiled
def _end_at_bar_line(row: Row, end: int, weights: Weights, left: int) -> int:
    """Exclude END and steps beyond before the tick `end`; at it all but END and what leads to it.

    That is the NOTE_OFF of the lowest pitch of this part: they ascend, so after a higher one it could
    not end; then the PART of the next one that sounds.
    """
    ticks = end - row[TICK]
    if ticks > 0:
        left = _exclude_range(_DUR + min(ticks, _LONGEST), _DUR + _LONGEST, weights, left)
        return _exclude_range(_END, _END + 1, weights, left)
    way = _END
    for part in range(_PARTS - 1, row[PART] - 1, -1):
        onsets = _part(row, part)
        for p in range(_COUNT - 1, -1, -1):
            if onsets[p] >= 0:
                way = _OFF + p if part == row[PART] else _FIRST_PART + part - 1
    if weights[way] > _EXCLUDED:
        kept = weights[way]
        _fill(weights, 0, len(weights))
        weights[way] = kept
        left = 1
    return left


@compiled
def _exclude_range(start: int, stop: int, weights: Weights, left: int) -> int:
    """Exclude the events of a range, unless nothing would be left; returns what is."""
    fewer = _count(weights, start, stop)
    if fewer < left:
        _fill(weights, start, stop)
        left -= fewer
    return left

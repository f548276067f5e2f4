"""What takes have to say: bars of their own that come again, and motifs that are stated.

A script is laid out bar by bar before a take is written (`generation.layout`); these compiled loops
follow it while it is. Surprising decision: what comes again is read event by event from the take
itself, and what does not fit where it stands now (the end of a note that does not sound here) is
passed over; so neither the grammar nor the budget of quotes is ever left for it. At the bars where
something begins or from which something will come again, nothing may sound over the bar line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.music.parts import MOST_PARTS
from hocket.tokens.automaton import (
    BAR_LENGTH,
    BAR_ORIGIN,
    JUST_ENDED,
    LAST_OFF,
    ONSETS,
    PART,
    PHASE,
    TICK,
    Phase,
)
from hocket.tokens.vocab import LONGEST_STEP, PITCHES, VOCAB

Row = NDArray[np.int64]
Weights = NDArray[np.float32]
Mask = NDArray[np.bool_]

FREE, OWN = 0, -1
"""What stands at a bar of a script: nothing, or a bar of the take itself; from 1 on a motif."""
FAR = 2**40
"""A tick that no take comes to."""

_COUNT, _PARTS, _LONGEST = len(PITCHES), MOST_PARTS, LONGEST_STEP
_OFF, _ON = VOCAB.families["NOTE_OFF"].start, VOCAB.families["NOTE_ON"].start
_DUR, _FIRST_PART = VOCAB.families["DUR"].start, VOCAB.families["PART"].start
_END = VOCAB.id("END")
_MOVED, _METERED = int(Phase.MOVED), int(Phase.METERED)
_IS_ON, _IS_LOUD = int(Phase.ON), int(Phase.LOUD)
_EXCLUDED = np.float32(-np.inf)


class Script(NamedTuple):
    """What stands at each bar of each take, (takes, bars); where there is no script, no bars."""

    kind: Row
    """At the bar where something begins: `OWN`, or the number of a motif from 1; else `FREE`."""
    source: Row
    """At the bar where own bars come again: the first of them."""
    stop: Row
    """At the bar where something begins: the bar before which it stops."""
    halt: Row
    """The next bar at whose line nothing may sound on, after this one; `FAR` if there is none."""
    motifs: Row
    """(motifs, events): what motifs say, and what else is told event by event; filled up with -1."""
    exempt: int
    """How many of them, the first, are stated whatever the budget of quotes says."""

    def of(self, takes: Sequence[int]) -> Script:
        """Return the script of these takes."""
        if not self.kind.shape[1]:
            return self
        kind, source, stop, halt = (table[list(takes)] for table in self[:4])
        return Script(kind, source, stop, halt, self.motifs, self.exempt)

    def stands(self, take: int) -> list[tuple[int, int]]:
        """Return for each bar of a take what stands there, and which bar of it.

        For `OWN` that is the bar that comes again. Without a script there are no bars.
        """
        if not self.kind.shape[1]:
            return []
        found = [(FREE, -1)] * self.kind.shape[1]
        for bar in np.flatnonzero(self.kind[take]).tolist():
            kind, first = int(self.kind[take, bar]), int(self.source[take, bar])
            for place in range(bar, min(int(self.stop[take, bar]), len(found))):
                found[place] = (kind, place - bar + (first if kind == OWN else 0))
        return found


_NONE = np.zeros((0, 0), np.int64)
NO_SCRIPT = Script(_NONE, _NONE, _NONE, _NONE, _NONE, 0)

(AT, KIND, STOP, BEGUN) = range(4)
"""The columns of where a take stands in its script: the next event to be read (-1: none), what is
read, the tick at which it stops, and the bar at which something began last. From `_MARKS` on a column
for each bar: the event that is the first in it."""
_MARKS = 4


def unfollowed(script: Script, takes: int) -> Row:
    """Return the table (takes, K) of takes that have said nothing yet."""
    return np.full((takes, _MARKS + script.kind.shape[1]), -1, np.int64)


@compiled
def next_halt(script: Script, take: int, row: Row) -> int:
    """Return the tick of the next bar line at which nothing may sound on; `FAR` if there is none."""
    bars = script.halt.shape[1]
    bar = (row[TICK] - row[BAR_ORIGIN]) // row[BAR_LENGTH]
    if bar >= bars or script.halt[take, bar] >= bars:
        return FAR
    return int(row[BAR_ORIGIN] + script.halt[take, bar] * row[BAR_LENGTH])


@compiled
def is_at_halt(script: Script, take: int, row: Row) -> bool:
    """Whether a take stands at a bar line over which nothing may sound."""
    place = row[TICK] - row[BAR_ORIGIN]
    bar = place // row[BAR_LENGTH]
    if place % row[BAR_LENGTH] or not 0 < bar < script.halt.shape[1]:
        return False
    return bool(script.halt[take, bar - 1] == bar)


@compiled
def follow(
    script: Script, follows: Row, take: int, row: Row, mask: Mask, history: Row, step: int
) -> int:
    """Return the event that a take has to say now at a `row` of the grammar's table, -1 if none.

    `follows` (takes, K) is moved on, `mask` (V) is what the grammar allows, and `history`
    (steps, takes) what was said.
    """
    bars = script.kind.shape[1]
    if not bars:
        return -1
    at = follows[take]
    place = row[TICK] - row[BAR_ORIGIN]
    bar = place // row[BAR_LENGTH]
    if place % row[BAR_LENGTH] == 0 and bar < bars and row[PHASE] in (_MOVED, _METERED):
        if at[_MARKS + bar] < 0:
            at[_MARKS + bar] = step
        if script.kind[take, bar] != FREE and at[BEGUN] != bar:
            kind = script.kind[take, bar]
            begin = at[_MARKS + script.source[take, bar]] if kind == OWN else 0
            at[AT], at[KIND], at[BEGUN] = begin, kind, bar
            at[STOP] = row[BAR_ORIGIN] + script.stop[take, bar] * row[BAR_LENGTH]
    if at[AT] >= 0 and row[TICK] >= at[STOP]:
        at[AT] = -1
    if at[AT] < 0:
        return -1
    said = history[:step, take] if at[KIND] == OWN else script.motifs[at[KIND] - 1]
    if is_at_halt(script, take, row):
        due = _still_to_end(row, said, at[AT], mask)
        if due >= 0:
            return due
    while at[AT] < len(said) and said[at[AT]] >= 0:
        event = said[at[AT]]
        if mask[event] and not (_is_part(event) and not _leads(row, event, said, at[AT])):
            at[AT] += 1
            return int(event)
        if _DUR <= event < _DUR + _LONGEST or event == _END:
            break
        at[AT] += 1
        if _is_part(event):
            while at[AT] < len(said) and not _is_over(said[at[AT]]):
                at[AT] += 1
    at[AT] = -1
    return -1


@compiled
def waits_beyond(row: Row, event: int, bound: int) -> bool:
    """Whether an event is a wait that passes by the tick `bound`."""
    return bool(_DUR <= event < _DUR + _LONGEST and row[TICK] + event - _DUR + 1 > bound)


@compiled
def _is_part(event: int) -> bool:
    return _FIRST_PART <= event < _FIRST_PART + _PARTS - 1


@compiled
def _is_over(event: int) -> bool:
    """Whether an event ends what one part says at an instant."""
    return event < 0 or _is_part(event) or _DUR <= event < _DUR + _LONGEST or event == _END


@compiled
def _leads(row: Row, event: int, said: Row, at: int) -> bool:
    """Whether a part has a note to end or to strike among the events after `at`."""
    onsets = row[ONSETS + (event - _FIRST_PART + 1) * _COUNT :]
    for later in range(at + 1, len(said)):
        event = said[later]
        if _is_over(event):
            return False
        if _OFF <= event < _OFF + _COUNT and 0 <= onsets[event - _OFF] < row[TICK]:
            return True
        if _ON <= event < _ON + _COUNT and onsets[event - _ON] != JUST_ENDED:
            return True
    return False


@compiled
def _is_old(row: Row, part: int, pitch: int) -> bool:
    return bool(0 <= row[ONSETS + part * _COUNT + pitch] < row[TICK])


@compiled
def _still_to_end(row: Row, said: Row, at: int, mask: Mask) -> int:
    """Return the event that ends a note from before, or leads to it, before `said[at]` is; -1: none."""
    part = row[PART]
    if row[PHASE] != _IS_ON and row[PHASE] != _IS_LOUD:
        for p in range(row[LAST_OFF] + 1, _COUNT):
            if _is_old(row, part, p) and mask[_OFF + p] and not _will_strike(said, at, p):
                return _OFF + p
    if at >= len(said) or not _is_over(said[at]):
        return -1
    stop = said[at] - _FIRST_PART + 1 if _is_part(said[at]) else _PARTS
    for later in range(part + 1, stop):
        for p in range(_COUNT):
            if _is_old(row, later, p) and mask[_FIRST_PART + later - 1]:
                return _FIRST_PART + later - 1
    return -1


@compiled
def _will_strike(said: Row, at: int, pitch: int) -> bool:
    """Whether the events from `at` on strike a pitch before this part is over."""
    while at < len(said) and not _is_over(said[at]):
        if said[at] == _ON + pitch:
            return True
        at += 1
    return False


@compiled
def press_halt(row: Row, halt: int, at_halt: bool, weights: Weights) -> None:
    """Exclude from weights (V) what would sound over a bar line at which nothing may.

    Before it, waits beyond the tick `halt`; at it, what passes by a note that sounds on: a higher
    note, a higher part, a wait. It is passed over where nothing else is left.
    """
    if halt - row[TICK] < _LONGEST:
        _exclude_unless_all(weights, _DUR + halt - row[TICK], _DUR + _LONGEST)
    if not at_halt:
        return
    for part in range(row[PART], _PARTS):
        for p in range(_COUNT):
            if _is_old(row, part, p):
                if part == row[PART]:
                    _exclude_unless_all(weights, _ON + p + 1, _ON + _COUNT)
                    _exclude_unless_all(weights, _FIRST_PART, _FIRST_PART + _PARTS - 1)
                else:
                    _exclude_unless_all(weights, _FIRST_PART + part, _FIRST_PART + _PARTS - 1)
                _exclude_unless_all(weights, _DUR, _DUR + _LONGEST)
                return


@compiled
def _exclude_unless_all(weights: Weights, start: int, stop: int) -> None:
    """Exclude events of a range, unless nothing would be left."""
    left = 0
    for v in range(len(weights)):
        left += (weights[v] > _EXCLUDED) and not start <= v < stop
    if left:
        for v in range(start, stop):
            weights[v] = _EXCLUDED

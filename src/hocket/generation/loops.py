"""No take says one thing forever: what comes more often in a row than in the themes is pressed down.

A model that recalls its own past believes in it ever more: a figure that came four times is sure to
come a fifth. So the instants of a take, what is struck in each and how long after the one before, are
watched for a figure of up to `FIGURE` instants that comes again and again, with no other between.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.music import Piece
from hocket.tokens import GRAMMAR, encode
from hocket.tokens.automaton import TICK, advance_one
from hocket.tokens.vocab import LONGEST_STEP, PITCHES, VOCAB

Row = NDArray[np.int64]
Weights = NDArray[np.float32]

FIGURE = 24
"""Instants of the longest figure that is watched for."""
LEAST = 3
"""So often in a row any figure may come."""
PRESSURE = np.float32(1)
"""Nats by which each note is pressed down for each time too many."""

_ON, _DUR = VOCAB.families["NOTE_ON"].start, VOCAB.families["DUR"].start
_COUNT, _LONGEST, _HALF = len(PITCHES), LONGEST_STEP, 44
_RING = 32
(_PASSED, _LAST, _LOW, _HIGH) = range(4)
"""Columns: instants passed, the tick of the last, what is struck in this one (lower, upper keys)."""
_AGREED = 4
"""From here on for each length of a figure how many instants in a row were those so many before."""
_INSTANTS = _AGREED + FIGURE + 1
"""From here on the last instants: what was struck (two columns) and the ticks since the one before."""


def unheard(takes: int) -> Row:
    """Return the table (B, K) of takes that have said nothing."""
    return np.zeros((takes, _INSTANTS + 3 * _RING), np.int64)


def usual_times(themes: Sequence[Piece]) -> int:
    """Return how often in a row figures come in themes, at 99 % of a theme's instants."""
    return max([LEAST, *(int(np.quantile(times_in(encode(theme)), 0.99)) for theme in themes)])


def times_in(ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return after each wait how often the figure that ends there has come in a row."""
    return _times(GRAMMAR.start(1).table[0], unheard(1)[0], np.asarray(ids, np.int64))


@compiled
def _times(row: Row, heard: Row, ids: Row) -> Row:
    found, made = np.zeros(len(ids) + 1, np.int64), 1
    for event in ids:
        hear_on(row, heard, event)
        advance_one(row, event)
        if _DUR <= event < _DUR + _LONGEST:
            for length in range(1, FIGURE + 1):
                found[made] = max(found[made], heard[_AGREED + length] // length + 1)
            made += 1
    return found[:made].copy()


@compiled
def hear_on(row: Row, heard: Row, event: int) -> None:
    """Hear the next event of a take that stands at a `row` of the grammar's table, in place."""
    if _ON <= event < _ON + _COUNT:
        key = event - _ON
        if key < _HALF:
            heard[_LOW] |= 1 << key
        else:
            heard[_HIGH] |= 1 << (key - _HALF)
    elif _DUR <= event < _DUR + _LONGEST and (heard[_LOW] or heard[_HIGH]):
        passed, gap = heard[_PASSED], row[TICK] - heard[_LAST]
        for length in range(1, FIGURE + 1):
            before = _INSTANTS + 3 * ((passed - length) % _RING)
            same = (
                passed >= length
                and heard[before] == heard[_LOW]
                and heard[before + 1] == heard[_HIGH]
                and heard[before + 2] == gap
            )
            heard[_AGREED + length] = heard[_AGREED + length] + 1 if same else 0
        here = _INSTANTS + 3 * (passed % _RING)
        heard[here], heard[here + 1], heard[here + 2] = heard[_LOW], heard[_HIGH], gap
        heard[_LOW] = heard[_HIGH] = 0
        heard[_PASSED], heard[_LAST] = passed + 1, row[TICK]


@compiled
def press_loops(row: Row, heard: Row, times: int, weights: Weights) -> None:
    """Press down in weights (V) what would go on with a figure that came `times` or more in a row.

    0 is off.
    """
    if times <= 0:
        return
    for length in range(1, FIGURE + 1):
        often = heard[_AGREED + length] // length + 1
        if often < times:
            continue
        due = _INSTANTS + 3 * ((heard[_PASSED] - length) % _RING)
        if row[TICK] - heard[_LAST] != heard[due + 2]:
            continue
        pressure = PRESSURE * np.float32(often - times + 1)
        for key in range(_HALF):
            if heard[due] >> key & 1:
                weights[_ON + key] -= pressure
            if heard[due + 1] >> key & 1:
                weights[_ON + _HALF + key] -= pressure

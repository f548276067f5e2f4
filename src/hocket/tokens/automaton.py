"""Where a sequence stands, as one row of whole numbers, and the compiled loops that move it on.

A row of the table (B, 94) holds phase, tick, bar origin, bar length, last pitch and whether the last
event was the longest step, then for each of the 88 pitches the tick at which it was struck. Surprising
decision: a silent pitch is `SILENT`, and one whose note ended in this very instant `JUST_ENDED`, so
that one number says all that the grammar asks of a pitch.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.music import TICKS_PER_QUARTER
from hocket.tokens.vocab import BAR_TICKS, LONGEST_STEP, MAX_POLYPHONY, PITCHES, VOCAB

Table = NDArray[np.int64]


class Phase(IntEnum):
    """Where inside an instant a sequence stands: the kind of its last event."""

    BLANK = 0
    STARTED = 1
    METERED = 2
    OFF = 3
    ON = 4
    MOVED = 5
    ENDED = 6


PHASE, TICK, BAR_ORIGIN, BAR_LENGTH, LAST_PITCH, CHAINED, ONSETS = range(7)
"""The columns of a row; from `ONSETS` on there is one for each pitch."""
SILENT, JUST_ENDED = -1, -2

PLACES = 16
"""Quarters of a bar that the features tell apart; later ones count as the last."""
PLACE_SIZES = (TICKS_PER_QUARTER, PLACES, PLACES)
"""How many values each part of a place has."""
FEATURES = len(PITCHES) + sum(PLACE_SIZES)
"""F, how many numbers say the features of an event: a 0 or 1 for each pitch and value of a place."""

_COUNT = len(PITCHES)
_OFF, _ON = VOCAB.families["NOTE_OFF"].start, VOCAB.families["NOTE_ON"].start
_DUR, _METER = VOCAB.families["DUR"].start, VOCAB.families["METER"].start
_METERS = len(BAR_TICKS)
_START, _END = VOCAB.id("START"), VOCAB.id("END")
_BAR_TICKS = np.array(BAR_TICKS)
_QUARTER, _LONGEST = TICKS_PER_QUARTER, LONGEST_STEP
_WHOLE_NOTE, _POLYPHONY = 4 * TICKS_PER_QUARTER, MAX_POLYPHONY
_BLANK, _STARTED, _METERED = int(Phase.BLANK), int(Phase.STARTED), int(Phase.METERED)
_IS_OFF, _IS_ON = int(Phase.OFF), int(Phase.ON)
_MOVED, _ENDED = int(Phase.MOVED), int(Phase.ENDED)


def blank(batch: int) -> Table:
    """Return the table of `batch` sequences before their first event."""
    table = np.full((batch, ONSETS + _COUNT), SILENT, np.int64)
    table[:, :ONSETS] = (_BLANK, 0, 0, _WHOLE_NOTE, -1, 0)
    return table


@compiled
def advance(table: Table, ids: NDArray[np.int64]) -> None:
    """Move each row (B, 94) on by its event (B), in place; trusts that it was allowed."""
    for b in range(len(ids)):
        advance_one(table[b], ids[b])


@compiled
def advance_one(row: Table, event: int) -> None:
    """Move one row (94) on by an event, in place."""
    pitch = -1
    chained = 0
    if _DUR <= event < _DUR + _LONGEST:
        row[TICK] += event - _DUR + 1
        chained = 1 if event == _DUR + _LONGEST - 1 else 0
        for p in range(ONSETS, ONSETS + _COUNT):
            if row[p] == JUST_ENDED:
                row[p] = SILENT
        row[PHASE] = _MOVED
    elif _ON <= event < _ON + _COUNT:
        pitch = event - _ON
        row[ONSETS + pitch] = row[TICK]
        row[PHASE] = _IS_ON
    elif _OFF <= event < _OFF + _COUNT:
        pitch = event - _OFF
        row[ONSETS + pitch] = JUST_ENDED
        row[PHASE] = _IS_OFF
    elif _METER <= event < _METER + _METERS:
        row[BAR_ORIGIN] = row[TICK]
        row[BAR_LENGTH] = _BAR_TICKS[event - _METER]
        row[PHASE] = _METERED
    else:
        row[PHASE] = _STARTED if event == _START else _ENDED
    row[LAST_PITCH] = pitch
    row[CHAINED] = chained


@compiled
def allow(table: Table, mask: NDArray[np.bool_]) -> None:
    """Write which events may come next, (B, V): at least one, until END."""
    for b in range(len(table)):
        allow_one(table[b], mask[b])


@compiled
def allow_one(row: Table, mask: NDArray[np.bool_]) -> None:
    """Write which events may follow one row (94), (V)."""
    phase, tick, last = row[PHASE], row[TICK], row[LAST_PITCH]
    inside = _METERED <= phase <= _MOVED
    onsets = row[ONSETS:]
    voices = 0
    for p in range(_COUNT):
        voices += onsets[p] >= 0
    mask[:] = False
    mask[_START] = phase == _BLANK
    mask[_METER : _METER + _METERS] = phase in (_STARTED, _MOVED)
    if inside:
        room = voices < _POLYPHONY
        for p in range(last + 1 if phase == _IS_OFF else 0, _COUNT if phase != _IS_ON else 0):
            mask[_OFF + p] = 0 <= onsets[p] < tick
        for p in range(last + 1 if phase == _IS_ON else 0, _COUNT):
            mask[_ON + p] = onsets[p] >= 0 or (room and onsets[p] != JUST_ENDED)
        mask[_DUR : _DUR + _LONGEST] = phase != _MOVED or row[CHAINED] == 1
    resting = phase in (_IS_OFF, _MOVED) or (phase == _METERED and tick == 0)
    mask[_END] = resting and voices == 0


@compiled
def observe(row: Table, event: int, seen: NDArray[np.float32]) -> None:
    """Move one row (94) on by an event, and write what a model sees of where it stands then.

    The features go as 0 and 1 into the first F of `seen`: the pitches that sound, then one value of
    each part of the place (see `Features`).
    """
    advance_one(row, event)
    onsets = row[ONSETS:]
    for p in range(_COUNT):
        seen[p] = 1.0 if onsets[p] >= 0 else 0.0
    seen[_COUNT:FEATURES] = 0.0
    tick, quarter, left = _place(row)
    seen[_COUNT + tick] = 1.0
    seen[_COUNT + _QUARTER + quarter] = 1.0
    seen[_COUNT + _QUARTER + PLACES + left] = 1.0


@compiled
def look(table: Table, sounding: NDArray[np.bool_], place: Table) -> None:
    """Write the features of each row: sounding (B, 88) and place (B, 3)."""
    for b in range(len(table)):
        look_one(table[b], sounding[b], place[b])


@compiled
def look_one(row: Table, sounding: NDArray[np.bool_], place: Table) -> None:
    """Write the features of one row: sounding (88) and place (3)."""
    for p in range(_COUNT):
        sounding[p] = row[ONSETS + p] >= 0
    place[0], place[1], place[2] = _place(row)


@compiled
def _place(row: Table) -> tuple[int, int, int]:
    here = (row[TICK] - row[BAR_ORIGIN]) % row[BAR_LENGTH]
    left = (row[BAR_LENGTH] - here) // _QUARTER
    return here % _QUARTER, min(here // _QUARTER, PLACES - 1), min(left, PLACES - 1)


@compiled
def walk(row: Table, ids: NDArray[np.int64], sounding: NDArray[np.bool_], place: Table) -> None:
    """Move one row (94) along ids (N), and write the features after each event.

    sounding (N, 88) and place (N, 3).
    """
    for n in range(len(ids)):
        advance_one(row, ids[n])
        look_one(row, sounding[n], place[n])


@compiled
def follow(row: Table, ids: NDArray[np.int64], seen: NDArray[np.float32]) -> None:
    """Move one row (94) along ids (N), and write what a model sees after each event.

    `seen` is (N, F or more).
    """
    for n in range(len(ids)):
        observe(row, ids[n], seen[n])

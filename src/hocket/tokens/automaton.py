"""Where a sequence stands, as one row of whole numbers, and the compiled loops that move it on.

A row of the table (B, ROW) holds the columns named below, then for each part the loudness in force and
for each part and each of the 88 pitches the tick at which it was struck. Surprising decision: a silent
pitch is `SILENT`, and one whose note ended in this very instant `JUST_ENDED`, so that one number says
all that the grammar asks of a pitch.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.music import TICKS_PER_QUARTER
from hocket.music.parts import MOST_PARTS
from hocket.tokens.vocab import (
    BAR_TICKS,
    LONGEST_STEP,
    LOUDNESSES,
    MAX_POLYPHONY,
    PITCHES,
    VOCAB,
)

Table = NDArray[np.int64]


class Phase(IntEnum):
    """Where inside an instant a sequence stands: the kind of its last event."""

    BLANK = 0
    STARTED = 1
    METERED = 2
    PEDALLED = 3
    PARTED = 4
    OFF = 5
    LOUD = 6
    ON = 7
    MOVED = 8
    ENDED = 9


(PHASE, TICK, BAR_ORIGIN, BAR_LENGTH, CHAINED, PEDAL, VOICES) = range(7)
(PART, LAST_OFF, LAST_ON, LOUD) = range(7, 11)
"""The columns of a row. `VOICES` is how many notes sound in all parts, `PART` the part that events are
of now, `LAST_OFF` and `LAST_ON` its last pitches that ended and were struck in this instant (-1: none);
from `LOUD` on stands the loudness of each part (0: unmarked, else its step + 1), from `ONSETS` on a
column for each part and pitch."""
ONSETS = LOUD + MOST_PARTS
SILENT, JUST_ENDED = -1, -2

PLACES = 16
"""Quarters of a bar that the features tell apart; later ones count as the last."""
STANDING = (TICKS_PER_QUARTER, PLACES, PLACES, MOST_PARTS, len(LOUDNESSES) + 1, 2)
"""How many values there are of each: tick in the quarter, quarter of the bar, quarters left, part, its
loudness, pedal."""
SOUNDING = 2 * len(PITCHES)
"""How many pitches a model sees: the 88 that sound in any part, then those in the part of now."""

_COUNT = len(PITCHES)
_OFF, _ON = VOCAB.families["NOTE_OFF"].start, VOCAB.families["NOTE_ON"].start
_DUR, _METER = VOCAB.families["DUR"].start, VOCAB.families["METER"].start
_PART, _VEL = VOCAB.families["PART"].start, VOCAB.families["VEL"].start
_UP, _DOWN = VOCAB.families["PEDAL"]
_METERS, _PARTS, _STEPS = len(BAR_TICKS), MOST_PARTS, len(LOUDNESSES)
_START, _END = VOCAB.id("START"), VOCAB.id("END")
_BAR_TICKS = np.array(BAR_TICKS)
_QUARTER, _LONGEST = TICKS_PER_QUARTER, LONGEST_STEP
_WHOLE_NOTE, _POLYPHONY = 4 * TICKS_PER_QUARTER, MAX_POLYPHONY
_BLANK, _STARTED, _METERED = int(Phase.BLANK), int(Phase.STARTED), int(Phase.METERED)
_PEDALLED, _PARTED, _IS_LOUD = int(Phase.PEDALLED), int(Phase.PARTED), int(Phase.LOUD)
_IS_OFF, _IS_ON = int(Phase.OFF), int(Phase.ON)
_MOVED, _ENDED = int(Phase.MOVED), int(Phase.ENDED)


def blank(batch: int) -> Table:
    """Return the table of `batch` sequences before their first event."""
    table = np.full((batch, ONSETS + MOST_PARTS * _COUNT), SILENT, np.int64)
    table[:, :ONSETS] = 0
    table[:, BAR_LENGTH] = _WHOLE_NOTE
    table[:, (LAST_OFF, LAST_ON)] = -1
    return table


@compiled
def advance(table: Table, ids: NDArray[np.int64]) -> None:
    """Move each row (B, ROW) on by its event (B), in place; trusts that it was allowed."""
    for b in range(len(ids)):
        advance_one(table[b], ids[b])


@compiled
def advance_one(row: Table, event: int) -> None:
    """Move one row (ROW) on by an event, in place."""
    onsets = row[ONSETS + row[PART] * _COUNT : ONSETS + (row[PART] + 1) * _COUNT]
    if _DUR <= event < _DUR + _LONGEST:
        if row[PHASE] != _MOVED:
            for p in range(ONSETS, len(row)):
                if row[p] == JUST_ENDED:
                    row[p] = SILENT
        row[TICK] += event - _DUR + 1
        row[CHAINED] = 1 if event == _DUR + _LONGEST - 1 else 0
        _turn_to(row, 0)
        row[PHASE] = _MOVED
    elif _ON <= event < _ON + _COUNT:
        pitch = event - _ON
        row[VOICES] += onsets[pitch] < 0
        onsets[pitch] = row[TICK]
        row[LAST_ON], row[PHASE] = pitch, _IS_ON
    elif _OFF <= event < _OFF + _COUNT:
        pitch = event - _OFF
        row[VOICES] -= 1
        onsets[pitch] = JUST_ENDED
        row[LAST_OFF], row[PHASE] = pitch, _IS_OFF
    elif _PART <= event < _PART + _PARTS - 1:
        _turn_to(row, event - _PART + 1)
        row[PHASE] = _PARTED
    elif _VEL <= event < _VEL + _STEPS:
        row[LOUD + row[PART]] = event - _VEL + 1
        row[PHASE] = _IS_LOUD
    elif _METER <= event < _METER + _METERS:
        row[BAR_ORIGIN] = row[TICK]
        row[BAR_LENGTH] = _BAR_TICKS[event - _METER]
        row[PHASE] = _METERED
    elif event in (_UP, _DOWN):
        row[PEDAL] = event == _DOWN
        row[PHASE] = _PEDALLED
    else:
        row[PHASE] = _STARTED if event == _START else _ENDED


@compiled
def _turn_to(row: Table, part: int) -> None:
    row[PART] = part
    row[LAST_OFF] = row[LAST_ON] = -1


@compiled
def allow(table: Table, mask: NDArray[np.bool_]) -> None:
    """Write which events may come next, (B, V): at least one, until END."""
    for b in range(len(table)):
        allow_one(table[b], mask[b])


@compiled
def allow_one(row: Table, mask: NDArray[np.bool_]) -> None:
    """Write which events may follow one row (ROW), (V).

    Polyphony is bounded in each part: while one part strikes, later ones have yet to end their notes.
    """
    phase, tick, part = row[PHASE], row[TICK], row[PART]
    mask[:] = False
    mask[_START] = phase == _BLANK
    mask[_METER : _METER + _METERS] = phase in (_STARTED, _MOVED)
    if not _METERED <= phase <= _MOVED:
        return
    onsets = row[ONSETS + part * _COUNT : ONSETS + (part + 1) * _COUNT]
    voices = 0
    for p in range(_COUNT):
        voices += onsets[p] >= 0
    room, can_strike = voices < _POLYPHONY, False
    for p in range(row[LAST_ON] + 1, _COUNT):
        mask[_ON + p] = onsets[p] >= 0 or (room and onsets[p] != JUST_ENDED)
        can_strike = can_strike or mask[_ON + p]
    if phase == _IS_LOUD:
        return
    if phase != _IS_ON:
        for p in range(row[LAST_OFF] + 1, _COUNT):
            mask[_OFF + p] = 0 <= onsets[p] < tick
    if can_strike:
        mask[_VEL : _VEL + _STEPS] = True
        if row[LOUD + part]:
            mask[_VEL + row[LOUD + part] - 1] = False
    if phase == _PARTED:
        return
    for other in range(part + 1, _PARTS):
        mask[_PART + other - 1] = True
    if phase in (_METERED, _MOVED):
        mask[_DOWN], mask[_UP] = True, row[PEDAL] == 1
    mask[_DUR : _DUR + _LONGEST] = phase != _MOVED or row[CHAINED] == 1
    resting = phase in (_IS_OFF, _MOVED, _PEDALLED) or (phase == _METERED and tick == 0)
    mask[_END] = resting and row[VOICES] == 0


@compiled
def look_one(row: Table, sounding: NDArray[np.bool_], place: Table) -> None:
    """Write what a model sees of where a row (ROW) stands: sounding (176) and place (6 or more).

    See `Features`.
    """
    sounding[:] = False
    for part in range(_PARTS):
        onsets = row[ONSETS + part * _COUNT : ONSETS + (part + 1) * _COUNT]
        for p in range(_COUNT):
            sounding[p] |= onsets[p] >= 0
    own = row[ONSETS + row[PART] * _COUNT : ONSETS + (row[PART] + 1) * _COUNT]
    for p in range(_COUNT):
        sounding[_COUNT + p] = own[p] >= 0
    here = (row[TICK] - row[BAR_ORIGIN]) % row[BAR_LENGTH]
    place[0] = here % _QUARTER
    place[1] = min(here // _QUARTER, PLACES - 1)
    place[2] = min((row[BAR_LENGTH] - here) // _QUARTER, PLACES - 1)
    place[3], place[4], place[5] = row[PART], row[LOUD + row[PART]], row[PEDAL]

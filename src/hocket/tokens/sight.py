"""What a network sees beside the last event: the automaton's place and what memory recalls, together.

    events -> sounding pitches, place in beat and bar, part, loudness, pedal, and the events recalled

The loops here are what corpus and sampler call. Surprising decision: nothing of it is stored; walking
costs a sixth of a microsecond an event, so a corpus is two bytes an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.tokens import automaton, memory
from hocket.tokens.automaton import SOUNDING, STANDING, Table, advance_one, look_one
from hocket.tokens.memory import LENGTHS, TAPES, Memory, of_rows, recall, remember

PLACE_SIZES = (*STANDING, *(LENGTHS,) * TAPES)
"""How many values there are of each part of a place; the last two say how far recalled places agree."""
FEATURES = SOUNDING + sum(PLACE_SIZES)
"""F, how many numbers say the features of an event: a 0 or 1 for each pitch and value of a place."""

_PLACES = len(PLACE_SIZES)
_SIZES = np.array(PLACE_SIZES)


class Features(NamedTuple):
    """What is known for free after an event; `...` is (B,), (N,) or (B, T).

    `sounding`: bool (..., 176), the 88 pitches that sound in any part, then those of the part of now.
    `place`: int64 (..., 8): tick in the quarter (0-23), quarter of the bar (0-15), whole quarters left
    to the bar line (0-15), part (0-3), its loudness (0: unmarked, else its step + 1), pedal (0-1), and
    how far the places recalled agree (0-13), by events and by moves.
    `recalled`: int64 (..., 2): the events that followed there, `memory.NOTHING` for none.
    """

    sounding: NDArray[np.bool_]
    place: NDArray[np.int64]
    recalled: NDArray[np.int64]


class Walkers(NamedTuple):
    """Where B sequences stand (`automaton`) and what they remember (`memory`)."""

    table: Table
    memory: Memory


def rows_of_features(features: Features, rows: slice) -> Features:
    """Return the features of some of the sequences, as views."""
    sounding, place, recalled = features
    return Features(sounding[rows], place[rows], recalled[rows])


def room(*shape: int) -> Features:
    """Return features to be written."""
    return Features(
        np.empty((*shape, SOUNDING), np.bool_),
        np.empty((*shape, _PLACES), np.int64),
        np.empty((*shape, TAPES), np.int64),
    )


def begin(batch: int, length: int, mind: Memory | None = None) -> Walkers:
    """Return `batch` sequences before their first event, with room to remember so many.

    A `mind`, the memory of one sequence, is what each of them remembers from before.
    """
    table = automaton.blank(batch)
    if mind is None:
        return Walkers(table, memory.blank(batch, length))
    own = of_rows(mind, np.zeros(batch, np.int64))
    return Walkers(table, memory.with_room(own, memory.passed(own) + length))


def see(
    ids: NDArray[np.int64], themes: int = 0, mind: Memory | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return what a model sees and recalls after each of the events (N) of a sequence from its start.

    That is (N, F + M), with room for the weights of the themes (M), which are 0; and (N, 2).
    """
    seen = np.zeros((len(ids), FEATURES + themes), np.float32)
    recalled = np.empty((len(ids), TAPES), np.int64)
    follow(begin(1, len(ids), mind), ids, seen, recalled)
    return seen, recalled


def remembered(sequences: Sequence[NDArray[np.integer]]) -> Memory:
    """Return the memory of one sequence that has heard others (N each), one after the other."""
    walkers = begin(1, max(sum(map(len, sequences)), 1))
    for ids in sequences:
        _hear(walkers, np.asarray(ids, np.int64))
        walkers = walkers._replace(table=automaton.blank(1))
    return walkers.memory


@compiled
def _hear(walkers: Walkers, ids: NDArray[np.int64]) -> None:
    for event in ids:
        pass_by(walkers, 0, event)


def with_room(walkers: Walkers, length: int) -> Walkers:
    """Return walkers with room to remember so many events in all."""
    return walkers._replace(memory=memory.with_room(walkers.memory, length))


def rows_of(walkers: Walkers, rows: slice) -> Walkers:
    """Return some of the sequences, as views: moving them on moves these."""
    past, slots, at = walkers.memory
    return Walkers(walkers.table[rows], Memory(past[rows], slots[rows], at[rows]))


@compiled
def watch(
    walkers: Walkers,
    b: int,
    event: int,
    sounding: NDArray[np.bool_],
    place: NDArray[np.int64],
    recalled: NDArray[np.int64],
) -> None:
    """Move sequence b on by an event, and write its features: (176), (8) and (2)."""
    row, mind = walkers.table[b], walkers.memory
    advance_one(row, event)
    remember(mind.past[b], mind.slots[b], mind.at[b], event)
    look_one(row, sounding, place)
    recall(mind.past[b], mind.at[b], recalled, place[_PLACES - TAPES :])


@compiled
def pass_by(walkers: Walkers, b: int, event: int) -> None:
    """Move sequence b on by an event that nobody looks at."""
    mind = walkers.memory
    advance_one(walkers.table[b], event)
    remember(mind.past[b], mind.slots[b], mind.at[b], event)


@compiled
def observe(
    walkers: Walkers,
    b: int,
    event: int,
    seen: NDArray[np.float32],
    recalled: NDArray[np.int64],
) -> None:
    """Do what `watch` does, but write sounding and place as 0 and 1 into the first F of `seen`."""
    sounding, place = np.empty(SOUNDING, np.bool_), np.empty(_PLACES, np.int64)
    watch(walkers, b, event, sounding, place, recalled)
    for p in range(SOUNDING):
        seen[p] = 1.0 if sounding[p] else 0.0
    seen[SOUNDING:FEATURES] = 0.0
    begin = SOUNDING
    for part in range(_PLACES):
        seen[begin + place[part]] = 1.0
        begin += _SIZES[part]


@compiled
def follow(
    walkers: Walkers,
    ids: NDArray[np.int64],
    seen: NDArray[np.float32],
    recalled: NDArray[np.int64],
) -> None:
    """Move the first sequence along ids (N); write `seen` (N, F or more) and `recalled` (N, 2)."""
    for n in range(len(ids)):
        observe(walkers, 0, ids[n], seen[n], recalled[n])

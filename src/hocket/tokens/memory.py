"""What a sequence remembers of its own past: where the last events stood before, and what came then.

It is kept twice, as events and as moves: pitches counted from the pitch before, so that a phrase is
known again in any transposition. Where the last few events stood before, the latest time, is recalled,
and followed for as long as it goes on alike. The network is told the event that came there next, and
how far the two places agree; so a phrase can return after any time, which an LSTM alone forgets.
Surprising decision: this is a match model as compressors have it (Mahoney, "Adaptive weighing
of context models for lossless data compression", 2005), and the network learns how far to trust it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.tokens.vocab import PITCHES, VOCAB

TAPES = 2
"""Events, and moves."""
CONTEXTS = np.array([4, 8])
"""So many in a row must agree on each tape for a place to be recalled."""
LENGTHS = 14
"""Into so many steps falls how far two places agree: 0, 1, then two steps for each doubling."""
NOTHING = len(VOCAB)
"""What is recalled where nothing is: an id beyond the vocabulary."""

_SLOTS = 1 << 14
_LONGEST = 96
_MULTIPLIER = np.uint32(0x9E3779B1)
_STEPS = np.array([0, *(min(int(2 * np.log2(n)) + 1, LENGTHS - 1) for n in range(1, _LONGEST + 1))])
_COUNT = len(PITCHES)
_FIRST = np.array([VOCAB.families[name].start for name in ("NOTE_OFF", "NOTE_ON")])
_MOVES = np.array([1024, 2048])
"""A move of a NOTE_OFF and of a NOTE_ON by 0 semitones."""
_MIDDLE = _COUNT // 2
_HOW_MANY, _LAST_PITCH, _PLACE, _AGREED = 0, 1, 2, 4


class Memory(NamedTuple):
    """The past of B sequences."""

    past: NDArray[np.uint16]
    """(B, 2, L): events and moves so far, with room for more."""
    slots: NDArray[np.int32]
    """(B, 2, 16384): hash of a context to the place after its last time; 0 for none."""
    at: NDArray[np.int64]
    """(B, 6): how many events there were, the last pitch, then for both tapes the place recalled (-1:
    none), then how far they agree."""


def blank(batch: int, room: int) -> Memory:
    """Return the memory of `batch` sequences before their first event, with room for so many."""
    at = np.zeros((batch, _AGREED + TAPES), np.int64)
    at[:, _LAST_PITCH] = _MIDDLE
    at[:, _PLACE : _PLACE + TAPES] = -1
    past = np.zeros((batch, TAPES, room), np.uint16)
    return Memory(past, np.zeros((batch, TAPES, _SLOTS), np.int32), at)


def passed(memory: Memory) -> int:
    """Return how many events the sequence that heard most has heard."""
    return int(memory.at[:, _HOW_MANY].max(initial=0))


def with_room(memory: Memory, length: int) -> Memory:
    """Return a memory with room for so many events in all, itself if it has it."""
    room = memory.past.shape[2]
    if length <= room:
        return memory
    more = max(length, 2 * room) - room
    return memory._replace(past=np.pad(memory.past, ((0, 0), (0, 0), (0, more))))


def of_rows(memory: Memory, which: NDArray[np.int64]) -> Memory:
    """Return the memory of some of the sequences: a copy."""
    return Memory(memory.past[which], memory.slots[which], memory.at[which])


@compiled
def remember(
    past: NDArray[np.uint16], slots: NDArray[np.int32], at: NDArray[np.int64], event: int
) -> None:
    """Add an event to one sequence's memory, and find what is recalled now."""
    symbols = np.full(TAPES, event)
    for k in range(len(_FIRST)):
        if _FIRST[k] <= event < _FIRST[k] + _COUNT:
            pitch = event - _FIRST[k]
            symbols[1] = _MOVES[k] + pitch - at[_LAST_PITCH]
            at[_LAST_PITCH] = pitch
    for tape, symbol in enumerate(symbols):
        place = at[_PLACE + tape]
        if place >= 0 and past[tape, place] == symbol:
            at[_PLACE + tape] = place + 1
            at[_AGREED + tape] = min(at[_AGREED + tape] + 1, _LONGEST)
        else:
            at[_PLACE + tape], at[_AGREED + tape] = -1, 0
        past[tape, at[_HOW_MANY]] = symbol
    at[_HOW_MANY] += 1
    for tape in range(TAPES):
        if at[_HOW_MANY] >= CONTEXTS[tape]:
            _find(past[tape], slots[tape], at, tape)


@compiled
def _find(
    symbols: NDArray[np.uint16], slots: NDArray[np.int32], at: NDArray[np.int64], tape: int
) -> None:
    """Note where this context ends, after looking where it ended before."""
    count, context = at[_HOW_MANY], CONTEXTS[tape]
    mixed = np.uint32(0)
    for n in range(count - context, count):
        mixed = np.uint32((mixed ^ np.uint32(symbols[n])) * _MULTIPLIER)
        mixed ^= mixed >> np.uint32(15)
    slot = mixed & np.uint32(_SLOTS - 1)
    before = slots[slot]
    slots[slot] = count
    if at[_PLACE + tape] >= 0 or before == 0:
        return
    agreed = 0
    while (
        agreed < min(before, _LONGEST)
        and symbols[before - 1 - agreed] == symbols[count - 1 - agreed]
    ):
        agreed += 1
    if agreed >= context:
        at[_PLACE + tape], at[_AGREED + tape] = before, agreed


@compiled
def recall(
    past: NDArray[np.uint16],
    at: NDArray[np.int64],
    events: NDArray[np.int64],
    agreed: NDArray[np.int64],
) -> None:
    """Write the event that each tape recalls, or `NOTHING`, and the step of how far it agrees, (2)."""
    for tape in range(TAPES):
        place = at[_PLACE + tape]
        events[tape], agreed[tape] = NOTHING, 0
        if place < 0:
            continue
        symbol = int(past[tape, place])
        for k in range(len(_FIRST)):
            if tape == 1 and abs(symbol - _MOVES[k]) < _COUNT:
                pitch = at[_LAST_PITCH] + symbol - _MOVES[k]
                symbol = _FIRST[k] + pitch if 0 <= pitch < _COUNT else NOTHING
        if symbol != NOTHING:
            events[tape], agreed[tape] = symbol, _STEPS[at[_AGREED + tape]]

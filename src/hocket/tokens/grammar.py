"""Which event may follow which: one automaton, stepped for a whole batch at once.

It serves the mask of legal next events, the features the network sees beside the event, and the
check of decoded sequences. Canonical order inside an instant, enforced by the mask:

    [METER]  NOTE_OFF ascending  NOTE_ON ascending  then DUR (or END)

Surprising decision: NOTE_ON of a sounding pitch is a re-attack, it ends the old note and starts a new
one; NOTE_OFF p and NOTE_ON p in one instant would say the same with two events, so the mask forbids it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hocket.errors import TokenError
from hocket.music import TICKS_PER_QUARTER, Piece
from hocket.tokens import events
from hocket.tokens.vocab import BAR_TICKS, LONGEST_STEP, PITCHES, VOCAB, Vocab

MAX_POLYPHONY = events.MAX_POLYPHONY
PLACES = 16
"""Quarters of a bar that the features tell apart; later ones count as the last."""
PLACE_SIZES = (TICKS_PER_QUARTER, PLACES, PLACES)
"""How many values each part of a place has."""

_PITCH_COUNT = len(PITCHES)
_OFF = VOCAB.families["NOTE_OFF"]
_ON = VOCAB.families["NOTE_ON"]
_DUR = VOCAB.families["DUR"]
_METER = VOCAB.families["METER"]
_START = VOCAB.id("START")
_END = VOCAB.id("END")
_BAR_TICKS = np.array(BAR_TICKS)
_PITCH_INDEX = np.arange(_PITCH_COUNT)


class Phase(IntEnum):
    """Where inside an instant a sequence stands: the kind of its last event."""

    BLANK = 0
    STARTED = 1
    METERED = 2
    OFF = 3
    ON = 4
    MOVED = 5
    ENDED = 6


class Features(NamedTuple):
    """What the automaton knows for free after an event; `...` is (B,) or (N,).

    `sounding`: bool (..., 88), the pitches that sound now.
    `place`: int64 (..., 3): tick in the quarter (0-23), quarter of the bar (0-15) and whole quarters
    left to the bar line (0-15).
    """

    sounding: NDArray[np.bool_]
    place: NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """Where B sequences stand; arrays (B) unless said otherwise. Times in ticks."""

    phase: NDArray[np.int64]
    tick: NDArray[np.int64]
    bar_origin: NDArray[np.int64]
    bar_ticks: NDArray[np.int64]
    last_pitch: NDArray[np.int64]
    chained: NDArray[np.bool_]
    onset: NDArray[np.int64]
    """(B, 88): the tick at which a sounding pitch was struck, -1 where it is silent."""
    ended: NDArray[np.bool_]
    """(B, 88): pitches whose note was ended in this instant."""

    def __len__(self) -> int:
        return len(self.phase)

    @property
    def sounding(self) -> NDArray[np.bool_]:
        """(B, 88): which pitches sound now."""
        return self.onset >= 0


class Grammar(Protocol):
    """How pieces are said in events."""

    vocab: Vocab

    def encode(self, piece: Piece) -> NDArray[np.uint16]:
        """Return the ids (N) that say `simplify(piece)`."""

    def decode(self, ids: NDArray[np.integer]) -> Piece:
        """Return the piece that the ids say; raises `TokenError` if they break the grammar."""

    def simplify(self, piece: Piece) -> Piece:
        """Return what this grammar can say of a piece."""

    def start(self, batch: int) -> State:
        """Return the state before the first event of `batch` sequences."""

    def step(self, state: State, ids: NDArray[np.integer]) -> State:
        """Return the state after one event each, ids (B)."""

    def allowed(self, state: State) -> NDArray[np.bool_]:
        """Return which events may come next, (B, V)."""

    def features(self, state: State) -> Features:
        """Return what the network sees beside the last event."""

    def trace(self, ids: NDArray[np.integer]) -> Features:
        """Return the features after each of the events (N) of one sequence, all at once."""


class NoteGrammar:
    """The grammar of START, METER, NOTE_OFF, NOTE_ON, DUR and END."""

    vocab: Vocab = VOCAB
    encode = staticmethod(events.encode)
    decode = staticmethod(events.decode)
    simplify = staticmethod(events.simplify)

    def start(self, batch: int) -> State:
        """Return the state before the first event of `batch` sequences."""
        zeros = np.zeros(batch, np.int64)
        return State(
            phase=zeros + Phase.BLANK,
            tick=zeros,
            bar_origin=zeros,
            bar_ticks=zeros + 4 * TICKS_PER_QUARTER,
            last_pitch=zeros - 1,
            chained=zeros > 0,
            onset=np.full((batch, _PITCH_COUNT), -1),
            ended=np.zeros((batch, _PITCH_COUNT), np.bool_),
        )

    def step(self, state: State, ids: NDArray[np.integer]) -> State:
        """Return the state after one event each, ids (B); trusts that they were allowed."""
        ids = np.asarray(ids, np.int64)
        rows = np.arange(len(ids))
        is_off, is_on, is_dur, is_meter = (_within(ids, f) for f in (_OFF, _ON, _DUR, _METER))
        tick = state.tick + events.waits(ids)
        pitch = np.where(is_on, ids - _ON.start, np.where(is_off, ids - _OFF.start, -1))
        onset, ended = state.onset.copy(), np.where(is_dur[:, None], False, state.ended)
        off_rows, on_rows = rows[is_off], rows[is_on]
        onset[off_rows, pitch[is_off]] = -1
        ended[off_rows, pitch[is_off]] = True
        onset[on_rows, pitch[is_on]] = tick[is_on]
        phase = np.select(
            (is_dur, is_on, is_off, is_meter, ids == _START),
            (Phase.MOVED, Phase.ON, Phase.OFF, Phase.METERED, Phase.STARTED),
            Phase.ENDED,
        )
        bar_ticks = _BAR_TICKS[np.where(is_meter, ids - _METER.start, 0)]
        return State(
            phase=phase,
            tick=tick,
            bar_origin=np.where(is_meter, tick, state.bar_origin),
            bar_ticks=np.where(is_meter, bar_ticks, state.bar_ticks),
            last_pitch=pitch,
            chained=ids == _DUR.stop - 1,
            onset=onset,
            ended=ended,
        )

    def allowed(self, state: State) -> NDArray[np.bool_]:
        """Return which events may come next, (B, V): at least one, until END."""
        phase = state.phase[:, None]
        sounding = state.sounding
        inside = (phase >= Phase.METERED) & (phase <= Phase.MOVED)
        above = state.last_pitch[:, None] < _PITCH_INDEX
        older = sounding & (state.onset < state.tick[:, None])
        room = sounding | (sounding.sum(1, keepdims=True) < MAX_POLYPHONY)
        mask = np.zeros((len(state), len(VOCAB)), np.bool_)
        mask[:, _START] = state.phase == Phase.BLANK
        mask[:, _METER.start : _METER.stop] = (phase == Phase.STARTED) | (phase == Phase.MOVED)
        mask[:, _OFF.start : _OFF.stop] = (
            inside & (phase != Phase.ON) & older & (above | (phase != Phase.OFF))
        )
        mask[:, _ON.start : _ON.stop] = inside & ~state.ended & room & (above | (phase != Phase.ON))
        mask[:, _DUR.start : _DUR.stop] = inside & ((phase != Phase.MOVED) | state.chained[:, None])
        resting = (
            (state.phase == Phase.OFF)
            | (state.phase == Phase.MOVED)
            | ((state.phase == Phase.METERED) & (state.tick == 0))
        )
        mask[:, _END] = resting & ~sounding.any(1)
        return mask

    def features(self, state: State) -> Features:
        """Return what the network sees beside the last event."""
        return Features(state.sounding, _place(state.tick - state.bar_origin, state.bar_ticks))

    def trace(self, ids: NDArray[np.integer]) -> Features:
        """Return the features after each of the events (N) of one sequence, all at once."""
        ids = ids.astype(np.int64)
        index = np.arange(len(ids))
        tick = np.cumsum(events.waits(ids))
        last_meter = np.maximum.accumulate(np.where(_within(ids, _METER), index, -1))
        metered = last_meter >= 0
        origin = np.where(metered, tick[last_meter], 0)
        bar_ticks = np.where(
            metered,
            _BAR_TICKS[np.where(metered, ids[last_meter] - _METER.start, 0)],
            4 * TICKS_PER_QUARTER,
        )
        last_on, last_off = (
            np.maximum.accumulate(
                np.where(ids[:, None] == family.start + _PITCH_INDEX, index[:, None], -1), axis=0
            )
            for family in (_ON, _OFF)
        )
        return Features(last_on > last_off, _place(tick - origin, bar_ticks))


def check_walk(grammar: Grammar, ids: NDArray[np.integer]) -> None:
    """Raise `TokenError` at the first event that the grammar does not allow."""
    state = grammar.start(1)
    for position, event in enumerate(ids):
        if not grammar.allowed(state)[0, int(event)]:
            name = grammar.vocab.names[int(event)]
            raise TokenError(f"event {position}, {name}, is not allowed there; see docs/design.md")
        state = grammar.step(state, np.array([event]))


def _within(ids: NDArray[np.integer], family: range) -> NDArray[np.bool_]:
    return (ids >= family.start) & (ids < family.stop)


def _place(tick_in_bar: NDArray[np.int64], bar_ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    tick_in_bar = tick_in_bar % bar_ticks
    quarter, tick = np.divmod(tick_in_bar, TICKS_PER_QUARTER)
    left = (bar_ticks - tick_in_bar) // TICKS_PER_QUARTER
    return np.stack((tick, np.minimum(quarter, PLACES - 1), np.minimum(left, PLACES - 1)), axis=-1)


assert len(_DUR) == LONGEST_STEP

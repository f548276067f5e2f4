"""Which event may follow which: one automaton, stepped for a whole batch at once.

It serves the mask of legal next events, the features the network sees beside the event, and the
check of decoded sequences. Canonical order inside an instant, enforced by the mask:

    [METER]  NOTE_OFF ascending  NOTE_ON ascending  then DUR (or END)

Surprising decision: NOTE_ON of a sounding pitch is a re-attack, it ends the old note and starts a new
one; NOTE_OFF p and NOTE_ON p in one instant would say the same with two events, so the mask forbids it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hocket.errors import TokenError
from hocket.music import Piece
from hocket.tokens import automaton, events
from hocket.tokens.automaton import (
    BAR_LENGTH,
    BAR_ORIGIN,
    ONSETS,
    PHASE,
    PLACE_SIZES,
    TICK,
    Phase,
)
from hocket.tokens.vocab import PITCHES, VOCAB, Vocab

__all__ = ["PLACE_SIZES", "Features", "Grammar", "NoteGrammar", "Phase", "State", "check_walk"]


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
    """Where B sequences stand; columns (B) unless said otherwise. Times in ticks."""

    table: NDArray[np.int64]
    """(B, 94): see `tokens.automaton`."""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def phase(self) -> NDArray[np.int64]:
        """The kind of the last event, a `Phase`."""
        return self.table[:, PHASE]

    @property
    def tick(self) -> NDArray[np.int64]:
        """The time come to."""
        return self.table[:, TICK]

    @property
    def bar_origin(self) -> NDArray[np.int64]:
        """The tick from which bars count."""
        return self.table[:, BAR_ORIGIN]

    @property
    def bar_ticks(self) -> NDArray[np.int64]:
        """The length of a bar."""
        return self.table[:, BAR_LENGTH]

    @property
    def onset(self) -> NDArray[np.int64]:
        """(B, 88): the tick at which a sounding pitch was struck, negative where it is silent."""
        return self.table[:, ONSETS:]

    @property
    def sounding(self) -> NDArray[np.bool_]:
        """(B, 88): which pitches sound now."""
        return np.asarray(self.onset >= 0)


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

    def see(self, ids: NDArray[np.integer], seen: NDArray[np.float32]) -> None:
        """Write the features after each event (N) as 0 and 1 into `seen`, (N, F or more)."""


class NoteGrammar:
    """The grammar of START, METER, NOTE_OFF, NOTE_ON, DUR and END."""

    vocab: Vocab = VOCAB
    encode = staticmethod(events.encode)
    decode = staticmethod(events.decode)
    simplify = staticmethod(events.simplify)

    def start(self, batch: int) -> State:
        """Return the state before the first event of `batch` sequences."""
        return State(automaton.blank(batch))

    def step(self, state: State, ids: NDArray[np.integer]) -> State:
        """Return the state after one event each, ids (B); trusts that they were allowed."""
        table = state.table.copy()
        automaton.advance(table, np.asarray(ids, np.int64))
        return State(table)

    def allowed(self, state: State) -> NDArray[np.bool_]:
        """Return which events may come next, (B, V): at least one, until END."""
        mask = np.empty((len(state), len(VOCAB)), np.bool_)
        automaton.allow(state.table, mask)
        return mask

    def features(self, state: State) -> Features:
        """Return what the network sees beside the last event."""
        features = _room(len(state))
        automaton.look(state.table, *features)
        return features

    def trace(self, ids: NDArray[np.integer]) -> Features:
        """Return the features after each of the events (N) of one sequence, all at once."""
        features = _room(len(ids))
        automaton.walk(automaton.blank(1)[0], np.asarray(ids, np.int64), *features)
        return features

    def see(self, ids: NDArray[np.integer], seen: NDArray[np.float32]) -> None:
        """Write the features after each event (N) as 0 and 1 into `seen`, (N, F or more)."""
        automaton.follow(automaton.blank(1)[0], np.asarray(ids, np.int64), seen)


def check_walk(grammar: Grammar, ids: NDArray[np.integer]) -> None:
    """Raise `TokenError` at the first event that the grammar does not allow."""
    state = grammar.start(1)
    for position, event in enumerate(ids):
        if not grammar.allowed(state)[0, int(event)]:
            name = grammar.vocab.names[int(event)]
            raise TokenError(f"event {position}, {name}, is not allowed there; see docs/design.md")
        state = grammar.step(state, np.array([event]))


def _room(count: int) -> Features:
    return Features(np.empty((count, len(PITCHES)), np.bool_), np.empty((count, 3), np.int64))

"""Which event may follow which: one automaton, stepped for a whole batch at once.

It serves the mask of legal next events and the check of decoded sequences. Canonical order inside an
instant, enforced by the mask:

    [METER] [PEDAL]  then for each part  [PART]  NOTE_OFF ascending  [VEL] NOTE_ON ascending
    then DUR (or END)

Events are of the first part until a PART says another; each instant begins with the first part again.
VEL holds for all later notes of its part. Surprising decision: NOTE_ON of a sounding pitch is a
re-attack, it ends the old note and starts a new one; NOTE_OFF p and NOTE_ON p of a part in one instant
would say the same with two events, so the mask forbids it. PEDAL DOWN of a pressed pedal lifts it and
presses it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hocket.errors import TokenError
from hocket.music import Piece
from hocket.tokens import automaton, events
from hocket.tokens.automaton import (
    BAR_LENGTH,
    BAR_ORIGIN,
    PHASE,
    TICK,
    Phase,
)
from hocket.tokens.vocab import VOCAB, Vocab

__all__ = ["Grammar", "NoteGrammar", "Phase", "State", "check_walk"]


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """Where B sequences stand; columns (B) unless said otherwise. Times in ticks."""

    table: NDArray[np.int64]
    """(B, 367): see `tokens.automaton`."""

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


class NoteGrammar:
    """The grammar of notes in parts, their loudness, metre and pedal."""

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


def check_walk(grammar: Grammar, ids: NDArray[np.integer]) -> None:
    """Raise `TokenError` at the first event that the grammar does not allow."""
    state = grammar.start(1)
    for position, event in enumerate(ids):
        if not grammar.allowed(state)[0, int(event)]:
            name = grammar.vocab.names[int(event)]
            raise TokenError(f"event {position}, {name}, is not allowed there; see docs/design.md")
        state = grammar.step(state, np.array([event]))

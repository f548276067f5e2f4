"""Laws of the automaton: no walk through the mask breaks the grammar or gets stuck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.errors import TokenError
from hocket.music import Piece
from hocket.music.parts import MOST_PARTS
from hocket.tokens import GRAMMAR, VOCAB, State, decode, encode, simplify
from hocket.tokens.automaton import ONSETS, PART, PEDAL, VOICES, Phase
from hocket.tokens.grammar import check_walk
from hocket.tokens.vocab import MAX_POLYPHONY, PITCHES
from pieces import depth, pieces


def random_walk(
    rng: np.random.Generator, batch: int, steps: int, ringing: int = 0
) -> tuple[np.ndarray, State]:
    """Walk through the mask with random logits, END only where nothing else is left.

    `ringing` makes NOTE_OFFs so much rarer, in nats, and events of a part more frequent.
    """
    state = GRAMMAR.start(batch)
    ids = np.zeros((batch, steps), np.int64)
    off, part = VOCAB.families["NOTE_OFF"], VOCAB.families["PART"]
    for t in range(steps):
        allowed = GRAMMAR.allowed(state)
        alive = state.phase != Phase.ENDED
        assert allowed[alive].any(1).all()
        assert not allowed[~alive].any()
        scores = np.where(allowed, rng.gumbel(size=allowed.shape), -np.inf)
        scores[:, VOCAB.id("END")] -= 100
        scores[:, off.start : off.stop] -= ringing
        scores[:, part.start : part.stop] -= ringing
        ids[:, t] = scores.argmax(1)
        state = GRAMMAR.step(state, ids[:, t])
    return ids, state


def sounding(state: State) -> np.ndarray:
    """Return which pitches sound in each part, (B, 4, 88)."""
    return state.table[:, ONSETS:].reshape(-1, MOST_PARTS, len(PITCHES)) >= 0


@pytest.mark.parametrize("ringing", [0, 6])
def test_random_walks_decode_to_valid_pieces(ringing: int) -> None:
    ids, state = random_walk(np.random.default_rng(ringing), batch=12, steps=500, ringing=ringing)
    deepest = 0
    for row, parts in zip(ids, sounding(state), strict=True):
        piece = decode(row)
        assert len(piece.notes) > 20
        assert all(note.duration > 0 for note in piece.notes)
        assert decode(encode(piece)) == simplify(piece)
        deepest = max(deepest, *(depth(piece, part) for part in range(MOST_PARTS)))
        assert parts.sum(1).max() <= MAX_POLYPHONY
    assert (state.table[:, VOICES] == sounding(state).sum((1, 2))).all()
    assert deepest <= MAX_POLYPHONY
    if ringing:
        assert deepest == MAX_POLYPHONY
    else:
        said = {family for family, events in VOCAB.families.items() if np.isin(ids, events).any()}
        assert said == VOCAB.families.keys() - {"END"}


@given(st.integers(0, 2**32), st.integers(2, 60))
@settings(max_examples=30)
def test_a_walk_may_stop_anywhere(rng: int, stop: int) -> None:
    ids, _ = random_walk(np.random.default_rng(rng), batch=1, steps=stop)
    piece = decode(ids[0])
    check_walk(GRAMMAR, ids[0])
    assert decode(encode(piece)) == simplify(piece)


@given(st.integers(0, 2**32), st.sampled_from((0, 4)))
@settings(max_examples=20)
def test_every_walk_can_be_ended(rng: int, ringing: int) -> None:
    """By NOTE_OFFs, the PARTs that lead to them, and END, after as long as it takes."""
    ids, state = random_walk(np.random.default_rng(rng), batch=1, steps=60, ringing=ringing)
    before = decode(ids[0])
    closing: list[int] = []
    while state.phase[0] != Phase.ENDED:
        assert len(closing) < 200
        allowed, parts = GRAMMAR.allowed(state)[0], sounding(state)[0].any(1)
        here = state.table[0, PART]
        turns = [e for i, e in enumerate(VOCAB.families["PART"], 1) if i > here and parts[i]]
        wishes = (
            VOCAB.id("END"),
            *VOCAB.families["NOTE_OFF"],
            *turns,
            VOCAB.id("DUR 6"),
            *VOCAB.families["METER"],
            *VOCAB.families["NOTE_ON"],
        )
        closing.append(next(i for i in wishes if allowed[i]))
        state = GRAMMAR.step(state, np.array([closing[-1]]))
    piece = decode(np.concatenate((ids[0], closing)))
    assert piece.end >= before.end
    assert decode(encode(piece)) == simplify(piece)


def test_a_batch_steps_each_row_as_if_alone() -> None:
    rows, _ = random_walk(np.random.default_rng(1), batch=4, steps=80)
    together = GRAMMAR.start(4)
    alone = [GRAMMAR.start(1) for _ in range(4)]
    for t in range(80):
        together = GRAMMAR.step(together, rows[:, t])
        alone = [GRAMMAR.step(s, rows[r : r + 1, t]) for r, s in enumerate(alone)]
        mask = GRAMMAR.allowed(together)
        for r, s in enumerate(alone):
            assert (mask[r] == GRAMMAR.allowed(s)[0]).all()


@given(pieces())
def test_the_automaton_knows_what_sounds_and_where_the_pedal_is(piece: Piece) -> None:
    ids, state = encode(piece), GRAMMAR.start(1)
    said = decode(ids)
    for event in ids:
        if event in VOCAB.families["DUR"] or event == VOCAB.id("END"):
            now = int(state.tick[0])
            expected = np.zeros((MOST_PARTS, len(PITCHES)), bool)
            for note in said.notes:
                expected[note.part, note.pitch - PITCHES[0]] |= note.start <= now < note.end
            assert (sounding(state)[0] == expected).all()
            down = [pedal.down for pedal in said.pedals if pedal.tick <= now]
            assert state.table[0, PEDAL] == (down[-1] if down else 0)
        state = GRAMMAR.step(state, np.array([event]))


def test_an_instant_has_one_order() -> None:
    """Each of these says in another order, or twice, what can be said in one way only."""
    begin = "START,METER 4/4,VEL 96,NOTE_ON 60,PART 1,NOTE_ON 50,DUR 24"
    check_walk(GRAMMAR, ids_of(begin))
    for broken in (
        "START,PEDAL DOWN",
        "START,METER 4/4,PEDAL UP",
        "START,METER 4/4,PEDAL DOWN,PEDAL DOWN",
        "START,METER 4/4,NOTE_ON 60,PEDAL DOWN",
        "START,METER 4/4,VEL 96,VEL 86",
        "START,METER 4/4,VEL 96,DUR 1",
        "START,METER 4/4,PART 1,DUR 1",
        "START,METER 4/4,PART 2,PART 1",
        "START,METER 4/4,PART 1,PART 2",
        "START,METER 4/4,NOTE_ON 60,NOTE_ON 59",
        f"{begin},VEL 96",
        f"{begin},NOTE_OFF 50",
        f"{begin},NOTE_ON 64,NOTE_OFF 60",
        f"{begin},NOTE_OFF 60,NOTE_ON 60",
        f"{begin},PART 1,NOTE_OFF 50,NOTE_ON 50",
        f"{begin},NOTE_OFF 60,END",
        f"{begin},DUR 24",
    ):
        with pytest.raises(TokenError, match="not allowed there"):
            check_walk(GRAMMAR, ids_of(broken))


def ids_of(names: str) -> np.ndarray:
    return np.array([VOCAB.id(name) for name in names.split(",")])

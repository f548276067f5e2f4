"""Laws of the grammar: nothing is lost on the way, and no walk through the mask breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.errors import TokenError
from hocket.music import Meter, Note, Piece
from hocket.tokens import GRAMMAR, VOCAB, decode, encode, simplify, text
from hocket.tokens.grammar import Phase, State, check_walk
from hocket.tokens.vocab import MAX_POLYPHONY

notes = st.builds(
    Note,
    start=st.integers(0, 400),
    duration=st.integers(1, 200),
    pitch=st.integers(0, 127),
    velocity=st.integers(1, 127),
    part=st.integers(0, 2),
)
meters = st.builds(
    Meter, st.integers(0, 500), st.integers(1, 20), st.sampled_from((1, 2, 4, 8, 16, 32))
)
pieces = st.builds(
    lambda some_notes, some_meters: Piece.of(some_notes, meters=some_meters),
    st.lists(notes, max_size=60),
    st.lists(meters, max_size=3),
)


@given(pieces)
def test_decode_of_encode_is_simplify(piece: Piece) -> None:
    assert decode(encode(piece)) == simplify(piece)


@given(pieces)
def test_simplify_twice_is_once(piece: Piece) -> None:
    assert simplify(simplify(piece)) == simplify(piece)


@given(pieces)
def test_encoded_pieces_walk_inside_the_mask(piece: Piece) -> None:
    check_walk(GRAMMAR, encode(piece))


@given(pieces)
def test_trace_equals_the_automaton_step_by_step(piece: Piece) -> None:
    ids = encode(piece)
    traced = GRAMMAR.trace(ids)
    state = GRAMMAR.start(1)
    for i, event in enumerate(ids):
        state = GRAMMAR.step(state, np.array([event]))
        stepped = GRAMMAR.features(state)
        assert (traced.sounding[i] == stepped.sounding[0]).all()
        assert (traced.place[i] == stepped.place[0]).all()


def random_walk(rng: np.random.Generator, batch: int, steps: int) -> tuple[np.ndarray, State]:
    """Walk through the mask with random logits, END only where nothing else is left."""
    state = GRAMMAR.start(batch)
    ids = np.zeros((batch, steps), np.int64)
    for t in range(steps):
        allowed = GRAMMAR.allowed(state)
        alive = state.phase != Phase.ENDED
        assert allowed[alive].any(1).all()
        assert not allowed[~alive].any()
        scores = np.where(allowed, rng.gumbel(size=allowed.shape), -np.inf)
        scores[:, VOCAB.id("END")] -= 100
        # make notes ring on, so that the bound on polyphony is met
        off = VOCAB.families["NOTE_OFF"]
        scores[:, off.start : off.stop] -= 3 * (t % 200 < 150)
        ids[:, t] = scores.argmax(1)
        state = GRAMMAR.step(state, ids[:, t])
    return ids, state


def test_random_walks_decode_to_valid_pieces() -> None:
    rng = np.random.default_rng(0)
    ids, _ = random_walk(rng, batch=16, steps=400)
    deepest = 0
    for row in ids:
        piece = decode(row)
        assert len(piece.notes) > 20
        assert all(note.duration > 0 for note in piece.notes)
        assert simplify(piece) == piece
        for note in piece.notes:
            depth = sum(n.start <= note.start < n.end for n in piece.notes)
            deepest = max(deepest, depth)
    assert deepest == MAX_POLYPHONY


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_a_walk_closed_by_offs_and_end_says_its_piece_again(rng_seed: int) -> None:
    ids, state = random_walk(np.random.default_rng(rng_seed), batch=1, steps=60)
    closing = []
    while state.phase[0] != Phase.ENDED:
        allowed = GRAMMAR.allowed(state)[0]
        wishes = (
            VOCAB.id("END"),
            *VOCAB.families["NOTE_OFF"],
            VOCAB.id("DUR 6"),
            *VOCAB.families["METER"],
        )
        closing.append(next(i for i in wishes if allowed[i]))
        state = GRAMMAR.step(state, np.array([closing[-1]]))
    piece = decode(np.concatenate((ids[0], closing)))
    assert decode(encode(piece)) == piece


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


def test_striking_a_sounding_pitch_again_is_one_event() -> None:
    piece = Piece.of([Note(0, 24, 60), Note(24, 24, 60)])
    assert [VOCAB.names[i] for i in encode(piece)] == [
        "START",
        "METER 4/4",
        "NOTE_ON 60",
        "DUR 24",
        "NOTE_ON 60",
        "DUR 24",
        "NOTE_OFF 60",
        "END",
    ]


def test_text_shows_bar_tick_and_events() -> None:
    piece = Piece.of([Note(0, 72, 60), Note(72, 60, 64)], meters=[Meter(0, 3, 4)])
    assert text(encode(piece)).splitlines() == [
        "   1:0   START  METER 3/4  NOTE_ON 60  DUR 48",
        "   1:48  DUR 24",
        "   2:0   NOTE_OFF 60  NOTE_ON 64  DUR 48",
        "   2:48  DUR 12",
        "   2:60  NOTE_OFF 64  END",
    ]


def test_simplify_says_what_survives() -> None:
    loud = Piece.of(
        [Note(0, 24, 5, 120, 1), Note(0, 48, 62), Note(0, 12, 62, part=1), Note(24, 24, 62)],
        meters=[Meter(0, 8, 4), Meter(96, 4, 1), Meter(480, 3, 4)],
    )
    assert simplify(loud) == Piece.of(
        [Note(0, 24, 29), Note(0, 24, 62), Note(24, 24, 62)], meters=[Meter(0, 8, 4)]
    )


def test_a_cluster_keeps_its_outer_notes() -> None:
    cluster = simplify(Piece.of(Note(0, 24, 30 + i) for i in range(30)))
    pitches = [note.pitch for note in cluster.notes]
    assert pitches == [*range(30, 40), *range(50, 60)]


@pytest.mark.parametrize(
    "names",
    [
        ["START", "METER 4/4", "NOTE_OFF 60"],
        ["START", "METER 4/4", "NOTE_ON 60", "NOTE_OFF 60"],
        ["START", "START"],
        ["END", "START"],
    ],
)
def test_broken_sequences_are_refused(names: list[str]) -> None:
    ids = np.array([VOCAB.id(name) for name in names])
    with pytest.raises(TokenError):
        decode(ids)


def test_fingerprint_and_families_stand_still() -> None:
    assert VOCAB.fingerprint == "818830193fd736af"
    assert VOCAB.families["NOTE_ON"][0] == VOCAB.id("NOTE_ON 21")
    assert "NOTE_ON" in str(VOCAB)
    with pytest.raises(TokenError, match="NOTE_UP"):
        VOCAB.id("NOTE_UP 3")

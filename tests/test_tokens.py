"""Laws of encoding: nothing is lost on the way, and pieces are said in one way only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import TokenError
from hocket.music import DEFAULT_VELOCITY, Meter, Note, Part, Pedal, Piece
from hocket.music.parts import MOST_PARTS
from hocket.tokens import GRAMMAR, VOCAB, Vocab, decode, encode, simplify, text
from hocket.tokens.grammar import check_walk
from hocket.tokens.vocab import LOUDNESSES, MAX_POLYPHONY
from pieces import crowded, depth, notes, pieces

any_piece = st.one_of(pieces(), pieces(crowded, 120))


@given(any_piece)
def test_decode_of_encode_is_simplify(piece: Piece) -> None:
    assert decode(encode(piece)) == simplify(piece)


@given(any_piece)
def test_simplify_twice_is_once(piece: Piece) -> None:
    assert simplify(simplify(piece)) == simplify(piece)


@given(any_piece)
def test_encoded_pieces_walk_inside_the_mask(piece: Piece) -> None:
    check_walk(GRAMMAR, encode(piece))


@given(any_piece)
def test_what_is_said_keeps_to_the_bounds(piece: Piece) -> None:
    said = simplify(piece)
    assert depth(said) <= MAX_POLYPHONY
    assert len(said.parts) <= MOST_PARTS
    assert said.notes == () or {n.part for n in said.notes} == set(range(len(said.parts)))
    assert all(pedal.tick < said.end for pedal in said.pedals)


@given(
    st.lists(notes, min_size=1, max_size=8, unique_by=lambda note: (note.start, note.pitch % 12))
)
def test_velocities_become_their_steps(some: list[Note]) -> None:
    """A step is at most 5 away, beyond the outermost more; one step alone is no marking."""
    given = [note._replace(duration=1, part=0) for note in some]
    said = simplify(Piece.of(given)).notes
    if len({note.velocity for note in said}) == 1:
        assert {note.velocity for note in said} == {DEFAULT_VELOCITY}
        return
    assert {note.velocity for note in said} <= set(LOUDNESSES)
    wanted = {(note.start, note.pitch % 12): note.velocity for note in given}
    for note in said:
        nearest = min(max(wanted[note.start, note.pitch % 12], LOUDNESSES[0]), LOUDNESSES[-1])
        assert abs(note.velocity - nearest) <= 5


@given(any_piece, st.integers(1, 127))
def test_a_piece_of_one_velocity_is_unmarked(piece: Piece, velocity: int) -> None:
    flat = Piece.of(
        [note._replace(velocity=velocity) for note in piece.notes],
        meters=piece.meters,
        pedals=piece.pedals,
    )
    assert not np.isin(encode(flat), VOCAB.families["VEL"]).any()
    assert {note.velocity for note in simplify(flat).notes} <= {DEFAULT_VELOCITY}


@given(any_piece)
def test_the_pedal_survives_but_for_what_comes_after_the_end(piece: Piece) -> None:
    said = simplify(piece)
    assert said.pedals == tuple(pedal for pedal in piece.pedals if pedal.tick < said.end)


def names(piece: Piece) -> list[str]:
    return [VOCAB.names[i] for i in encode(piece)]


def test_striking_a_sounding_pitch_again_is_one_event() -> None:
    piece = Piece.of([Note(0, 24, 60), Note(24, 24, 60)])
    assert names(piece) == [
        "START",
        "METER 4/4",
        "NOTE_ON 60",
        "DUR 24",
        "NOTE_ON 60",
        "DUR 24",
        "NOTE_OFF 60",
        "END",
    ]


def test_one_pitch_in_two_parts_is_two_notes() -> None:
    unison = Piece.of([Note(0, 24, 60), Note(0, 48, 60, part=1), Note(24, 24, 60)])
    assert simplify(unison).notes == unison.notes
    assert text(encode(unison)).splitlines() == [
        "   1:0   START  METER 4/4  NOTE_ON 60  PART 1  NOTE_ON 60  DUR 24",
        "   1:24  NOTE_ON 60  DUR 24",
        "   1:48  NOTE_OFF 60  PART 1  NOTE_OFF 60  END",
    ]


def test_parts_may_hand_over_all_their_notes_in_one_instant() -> None:
    """The first part strikes before the second one ends its notes: a moment of twice as many."""
    below, above = range(40, 60), range(60, 80)
    piece = Piece.of(
        [Note(0, 24, 90)]
        + [Note(0, 24, pitch, part=1) for pitch in below][1:]
        + [Note(24, 24, pitch) for pitch in above]
    )
    assert simplify(piece).notes == piece.notes
    check_walk(GRAMMAR, encode(piece))


def test_text_shows_bar_tick_and_events() -> None:
    piece = Piece.of([Note(0, 72, 60), Note(72, 60, 64)], meters=[Meter(0, 3, 4)])
    assert text(encode(piece)).splitlines() == [
        "   1:0   START  METER 3/4  NOTE_ON 60  DUR 48",
        "   1:48  DUR 24",
        "   2:0   NOTE_OFF 60  NOTE_ON 64  DUR 48",
        "   2:48  DUR 12",
        "   2:60  NOTE_OFF 64  END",
    ]


def test_text_of_parts_loudness_and_pedal() -> None:
    """VEL is said where a part's loudness changes, PART where events are not of the first part."""
    piece = Piece.of(
        [
            Note(0, 24, 60, 96),
            Note(0, 24, 64, 96),
            Note(0, 48, 48, 40, 1),
            Note(24, 24, 60, 96),
            Note(24, 24, 67, 127),
            Note(48, 48, 48, 40, 1),
        ],
        meters=[Meter(48, 2, 4)],
        pedals=[Pedal(0, True), Pedal(24, True), Pedal(48, False)],
    )
    assert text(encode(piece)).splitlines() == [
        "   1:0   START  METER 4/4  PEDAL DOWN  VEL 96  NOTE_ON 60  NOTE_ON 64  PART 1  VEL 36  "
        "NOTE_ON 48  DUR 24",
        "   1:24  PEDAL DOWN  NOTE_OFF 64  NOTE_ON 60  VEL 126  NOTE_ON 67  DUR 24",
        "   2:0   METER 2/4  PEDAL UP  NOTE_OFF 60  NOTE_OFF 67  PART 1  NOTE_ON 48  DUR 48",
        "   3:0   PART 1  NOTE_OFF 48  END",
    ]


def test_simplify_says_what_survives() -> None:
    loud = Piece.of(
        [Note(0, 24, 5, 120, 1), Note(0, 48, 62), Note(0, 12, 62, part=1), Note(24, 24, 62)],
        parts=[Part("Flute", 73), Part("Horn", 60)],
        meters=[Meter(0, 8, 4), Meter(96, 4, 1), Meter(480, 3, 4)],
        pedals=[Pedal(0, True), Pedal(40, False), Pedal(48, True)],
    )
    assert simplify(loud) == Piece.of(
        [
            Note(0, 12, 62, 76, 1),
            Note(0, 24, 29, 116, 1),
            Note(0, 24, 62, 76),
            Note(24, 24, 62, 76),
        ],
        parts=[Part(), Part()],
        meters=[Meter(0, 8, 4)],
        pedals=[Pedal(0, True), Pedal(40, False)],
    )


def test_of_notes_on_one_string_the_longest_stays_as_loud_as_the_loudest() -> None:
    piece = Piece.of([Note(0, 48, 60, 50), Note(0, 24, 60, 100), Note(0, 24, 64, 30)])
    assert simplify(piece).notes == (Note(0, 24, 64, 26), Note(0, 48, 60, 96))


def test_parts_without_a_note_go() -> None:
    piece = Piece.of([Note(0, 24, 60, part=1), Note(0, 24, 64, part=3)], parts=[Part()] * 5)
    assert simplify(piece) == Piece.of(
        [Note(0, 24, 60), Note(0, 24, 64, part=1)], parts=[Part(), Part()]
    )


def test_a_cluster_keeps_its_outer_notes() -> None:
    cluster = simplify(Piece.of(Note(0, 24, 30 + i) for i in range(30)))
    pitches = [note.pitch for note in cluster.notes]
    assert pitches == [*range(30, 40), *range(50, 60)]


@pytest.mark.parametrize(
    "broken",
    [
        ["START", "METER 4/4", "NOTE_OFF 60"],
        ["START", "METER 4/4", "NOTE_ON 60", "NOTE_OFF 60"],
        ["START", "METER 4/4", "NOTE_ON 60", "DUR 1", "PART 1", "NOTE_OFF 60"],
        ["START", "START"],
        ["END", "START"],
    ],
)
def test_broken_sequences_are_refused(broken: list[str]) -> None:
    ids = np.array([VOCAB.id(name) for name in broken])
    with pytest.raises(TokenError):
        decode(ids)


def test_fingerprint_and_families_stand_still() -> None:
    assert VOCAB.fingerprint == "4537e12c3a3a6afc"
    assert VOCAB.families["NOTE_ON"][0] == VOCAB.id("NOTE_ON 21")
    assert "NOTE_ON" in str(VOCAB)
    with pytest.raises(TokenError, match="NOTE_UP"):
        VOCAB.id("NOTE_UP 3")


def test_old_events_kept_their_ids() -> None:
    """The vocabulary before parts, loudness and pedal is the beginning of the one of now."""
    before = [*VOCAB.families][: list(VOCAB.families).index("PART")]
    old = Vocab.of(**{f: tuple(VOCAB.names[i] for i in VOCAB.families[f]) for f in before})
    assert old.fingerprint == "818830193fd736af"

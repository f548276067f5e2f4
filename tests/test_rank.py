"""What a take is worth: each part says what it is called, and the kept ones differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.analysis import measure
from hocket.analysis.hands import playable
from hocket.config import GenerationConfig
from hocket.generation.rank import SAYS, WEIGHTS, Ranked, ending, placed, rank, steadiness
from hocket.generation.sampler import Take
from hocket.music import Key, Meter, Note, Piece

RANDOM = np.random.default_rng(3)
A = [int(p) for p in RANDOM.integers(55, 80, 60)]
B = [int(p) for p in RANDOM.integers(55, 80, 60)]


C = Key(0, 0)


def line(pitches: Sequence[int], key: Key = C) -> Piece:
    notes = [Note(12 * n, 12, pitch) for n, pitch in enumerate(pitches)]
    return Piece.of(notes, meters=[Meter(0, 4, 4)], keys=[key], title="x")


THEMES = {"A": line(A), "B": line(B)}


def take(piece: Piece, number: int = 1) -> Take:
    none = np.zeros(0)
    return Take(
        piece, none.astype(np.int64), none.astype(np.float32), "", (0.5, 0.5), GenerationConfig(), 1,
        number, "",
    )  # fmt: skip


def ranked(pieces: Sequence[Piece], keep: int, likely: Sequence[float] = ()) -> list[Ranked]:
    values = np.array(likely or [0.0] * len(pieces))
    return rank(
        [take(piece) for piece in pieces],
        [measure(piece, THEMES) for piece in pieces],
        THEMES,
        lambda places: np.stack([values[list(places)]] * 2),
        keep,
    )


def test_the_parts_are_told_and_sum_to_one() -> None:
    assert WEIGHTS.keys() == SAYS.keys()
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    (one,) = ranked([line([*A[:20], *B[:20]])], 4)
    assert one.parts.keys() == WEIGHTS.keys()
    assert all(0 <= part <= 1 for part in one.parts.values())
    assert one.score == pytest.approx(sum(WEIGHTS[name] * part for name, part in one.parts.items()))


def test_a_fusion_is_worth_more_than_a_copy_or_a_stranger() -> None:
    fused = line([p for n in range(0, 40, 8) for p in (*A[n : n + 6], *B[n : n + 6])])
    copy, stranger = line(A[:48]), line([int(p) for p in RANDOM.integers(55, 80, 60)])
    assert [one.place for one in ranked([copy, stranger, fused], 1)] == [2]
    best, *_ = ranked([copy, fused], 2)
    (worst,) = [one for one in ranked([copy, fused], 2) if one.place == 0]
    assert best.parts["dial"] > 0.9
    assert best.parts["new"] == 1
    assert worst.parts["dial"] == worst.parts["new"] == 0


def test_twins_are_not_both_kept() -> None:
    one = line([p for n in range(0, 40, 8) for p in (*A[n : n + 6], *B[n : n + 6])])
    other = line([p for n in range(2, 42, 8) for p in (*B[n : n + 5], *A[n : n + 5])])
    kept = ranked([one, one, one, other], 2)
    assert sorted(found.place for found in kept) == [0, 3]


def test_of_takes_that_are_alike_else_the_likelier_is_better() -> None:
    one = line([p for n in range(0, 40, 8) for p in (*A[n : n + 6], *B[n : n + 6])])
    assert [found.place for found in ranked([one, one, one], 1, [-2.0, -1.0, -3.0])] == [1]


@given(st.integers(1, 6), st.integers(1, 6))
def test_so_many_are_kept_as_there_are_or_are_asked_for(count: int, keep: int) -> None:
    pieces = [line([*A[n : n + 9], *B[n : n + 9]]) for n in range(count)]
    kept = ranked(pieces, keep)
    assert len({one.place for one in kept}) == len(kept) == min(count, keep)


def test_a_kept_take_tells_its_place_and_score() -> None:
    (one,) = ranked([line([*A[:20], *B[:20]])], 1)
    kept = placed(take(line(A), 17), 2, one)
    assert (kept.place, kept.number, kept.piece.title) == (2, 17, "Take 2: x")
    assert kept.score == {"score": one.score, **one.parts}


def chord(*pitches: int) -> Piece:
    return Piece.of([Note(0, 24, pitch) for pitch in pitches])


@pytest.mark.parametrize(
    ("pitches", "expected"),
    [
        ((), 1),
        ((40, 44, 47, 52, 56, 70, 74, 77, 79, 86), 1),
        ((40, 56, 57, 73), 1),
        ((40, 57, 58, 75), 0),  # three hands
        ((40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50), 0),  # eleven fingers
    ],
)
def test_what_two_hands_can_hold(pitches: tuple[int, ...], expected: float) -> None:
    assert playable(chord(*pitches)) == expected


def test_what_still_sounds_is_held() -> None:
    held = [Note(0, 48, 30), Note(24, 24, 60), Note(24, 24, 90), Note(48, 24, 60), Note(48, 24, 90)]
    assert playable(Piece.of(held)) == pytest.approx(2 / 3)


def test_how_a_piece_ends() -> None:
    minor = Key(0, 0, minor=True)
    assert [ending(line([60, p])) for p in (48, 52, 55, 53)] == [1, 0.5, 0.5, 0]
    assert [ending(line([60, p], minor)) for p in (45, 48, 52, 49)] == [1, 0.5, 0.5, 0]
    assert ending(replace(line([60, 48]), keys=())) == 0
    assert ending(Piece.of([])) == 0


def test_bars_that_are_alike_are_steady() -> None:
    steady = line([60] * 32)
    assert steadiness(steady) == pytest.approx(1)
    places = np.sort(RANDOM.choice(384, 32, replace=False)).tolist()
    wild = Piece.of([Note(place, 3, 60) for place in places], meters=[Meter(0, 4, 4)])
    assert steadiness(wild) < 0.7
    assert steadiness(Piece.of([])) == 0

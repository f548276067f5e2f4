"""Bars as musicians number them, and the runs of whole ones."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import four_four, three_four
from hocket.music import Meter, Note, Piece
from hocket.music.bars import numbered_bars, whole_bar_runs


def lasting(ticks: int, *meters: tuple[int, int, int]) -> Piece:
    return Piece.of([Note(0, ticks, 60)], meters=[Meter(*meter) for meter in meters])


def numbered(piece: Piece) -> list[tuple[int, int]]:
    return [(bar.start, bar.stop) for bar in numbered_bars(piece)]


def runs(piece: Piece) -> list[tuple[int, int]]:
    return [(run.start, run.stop) for run in whole_bar_runs(piece)]


def test_without_an_upbeat_every_bar_has_a_number() -> None:
    piece = lasting(200, (0, 4, 4))
    assert numbered(piece) == [(0, 96), (96, 192), (192, 288)]
    assert runs(piece) == [(0, 288)]
    assert numbered_bars(four_four()) == four_four().bars()


def test_an_upbeat_has_no_number() -> None:
    piece = lasting(200, (0, 1, 8), (12, 4, 4))
    assert numbered(piece) == [(12, 108), (108, 204)]
    assert runs(piece) == [(12, 204)]
    assert numbered(three_four()) == [(24 + 72 * i, 96 + 72 * i) for i in range(9)]


@pytest.mark.parametrize(
    ("meters", "first"),
    [
        (((0, 5, 4), (120, 4, 4)), (0, 120)),  # a longer bar is no upbeat
        (((0, 2, 4), (96, 4, 4)), (0, 48)),  # nor are two short ones
        (((0, 4, 4), (96, 4, 4)), (0, 96)),  # nor is a whole one
        (((0, 4, 4), (36, 4, 4)), (36, 132)),  # cut short by the next signature, it is
    ],
)
def test_what_an_upbeat_is(
    meters: tuple[tuple[int, int, int], ...], first: tuple[int, int]
) -> None:
    assert numbered(lasting(960, *meters))[0] == first


def test_the_only_bar_has_a_number() -> None:
    assert numbered(lasting(12, (0, 1, 8))) == [(0, 12)]
    assert numbered(lasting(12, (0, 1, 8), (12, 4, 4))) == [(0, 12)]


def test_silence_has_no_bars() -> None:
    silence = Piece.of([], meters=[Meter(0, 1, 4), Meter(24, 4, 4)])
    assert numbered(silence) == []
    assert runs(silence) == []


def test_an_irregular_bar_is_numbered_and_breaks_a_run() -> None:
    """An upbeat, two bars, one of 5/8, two bars, one cut short by a new signature, two bars."""
    piece = lasting(
        12 + 192 + 60 + 192 + 40 + 192,
        (0, 1, 8),
        (12, 4, 4),
        (204, 5, 8),
        (264, 4, 4),
        (456 + 40, 4, 4),
    )
    starts = [12, 108, 204, 264, 360, 456, 496, 592]
    assert numbered(piece) == list(zip(starts, [*starts[1:], 688], strict=True))
    assert runs(piece) == [(12, 204), (264, 456), (496, 688)]


def test_signatures_of_one_length_do_not_break_a_run() -> None:
    assert runs(lasting(288, (0, 4, 4), (96, 2, 2))) == [(0, 288)]


signatures = st.sampled_from([(4, 4), (3, 4), (5, 8), (1, 8), (2, 2), (1, 16)])


@given(st.lists(st.tuples(signatures, st.integers(1, 3), st.integers(0, 5)), min_size=1))
def test_runs_are_all_whole_bars_of_the_main_metre(
    stretches: list[tuple[tuple[int, int], int, int]],
) -> None:
    meters, now = [], 0
    for (numerator, denominator), bars, cut in stretches:
        meters.append((now, numerator, denominator))
        now += bars * Meter(0, numerator, denominator).bar_ticks - cut
    piece = lasting(now, *meters)
    length = piece.main_meter.bar_ticks
    found = whole_bar_runs(piece)
    cells = [range(b, b + length) for run in found for b in range(run.start, run.stop, length)]
    assert cells == [bar for bar in numbered_bars(piece) if len(bar) == length]
    assert set(numbered_bars(piece)) <= set(piece.bars())
    assert all(before.stop < after.start for before, after in pairwise(found))

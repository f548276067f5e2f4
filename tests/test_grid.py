"""Laws of the hybrid grid, and what tells live-played timing from notated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.music.grid import LIVE_PLAYED, SHORTEST, late_by, off_grid, snap, snap_durations
from hocket.music.piece import TICKS_PER_QUARTER

_TICKS = st.lists(st.integers(0, 2**31 - 1), max_size=50).map(lambda each: np.array(each, np.int64))
_RESOLUTIONS = st.integers(1, 32_767)


@given(_TICKS, _RESOLUTIONS)
def test_snapped_times_are_on_a_grid_and_at_most_one_tick_away(
    ticks: np.ndarray[tuple[int], np.dtype[np.int64]], resolution: int
) -> None:
    snapped = snap(ticks, resolution)
    assert snapped.dtype == np.int64
    assert np.all((snapped % 2 == 0) | (snapped % 3 == 0))
    assert np.all(np.abs(snapped * resolution - ticks * TICKS_PER_QUARTER) <= resolution)


@given(_TICKS, _RESOLUTIONS)
def test_snapping_twice_is_snapping_once(
    ticks: np.ndarray[tuple[int], np.dtype[np.int64]], resolution: int
) -> None:
    once = snap(ticks, resolution)
    assert np.array_equal(snap(once, TICKS_PER_QUARTER), once)


@given(_TICKS, _RESOLUTIONS)
def test_no_duration_vanishes(
    ticks: np.ndarray[tuple[int], np.dtype[np.int64]], resolution: int
) -> None:
    durations = snap_durations(ticks, resolution)
    assert np.all(durations >= SHORTEST)
    assert np.all((durations == snap(ticks, resolution)) | (durations == SHORTEST))


@pytest.mark.parametrize(
    ("source", "resolution", "ticks"),
    [
        ([0, 120, 240, 360, 480], 480, [0, 6, 12, 18, 24]),  # sixteenths
        ([0, 160, 320, 480], 480, [0, 8, 16, 24]),  # triplets
        ([40, 60, 80, 100], 480, [2, 3, 4, 6]),  # the finest steps; half a step goes up
        ([0, 40, 79, 119], 120, [0, 8, 16, 24]),  # verovio cuts its triplets short
        ([96, 192, 288, 384], 480, [4, 10, 14, 20]),  # quintuplets go to the nearest
        ([], 480, []),
    ],
)
def test_examples(source: list[int], resolution: int, ticks: list[int]) -> None:
    assert snap(np.array(source, np.int64), resolution).tolist() == ticks


def test_the_binary_grid_wins_ties() -> None:
    assert snap(np.array([5]), 48).tolist() == [3]  # 2.5 ticks, half-way between 2 and 3


def test_a_resolution_of_zero_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="not positive"):
        snap(np.array([1]), 0)


def test_random_timing_is_off_the_grid_and_small_humanisation_is_not() -> None:
    rng = np.random.default_rng(3)
    notated = rng.integers(0, 800, 400) * 120
    assert off_grid(notated, 480) == 0
    assert off_grid(np.rint(notated + rng.normal(0, 4, 400)).astype(np.int64), 480) < LIVE_PLAYED
    assert off_grid(np.rint(notated + rng.normal(0, 12, 400)).astype(np.int64), 480) > LIVE_PLAYED
    assert off_grid(np.rint(notated * 1.1234567).astype(np.int64), 480) > LIVE_PLAYED
    assert off_grid(rng.integers(0, 96_000, 400), 480) > LIVE_PLAYED


def test_few_onsets_are_not_judged() -> None:
    assert off_grid(np.array([7, 91, 177]), 480) == 0


@pytest.mark.parametrize("shift", [54, 26, -32])
def test_a_shifted_piece_is_recognised(shift: int) -> None:
    notes = np.arange(100) * 120
    assert late_by(notes + 960 + shift, 480) == shift
    assert late_by(notes, 480) == 0
    assert late_by(np.random.default_rng(1).integers(0, 96_000, 400), 480) == 0

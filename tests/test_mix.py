"""Laws of the mix: weights, whose turn it is, and plans that takes follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import four_four, three_four
from hocket.errors import ConfigError
from hocket.generation import mix
from hocket.music import Note, Piece
from takes import leading, turns

all_shares = st.lists(st.floats(0, 1), min_size=2, max_size=4).filter(lambda w: sum(w) > 0.1)


@given(st.floats(0, 1), st.integers(1, 6))
def test_weights_sum_to_one(share: float, themes: int) -> None:
    weights = mix.weights(share, themes)
    assert weights.shape == (themes,)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert (weights >= 0).all()
    if themes > 1:
        assert weights[0] == pytest.approx(share, abs=1e-6)
        assert weights[1:].std() == pytest.approx(0, abs=1e-6)


# Plans


def test_a_steady_mix_is_the_same_in_every_bar() -> None:
    constant = mix.weights(0.3, 3)
    steady = mix.following([constant[None]] * 2)
    np.testing.assert_array_equal(steady, [[constant], [constant]])


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=4))
def test_each_take_follows_its_own_plan(leads: list[list[int]]) -> None:
    """Whole bars count, and the last bar of a plan goes on."""
    followed = mix.following([np.eye(3, dtype=np.float32)[plan] for plan in leads])
    assert followed.dtype == np.float32
    assert (followed.sum(2) == 1).all()
    longest = max(map(len, leads))
    assert followed.argmax(2).tolist() == [
        plan + [plan[-1]] * (longest - len(plan)) for plan in leads
    ]


# Turns


@given(all_shares, st.integers(1, 8), st.integers(0, 3))
def test_over_many_bars_each_theme_leads_for_its_share(
    parts: list[float], bars_each: int, lead: int
) -> None:
    """What is left is a bar of rounding, and the round that the last bar may cut."""
    shares = np.array(parts) / sum(parts)
    count, lead = len(shares), lead % len(shares)
    round_bars = bars_each * count
    for bars in (32, 320):
        rows = turns(shares, lead, bars_each, bars)
        assert rows.shape == (bars, count)
        assert (rows.sum(1) == 1).all()
        assert set(np.unique(rows)) <= {0, 1}
        led = rows.sum(0)
        cut = shares * (1 - shares) * round_bars
        assert (np.abs(led - shares * bars) <= cut + 1 + 1e-6).all()
        assert (led[shares == 0] == 0).all()
        if shares[lead] * round_bars >= 1:
            assert rows[0, lead] == 1
    assert (turns(shares, lead, bars_each, 7) == rows[:7]).all()


@given(all_shares, st.integers(1, 8), st.integers(0, 3))
def test_a_round_gives_each_theme_its_share_and_no_second_turn(
    parts: list[float], bars_each: int, lead: int
) -> None:
    shares = np.array(parts) / sum(parts)
    count, lead = len(shares), lead % len(shares)
    first = turns(shares, lead, bars_each, bars_each * count)
    assert (np.abs(first.sum(0) - shares * bars_each * count) < 1 + 1e-6).all()
    order = ((first.argmax(1) - lead) % count).tolist()
    assert order == sorted(order)


themes_of_any_density = st.lists(st.integers(1, 12), min_size=2, max_size=2).map(
    lambda sizes: [Piece.of(Note(48 * i // n, 4, 60) for i in range(4 * n)) for n in sizes]
)


@pytest.mark.parametrize("lead", [0, 1])
@given(themes_of_any_density)
def test_the_dial_is_heard_at_each_value(lead: int, themes: list[Piece]) -> None:
    """The first theme leads more bars the further the dial is turned to it."""
    dial = [
        turns(leading(mix.weights(i / 10, 2), themes), lead, 2, 32)[:, 0].sum() for i in range(11)
    ]
    assert dial == sorted(dial)
    assert dial[0] == 0
    assert dial[-1] == 32
    assert len(set(dial)) >= 8


def test_turns_by_hand() -> None:
    def leads(first: float, lead: int, bars_each: int) -> list[int]:
        shares = np.array([first, 1 - first])
        rows = turns(shares, lead, bars_each, 12)
        return [int(theme) for theme in rows.argmax(1)]

    assert leads(0.5, 0, 2) == [0, 0, 1, 1] * 3
    assert leads(0.5, 1, 2) == [1, 1, 0, 0] * 3
    assert leads(0.25, 0, 2) == [0, 1, 1, 1] * 3
    # a twelfth of 12 bars is one bar, in whichever round it is due
    assert sorted(leads(1 / 12, 0, 2)) == [0] + [1] * 11
    assert leads(1.0, 1, 3) == [0] * 12


def test_each_take_has_its_own_lead() -> None:
    plans = [turns(np.array([0.5, 0.5]), lead, 2, 8) for lead in (0, 1, 0)]
    led = mix.following(plans).argmax(2)
    assert led[:, :5].tolist() == [[0, 0, 1, 1, 0], [1, 1, 0, 0, 1], [0, 0, 1, 1, 0]]


def test_a_busy_theme_leads_for_less_time() -> None:
    even = mix.weights(0.5, 2)
    slow, busy = three_four(), four_four()
    densities = [len(theme.notes) / theme.end for theme in (slow, busy)]
    shares = leading(even, [slow, busy])
    assert shares.sum() == pytest.approx(1)
    assert (shares[0] > shares[1]) == (densities[0] < densities[1])
    assert leading(even, [busy, busy]).tolist() == [0.5, 0.5]
    assert leading(mix.weights(1.0, 2), [slow, busy]).tolist() == [1, 0]


@given(themes_of_any_density, st.floats(0, 1))
def test_the_dial_is_the_share_of_notes(themes: list[Piece], dial: float) -> None:
    constant = mix.weights(dial, 2)
    shares = leading(constant, themes)
    notes = shares * [len(theme.notes) / theme.end for theme in themes]
    assert shares.sum() == pytest.approx(1)
    assert notes / notes.sum() == pytest.approx(constant, abs=1e-6)


def test_a_curve_goes_straight_from_point_to_point() -> None:
    found = mix.curve("0:1, 4:.5,8:0", 3, 10)
    assert found[:, 0].tolist() == pytest.approx(
        [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0, 0]
    )
    assert found.sum(1).tolist() == pytest.approx([1] * 10)
    assert (found[:, 1] == found[:, 2]).all()
    assert (mix.curve(0.3, 2, 4) == mix.curve("0:.3", 2, 4)).all()


@pytest.mark.parametrize("text", ["", "a", "0:2", "0:1,", "4:.5, 2:1", "0:-1", "0:1;4:0", "1e3:.5"])
def test_what_is_no_curve_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="mix "):
        mix.curve(text, 2, 8)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 4), st.integers(0, 1))
def test_up_to_any_round_each_theme_leads_for_its_share_of_a_curve(
    firsts: list[float], bars_each: int, lead: int
) -> None:
    shares = np.array([[first, 1 - first] for first in firsts])
    found = mix.in_turns(shares, lead, bars_each)
    assert found.shape == shares.shape
    for bar in range(2 * bars_each, len(firsts) + 1, 2 * bars_each):
        assert abs(found[:bar, 0].sum() - shares[:bar, 0].sum()) <= 1.5

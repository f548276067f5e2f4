"""The search for openings: what is tried, what is kept, and by what score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, length_of, lettered, melody, three_four, with_upbeat
from fakes import UNIFORM
from hocket.config import SeedConfig
from hocket.errors import ConfigError, GenerationError
from hocket.generation import mix
from hocket.generation.openings import Opening, Recipe, build
from hocket.generation.seeds import candidates, evenness, harmonic_distance, search
from hocket.music import Meter, Note, Piece

SEARCH = SeedConfig(seed=None, seed_bars=1, seeds=4, candidates=16)
EVEN = mix.weights(0.5, 2)
MANY = 64
"""Bars: more than any opening here fills."""


WALK_FIRST = lettered(four_four(), three_four())
TURN_FIRST = lettered(three_four(), four_four())

SILENT = melody("=", "-", "=", "=")
HELD = melody("=", "o", "-", "-", "=")


UPBEATS = [Meter(0, 1, 16), Meter(0, 1, 8), Meter(0, 5, 16), Meter(0, 1, 4)]


# Searched for


@pytest.mark.parametrize("themes", [WALK_FIRST, TURN_FIRST], ids=["walk", "turn"])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_search_keeps_as_many_different_openings_as_asked(
    count: int, themes: dict[str, Piece]
) -> None:
    config = replace(SEARCH, seeds=count, candidates=24)
    kept = search(themes, UNIFORM, EVEN, config, rng=2, most_bars=MANY)
    names = [str(opening.recipe) for opening in kept]
    assert len(set(names)) == count
    assert all(build(opening.recipe, themes).piece == opening.piece for opening in kept)
    again = search(themes, UNIFORM, EVEN, config, rng=2, most_bars=MANY)
    assert [str(opening.recipe) for opening in again] == names
    if count >= 4:
        first_kinds = [(o.recipe.first.theme, o.recipe.over) for o in kept[:4]]
        assert set(first_kinds) == {(t, o) for t in "AB" for o in (False, True)}
        other = search(themes, UNIFORM, EVEN, config, rng=3, most_bars=MANY)
        assert [str(opening.recipe) for opening in other] != names


def test_candidates_are_scored_by_likelihood_and_harmony() -> None:
    kept = search(WALK_FIRST, UNIFORM, EVEN, replace(SEARCH, seeds=16), 1, MANY)
    for kind in {(o.recipe.first.theme, o.recipe.over) for o in kept}:
        group = [o for o in kept if (o.recipe.first.theme, o.recipe.over) == kind]
        fresh = [
            o
            for i, o in enumerate(group)
            if not any(
                set(o.recipe.first.bars) & set(p.recipe.first.bars)
                or set(o.recipe.second.bars) & set(p.recipe.second.bars)
                for p in group[:i]
            )
        ]
        assert group[: len(fresh)] == fresh, "openings that share bars come last"
        assert [o.score for o in fresh] == sorted((o.score for o in fresh), reverse=True)
    for opening in kept:
        assert opening.likelihood < 0
        assert opening.distance == harmonic_distance(opening)
        assert opening.score == pytest.approx(opening.likelihood - opening.distance)


@pytest.mark.parametrize("bars", [1, 2, 3])
def test_seed_bars_sets_the_length(bars: int) -> None:
    config = replace(SEARCH, seed_bars=bars)
    for themes in (WALK_FIRST, TURN_FIRST):
        bar = themes["A"].main_meter.bar_ticks
        for opening in search(themes, UNIFORM, EVEN, config, rng=2, most_bars=MANY):
            least = 2 * bars * bar  # bars of the other metre may not come out even
            assert least <= length_of(opening) < least + 2 * 96


def test_a_fixed_seed_is_the_only_opening() -> None:
    (opening,) = search(WALK_FIRST, UNIFORM, EVEN, replace(SEARCH, seed="B:2/A:3"), 0, MANY)
    assert str(opening.recipe) == "B:2/A:3"
    with pytest.raises(ConfigError, match="seed"):
        search(WALK_FIRST, UNIFORM, EVEN, replace(SEARCH, seed="B2"), 0, MANY)


def test_themes_without_enough_bars_have_no_opening() -> None:
    with pytest.raises(GenerationError, match="no opening fits"):
        search(WALK_FIRST, UNIFORM, EVEN, replace(SEARCH, seed_bars=16), 0, MANY)


def texts(groups: list[list[Opening]]) -> set[str]:
    return {str(opening.recipe) for group in groups for opening in group}


def pairs(ours: list[str], theirs: list[str], joints: str) -> set[str]:
    both = [(f"A:{a}", f"B:{b}") for a in ours for b in theirs]
    return {
        first + j + second for j in joints for x, y in both for first, second in ((x, y), (y, x))
    }


ALL = SeedConfig(seed=None, seed_bars=1, seeds=400, candidates=4000)


def test_bars_in_which_no_note_begins_are_no_candidates() -> None:
    themes = {"A": SILENT, "B": HELD}
    found = texts(candidates(themes, ALL, 0, MANY))
    # layered openings are twice as long: a pair of bars needs one that begins a note
    assert found == pairs(["1", "3", "4"], ["1", "2", "5"], "+") | pairs(
        ["1-2", "2-3", "3-4"], ["1-2", "2-3", "4-5"], "/"
    )
    kept = search(themes, UNIFORM, EVEN, ALL, 0, MANY)
    assert {str(opening.recipe) for opening in kept} == found


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from("-=o"), min_size=3, max_size=7).filter(lambda b: set(b) != {"-"}),
    st.integers(0, 9),
)
def test_both_halves_of_a_candidate_begin_notes(bars: list[str], rng: int) -> None:
    themes = {"A": three_four(), "B": melody(*bars)}
    config = replace(ALL, candidates=16)
    for group in candidates(themes, config, rng, MANY):
        for opening in (o for o in group if not o.recipe.over):
            onsets = [note.start for note in opening.piece.notes]
            assert min(onsets) < opening.joint
            assert opening.joint <= max(onsets) < opening.length


def test_a_theme_that_begins_all_its_notes_in_an_upbeat_has_no_opening() -> None:
    held = Piece.of([Note(0, 300, 60)], meters=[Meter(0, 1, 8), Meter(12, 4, 4)])
    with pytest.raises(GenerationError, match="no opening fits"):
        candidates({"A": SILENT, "B": held}, ALL, 0, MANY)


@pytest.mark.parametrize("upbeat", UPBEATS, ids=str)
def test_candidates_are_the_same_with_an_upbeat(upbeat: Meter) -> None:
    shifted = with_upbeat(four_four(), upbeat)
    plain, begun = (
        candidates({"A": theme, "B": three_four()}, SEARCH, 4, MANY)
        for theme in (four_four(), shifted)
    )
    assert texts(begun) == texts(plain)
    assert [[o.ids.tolist() for o in group] for group in begun] == [
        [o.ids.tolist() for o in group] for group in plain
    ]


def test_candidates_keep_off_an_irregular_bar() -> None:
    """Bars 1 and 2, then one of 5/8, then 4 to 6; an upbeat before them."""
    meters = [Meter(0, 1, 8), Meter(12, 4, 4), Meter(204, 5, 8), Meter(264, 4, 4)]
    odd = Piece.of([Note(12 * i, 12, 60 + i % 7) for i in range(46)], meters=meters)
    found = texts(candidates({"A": odd, "B": melody("=", "=")}, ALL, 0, MANY))
    assert found == pairs(["1", "2", "4", "5", "6"], ["1", "2"], "+") | pairs(
        ["1-2", "4-5", "5-6"], ["1-2"], "/"
    )


def test_candidates_that_leave_no_bar_are_dropped() -> None:
    config = replace(SEARCH, seed_bars=3, candidates=400)
    every = [o for group in candidates(TURN_FIRST, config, 1, MANY) for o in group]
    lengths = sorted({opening.bars for opening in every})
    assert len(lengths) > 1
    for most in lengths:
        groups = candidates(TURN_FIRST, config, 1, most)
        fitting = {str(o.recipe) for o in every if o.bars <= most}
        assert texts(groups) == fitting
        assert all(groups)
        kept = search(TURN_FIRST, UNIFORM, EVEN, replace(config, candidates=16), 1, most)
        assert kept
        assert {str(opening.recipe) for opening in kept} <= fitting


@pytest.mark.parametrize("seed", [None, "A:1-3+B:1-3", "B:1-4/A:1-6"])
def test_where_all_are_too_long_the_least_bars_are_named(seed: str | None) -> None:
    config = replace(SEARCH, seed=seed, seed_bars=3)
    groups = candidates(TURN_FIRST, config, 1, MANY)
    least = min(opening.bars for group in groups for opening in group)
    for most in (least - 1, 1):
        with pytest.raises(ConfigError, match=rf"at least --bars {least + 1}$") as caught:
            candidates(TURN_FIRST, config, 1, most)
        assert f"the takes have {most + 1};" in str(caught.value)
        assert "\n" not in str(caught.value)
        with pytest.raises(ConfigError, match="--bars"):
            search(TURN_FIRST, UNIFORM, EVEN, config, 1, most)
    assert candidates(TURN_FIRST, config, 1, least)


def test_harmony_is_near_for_the_same_chord_and_far_for_none_shared() -> None:
    chord = [Note(96 * i, 96, p) for i in range(4) for p in (60, 64, 67)]
    other = [Note(96 * i, 96, p) for i in range(4) for p in (61, 66, 70)]
    same = {"A": Piece.of(chord), "B": Piece.of(chord)}
    apart = {"A": Piece.of(chord), "B": Piece.of(other)}
    recipe = Recipe.parse("A:1+B:2")
    assert harmonic_distance(build(recipe, same)) == pytest.approx(0)
    assert harmonic_distance(build(recipe, apart)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((0.5, 0.5), 1.0),
        ((0.25, 0.75), 0.5),
        ((1.0, 0.0), 0.0),
        ((0.96, 0.04), 0.0),
        ((0.4, 0.4, 0.2), 0.6),
        ((0.5, 0.5, 0.0), 1.0),
    ],
)
def test_how_many_openings_are_of_two_themes(weights: tuple[float, ...], expected: float) -> None:
    assert evenness(np.array(weights, np.float32)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "expected"),
    [(0.0, ["BB"] * 4), (0.25, ["AB", "AB", "BB", "BB"]), (0.5, ["AB"] * 4), (1.0, ["AA"] * 4)],
)
def test_openings_share_their_bars_as_the_mix_does(first: float, expected: list[str]) -> None:
    weights = np.array([first, 1 - first], np.float32)
    kept = search(TURN_FIRST, UNIFORM, weights, replace(SEARCH, seeds=4, seed_bars=1), 1, MANY)
    themes = ["".join(sorted(o.recipe.first.theme + o.recipe.second.theme)) for o in kept]
    assert themes == expected

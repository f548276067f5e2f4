"""Openings made of two themes: written as text, built, and searched for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, three_four
from hocket.config import SeedConfig
from hocket.errors import ConfigError, GenerationError
from hocket.generation import mix
from hocket.generation.seeds import Excerpt, Opening, Recipe, build, harmonic_distance, search
from hocket.model.engine import EngineState
from hocket.music import Meter, Note, Piece
from hocket.music.pitch import agreeing
from hocket.tokens import GRAMMAR, VOCAB, decode, simplify
from hocket.tokens.grammar import check_walk

SEARCH = SeedConfig(seed=None, seed_bars=1, seeds=4, candidates=16)
EVEN = mix.weights(0.5, 2)


class Uniform:
    """A model that finds everything alike, and hears nothing."""

    def start(self, batch: int) -> EngineState:
        zeros = np.zeros((1, batch, 1), np.float32)
        return EngineState(zeros, zeros)

    def step(
        self,
        events: np.ndarray,
        sounding: np.ndarray,
        place: np.ndarray,
        mix: np.ndarray,
        state: EngineState,
    ) -> tuple[np.ndarray, EngineState]:
        return np.zeros((len(events), len(VOCAB)), np.float32), state


def lettered(*themes: Piece) -> dict[str, Piece]:
    return dict(zip("ABC", agreeing(themes), strict=False))


WALK_FIRST = lettered(four_four(), three_four())
TURN_FIRST = lettered(three_four(), four_four())

excerpts = st.builds(
    lambda letter, first, length: Excerpt(letter, range(first, first + length)),
    st.sampled_from("AB"),
    st.integers(1, 6),
    st.integers(1, 3),
)
recipes = st.builds(Recipe, excerpts, excerpts, st.booleans())


# As text


@given(recipes)
def test_what_is_written_is_read_back(recipe: Recipe) -> None:
    assert Recipe.parse(str(recipe)) == recipe


def test_texts_and_what_they_mean() -> None:
    row = Recipe.parse("A:5-6+B:1-2")
    assert row == Recipe(Excerpt("A", range(5, 7)), Excerpt("B", range(1, 3)), over=False)
    assert Recipe.parse(" B:3 / A:1-4 ") == Recipe(
        Excerpt("B", range(3, 4)), Excerpt("A", range(1, 5)), over=True
    )
    assert str(Recipe.parse("A:3-3+B:2")) == "A:3+B:2"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "A:1",
        "+",
        "A:1+",
        "A:1+B",
        "A:1-+B:1",
        "a:1+B:1",
        "A:1+B:1+A:2",
        "A:1/B:1/",
        "A:1/B:1+A:2",
        "A:0-2+B:1",
        "A:3-2+B:1",
        "A:-1+B:1",
        "A:1.5+B:1",
        "A:99999+B:1",
        "A:1\n+B:1",
        "A:1&B:1",
        "Ä:1+B:1",
    ],
)
def test_other_texts_are_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="seed") as caught:
        Recipe.parse(text)
    assert "\n" not in str(caught.value)


# Built


def length_of(opening: Opening) -> int:
    dur = VOCAB.families["DUR"]
    return sum(int(event) - dur.start + 1 for event in opening.ids if event in dur)


@settings(max_examples=60, deadline=None)
@given(recipes, st.sampled_from([WALK_FIRST, TURN_FIRST]))
def test_an_opening_ends_at_a_bar_line_and_keeps_to_the_grammar(
    recipe: Recipe, themes: dict[str, Piece]
) -> None:
    opening = build(recipe, themes)
    bar = themes["A"].main_meter.bar_ticks
    assert opening.piece.meters == (themes["A"].main_meter,)
    assert opening.joint % bar == 0
    assert length_of(opening) % bar == 0
    assert length_of(opening) >= (bar if recipe.over else 2 * bar)
    assert opening.piece.end <= length_of(opening)
    assert opening.ids[-1] in VOCAB.families["DUR"]
    check_walk(GRAMMAR, opening.ids)
    assert decode(opening.ids) == opening.piece == simplify(opening.piece)
    assert -1e-9 <= harmonic_distance(opening) <= 1 + 1e-9


def test_bars_of_the_second_theme_follow_at_a_bar_line_of_the_first() -> None:
    """Two bars of 3/4 are one of 4/4, cut; both in the key of A."""
    opening = build(Recipe.parse("A:5-6+B:3-4"), WALK_FIRST)
    assert opening.joint == 192
    assert length_of(opening) == 288
    a, b = WALK_FIRST["A"], WALK_FIRST["B"]
    start = b.bars()[2].start
    assert start == 24 + 72
    first = a.excerpt(range(384, 576))
    second = [n._replace(start=n.start + 192) for n in b.excerpt(range(start, start + 96))]
    assert opening.piece == simplify(Piece.of([*first, *second], meters=[Meter(0, 4, 4)]))
    # G minor, or B flat major, has come to C major: two semitones up
    assert b.notes[0].pitch == three_four().notes[0].pitch + 2


def test_bars_of_the_first_part_are_cut_at_the_joint_too() -> None:
    """Two bars of 3/4 are one of 4/4: what is left over does not run on into the second part."""
    opening = build(Recipe.parse("B:2-3+A:1"), WALK_FIRST)
    assert opening.joint == 96
    a, b = WALK_FIRST["A"], WALK_FIRST["B"]
    start = b.bars()[1].start
    second = [n._replace(start=n.start + 96) for n in a.excerpt(range(96))]
    first = b.excerpt(range(start, start + 96))
    assert opening.piece == simplify(Piece.of([*first, *second], meters=[Meter(0, 4, 4)]))


def test_a_short_excerpt_is_given_a_whole_bar() -> None:
    opening = build(Recipe.parse("B:1+A:2"), WALK_FIRST)
    assert opening.joint == 96
    assert [n.start for n in opening.piece.notes if n.start < 96] == [0, 12]
    assert min(n.start for n in opening.piece.notes if n.start > 12) == 96


@pytest.mark.parametrize("themes", [WALK_FIRST, TURN_FIRST], ids=["walk", "turn"])
@pytest.mark.parametrize("text", ["A:2-3/B:3-4", "B:5/A:1-2", "A:4-7/B:2-8"])
def test_layered_the_tune_of_the_first_lies_over_the_second(
    text: str, themes: dict[str, Piece]
) -> None:
    recipe = Recipe.parse(text)
    opening = build(recipe, themes)
    assert opening.joint == 0
    tune_theme, ground_theme = themes[recipe.first.theme], themes[recipe.second.theme]
    length = length_of(opening)

    def part(theme: Piece, excerpt: Excerpt, bass: bool) -> set[tuple[int, int]]:
        bars = theme.bars()
        start = bars[excerpt.bars.start - 1].start
        stop = min(bars[excerpt.bars.stop - 2].stop, start + length)
        notes = theme.excerpt(range(start, stop))
        return {(n.start, n.pitch) for n in notes if (n.pitch < 55) == bass}

    tune, ground = (
        part(tune_theme, recipe.first, bass=False),
        part(ground_theme, recipe.second, bass=True),
    )
    heard = {(n.start, n.pitch) for n in opening.piece.notes}
    assert ground <= heard
    moved = heard - ground
    octaves = {12 * o for o in range(5)}
    assert any({(t, p + o) for t, p in tune} == moved for o in octaves)
    assert np.median([p for _, p in moved]) >= np.median([p for _, p in ground]) + 7


def test_a_rest_before_the_bar_line_is_part_of_the_opening() -> None:
    short = Piece.of([Note(96 * i, 12, 60 + i % 3) for i in range(8)])
    opening = build(Recipe.parse("A:1+B:2"), lettered(short, short))
    assert length_of(opening) == 192
    assert VOCAB.names[opening.ids[-1]].startswith("DUR")
    check_walk(GRAMMAR, opening.ids)
    state = GRAMMAR.start(1)
    for event in opening.ids:
        state = GRAMMAR.step(state, np.array([event]))
    assert not state.sounding.any()
    assert GRAMMAR.allowed(state).any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C:1+A:1", "no theme has that letter"),
        ("A:1+Z:1-2", "no theme has that letter"),
        ("A:9+B:1", "theme A has only 8 bars"),
        ("A:1/B:10-11", "theme B has only 10 bars"),
        ("A:7-9/B:1", "theme A has only 8 bars"),
    ],
)
def test_missing_bars_and_letters_are_one_line_errors(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        build(Recipe.parse(text), WALK_FIRST)
    assert "\n" not in str(caught.value)


def test_bars_without_notes_are_refused() -> None:
    gap = Piece.of([Note(0, 24, 60), Note(96 * 4, 24, 62)])
    with pytest.raises(ConfigError, match="no notes"):
        build(Recipe.parse("A:2+B:3"), lettered(gap, gap))


# Searched for


@pytest.mark.parametrize("themes", [WALK_FIRST, TURN_FIRST], ids=["walk", "turn"])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_search_keeps_as_many_different_openings_as_asked(
    count: int, themes: dict[str, Piece]
) -> None:
    config = replace(SEARCH, seeds=count, candidates=24)
    kept = search(themes, Uniform(), EVEN, config, rng=2)
    names = [str(opening.recipe) for opening in kept]
    assert len(set(names)) == count
    assert all(build(opening.recipe, themes).piece == opening.piece for opening in kept)
    again = search(themes, Uniform(), EVEN, config, rng=2)
    assert [str(opening.recipe) for opening in again] == names
    if count >= 4:
        first_kinds = [(o.recipe.first.theme, o.recipe.over) for o in kept[:4]]
        assert set(first_kinds) == {(t, o) for t in "AB" for o in (False, True)}
        other = search(themes, Uniform(), EVEN, config, rng=3)
        assert [str(opening.recipe) for opening in other] != names


def test_candidates_are_scored_by_likelihood_and_harmony() -> None:
    kept = search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seeds=16), rng=1)
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
        for opening in search(themes, Uniform(), EVEN, config, rng=2):
            least = 2 * bars * bar  # bars of the other metre may not come out even
            assert least <= length_of(opening) < least + 2 * 96


def test_a_fixed_seed_is_the_only_opening() -> None:
    (opening,) = search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seed="B:2/A:3"), rng=0)
    assert str(opening.recipe) == "B:2/A:3"
    with pytest.raises(ConfigError, match="seed"):
        search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seed="B2"), rng=0)


def test_themes_without_enough_bars_have_no_opening() -> None:
    with pytest.raises(GenerationError, match="no opening fits"):
        search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seed_bars=16), rng=0)


def test_harmony_is_near_for_the_same_chord_and_far_for_none_shared() -> None:
    chord = [Note(96 * i, 96, p) for i in range(4) for p in (60, 64, 67)]
    other = [Note(96 * i, 96, p) for i in range(4) for p in (61, 66, 70)]
    same = {"A": Piece.of(chord), "B": Piece.of(chord)}
    apart = {"A": Piece.of(chord), "B": Piece.of(other)}
    recipe = Recipe.parse("A:1+B:2")
    assert harmonic_distance(build(recipe, same)) == pytest.approx(0)
    assert harmonic_distance(build(recipe, apart)) == pytest.approx(1)

"""Openings: as text, built from bars of two themes, and as a plan."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, length_of, lettered, melody, three_four, with_upbeat
from hocket.config import SeedConfig
from hocket.errors import ConfigError
from hocket.generation import mix
from hocket.generation.openings import Excerpt, Recipe, build
from hocket.generation.seeds import harmonic_distance
from hocket.music import Meter, Note, Piece
from hocket.tokens import GRAMMAR, VOCAB, decode, simplify
from hocket.tokens.automaton import VOICES
from hocket.tokens.grammar import check_walk

SEARCH = SeedConfig(seed=None, seed_bars=1, seeds=4, candidates=16)
EVEN = mix.weights(0.5, 2)
MANY = 64
"""Bars: more than any opening here fills."""


WALK_FIRST = lettered(four_four(), three_four())
TURN_FIRST = lettered(three_four(), four_four())

SILENT = melody("=", "-", "=", "=")
HELD = melody("=", "o", "-", "-", "=")


UPBEATS = [Meter(0, 1, 16), Meter(0, 1, 8), Meter(0, 5, 16), Meter(0, 1, 4)]


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
    assert opening.length == length_of(opening) == opening.bars * bar
    assert opening.piece.end <= opening.length
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
    start = 24 + 2 * 72  # after the upbeat, which has no number
    assert start in {n.start for n in b.notes if n.pitch < 55}
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
    start = 24 + 72
    second = [n._replace(start=n.start + 96) for n in a.excerpt(range(96))]
    first = b.excerpt(range(start, start + 96))
    assert opening.piece == simplify(Piece.of([*first, *second], meters=[Meter(0, 4, 4)]))


def test_a_short_excerpt_is_given_a_whole_bar() -> None:
    opening = build(Recipe.parse("B:1+A:2"), WALK_FIRST)
    assert opening.joint == 96
    begun = [n.start for n in opening.piece.notes if n.start < 96]
    assert begun == [0, 0, 12, 24, 36, 48, 60]
    assert min(n.start for n in opening.piece.notes if n.start > 60) == 96


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
        bars = [bar for bar in theme.bars() if len(bar) > 24]  # no upbeat
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
    assert state.table[0, VOICES] == 0
    assert GRAMMAR.allowed(state).any()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C:1+A:1", "no theme has that letter"),
        ("A:1+Z:1-2", "no theme has that letter"),
        ("A:9+B:1", "theme A has only 8 bars"),
        ("A:1/B:9-10", "theme B has only 9 bars"),
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


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("A:2+B:1", "A:2"),
        ("A:1+B:3", "B:3"),
        ("A:1+B:3-4", "B:3-4"),
        ("B:3-4+A:1", "B:3-4"),
        ("A:2/B:1", "A:2"),
        ("A:1/B:4", "B:4"),
        ("B:4/A:1", "B:4"),
        ("A:2-3/B:1", "A:2-3"),  # cut where B ends: its notes begin later
    ],
)
def test_a_half_in_which_no_note_begins_is_refused(text: str, empty: str) -> None:
    with pytest.raises(
        ConfigError, match=re.escape(f"seed {text}: {empty} holds no notes")
    ) as caught:
        build(Recipe.parse(text), {"A": SILENT, "B": HELD})
    assert "\n" not in str(caught.value)


def test_a_half_whose_notes_begin_after_its_last_whole_bar_is_refused() -> None:
    late = Piece.of([Note(24 * i, 24, 60) for i in range(6, 24)], meters=[Meter(0, 3, 4)])
    assert build(Recipe.parse("A:1+B:3-4"), {"A": SILENT, "B": late}).bars == 2
    tail = Piece.of([Note(24 * i, 24, 60) for i in (4, 5, 6, 7, 8)], meters=[Meter(0, 3, 4)])
    with pytest.raises(ConfigError, match="B:1-2 holds no notes"):
        build(Recipe.parse("A:1+B:1-2"), {"A": SILENT, "B": tail})


# With an upbeat


@settings(max_examples=60, deadline=None)
@given(recipes, st.sampled_from(UPBEATS))
def test_an_upbeat_changes_no_opening(recipe: Recipe, upbeat: Meter) -> None:
    other = three_four()
    plain = build(recipe, {"A": four_four(), "B": other})
    shifted = build(recipe, {"A": with_upbeat(four_four(), upbeat), "B": other})
    assert shifted.piece == plain.piece
    assert shifted.ids.tolist() == plain.ids.tolist()
    assert (shifted.length, shifted.joint) == (plain.length, plain.joint)


def test_bar_one_is_the_first_whole_bar() -> None:
    turn = TURN_FIRST["A"]
    opening = build(Recipe.parse("A:1-3+B:1"), TURN_FIRST)
    assert opening.joint == 3 * 72
    first = [n for n in opening.piece.notes if n.start < opening.joint]
    assert [(n.start, n.pitch) for n in first] == [
        (n.start - 24, n.pitch) for n in turn.notes if 24 <= n.start < 24 + 3 * 72
    ]
    assert [n.start for n in first if n.pitch < 55] == [0, 72, 144]


# As a plan


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("A:5-6+B:3-4", "AAB"),  # two bars of 3/4 are one of 4/4
        ("B:1-3+A:2", "BBA"),
        ("B:1+A:2-4", "BAAA"),
        ("A:1+A:3-4", "AAA"),
        ("A:1-2/B:1-4", "=="),
        ("B:1-2/A:1-2", "="),
    ],
)
def test_the_plan_says_which_theme_stands_where(text: str, leads: str) -> None:
    opening = build(Recipe.parse(text), WALK_FIRST)
    constant = mix.weights(0.3, 2)
    rows = {"A": [1, 0], "B": [0, 1], "=": constant.tolist()}
    plan = opening.plan(["A", "B"], constant)
    assert plan.dtype == np.float32
    assert plan.tolist() == [rows[lead] for lead in leads]
    assert opening.bars == len(leads)


def test_a_plan_goes_by_letter_whatever_their_number() -> None:
    themes = dict(zip("ABC", [four_four()] * 3, strict=True))
    opening = build(Recipe.parse("C:1+B:2"), themes)
    assert opening.plan(list("ABC"), mix.weights(0.2, 3)).tolist() == [[0, 0, 1], [0, 1, 0]]

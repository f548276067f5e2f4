"""Openings made of two themes: written as text, built, and searched for."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, three_four
from hocket.config import SeedConfig
from hocket.errors import ConfigError, GenerationError
from hocket.generation import mix
from hocket.generation.openings import Excerpt, Opening, Recipe, build
from hocket.generation.seeds import candidates, harmonic_distance, search
from hocket.model.engine import EngineState
from hocket.music import Meter, Note, Piece
from hocket.music.pitch import agreeing
from hocket.tokens import GRAMMAR, VOCAB, decode, simplify
from hocket.tokens.grammar import check_walk

SEARCH = SeedConfig(seed=None, seed_bars=1, seeds=4, candidates=16)
EVEN = mix.weights(0.5, 2)
MANY = 64
"""Bars: more than any opening here fills."""


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
    assert not state.sounding.any()
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


def melody(*bars: str, bass: int | None = 48) -> Piece:
    """Return 4/4: a bar is `-` for none, `=` for four quarters, `o` for a chord held to the end."""
    notes: list[Note] = []
    for number, bar in enumerate(bars):
        tick = 96 * number
        if bar == "=":
            notes += [Note(tick + 24 * i, 24, 60 + (number + 2 * i) % 12) for i in range(4)]
            notes += [Note(tick, 96, bass)] if bass else []
        if bar == "o":
            until = next((i for i in range(number + 1, len(bars)) if bars[i] != "-"), len(bars))
            notes += [Note(tick, 96 * (until - number), pitch) for pitch in (55, 59, 62)]
    return Piece.of(notes)


SILENT = melody("=", "-", "=", "=")
HELD = melody("=", "o", "-", "-", "=")


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


def with_upbeat(theme: Piece, upbeat: Meter) -> Piece:
    begin = upbeat.bar_ticks
    notes = [note._replace(start=note.start + begin) for note in theme.notes]
    return Piece.of(
        [Note(0, begin, 67), *notes], meters=[upbeat, theme.main_meter._replace(tick=begin)]
    )


UPBEATS = [Meter(0, 1, 16), Meter(0, 1, 8), Meter(0, 5, 16), Meter(0, 1, 4)]


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


# Searched for


@pytest.mark.parametrize("themes", [WALK_FIRST, TURN_FIRST], ids=["walk", "turn"])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_search_keeps_as_many_different_openings_as_asked(
    count: int, themes: dict[str, Piece]
) -> None:
    config = replace(SEARCH, seeds=count, candidates=24)
    kept = search(themes, Uniform(), EVEN, config, rng=2, most_bars=MANY)
    names = [str(opening.recipe) for opening in kept]
    assert len(set(names)) == count
    assert all(build(opening.recipe, themes).piece == opening.piece for opening in kept)
    again = search(themes, Uniform(), EVEN, config, rng=2, most_bars=MANY)
    assert [str(opening.recipe) for opening in again] == names
    if count >= 4:
        first_kinds = [(o.recipe.first.theme, o.recipe.over) for o in kept[:4]]
        assert set(first_kinds) == {(t, o) for t in "AB" for o in (False, True)}
        other = search(themes, Uniform(), EVEN, config, rng=3, most_bars=MANY)
        assert [str(opening.recipe) for opening in other] != names


def test_candidates_are_scored_by_likelihood_and_harmony() -> None:
    kept = search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seeds=16), 1, MANY)
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
        for opening in search(themes, Uniform(), EVEN, config, rng=2, most_bars=MANY):
            least = 2 * bars * bar  # bars of the other metre may not come out even
            assert least <= length_of(opening) < least + 2 * 96


def test_a_fixed_seed_is_the_only_opening() -> None:
    (opening,) = search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seed="B:2/A:3"), 0, MANY)
    assert str(opening.recipe) == "B:2/A:3"
    with pytest.raises(ConfigError, match="seed"):
        search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seed="B2"), 0, MANY)


def test_themes_without_enough_bars_have_no_opening() -> None:
    with pytest.raises(GenerationError, match="no opening fits"):
        search(WALK_FIRST, Uniform(), EVEN, replace(SEARCH, seed_bars=16), 0, MANY)


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
    kept = search(themes, Uniform(), EVEN, ALL, 0, MANY)
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
        kept = search(TURN_FIRST, Uniform(), EVEN, replace(config, candidates=16), 1, most)
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
            search(TURN_FIRST, Uniform(), EVEN, config, 1, most)
    assert candidates(TURN_FIRST, config, 1, least)


def test_harmony_is_near_for_the_same_chord_and_far_for_none_shared() -> None:
    chord = [Note(96 * i, 96, p) for i in range(4) for p in (60, 64, 67)]
    other = [Note(96 * i, 96, p) for i in range(4) for p in (61, 66, 70)]
    same = {"A": Piece.of(chord), "B": Piece.of(chord)}
    apart = {"A": Piece.of(chord), "B": Piece.of(other)}
    recipe = Recipe.parse("A:1+B:2")
    assert harmonic_distance(build(recipe, same)) == pytest.approx(0)
    assert harmonic_distance(build(recipe, apart)) == pytest.approx(1)

"""Forms and motifs: what comes again, what is stated, and that nothing else gives way to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, three_four
from copiers import START, Copier, a_line
from fakes import UNIFORM, after
from hocket.analysis.tracing import trace
from hocket.config import GenerationConfig
from hocket.errors import ConfigError
from hocket.generation import form, mix, rules_for, sample
from hocket.generation.budget import NO_BUDGET
from hocket.generation.choir import Stepper
from hocket.generation.layout import script_of
from hocket.generation.motifs import bars_of, motif_of
from hocket.generation.openings import Opening, Recipe, build
from hocket.generation.script import FREE, OWN
from hocket.music import Key, Note, Piece
from hocket.music.pitch import agreeing
from hocket.tokens import GRAMMAR, decode, encode
from hocket.tokens.grammar import check_walk
from networks import in_two_parts
from takes import PLAIN, Dress, V, plain

BAR = 96
THEMES = dict(zip("AB", agreeing([four_four(), three_four()], Key(0, 0)), strict=True))
SHORT = build(Recipe.parse("A:2/B:4-5"), THEMES)
NONE = Opening(SHORT.recipe, SHORT.piece, START, 0, 0)
OPENINGS = ("A:1+B:2-3", "A:2/B:4-5")


def written(
    model: Stepper,
    config: GenerationConfig,
    rng: int = 0,
    dress: Dress = plain,
    everywhere: bool = False,
) -> tuple[list[Piece], list[int], list[list[tuple[int, int]]]]:
    """Return takes without a budget of quotes, the bars of their openings, and what stands where."""
    themes = {letter: dress(theme) for letter, theme in THEMES.items()}
    openings = [build(Recipe.parse(recipe), themes) for recipe in OPENINGS]
    lengths = [opening.bars for opening in openings]
    motif = None if config.motif is None else motif_of(config.motif, THEMES, 0)
    letters = form.form_of(config, list(THEMES.values()), lengths)
    script = script_of(letters, config, openings, motif, everywhere=everywhere)
    rules = rules_for(config, Key(0, 0), BAR, [dress(t) for t in THEMES.values()], NO_BUDGET)
    plan = mix.following([mix.weights(0.5, 2)[None]] * len(openings))
    takes = sample(model, [o.ids for o in openings], rules, plan, config, rng, script=script)
    for take in takes:
        check_walk(GRAMMAR, take.ids)
    pieces = [decode(take.ids) for take in takes]
    return pieces, lengths, [script.stands(take) for take in range(len(openings))]


def bar_of(piece: Piece, bar: int, length: int = 1) -> list[tuple[int, int, int]]:
    """Return the notes that begin in bars, from their line on: start, pitch, part."""
    begin, end = bar * BAR, (bar + length) * BAR
    inside = (n for n in piece.notes if begin <= n.start < end)
    return sorted((n.start - begin, n.pitch, n.part) for n in inside)


models = st.builds(
    lambda seed, scale: after(scale * np.random.default_rng(seed).standard_normal((V, V))),
    st.integers(0, 2**31),
    st.sampled_from((0.5, 2.0, 8.0)),
)


@settings(max_examples=25, deadline=None)
@given(
    models,
    st.sampled_from(("AABA", "ABAC", "AB", "ABACA")),
    st.sampled_from((0.0, 0.25, 0.5)),
    st.sampled_from((plain, in_two_parts)),
    st.booleans(),
    st.integers(0, 100),
)
def test_sections_come_again_whatever_the_model_says(
    model: Stepper, letters: str, vary: float, dress: Dress, everywhere: bool, rng: int
) -> None:
    config = replace(PLAIN, bars=24, form=letters, vary=vary, max_quote=0)
    pieces, _, stands = written(model, config, rng, dress, everywhere)
    for piece, bars in zip(pieces, stands, strict=True):
        again = [(bar, source) for bar, (kind, source) in enumerate(bars) if kind == OWN]
        assert bool(again) == (len(set(letters)) < len(letters))
        for bar, source in again:
            assert bar_of(piece, bar) == bar_of(piece, source)


@pytest.mark.parametrize(
    ("letters", "expected"), [("AABA", {12: 1, 0: 0}), ("ABC", {8: 1, 16: 1}), ("", {8: 1, 16: 1})]
)
def test_new_sections_begin_with_other_openings(letters: str, expected: dict[int, int]) -> None:
    """The second take has them the other way round."""
    config = replace(PLAIN, bars=24, form=letters or "through", max_quote=0)
    pieces, _, stands = written(UNIFORM, config, everywhere=True)
    openings = [build(Recipe.parse(recipe), THEMES) for recipe in OPENINGS]
    for take, piece in enumerate(pieces):
        for bar, number in expected.items():
            opening = openings[(number + take) % 2]
            assert bar_of(piece, bar, opening.bars) == bar_of(opening.piece, 0, opening.bars)
            begins = [stands[take][bar + n] for n in range(opening.bars)]
            own = [(FREE, -1)] * opening.bars
            kind = 1 + (number + take) % 2
            assert begins == (own if bar == 0 else [(kind, n) for n in range(opening.bars)])


def test_an_opening_that_would_quote_too_much_gives_way() -> None:
    """Each keeps to the budget by itself, but what comes before leads up to the second."""
    theme = a_line()
    halves = [build(Recipe.parse(text), {"A": theme}) for text in ("A:1+A:2", "A:3+A:4")]
    config = replace(PLAIN, bars=5, form="AB", max_quote=20)
    rules = rules_for(config, None, BAR, [theme])
    plan = mix.following([mix.weights(0.5, 2)[None]])
    script = script_of("AB", config, halves, None).of([0])
    for most, expected in ((0, 32), (20, 20)):
        rules = rules_for(replace(config, max_quote=most), None, BAR, [theme])
        (take,) = sample(UNIFORM, [halves[0].ids], rules, plan, config, 0, script=script)
        assert trace(decode(take.ids), {"A": theme}).longest == expected


@settings(max_examples=25, deadline=None)
@given(
    models,
    st.sampled_from(("A:2", "B:1-2", "C5:1 E5:.5 r:.5 G5:2", "G3:4")),
    st.sampled_from(("through", "AABA", "ABAC")),
    st.integers(1, 4),
    st.integers(0, 100),
)
def test_a_motif_is_stated_as_often_as_asked_whatever_the_model_says(
    model: Stepper, text: str, letters: str, statements: int, rng: int
) -> None:
    config = replace(PLAIN, bars=24, form=letters, motif=text, statements=statements)
    motif = motif_of(text, THEMES, 0)
    length = bars_of(motif)
    tune = sorted((n.start, n.pitch) for n in motif.notes)
    for piece, _, _ in [written(model, config, rng)]:
        for take in piece:
            found = 0
            for bar in range(config.bars - length + 1):
                here = [(start, pitch) for start, pitch, _ in bar_of(take, bar, length)]
                found += any(here == [(s, p + octave) for s, p in tune] for octave in (0, -12, 12))
            assert found >= statements


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(("AABA", "ABAC")), st.integers(4, 8), st.integers(0, 100))
def test_no_take_exceeds_the_budget_for_its_form(letters: str, most: int, rng: int) -> None:
    named = {str(number): theme for number, theme in enumerate(THEMES.values())}
    config = replace(PLAIN, bars=16, form=letters, max_quote=most)
    plan = mix.following([mix.weights(0.5, 2)[None]] * 2)
    script = script_of(letters, config, [NONE, NONE], None, everywhere=False)
    rules = rules_for(config, None, BAR, list(THEMES.values()))
    copier = Copier([encode(theme) for theme in THEMES.values()], greed=1e4)
    for take in sample(copier, [START] * 2, rules, plan, config, rng, script=script):
        check_walk(GRAMMAR, take.ids)
        piece = decode(take.ids)
        assert trace(piece, named).longest <= most
        assert trace(piece, named, "melody").longest <= most


def test_what_follows_a_motif_is_new() -> None:
    """A copier states the first bars as asked, and may not go on from there."""
    theme = a_line()
    config = replace(PLAIN, bars=8, form="through", motif="A:1-2", statements=1, max_quote=4)
    motif = motif_of("A:1-2", {"A": theme}, 0)
    script = script_of("", config, [NONE], motif)
    rules = rules_for(config, None, BAR, [theme])
    plan = mix.following([mix.weights(0.5, 2)[None]])
    copier = Copier([encode(theme)], greed=1e4)
    (take,) = sample(copier, [START], rules, plan, config, 0, script=script)
    assert trace(decode(take.ids), {"A": theme}).longest == len(motif.notes) == 16


def test_without_variation_nothing_is_new() -> None:
    config = replace(PLAIN, bars=16, form="AA", vary=0.0)
    pieces, _, stands = written(UNIFORM, config)
    assert [source for _, source in stands[0][8:]] == list(range(8))
    assert bar_of(pieces[0], 0, 8) == bar_of(pieces[0], 8, 8)


def test_sections_are_alike_in_length_and_the_last_takes_the_rest() -> None:
    assert form.sections("AABA", 34) == [
        ("A", range(8)),
        ("A", range(8, 16)),
        ("B", range(16, 24)),
        ("A", range(24, 34)),
    ]


def repeating(times: int) -> Piece:
    """Return a theme that says the same 32 notes so many times, then 32 others."""
    tune = [60 + (7 * i) % 12 for i in range(32)] * times + [
        60 + (5 * i * i) % 13 for i in range(32)
    ]
    return Piece.of([Note(12 * i, 12, pitch) for i, pitch in enumerate(tune)])


@pytest.mark.parametrize(
    ("times", "bars", "mixed", "expected"),
    [(6, 32, 0.5, "AABA"), (1, 32, 0.5, ""), (6, 12, 0.5, ""), (6, 32, "0:1, 16:0", "")],
)
def test_the_form_follows_the_themes(
    times: int, bars: int, mixed: float | str, expected: str
) -> None:
    config = GenerationConfig(bars=bars, mix=mixed)
    assert form.form_of(config, [repeating(times)] * 2, [4]) == expected


@pytest.mark.parametrize("asked", ["A1", "", "A-B", "A" * 17])
def test_no_form_is_refused(asked: str) -> None:
    with pytest.raises(ConfigError, match="--form"):
        form.form_of(GenerationConfig(form=asked), [four_four()], [4])


@pytest.mark.parametrize("text", ["H5:1", "C5:x", "C:1-2", "A:9000", "A:0", "r:1", "", "C99"])
def test_no_motif_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"motif|pitch"):
        motif_of(text, THEMES, 0)


def test_a_motif_that_does_not_fit_is_refused() -> None:
    config = GenerationConfig(bars=8, motif="G3:4", statements=9)
    with pytest.raises(ConfigError, match="--motif G3:4: does not fit 9 times"):
        script_of("", config, [SHORT], motif_of("G3:4", THEMES, 0))


def test_written_notes_are_moved_to_the_common_key() -> None:
    motif = motif_of("D5:1 F#5:1", THEMES, -2)
    assert [(n.start, n.pitch) for n in motif.notes] == [(0, 72), (24, 76)]


def test_without_form_and_motif_there_is_no_script() -> None:
    script = script_of("", GenerationConfig(), [SHORT, SHORT], None, everywhere=False)
    assert script.stands(0) == []
    assert script.of([0, 1, 1]) is script
    assert (FREE, OWN) == (0, -1)


@pytest.mark.parametrize(
    ("letters", "each", "expected"),
    [
        ("AABA", 0, [16]),
        ("ABAC", 0, [8, 24]),
        ("", 0, [8, 16, 24]),
        ("AABA", 4, [4, 16, 20]),
        ("", 4, [4, 8, 12, 16, 20, 24, 28]),
    ],
)
def test_where_openings_stand(letters: str, each: int, expected: list[int]) -> None:
    assert [place.start for place in form.beginnings(letters, 32, each)] == expected


def test_openings_stand_in_every_phrase_that_is_new() -> None:
    config = replace(PLAIN, bars=32, form="AABA")
    openings = [build(Recipe.parse(recipe), THEMES) for recipe in OPENINGS]
    script = script_of("AABA", config, openings, None, each=4)
    kinds = [kind for kind, _ in script.stands(0)]
    assert [kinds[bar] for bar in (4, 16, 20)] == [2, 2, 2]
    assert kinds[8:14] == [OWN] * 6
    assert kinds[14:16] == [FREE] * 2

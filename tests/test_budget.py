"""The budget of quotes: a law, whatever the model wants, in every grammar of parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from copiers import START, Copier, a_line
from fakes import UNIFORM, always
from hocket.analysis.tracing import trace
from hocket.config import GenerationConfig, RunConfig, SeedConfig
from hocket.errors import ConfigError
from hocket.generation import mix, rules_for, sample
from hocket.generation.budget import budget_of, longest_quote
from hocket.generation.choir import Stepper
from hocket.generation.compose import compose
from hocket.generation.seeds import candidates
from hocket.music import Meter, Note, Part, Piece
from hocket.tokens import VOCAB, decode, encode, simplify
from takes import DUR, ON

PLAIN = GenerationConfig(temperature=1.0, top_p=1.0, min_p=0.0, top_k=None, key_strength=0.0)


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """A theme of few pitches, so that much of it returns, in one to three parts."""
    parts = draw(st.integers(1, 3))
    row = st.tuples(
        st.integers(0, 30), st.integers(1, 6), st.integers(60, 66), st.integers(0, parts - 1)
    )
    rows = draw(st.lists(row, min_size=8, max_size=60))
    notes = [Note(6 * start, 6 * length, pitch, part=part) for start, length, pitch, part in rows]
    return simplify(Piece.of(notes, parts=[Part()] * parts, meters=[Meter(0, 4, 4)]))


def written(
    model: Stepper, themes: list[Piece], most: int, bars: int = 4, rng: int = 0
) -> list[Piece]:
    config = replace(PLAIN, bars=bars, max_quote=most)
    rules = rules_for(config, None, 96, themes)
    plan = mix.following([mix.weights(0.5, 2)[None]] * 2)
    return [decode(take.ids) for take in sample(model, [START] * 2, rules, plan, config, rng)]


A_CLUSTER = Piece.of([Note(0, 6, pitch) for pitch in range(60, 64)], meters=[Meter(0, 4, 4)])


@given(st.lists(pieces(), min_size=1, max_size=3), st.integers(4, 14), st.integers(0, 99))
@example([A_CLUSTER], 4, 0)
@settings(max_examples=60)
def test_no_take_exceeds_the_budget(themes: list[Piece], most: int, rng: int) -> None:
    copier = Copier([encode(theme) for theme in themes], greed=1e4)
    named = {str(number): theme for number, theme in enumerate(themes)}
    for take in written(copier, themes, most, rng=rng):
        assert trace(take, named).longest <= most
        assert trace(take, named, "melody").longest <= most


@given(st.lists(pieces(), min_size=1, max_size=2), st.integers(4, 6), st.integers(0, 99))
@settings(max_examples=30)
def test_nor_does_one_by_chance(themes: list[Piece], most: int, rng: int) -> None:
    """Themes of seven pitches, and a model that plays nothing else at their pace."""
    logits = np.full(len(VOCAB), -4.0)
    for pitch in range(60, 67):
        logits[[VOCAB.id(f"NOTE_ON {pitch}"), VOCAB.id(f"NOTE_OFF {pitch}")]] = 4
    logits[[VOCAB.id(f"DUR {ticks}") for ticks in (6, 12, 18)]] = 5
    named = {str(number): theme for number, theme in enumerate(themes)}
    for take in written(always(logits), themes, most, bars=8, rng=rng):
        assert trace(take, named).longest <= most
        assert trace(take, named, "melody").longest <= most


def test_every_interval_of_the_themes_is_too_much_and_takes_go_on_all_the_same() -> None:
    """A crafted theme knows every way on from four notes; only silence is left."""
    notes, at = [], 0
    for last in range(21, 109):
        for pitch in (60, 62, 64, 65, last):
            notes.append(Note(at, 12, pitch))
            at += 12
        at += 96
    theme = Piece.of(notes, meters=[Meter(0, 4, 4)])
    copier = Copier([encode(theme)], greed=1e4)
    for take in written(copier, [theme], 4, bars=6):
        assert take.notes
        assert trace(take, {"A": theme}).longest <= 4


def test_without_a_budget_the_copier_copies() -> None:
    theme = a_line()
    copier = Copier([encode(theme)], greed=1e4)
    assert trace(written(copier, [theme], 0)[0], {"A": theme}).longest > 20
    assert trace(written(copier, [theme], 12)[0], {"A": theme}).longest == 12


def test_a_take_far_from_the_budget_is_what_it_was() -> None:
    theme = Piece.of([Note(12 * n, 12, 60 + n % 3) for n in range(40)])
    assert written(UNIFORM, [theme], 0) == written(UNIFORM, [theme], 200)


def test_the_price_is_told() -> None:
    theme = a_line()
    copier = Copier([encode(theme)], greed=8.0)
    config = replace(PLAIN, bars=4, max_quote=8)
    plan = mix.following([mix.weights(0.5, 2)[None]])
    (free,) = sample(
        copier, [START], rules_for(replace(config, max_quote=0), None, 96, [theme]), plan, config, 1
    )
    (kept,) = sample(copier, [START], rules_for(config, None, 96, [theme]), plan, config, 1)
    assert free.price == 0
    assert kept.price > 1
    assert np.isfinite(kept.price)


@pytest.mark.parametrize("most", [1, 3])
def test_a_budget_of_next_to_nothing_is_refused(most: int) -> None:
    with pytest.raises(ConfigError, match=f"--max-quote {most}: give at least 4"):
        rules_for(replace(PLAIN, max_quote=most), None, 96, [Piece.of([Note(0, 24, 60)])])


def test_the_vocabulary_is_as_the_budget_takes_it() -> None:
    assert len(ON) == 88
    assert DUR.start == VOCAB.id("DUR 1")


def test_openings_keep_to_the_budget_or_are_cut() -> None:
    busy = Piece.of(
        [
            Note(6 * n, 6, 60 + p)
            for n, p in enumerate(np.random.default_rng(2).integers(0, 20, 128))
        ],
        meters=[Meter(0, 4, 4)],
    )
    themes = {"A": busy, "B": a_line()}
    budget = budget_of(list(themes.values()), 12)
    groups = candidates(themes, SeedConfig(), 1, 8, budget)
    assert groups
    for opening in (opening for group in groups for opening in group):
        assert longest_quote(opening.whole, budget) <= 12
    free = candidates(themes, SeedConfig(), 1, 8)
    assert max(longest_quote(o.piece, budget) for group in free for o in group) > 12


def test_an_opening_asked_for_stays_and_what_follows_keeps_to_the_budget() -> None:
    themes = {"A": a_line(), "B": a_line()}
    config = replace(
        RunConfig(),
        generation=replace(PLAIN, bars=6, takes=2),
        opening=SeedConfig(seed="A:1-2+B:1"),
    )
    lines: list[str] = []
    copier = Copier([encode(theme) for theme in themes.values()], 1e4)
    takes = compose(themes, copier, config, say=lines.append)
    assert any("quotes 16 notes in a row" in line for line in lines)
    for take in takes:
        rest = Piece.of([note for note in take.piece.notes if note.start >= 3 * 96])
        assert trace(rest, themes).longest <= 12

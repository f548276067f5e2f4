"""Each rule alone, on states reached by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.config import GenerationConfig
from hocket.generation.pressing import MEMORY, press, remember
from hocket.generation.rules import (
    HYBRID,
    Rules,
    barred,
    foreign_to,
    grid,
    longest_usual_note,
    rules_for,
    usual_places,
    usual_voices,
)
from hocket.music import Key, Meter, Note, Piece
from hocket.tokens import GRAMMAR, VOCAB
from hocket.tokens.vocab import LONGEST_STEP
from pressed import (
    IN_METER,
    NOTHING_STRUCK,
    after,
    in_key,
    left,
    longest_note,
    on_the_grid,
    steps,
    weights,
)


def test_stay_in_meter() -> None:
    state = after("NOTE_ON 60", "DUR 24")
    before = set(weights(IN_METER, state))
    assert before - left(IN_METER, state) == {n for n in before if n.startswith("METER")}
    assert any(name.startswith("METER") for name in before)


@pytest.mark.parametrize(("now", "first"), [(0, [2, 3, 4, 6]), (2, [1, 2, 4, 6]), (3, [1, 3, 5])])
def test_on_the_grid(now: int, first: list[int]) -> None:
    moved = ["NOTE_ON 60", *([f"DUR {now}"] if now else []), *(["NOTE_ON 62"] if now else [])]
    found = steps(left(on_the_grid(HYBRID), after(*moved)))
    assert found[: len(first)] == first
    assert found == [
        s for s in range(1, LONGEST_STEP + 1) if (now + s) % 2 == 0 or (now + s) % 3 == 0
    ]


def test_the_grid_leads_back_from_off_it() -> None:
    found = steps(left(on_the_grid(HYBRID), after("NOTE_ON 60", "DUR 1", "NOTE_ON 61")))
    assert found[:3] == [1, 2, 3]
    assert all((1 + s) % 2 == 0 or (1 + s) % 3 == 0 for s in found)


def test_the_grid_may_be_that_of_the_themes() -> None:
    rule = on_the_grid({0, 12})
    assert steps(left(rule, after("NOTE_ON 60"))) == [12, 24, 36, 48]
    assert steps(left(rule, after("NOTE_ON 60", "DUR 4", "NOTE_ON 61"))) == [8, 20, 32, 44]


def test_usual_places_are_where_notes_begin_and_end() -> None:
    eighths = [Note(12 * i, 12, 60) for i in range(200)]
    assert usual_places(Piece.of(eighths)) == {0, 12}
    triplets = [Note(24 * i + 8 * j, 8, 70) for i in range(100) for j in range(3)]
    assert usual_places(Piece.of([*eighths, *triplets])) == {0, 8, 12, 16}
    rare = [Note(6, 6, 80), Note(24 * 50 + 7, 30, 81)]
    assert usual_places(Piece.of([*eighths, *rare])) == {0, 12}, "once is not usual"
    off = [Note(24 * i + 7, 24, 60) for i in range(50)]
    assert usual_places(Piece.of(off)) == {0}, "nothing off the hybrid grid"


@pytest.mark.parametrize("upbeat", [Meter(0, 1, 16), Meter(0, 1, 8), Meter(0, 5, 16)], ids=str)
@given(st.sets(st.sampled_from(sorted(HYBRID)), min_size=1))
def test_usual_places_are_counted_from_the_bar_line(upbeat: Meter, places: set[int]) -> None:
    notes = [Note(24 * i + place, 2, 60) for i in range(100) for place in places]
    plain = usual_places(Piece.of(notes))
    assert places <= plain
    begin = upbeat.bar_ticks
    shifted = [note._replace(start=note.start + begin) for note in notes]
    theme = Piece.of([Note(0, begin, 67), *shifted], meters=[upbeat, Meter(begin, 4, 4)])
    assert usual_places(theme) == plain


def test_longest_note_bounds_waiting() -> None:
    rule = longest_note(24)
    assert steps(left(rule, after("NOTE_ON 60"))) == list(range(1, 25))
    state = after("NOTE_ON 60", "DUR 18", "NOTE_ON 64")
    assert steps(left(rule, state)) == list(range(1, 7))


def test_longest_note_ends_what_is_due_and_nothing_else() -> None:
    state = after("NOTE_ON 50", "NOTE_ON 60", "DUR 12", "NOTE_ON 55", "NOTE_ON 70", "DUR 12")
    assert left(longest_note(24), state) == {"NOTE_OFF 50"}
    state = GRAMMAR.step(state, np.array([VOCAB.id("NOTE_OFF 50")]))
    assert left(longest_note(24), state) == {"NOTE_OFF 55", "NOTE_OFF 60"}
    state = GRAMMAR.step(state, np.array([VOCAB.id("NOTE_OFF 60")]))
    assert {"NOTE_OFF 70", "NOTE_ON 40", "DUR 12"} <= left(longest_note(24), state)
    assert "DUR 13" not in left(longest_note(24), state)


def test_longest_note_is_whole_on_both_grids() -> None:
    assert steps(left(longest_note(11), after("NOTE_ON 60"))) == list(range(1, 7))
    assert steps(left(longest_note(1), after("NOTE_ON 60"))) == list(range(1, 7))


def test_voices() -> None:
    two = after("NOTE_ON 50", "NOTE_ON 60", "DUR 12")
    more = {f"NOTE_ON {p}" for p in range(21, 109)}
    assert left(Rules(voices=3), two) >= more
    assert left(Rules(voices=2), two) & more == {"NOTE_ON 50", "NOTE_ON 60"}, "only struck again"
    assert {"NOTE_OFF 50", "NOTE_OFF 60"} <= left(Rules(voices=1), two)
    one = GRAMMAR.step(two, np.array([VOCAB.id("NOTE_OFF 50")]))
    assert left(Rules(voices=2), one) & more == more - {"NOTE_ON 50"}  # the grammar: no off and on


def test_a_take_ends_at_its_bar_line() -> None:
    rule = Rules(end=96)
    early = after("NOTE_ON 60", "DUR 24", "NOTE_OFF 60")
    assert "END" in weights(rule, early)
    assert "END" not in left(rule, early)
    assert steps(left(rule, early)) == list(range(1, 49))
    near = after("NOTE_ON 60", "DUR 48", "DUR 24", "NOTE_ON 64")
    assert steps(left(rule, near)) == list(range(1, 25))


def test_at_its_bar_line_a_take_can_only_end() -> None:
    rule = Rules(end=96)
    state = after("NOTE_ON 50", "NOTE_ON 60", "DUR 48", "DUR 48")
    for name in ("NOTE_OFF 50", "NOTE_OFF 60", "END"):
        meters = {n for n in weights(rule, state) if n.startswith("METER")}
        assert left(rule, state) - meters == {name}
        state = GRAMMAR.step(state, np.array([VOCAB.id(name)]))


def test_soft_key_presses_foreign_notes() -> None:
    state = after("NOTE_ON 60", "DUR 12")
    pressed = weights(in_key(Key(0, 0), 2.0, 960, 96), state)
    scale = {0, 2, 4, 5, 7, 9, 11}
    for pitch in range(21, 109):
        assert pressed[f"NOTE_ON {pitch}"] == (0 if pitch % 12 in scale else -2)
    assert {v for n, v in pressed.items() if not n.startswith("NOTE_ON")} == {0}


def test_soft_key_lets_the_leading_note_of_minor_through_halfway() -> None:
    pressed = weights(in_key(Key(0, 0, True), 2.0, 960, 96), after("NOTE_ON 60", "DUR 12"))
    assert pressed["NOTE_ON 68"] == -1
    assert pressed["NOTE_ON 69"] == 0
    assert pressed["NOTE_ON 70"] == -2


@pytest.mark.parametrize(("minor", "chord"), [(False, {0, 4, 7}), (True, {9, 0, 4})])
def test_soft_key_closes_on_the_tonic_chord(minor: bool, chord: set[int]) -> None:
    rule = in_key(Key(0, 0, minor), 2.0, 192, 96)
    middle = weights(rule, after("NOTE_ON 60", "DUR 48"))
    close = weights(rule, after("NOTE_ON 60", "DUR 48", "DUR 48"))
    for pitch in range(21, 109):
        extra = close[f"NOTE_ON {pitch}"] - middle[f"NOTE_ON {pitch}"]
        assert extra == (0 if pitch % 12 in chord else -1)


def test_repetition_presses_what_was_struck_of_late() -> None:
    rules = Rules(repetition=np.float32(1.5))
    state, struck = after("NOTE_ON 60", "DUR 12"), np.zeros(88, np.float32)
    sixty, seventy_two, wait = (VOCAB.id(n) for n in ("NOTE_ON 60", "NOTE_ON 72", "DUR 12"))
    remember(sixty, struck)
    assert weights(rules, state, struck)["NOTE_ON 60"] == 0, "once is no repetition"
    remember(sixty, struck)
    twice = weights(rules, state, struck)
    assert twice["NOTE_ON 60"] == pytest.approx(-1.5 * float(MEMORY))
    assert {v for n, v in twice.items() if n != "NOTE_ON 60"} == {0}
    for _ in range(20):
        remember(seventy_two, struck)
    faded = weights(rules, state, struck)
    assert faded["NOTE_ON 60"] == 0
    assert faded["NOTE_ON 72"] < twice["NOTE_ON 60"]
    remember(wait, struck)
    assert weights(rules, state, struck) == faded, "only strikes count"


def test_themes_say_what_is_left_open() -> None:
    theme = Piece.of(
        [Note(24 * i, 24, 60) for i in range(97)] + [Note(0, 480, p) for p in (40, 44)]
    )
    assert longest_usual_note(theme) == 192
    assert longest_usual_note(Piece.of(theme.notes[2:])) == 24
    assert usual_voices(Piece.of([Note(0, 24, p) for p in (60, 64, 67)])) == 3
    assert usual_voices(Piece.of([Note(24 * i, 24, 60 + i) for i in range(9)])) == 1


def test_a_config_says_which_rules_are_heard() -> None:
    theme = Piece.of([Note(24 * i, 24, 60 + i) for i in range(9)])
    plain = GenerationConfig(repetition=0.0, key_strength=2.0, bars=7)
    rules = rules_for(plain, None, 96, [theme])
    assert (rules.end, rules.longest, rules.voices) == (7 * 96, 24, 1)
    assert rules.repetition == 0
    assert (rules.barred == barred(foreign_to([theme]))).all()
    assert (rules.off_grid == [grid(HYBRID), grid({0})]).all()
    assert not rules.foreign.any()
    keyed = rules_for(plain, Key(0, 0), 96, [theme])
    assert keyed.last_bar == 6 * 96
    assert set(keyed.foreign) == {0, 2}
    assert set(keyed.closing) == {0, 1, 3}
    lax = GenerationConfig(repetition=1.0, key_strength=0.0, longest_note=1.5, voices=3)
    rules = rules_for(lax, Key(0, 0), 96, [theme])
    assert not rules.foreign.any()
    assert (rules.longest, rules.voices) == (36, 3)
    assert rules.repetition == 1


@given(
    st.integers(0, 2**32),
    st.lists(st.sets(st.integers(0, len(VOCAB) - 1)), max_size=3),
    st.integers(0, 200),
    st.integers(0, 4),
)
def test_rules_always_leave_a_way_on(
    seed: int, kept: list[set[int]], longest: int, voices: int
) -> None:
    """On any weights, whatever quarrels: something is left, and nothing excluded comes back."""
    random = np.random.default_rng(seed)
    given = np.where(random.random(len(VOCAB)) < 0.05, random.random(len(VOCAB)), -np.inf)
    given[random.integers(len(VOCAB))] = 0
    before = given.astype(np.float32)
    weights = before.copy()
    sets = [~barred(each) for each in kept] or [barred(())]
    rules = Rules(
        end=int(random.integers(-1, 100)),
        barred=np.stack(sets),
        longest=longest,
        voices=voices,
        off_grid=random.random((2, 24, LONGEST_STEP)) < 0.5,
    )
    low = ("NOTE_ON 50", "PART 2", "NOTE_ON 60", "DUR 24", "NOTE_ON 64", "DUR 24")
    state = after(*low[: random.integers(len(low) + 1)])
    press(state.table[0], rules, NOTHING_STRUCK, weights)
    assert (weights > -np.inf).any()
    assert (weights[before == -np.inf] == -np.inf).all()

"""Each rule alone, on states reached by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.config import GenerationConfig
from hocket.generation.rules import (
    HYBRID,
    EndAtBarLine,
    LongestNote,
    OnTheGrid,
    Repetition,
    Rule,
    SoftKey,
    StayInMeter,
    Voices,
    longest_usual_note,
    rules_for,
    usual_places,
    usual_voices,
)
from hocket.music import Key, Meter, Note, Piece
from hocket.tokens import GRAMMAR, VOCAB, State
from hocket.tokens.vocab import LONGEST_STEP


def after(*names: str) -> State:
    """Return where one sequence stands after START, METER 4/4 and these events."""
    state = GRAMMAR.start(1)
    for name in ("START", "METER 4/4", *names):
        event = VOCAB.id(name)
        assert GRAMMAR.allowed(state)[0, event], f"{name} cannot stand there"
        state = GRAMMAR.step(state, np.array([event]))
    return state


def weights(rule: Rule, state: State, last: str = "START") -> dict[str, float]:
    """Return what a rule gives each event that the grammar allows."""
    given = rule(state, np.array([VOCAB.id(last)]))
    assert given.shape == (1, len(VOCAB))
    assert (given <= 0).all()
    allowed = np.flatnonzero(GRAMMAR.allowed(state)[0])
    return {VOCAB.names[i]: float(given[0, i]) for i in allowed}


def left(rule: Rule, state: State) -> set[str]:
    """Return the events that the grammar allows and the rule does not exclude."""
    return {name for name, weight in weights(rule, state).items() if weight > -np.inf}


def steps(names: set[str]) -> list[int]:
    return sorted(int(name.removeprefix("DUR ")) for name in names if name.startswith("DUR"))


def test_stay_in_meter() -> None:
    state = after("NOTE_ON 60", "DUR 24")
    before = set(weights(StayInMeter(), state))
    assert before - left(StayInMeter(), state) == {n for n in before if n.startswith("METER")}
    assert any(name.startswith("METER") for name in before)


@pytest.mark.parametrize(("now", "first"), [(0, [2, 3, 4, 6]), (2, [1, 2, 4, 6]), (3, [1, 3, 5])])
def test_on_the_grid(now: int, first: list[int]) -> None:
    moved = ["NOTE_ON 60", *([f"DUR {now}"] if now else []), *(["NOTE_ON 62"] if now else [])]
    found = steps(left(OnTheGrid(HYBRID), after(*moved)))
    assert found[: len(first)] == first
    assert found == [
        s for s in range(1, LONGEST_STEP + 1) if (now + s) % 2 == 0 or (now + s) % 3 == 0
    ]


def test_the_grid_leads_back_from_off_it() -> None:
    found = steps(left(OnTheGrid(HYBRID), after("NOTE_ON 60", "DUR 1", "NOTE_ON 61")))
    assert found[:3] == [1, 2, 3]
    assert all((1 + s) % 2 == 0 or (1 + s) % 3 == 0 for s in found)


def test_the_grid_may_be_that_of_the_themes() -> None:
    rule = OnTheGrid({0, 12})
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
    rule = LongestNote(24)
    assert steps(left(rule, after("NOTE_ON 60"))) == list(range(1, 25))
    state = after("NOTE_ON 60", "DUR 18", "NOTE_ON 64")
    assert steps(left(rule, state)) == list(range(1, 7))


def test_longest_note_ends_what_is_due_and_nothing_else() -> None:
    state = after("NOTE_ON 50", "NOTE_ON 60", "DUR 12", "NOTE_ON 55", "NOTE_ON 70", "DUR 12")
    assert left(LongestNote(24), state) == {"NOTE_OFF 50"}
    state = GRAMMAR.step(state, np.array([VOCAB.id("NOTE_OFF 50")]))
    assert left(LongestNote(24), state) == {"NOTE_OFF 55", "NOTE_OFF 60"}
    state = GRAMMAR.step(state, np.array([VOCAB.id("NOTE_OFF 60")]))
    assert {"NOTE_OFF 70", "NOTE_ON 40", "DUR 12"} <= left(LongestNote(24), state)
    assert "DUR 13" not in left(LongestNote(24), state)


def test_longest_note_is_whole_on_both_grids() -> None:
    assert steps(left(LongestNote(11), after("NOTE_ON 60"))) == list(range(1, 7))
    assert steps(left(LongestNote(1), after("NOTE_ON 60"))) == list(range(1, 7))


def test_voices() -> None:
    two = after("NOTE_ON 50", "NOTE_ON 60", "DUR 12")
    more = {f"NOTE_ON {p}" for p in range(21, 109)}
    assert left(Voices(3), two) >= more
    assert left(Voices(2), two) & more == {"NOTE_ON 50", "NOTE_ON 60"}, "only struck again"
    assert {"NOTE_OFF 50", "NOTE_OFF 60"} <= left(Voices(1), two)
    one = GRAMMAR.step(two, np.array([VOCAB.id("NOTE_OFF 50")]))
    assert left(Voices(2), one) & more == more - {"NOTE_ON 50"}  # the grammar: no off and on


def test_a_take_ends_at_its_bar_line() -> None:
    rule = EndAtBarLine(96)
    early = after("NOTE_ON 60", "DUR 24", "NOTE_OFF 60")
    assert "END" in weights(rule, early)
    assert "END" not in left(rule, early)
    assert steps(left(rule, early)) == list(range(1, 49))
    near = after("NOTE_ON 60", "DUR 48", "DUR 24", "NOTE_ON 64")
    assert steps(left(rule, near)) == list(range(1, 25))


def test_at_its_bar_line_a_take_can_only_end() -> None:
    rule = EndAtBarLine(96)
    state = after("NOTE_ON 50", "NOTE_ON 60", "DUR 48", "DUR 48")
    for name in ("NOTE_OFF 50", "NOTE_OFF 60", "END"):
        meters = {n for n in weights(rule, state) if n.startswith("METER")}
        assert left(rule, state) - meters == {name}
        state = GRAMMAR.step(state, np.array([VOCAB.id(name)]))


def test_soft_key_presses_foreign_notes() -> None:
    state = after("NOTE_ON 60", "DUR 12")
    pressed = weights(SoftKey(Key(0, 0), 2.0, 960, 96), state)
    scale = {0, 2, 4, 5, 7, 9, 11}
    for pitch in range(21, 109):
        assert pressed[f"NOTE_ON {pitch}"] == (0 if pitch % 12 in scale else -2)
    assert {v for n, v in pressed.items() if not n.startswith("NOTE_ON")} == {0}


def test_soft_key_lets_the_leading_note_of_minor_through_halfway() -> None:
    pressed = weights(SoftKey(Key(0, 0, True), 2.0, 960, 96), after("NOTE_ON 60", "DUR 12"))
    assert pressed["NOTE_ON 68"] == -1
    assert pressed["NOTE_ON 69"] == 0
    assert pressed["NOTE_ON 70"] == -2


@pytest.mark.parametrize(("minor", "chord"), [(False, {0, 4, 7}), (True, {9, 0, 4})])
def test_soft_key_closes_on_the_tonic_chord(minor: bool, chord: set[int]) -> None:
    rule = SoftKey(Key(0, 0, minor), 2.0, 192, 96)
    middle = weights(rule, after("NOTE_ON 60", "DUR 48"))
    close = weights(rule, after("NOTE_ON 60", "DUR 48", "DUR 48"))
    for pitch in range(21, 109):
        extra = close[f"NOTE_ON {pitch}"] - middle[f"NOTE_ON {pitch}"]
        assert extra == (0 if pitch % 12 in chord else -1)


def test_repetition_presses_what_was_struck_of_late() -> None:
    rule = Repetition(1.5)
    state = after("NOTE_ON 60", "DUR 12")
    assert weights(rule, state, "NOTE_ON 60")["NOTE_ON 60"] == 0, "once is no repetition"
    twice = weights(rule, state, "NOTE_ON 60")
    assert twice["NOTE_ON 60"] == pytest.approx(-1.5 * 0.93)
    assert {v for n, v in twice.items() if n != "NOTE_ON 60"} == {0}
    for _ in range(20):
        faded = weights(rule, state, "NOTE_ON 72")
    assert faded["NOTE_ON 60"] == 0
    assert faded["NOTE_ON 72"] < twice["NOTE_ON 60"]
    assert weights(rule, state, "DUR 12") == faded, "only strikes count"


def test_themes_say_what_is_left_open() -> None:
    theme = Piece.of(
        [Note(24 * i, 24, 60) for i in range(97)] + [Note(0, 480, p) for p in (40, 44)]
    )
    assert longest_usual_note(theme) == 192
    assert longest_usual_note(Piece.of(theme.notes[2:])) == 24
    assert usual_voices(Piece.of([Note(0, 24, p) for p in (60, 64, 67)])) == 3
    assert usual_voices(Piece.of([Note(24 * i, 24, 60 + i) for i in range(9)])) == 1


def kinds(config: GenerationConfig, key: Key | None = None) -> list[str]:
    theme = Piece.of([Note(24 * i, 24, 60 + i) for i in range(9)])
    return [type(rule).__name__ for rule in rules_for(config, key, 96, [theme])]


def test_a_config_says_which_rules_are_heard() -> None:
    always = ["EndAtBarLine", "StayInMeter", "LongestNote", "Voices", "OnTheGrid", "OnTheGrid"]
    plain = GenerationConfig(repetition=0.0, key_strength=2.0)
    assert kinds(plain) == always
    assert kinds(plain, Key(0, 0)) == [*always, "SoftKey"]
    assert kinds(GenerationConfig(key_strength=0.0, repetition=0.0), Key(0, 0)) == always
    assert kinds(GenerationConfig(repetition=1.0)) == [*always, "Repetition"]

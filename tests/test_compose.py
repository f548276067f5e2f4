"""Themes to takes: in which key, in which parts, and with what loudness they come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import four_four, three_four
from fakes import always
from hocket.config import GenerationConfig, RunConfig, SeedConfig
from hocket.errors import ConfigError
from hocket.generation.compose import check_wishes, compose, in_key, key_of_takes, parts_of
from hocket.generation.sampler import Take
from hocket.music import DEFAULT_VELOCITY, Key, Note, Part, Piece
from hocket.music.pitch import COMMON_KEY, estimate_key, moved_to, scale
from hocket.tokens import VOCAB, decode
from networks import in_two_parts

ON = VOCAB.families["NOTE_ON"]
CONFIG = RunConfig(
    opening=SeedConfig(seed="A:1+B:2"),
    generation=GenerationConfig(takes=1, bars=8, turns=2, key_strength=100.0, temperature=1.0),
)


PAIR = {"A": four_four(), "B": three_four()}
MIDDLE = always(np.where(np.isin(np.arange(len(VOCAB)), [*ON[:20], *ON[-20:]]), -1e4, 0.0))
"""A model that strikes any note but the lowest and the highest, which would leave the piano."""


def composed(themes: Mapping[str, Piece], config: RunConfig = CONFIG, **knobs: object) -> Take:
    wanted = replace(config.generation, **knobs)  # type: ignore[arg-type]
    (take,) = compose(themes, MIDDLE, replace(config, generation=wanted))
    return take


def classes(piece: Piece, begin: int = 0) -> set[int]:
    return {note.pitch % 12 for note in piece.notes if note.start >= begin}


# The key


@pytest.mark.parametrize("semitones", range(-5, 6))
def test_takes_come_out_in_the_key_of_the_first_theme(semitones: int) -> None:
    """The model hears C major, whatever key the theme is in; so every key gives the same take."""
    plain = {"A": four_four(), "B": three_four()}
    moved = {"A": four_four().transposed(semitones), "B": three_four()}
    here, there = composed(plain), composed(moved)
    assert here.ids.tolist() == there.ids.tolist()
    expected = estimate_key(moved["A"].notes)
    assert there.piece.keys == (expected,)
    assert key_of_takes(moved, CONFIG) == expected
    (step,) = {b.pitch - a.pitch for a, b in zip(here.piece.notes, there.piece.notes, strict=True)}
    assert step == semitones
    later = classes(there.piece, 2 * 96)
    assert {c for c in range(12) if scale(expected) >> c & 1} >= later


def test_an_opening_of_the_first_theme_sounds_as_it_does_there() -> None:
    theme = four_four().transposed(-6)  # F sharp major, down from C; C is a tritone away either way
    take = composed({"A": theme, "B": three_four()})
    opening = [note[:3] for note in take.piece.notes if note.start < 96]
    assert opening == [note[:3] for note in theme.notes if note.start < 96]


@pytest.mark.parametrize(("name", "key"), [("F#m", Key(0, 3, True)), ("Bb", Key(0, -2))])
def test_takes_come_out_in_the_key_asked_for(name: str, key: Key) -> None:
    take = composed({"A": four_four(), "B": three_four()}, key=name)
    assert take.piece.keys == (key,)
    leading = {(9 + 11 + 7 * key.fifths) % 12} if key.minor else set()
    assert {c for c in range(12) if scale(key) >> c & 1} | leading >= classes(take.piece, 2 * 96)


def test_without_a_key_none_is_said_and_nothing_pressed_down() -> None:
    take = composed({"A": four_four().transposed(2), "B": three_four()}, key="off")
    assert take.piece.keys == ()
    assert not classes(take.piece, 2 * 96) <= {2, 4, 6, 7, 9, 11, 1}
    first = [note.pitch for note in take.piece.notes if note.start < 96]
    assert first == [n.pitch for n in four_four().transposed(2).notes if n.start < 96]


def test_a_key_that_is_none_is_refused_before_anything_is_learned() -> None:
    wanted = replace(CONFIG, generation=replace(CONFIG.generation, key="H"))
    with pytest.raises(ConfigError, match="is no key"):
        check_wishes({"A": four_four(), "B": three_four()}, wanted)


pitched = st.lists(
    st.builds(
        Note,
        st.integers(0, 90).map(lambda i: 24 * i),
        st.just(24),
        st.integers(40, 90),
        st.just(DEFAULT_VELOCITY),
        st.sampled_from((0, 2, 3)),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda note: (note.start, note.pitch, note.part),
)


@given(pitched, st.integers(-7, 7), st.booleans())
def test_in_key_takes_back_what_the_common_key_took(
    notes: list[Note], fifths: int, minor: bool
) -> None:
    piece, key = Piece.of(notes, parts=(Part(),) * 4), Key(0, fifths, minor)
    assert in_key(moved_to(piece, key, COMMON_KEY), key) == piece


def test_what_leaves_the_piano_moves_by_octaves() -> None:
    edges = Piece.of([Note(0, 24, 21), Note(24, 24, 108)])
    assert [note.pitch for note in in_key(edges, Key(0, -3)).notes] == [24, 99]
    assert [note.pitch for note in in_key(edges, Key(0, 2)).notes] == [23, 98]
    assert [note.pitch for note in in_key(edges, Key(0, -2)).notes] == [31, 106]


# Parts and loudness


def test_parts_are_those_of_the_first_theme_then_what_later_ones_have_more() -> None:
    one = Piece.of([], parts=[Part("Flute", 73)])
    two = Piece.of([], parts=[Part("Left"), Part("Right", 1)])
    three = Piece.of([], parts=[Part("a"), Part("b"), Part("Tuba", 58)])
    assert parts_of([one, two, three]) == (Part("Flute", 73), Part("Right", 1), Part("Tuba", 58))
    assert parts_of([three, one]) == three.parts
    take = composed({"A": four_four(), "B": in_two_parts(three_four())})
    assert len(take.piece.parts) == 2
    assert {note.part for note in take.piece.notes} <= {0, 1}


def test_a_part_that_is_silent_in_a_take_keeps_its_place() -> None:
    """Notes of the second part do not become the first one's."""
    logits = np.zeros(len(VOCAB))
    logits[VOCAB.id("PART 1")] = 1e4
    high = four_four()
    low = Piece.of([n._replace(part=1) for n in high.notes], parts=(Part("Up"), Part("Down", 5)))
    both = replace(low, notes=tuple(sorted((*low.notes, Note(7 * 96, 96, 90)))))
    themes = {"A": both, "B": both.transposed(12)}
    (take,) = compose(themes, always(logits), replace(CONFIG, opening=SeedConfig(seed="A:1+B:2")))
    said = decode(take.ids)
    assert take.piece.parts == (Part("Up"), Part("Down", 5))
    assert [n.part for n in take.piece.notes] == [n.part for n in said.notes]
    assert {note.part for note in take.piece.notes if note.start >= 2 * 96} == {1}


def test_themes_without_dynamics_give_takes_that_are_shaded() -> None:
    take = composed({"A": four_four(), "B": three_four()})
    assert not np.isin(take.ids, VOCAB.families["VEL"]).any()
    assert len({note.velocity for note in take.piece.notes}) > 3
    assert [n[:3] for n in take.piece.notes] == [n[:3] for n in decode(take.ids).notes]


def test_themes_with_dynamics_and_pedal_give_takes_with_their_own() -> None:
    themes = {"A": in_two_parts(four_four()), "B": in_two_parts(three_four())}
    take = composed(themes)
    said = decode(take.ids)
    assert [note.velocity for note in take.piece.notes] == [n.velocity for n in said.notes]
    assert take.piece.pedals == said.pedals != ()
    assert np.isin(take.ids, VOCAB.families["VEL"]).any()


# Forms and motifs


def test_a_take_says_its_form() -> None:
    assert composed(PAIR, form="AABA", bars=16).form == "AABA"
    assert composed(PAIR, form="through", bars=16).form == ""


@pytest.mark.parametrize("semitones", [0, 2, -3])
def test_written_motifs_sound_as_written_whatever_the_key(semitones: int) -> None:
    moved = {"A": four_four().transposed(semitones), "B": three_four()}
    take = composed(moved, motif="D5:1 F#5:1 E5:2", statements=2, bars=12)
    sung = [(note.start % 96, note.pitch % 12) for note in take.piece.notes]
    tune = [(0, 2), (24, 6), (48, 4)]
    assert sum(sung[at : at + 3] == tune for at in range(len(sung))) >= 2


def test_bars_of_a_theme_sound_in_the_takes_key() -> None:
    moved = {"A": four_four(), "B": three_four().transposed(5)}
    take = composed(moved, motif="A:3", statements=2, bars=12)
    bar = [(n.start - 192, n.pitch % 12) for n in four_four().notes if 192 <= n.start < 288]
    notes = take.piece.notes
    found = [
        sorted((n.start % 96, n.pitch % 12) for n in notes if n.start // 96 == number)
        == sorted(bar)
        for number in range(12)
    ]
    assert sum(found) >= 2


def test_what_cannot_be_is_refused_before_learning() -> None:
    for knobs in ({"form": "AABA", "bars": 4}, {"motif": "A:1-3", "bars": 8, "statements": 9}):
        wanted = replace(CONFIG.generation, **knobs)  # type: ignore[arg-type]
        with pytest.raises(ConfigError):
            check_wishes(PAIR, replace(CONFIG, generation=wanted))

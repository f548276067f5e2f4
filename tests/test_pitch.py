"""Pitch names, keys, scales, and the piano roll in SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import ConfigError
from hocket.music.piece import Key, Note, Part, Piece
from hocket.music.pitch import (
    SCALES,
    best_scale,
    estimate_key,
    key_name,
    key_of,
    name,
    parse_key,
    pitch_class_ticks,
    scale,
    signatures_of,
    tonic,
)
from hocket.music.roll import roll_svg

keys = st.builds(Key, st.just(0), st.integers(-7, 7), st.booleans())


def melody(pitches: list[int], ticks: int = 24) -> list[Note]:
    return [Note(i * ticks, ticks, pitch) for i, pitch in enumerate(pitches)]


def test_pitch_names() -> None:
    assert [name(p) for p in (60, 61, 0, 127)] == ["C4", "C#4", "C-1", "G9"]
    assert name(61, flats=True) == "Db4"


@pytest.mark.parametrize(
    ("text", "fifths", "minor"),
    [
        ("C", 0, False),
        ("C#m", 4, True),
        ("Bb", -2, False),
        ("D minor", -1, True),
        ("eb-major", -3, False),
        (" f# Min ", 3, True),
        ("GM", 1, False),
        ("b", 5, False),
        ("B♭m", -5, True),
        ("A♯ minor", 7, True),
        ("G# major", -4, False),  # eight sharps: respelt as A flat
        ("Fb", 4, False),  # eight flats: respelt as E
    ],
)
def test_keys_are_read(text: str, fifths: int, minor: bool) -> None:
    assert parse_key(text) == Key(0, fifths, minor)


@pytest.mark.parametrize("text", ["", "H", "C#x", "minor", "C dorian", "A B", "C\nm x"])
def test_no_key_is_refused_with_what_is_possible(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no key; write .*'D minor'"):
        parse_key(text)


@given(keys)
def test_key_names_are_read_back(key: Key) -> None:
    assert parse_key(key_name(key)) == key


@given(keys)
def test_tonic_and_scale_belong_to_the_name(key: Key) -> None:
    letter, _, mode = key_name(key).partition(" ")
    steps = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    assert tonic(key) == (steps[letter[0]] + letter.count("#") - letter.count("b")) % 12
    third = 3 if mode == "minor" else 4
    for step in (0, 2, third, 5, 7):
        assert scale(key) >> (tonic(key) + step) % 12 & 1


def test_scales_have_seven_notes_each() -> None:
    assert [mask.bit_count() for mask in SCALES] == [7] * 12
    assert len(set(SCALES)) == 12
    assert SCALES[0] == 0b101010110101


def test_best_scale_by_hand() -> None:
    assert best_scale([]) == (0, 0.0)
    assert best_scale([62, 64, 66, 67, 69, 71, 73]) == (2, 1.0)
    # Of C D E F G A B and one F#, eight notes, C major and G major hold seven; C has fewer sharps.
    assert best_scale([60, 62, 64, 65, 67, 69, 71, 66]) == (0, 7 / 8)
    # G twice more: G is the tonic of G major, and that comes before fewer accidentals.
    assert best_scale([60, 62, 64, 65, 67, 69, 71, 66, 67, 67]) == (7, 9 / 10)


@given(st.lists(st.integers(0, 127), max_size=30), st.integers(0, 11))
def test_best_scale_share_survives_transposition(pitches: list[int], by: int) -> None:
    assert best_scale([p + by for p in pitches])[1] == best_scale(pitches)[1]


def test_pitch_class_ticks() -> None:
    ticks = pitch_class_ticks([Note(0, 5, 60), Note(0, 7, 72), Note(9, 2, 59)])
    assert ticks == (12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)


@pytest.mark.parametrize("key", [Key(0, f, m) for f in range(-5, 7) for m in (False, True)])
def test_key_of_a_plain_cadence(key: Key) -> None:
    third, seventh = (3, 11) if key.minor else (4, 11)
    chords = [(0, third, 7), (5, 5 + third, 0), (7, seventh, 2), (0, third, 7)]
    notes = [Note(24 * i, 24, 48 + tonic(key) + p) for i, c in enumerate(chords) for p in c]
    assert estimate_key(notes) == key


def test_key_of_nothing_is_c_major() -> None:
    assert estimate_key([]) == Key(0, 0, False)
    assert estimate_key(melody(list(range(60, 72)))) == Key(0, 0, False)


def rectangles(svg: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [e for e in root.iter("{http://www.w3.org/2000/svg}rect") if e.get("rx")]


def test_roll_is_well_formed_and_escapes_hostile_titles() -> None:
    title = '<script>alert("x")</script>&\x00\x1b[31m\ud800]]>'
    svg = roll_svg(Piece.of(melody([60, 64, 67]), title=title))
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg
    assert len(rectangles(svg)) == 3
    svg.encode()
    assert svg in Piece.of(melody([60, 64, 67]), title=title)._repr_html_()


def test_roll_colours_are_per_note_and_escaped() -> None:
    piece = Piece.of(melody([60, 64]))
    svg = roll_svg(piece, ["#123456", '"/><script>'])
    assert [e.get("fill") for e in rectangles(svg)] == ["#123456", '"/><script>']
    with pytest.raises(ValueError, match="1 colours for 2 notes"):
        roll_svg(piece, ["red"])


def test_roll_of_nothing_and_of_too_much() -> None:
    ElementTree.fromstring(roll_svg(Piece.of([])))
    long = roll_svg(Piece.of(melody([60] * 400), title="x" * 1_000_000))
    assert "only the first 64 bars shown" in long
    assert len(rectangles(long)) == 256
    assert len(long) < 100_000
    dense = roll_svg(Piece.of(Note(i % 96, 3, i % 128) for i in range(10_000)))
    assert "only the first 4,000 notes shown" in dense
    assert len(rectangles(dense)) == 4_000


def test_roll_carries_a_note_over_the_end_of_a_row() -> None:
    piece = Piece.of([Note(15 * 96, 192, 60), Note(0, 24, 62, part=1)], parts=[Part(), Part()])
    drawn = rectangles(roll_svg(piece))
    assert len(drawn) == 3
    assert len({e.get("fill") for e in drawn}) == 2


def test_signatures_of_many_are_those_of_each() -> None:
    random = np.random.default_rng(1)
    ticks = random.integers(0, 400, (300, 12)) * (random.random((300, 12)) < 0.6)
    ticks[0], ticks[1] = 0, 24  # silence, and all twelve alike
    expected = [key_of(tuple(row)).fifths for row in ticks.tolist()]
    assert signatures_of(ticks).tolist() == expected
    assert len(set(expected)) == 12

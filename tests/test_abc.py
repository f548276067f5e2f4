"""The ABC reader: small values by hand, and one clear line for each error."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hocket.errors import ScoreError
from hocket.music.piece import Key, Meter, Part, Piece, Tempo
from hocket.scores.abc import MAX_CHARS, read_abc


def read(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> Piece:
    """Read a tune that must give no remarks."""
    piece, remarks = read_abc(f"X:1\nT:Test\n{head}\n{music}\n", "test.abc")
    assert remarks == ()
    return piece


def pitches(music: str, head: str = "M:none\nL:1/4\nK:C") -> list[int]:
    return [note.pitch for note in read(music, head).notes]


def times(music: str, head: str = "M:none\nL:1/4\nK:C") -> list[tuple[int, int]]:
    return [(note.start, note.duration) for note in read(music, head).notes]


def test_a_scale() -> None:
    piece = read("CDEF|GABc|]")
    assert [note.pitch for note in piece.notes] == [60, 62, 64, 65, 67, 69, 71, 72]
    assert [note.start for note in piece.notes] == [24 * n for n in range(8)]
    assert {note.duration for note in piece.notes} == {24}
    assert piece.title == "Test"
    assert piece.parts == (Part(),)
    assert piece.meters == (Meter(0, 4, 4),)


def test_octaves_and_accidentals() -> None:
    assert pitches("C,, C, C c c' c''") == [36, 48, 60, 72, 84, 96]
    assert pitches("^C _D =E ^^F __B") == [61, 61, 64, 67, 69]


def test_accidentals_count_to_the_end_of_the_bar_in_all_octaves() -> None:
    assert pitches("^F F f =F F | F") == [66, 66, 78, 65, 65, 65]


def test_an_accidental_is_held_over_the_bar_line_by_a_tie() -> None:
    piece = read("^F4-|F2 F2|]")
    assert [(n.start, n.duration, n.pitch) for n in piece.notes] == [(0, 144, 66), (144, 48, 65)]


@pytest.mark.parametrize(
    ("text", "key", "pitch_of_f"),
    [
        ("K:D", Key(0, 2), 66),
        ("K:C#m", Key(0, 4, True), 66),
        ("K:Bb", Key(0, -2), 65),
        ("K:A minor", Key(0, 0, True), 65),
        ("K:Ddor", Key(0, 0), 65),
        ("K:G Mixolydian clef=bass", Key(0, 0), 65),
        ("K:D clef=bass", Key(0, 2), 66),
        ("K:C ^f", Key(0, 0), 66),
        ("K:none", Key(0, 0), 65),
    ],
)
def test_keys(text: str, key: Key, pitch_of_f: int) -> None:
    piece = read("F4|]", f"M:4/4\nL:1/4\n{text}")
    assert piece.keys == (key,)
    assert piece.notes[0].pitch == pitch_of_f


def test_lengths() -> None:
    assert times("C2 C/ C// C3/2 C/4 C") == [
        (0, 48),
        (48, 12),
        (60, 6),
        (66, 36),
        (102, 6),
        (108, 24),
    ]


def test_default_length_follows_the_metre() -> None:
    assert times("C", "M:none\nK:C") == [(0, 12)]
    assert read("CCCCCCCC", "M:2/4\nK:C").notes[0].duration == 6


def test_broken_rhythm() -> None:
    assert times("C>D E<F G>>A") == [(0, 36), (36, 12), (48, 12), (60, 36), (96, 42), (138, 6)]


def test_tuplets() -> None:
    assert times("(3CDE F") == [(0, 16), (16, 16), (32, 16), (48, 24)]
    assert times("(3:2:2C2D E") == [(0, 32), (32, 16), (48, 24)]
    assert times("(3zDE") == [(16, 16), (32, 16)]


def test_rests() -> None:
    assert times("z C x2 C") == [(24, 24), (96, 24)]
    assert [note.start for note in read("C4|Z2|C4|]").notes] == [0, 288]


def test_chords() -> None:
    piece = read("[CEG]2 [CE2] C")  # a chord lasts as long as its first note
    assert [(n.start, n.duration, n.pitch) for n in piece.notes] == [
        (0, 48, 60),
        (0, 48, 64),
        (0, 48, 67),
        (48, 24, 60),
        (48, 48, 64),
        (72, 24, 60),
    ]


def test_ties_join_notes_and_chords() -> None:
    assert times("C2-C2 C") == [(0, 96), (96, 24)]
    assert [(n.start, n.duration, n.pitch) for n in read("[CE]4-|[CG]4|]").notes] == [
        (0, 96, 64),
        (0, 192, 60),
        (96, 96, 67),
    ]


def test_overlay() -> None:
    piece = read("C4 & x E2 G | C4|]")
    assert [(n.start, n.pitch) for n in piece.notes] == [(0, 60), (24, 64), (72, 67), (96, 60)]
    assert len(piece.parts) == 1


def test_voices() -> None:
    music = "V:1\nc4|d4|]\n[V:2] C4|[V:1] e4|\n[V:2]D4|E4|]"
    head = 'M:4/4\nL:1/4\nV:1 clef=treble name="Right hand"\nV:2 clef=bass\nK:C'
    piece = read(music, head)
    assert piece.parts == (Part("Right hand"), Part("2"))
    assert [(n.start, n.pitch, n.part) for n in piece.notes] == [
        (0, 60, 1),
        (0, 72, 0),
        (96, 62, 1),
        (96, 74, 0),
        (192, 64, 1),
        (192, 76, 0),
    ]


def test_clef_with_octave_moves_the_notes() -> None:
    assert pitches("V:1 clef=treble-8\nC") == [48]


def test_repeat_with_endings() -> None:
    assert pitches("|: C |1 D :|2 E || F |]") == [60, 62, 60, 64, 65]
    assert pitches("C :: D :| E") == [60, 60, 62, 62, 64]
    assert pitches("|: C |[1,2 D :|[3 E |]") == [60, 62, 60, 62, 60, 64]


def test_a_tie_leads_into_each_ending() -> None:
    assert [(n.start, n.duration) for n in read("|: C4- |1 C4 :|2 C4 |]").notes] == [
        (0, 192),
        (192, 192),
    ]


def test_a_repeat_in_one_voice_counts_for_all() -> None:
    piece = read("V:1\n|: c4 :| d4 |]\nV:2\nC4 | D4 |]")
    assert [(n.start, n.pitch) for n in piece.notes if n.part == 1] == [
        (0, 60),
        (96, 60),
        (192, 62),
    ]


@pytest.mark.parametrize(
    ("music", "head", "meters"),
    [
        ("G | c4 | c3 |]", "M:4/4\nL:1/4", [(0, 1, 4), (24, 4, 4)]),
        ("e^d | e6 | c4 |]", "M:3/8\nL:1/16", [(0, 1, 8), (12, 3, 8)]),
        ("e | e6 | c5 |]", "M:3/8\nL:1/16", [(0, 1, 16), (6, 3, 8)]),
        ("e | e4 | e3 |]", "M:2/2\nL:1/4", [(0, 1, 4), (24, 2, 2)]),
        ("z c | c3 | c |]", "M:3/4\nL:1/4", [(0, 2, 4), (48, 3, 4)]),
        ("(3:2:1c | c4 | c3 |]", "M:4/4\nL:1/4", [(0, 4, 4), (16, 4, 4)]),  # no metre is that short
        ("c3 |]", "M:4/4\nL:1/4", [(0, 4, 4)]),  # a bar by itself is no upbeat
        ("c5 | c4 |]", "M:4/4\nL:1/4", [(0, 4, 4), (120, 4, 4)]),
    ],
)
def test_an_upbeat_has_a_metre_of_its_own_length(
    music: str, head: str, meters: list[tuple[int, int, int]]
) -> None:
    piece, _ = read_abc(f"X:1\nT:Test\n{head}\nK:C\n{music}\n", "test.abc")
    assert piece.meters == tuple(Meter(*meter) for meter in meters)


def test_bars_begin_after_the_upbeat() -> None:
    piece = read("G | c4 | c3 |]")
    assert piece.bars() == (range(24), range(24, 120), range(120, 216))


def test_the_longest_voice_says_the_length_of_the_upbeat() -> None:
    piece = read("[V:1] G | c4 | c3 |]\n[V:2] z | C4 | C3 |]\n")
    assert piece.meters == (Meter(0, 1, 4), Meter(24, 4, 4))


def test_fields_inside_the_music() -> None:
    piece = read("C4 | [M:3/4] [L:1/8] [K:D] [Q:1/4=60] F6 |]", "M:4/4\nL:1/4\nQ:1/4=120\nK:C")
    assert piece.meters == (Meter(0, 4, 4), Meter(96, 3, 4))
    assert piece.keys == (Key(0, 0), Key(96, 2))
    assert piece.tempos == (Tempo(0, 500_000), Tempo(96, 1_000_000))
    assert piece.notes[1][:3] == (96, 72, 66)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [("1/4=66", 909_091), ("3/8=40", 1_000_000), ('"Lento" 1/2 = 30', 1_000_000), ("120", 500_000)],
)
def test_tempo_is_whole_microseconds_a_quarter(text: str, microseconds: int) -> None:
    assert read("C4|]", f"M:4/4\nL:1/4\nQ:{text}\nK:C").tempos == (Tempo(0, microseconds),)


def test_dynamics_hold_in_their_voice() -> None:
    assert [note.velocity for note in read("C !pp!C C !f!C|]").notes] == [80, 35, 35, 95]


def test_what_is_left_out_is_said_once_a_kind() -> None:
    music = '"Am" {g}c !trill!d (ef) | .c ~d "G" e f |\nw: la la\n\nX:2\nK:C\nC4|'
    piece, remarks = read_abc(f"X:1\nM:4/4\nL:1/4\nK:C\n{music}", "test.abc")
    assert len(piece.notes) == 8
    assert remarks == (
        "chord symbols ignored",
        "grace notes ignored",
        "decorations ignored",
        "slurs ignored",
        "lyrics ignored",
        "text after the first tune ignored",
    )


def test_bars_that_do_not_fill_the_metre_are_named() -> None:
    _, remarks = read_abc("X:1\nM:3/4\nL:1/4\nK:C\nC3|C2|C3|C4|C3|]", "test.abc")
    assert remarks == ("bar 2, voice 1: 48 ticks where 3/4 has 72 (and 1 more like it)",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "test.abc: no K: line, so no ABC tune; start with X:, T: and K: lines"),
        ("hello", "test.abc: 'hello' before any key; start with X:, T: and K: lines"),
        ("K:C\nz4|", "test.abc: no notes in the tune; write music below the K: line"),
        ("K:H2O", None),
        (
            "K:D#\n",
            "test.abc: header: K:D# is no key; write it as K:D or K:C#m, with at most 7 signs",
        ),
        ("M:3/7\nK:C", "test.abc: header: M:3/7 is no metre; write it as M:3/4"),
        ("Q:1/4=0\nK:C", "test.abc: header: Q:1/4=0 is no tempo; write it as Q:1/4=66"),
        ("K:C\nC4|D2 @ E|", None),
        ("M:4/4\nL:1/128\nK:C\nC|", "test.abc: bar 1, voice 1: a length of 3/4 ticks"),
        ("K:C\n>C|", "test.abc: bar 1, voice 1: > without a note before it"),
        ("K:C\nc'''''|", "test.abc: bar 1, voice 1: c''''' is outside the range of MIDI"),
        ("K:C\n[C(E]|", "test.abc: bar 1, voice 1: cannot read the chord '[C(E]'"),
        ("K:C\n" + "".join(f"V:{n}\nC|\n" for n in range(65)), "test.abc: more than 64 voices"),
        ("K:C\nC/997C/991C/983|", "test.abc: bar 1, voice 1: lengths too odd to add up"),
        ("K:C\n" + " " * MAX_CHARS, f"test.abc: more than {MAX_CHARS} characters; split the file"),
    ],
)
def test_errors_are_one_line(text: str, line: str | None) -> None:
    with pytest.raises(ScoreError) as caught:
        read_abc(text, "test.abc")
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message
    assert line is None or message.startswith(line)


def test_the_place_of_an_error() -> None:
    with pytest.raises(ScoreError, match=r"^x: bar 2, voice 7: cannot read '@ C\|'; "):
        read_abc("M:4/4\nL:1/4\nK:C\nV:7\nC4|D2 @ C|", "x")


@given(st.text(alphabet="CDEFgab|:[]()123/><-&zZx^_=,'\"!{} %VKMLQw\n", max_size=80))
@example("[2a")  # a second ending, and nothing to be played before it
def test_any_text_is_read_or_refused(music: str) -> None:
    try:
        piece, _ = read_abc("X:1\nK:C\n" + music, "test.abc")
    except ScoreError:
        return
    assert piece.notes
    assert all(note.duration > 0 for note in piece.notes)

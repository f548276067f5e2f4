"""What is written is what sounds: whatever the ticks, and whatever sounds at once."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hocket.errors import ConfigError, ScoreError
from hocket.music import Meter, Note, Part, Piece
from hocket.notation import musicxml
from hocket.notation.layout import bars, instruments
from hocket.notation.shapes import Seen, rests, shapes_of
from hocket.notation.voices import Chord, chords, voices
from hocket.scores.musicxml import read_musicxml
from pieces import pieces

Sounds = Counter[tuple[int, int, int]]
TYPES = {"breve": 192, "whole": 96, "half": 48, "quarter": 24, "eighth": 12, "16th": 6, "32nd": 3}
ANYTHING = st.builds(
    Note,
    start=st.integers(0, 300),
    duration=st.integers(1, 130),
    pitch=st.integers(40, 60),
    velocity=st.just(80),
    part=st.integers(0, 2),
)
ON_GRID = st.builds(
    lambda grid, start, length, pitch: Note(grid * start, grid * length, pitch),
    st.sampled_from((2, 3)),
    st.integers(0, 80),
    st.integers(1, 40),
    st.integers(58, 62),
)


def sounds(piece: Piece) -> Sounds:
    return Counter((note.start, note.end, note.pitch) for note in piece.notes)


def as_written(score: bytes) -> Sounds:
    """Return what a score says by its durations and ties alone; no hocket or verovio is asked.

    On the way each bar's voices are checked to be as long as the bar, and each value to be what its
    type, dots and tuplet say.
    """
    found: Sounds = Counter()
    for part in fromstring(score).findall("part"):
        begin = 0
        open_ties: dict[tuple[int, str], tuple[int, int]] = {}
        for measure in part.findall("measure"):
            at = begin
            last = stop = begin
            for element in measure:
                ticks = int(element.findtext("duration") or 0)
                if element.tag == "backup":
                    at -= ticks
                elif element.tag == "forward":
                    at += ticks
                elif element.tag == "note":
                    if element.find("chord") is None:
                        last, at = at, at + ticks
                    assert value(element) in (None, ticks)
                    tied(element, last, ticks, open_ties, found)
                stop = max(stop, at)
                assert at >= begin
            begin = stop
        assert not open_ties
    return found


def tied(
    note: Element, start: int, ticks: int, ties: dict[tuple[int, str], tuple[int, int]], to: Sounds
) -> None:
    """Put a note to the sounds, or to the ties that go on."""
    step = note.findtext("pitch/step")
    if step is None:
        return
    pitch = "C D EF G A B".index(step) + 12 * (int(note.findtext("pitch/octave") or 0) + 1)
    pitch += int(note.findtext("pitch/alter") or 0)
    line = (pitch, note.findtext("voice") or "")
    kinds = {tie.get("type") for tie in note.findall("tie")}
    if "stop" in kinds:
        start, reached = ties.pop(line)
        ticks += reached - start
    if "start" in kinds:
        ties[line] = start, start + ticks
    else:
        to[start, start + ticks, pitch] += 1


def value(note: Element) -> Fraction | None:
    """Return the ticks that a note's shape says."""
    kind = note.findtext("type")
    if kind is None:
        return None
    ticks = Fraction(3, 2) if kind == "64th" else Fraction(TYPES[kind])
    if note.find("dot") is not None:
        ticks *= Fraction(3, 2)
    actual = note.findtext("time-modification/actual-notes") or "1"
    normal = note.findtext("time-modification/normal-notes") or "1"
    return ticks * int(normal) / int(actual)


@given(pieces(ANYTHING, most=24), st.sampled_from((0, 40)))
@settings(max_examples=150)
def test_durations_and_ties_say_any_ticks(piece: Piece, program: int) -> None:
    assume(piece.notes and len(piece.bars()) < 100)
    parts = [Part(str(number), program) for number in range(3)]
    piece = Piece.of(piece.notes, parts=parts, meters=piece.meters)
    assert as_written(musicxml(piece)) == sounds(piece)


@given(st.lists(ON_GRID, min_size=2, max_size=16))
@settings(max_examples=20)
def test_notes_of_one_pitch_may_overlap(notes: list[Note]) -> None:
    """MIDI cannot say which of them ends first, and scores are read by way of MIDI."""
    piece = Piece.of(notes)
    assert sounds(read_musicxml(musicxml(piece), "x")[0]) == sounds(piece)


def test_notes_of_one_pitch_that_are_tied_on_at_once_are_struck_once() -> None:
    """Or the end of the longer one would be struck again, as verovio plays it."""
    notes = [Note(12, 51, 58), Note(12, 51, 59), Note(18, 80, 58)]
    piece = Piece.of(notes)
    assert sounds(read_musicxml(musicxml(piece), "x")[0]) == sounds(piece)


def test_a_note_within_a_longer_one_of_its_pitch_ends_first() -> None:
    for program, pitch in ((0, 60), (40, 60), (0, 21)):
        notes = [Note(0, 210, pitch), Note(90, 12, pitch), Note(96, 24, 64)]
        piece = Piece.of(notes, parts=[Part("x", program)], meters=[Meter(0, 3, 4)])
        assert sounds(read_musicxml(musicxml(piece), "x")[0]) == sounds(piece)


# Voices and rests


def test_a_bass_below_what_follows_it_is_in_the_lower_voice() -> None:
    notes = [Note(0, 72, 38), *(Note(24, 48, pitch) for pitch in (57, 61, 66))]
    found = chords(notes, range(4))
    assert dict(zip([chord.low for chord in found], voices(found), strict=True)) == {38: 1, 57: 0}


@given(pieces(ON_GRID, most=30))
@settings(max_examples=50)
def test_some_voice_is_the_upper_one(piece: Piece) -> None:
    found = voices(chords(piece.notes, range(len(piece.notes))))
    assert sorted(set(found)) == list(range(len(set(found))))


def seen(*lines: list[tuple[int, int]], before_clef: bool = False) -> list[list[str]]:
    """Return how rests are written in voices of (start, end) in a bar of 4/4; notes are left out."""
    bar = bars(Piece.of([Note(0, 96, 60)]))[0]
    staff = {
        voice: shapes_of([Chord(start, end, (0,), 60, 60) for start, end in line], bar)
        for voice, line in enumerate(lines)
    }
    return [
        [
            kind.value
            for kind, shape in zip(
                rests(staff, voice, before_clef=before_clef), staff[voice], strict=True
            )
            if shape.chord is None
        ]
        for voice in staff
    ]


def test_rests_are_printed_where_they_are_missed() -> None:
    assert seen([(0, 24)]) == [["printed", "printed"]]
    assert seen([(48, 96)], [(0, 96)]) == [["printed"], []]
    assert seen([(48, 96)], [(0, 72)]) == [["printed"], ["passed"]]
    assert seen([(48, 96)], [(0, 72)], before_clef=True) == [["printed"], ["hidden"]]
    assert seen([(48, 96)], [(0, 24)], [(24, 48)]) == [["hidden"], ["passed"] * 2, ["passed"] * 2]
    assert seen([(48, 96)], [(0, 24)], [(36, 48)]) == [["printed"], ["passed"] * 2, ["passed"] * 3]
    assert seen([], [(0, 96)]) == [["hidden"], []]
    assert Seen("printed") is Seen.PRINTED


def test_a_clef_comes_after_all_that_the_old_one_is_for() -> None:
    """For verovio would set it where the last voice ends."""
    low = [Note(0, 96, 48), Note(0, 24, 40)]
    piece = Piece.of([*low, *(Note(96 + 12 * i, 12, 84) for i in range(32))], parts=[Part("", 40)])
    first, second = fromstring(musicxml(piece)).findall("part/measure")[:2]
    assert second.find("attributes/clef") is not None
    assert first.find("forward") is None
    hidden = [note for note in first.findall("note") if note.get("print-object") == "no"]
    assert sum(int(note.findtext("duration") or 0) for note in hidden) == 72


def test_more_voices_than_anybody_writes() -> None:
    many = Piece.of([Note(6 * i, 300, 40 + i) for i in range(40)])
    assert as_written(musicxml(many)) == sounds(many)
    assert sounds(read_musicxml(musicxml(many), "x")[0]) == sounds(many)
    with pytest.raises(ScoreError, match="more than 64 notes end each at its own time"):
        musicxml(Piece.of([Note(i, 300, 20 + i % 100) for i in range(300)]))


def test_the_lowest_of_three_voices_has_its_stems_down() -> None:
    notes = [Note(0, 72, 38), Note(24, 48, 57), Note(24, 48, 61), Note(48, 6, 59)]
    score = fromstring(musicxml(Piece.of(notes, parts=[Part("", 40)])))
    stems = {note.findtext("pitch/octave"): note.findtext("stem") for note in score.iter("note")}
    assert stems == {"2": "down", "3": None, "4": None, None: None}
    two = fromstring(musicxml(Piece.of(notes[:2], parts=[Part("", 40)])))
    assert two.find(".//stem") is None


# Who is who


def test_a_score_names_its_players() -> None:
    two = [Note(0, 96, 72, 80, 0), Note(0, 96, 40, 80, 1)]
    hands = Piece.of(two, parts=[Part("Right hand"), Part("Left hand")])
    names = fromstring(musicxml(hands)).findall("part-list/score-part/part-name")
    assert [name.text for name in names] == ["Piano"]
    song = Piece.of([*two, Note(0, 96, 70, 80, 2)], parts=[Part(""), Part(""), Part("Flute", 73)])
    names = fromstring(musicxml(song)).findall("part-list/score-part/part-name")
    assert [name.text for name in names] == ["Piano", "Flute"]
    alone = Piece.of([Note(0, 96, 70)], parts=[Part("", 73)])
    name = fromstring(musicxml(alone)).find("part-list/score-part/part-name")
    assert name is not None
    assert not name.text


def test_how_loud_notes_are_is_kept() -> None:
    piece = Piece.of([Note(24 * i, 24, 60, i + 1) for i in range(127)])
    assert read_musicxml(musicxml(piece), "x")[0].notes == piece.notes


def test_pedalling_stands_below_the_piano() -> None:
    from hocket.music import Pedal

    notes = [Note(24 * i, 24, 76, 80, 0) for i in range(8)]
    notes += [Note(48 * i, 48, pitch, 80, 1) for i in range(4) for pitch in (36, 60, 64, 67)]
    song = Piece.of(
        notes, parts=[Part("Voice", 52), Part("Piano")], pedals=[Pedal(0, True), Pedal(96, False)]
    )
    voice, piano = fromstring(musicxml(song)).findall("part")
    assert len(instruments(song)) == 2
    assert voice.find(".//pedal") is None
    assert voice.find(".//metronome") is not None
    assert len(piano.findall(".//pedal")) == 2
    assert piano.find(".//metronome") is None


def test_colours_are_colours() -> None:
    piece = Piece.of([Note(0, 96, 60)])
    for bad in ('red" id="x', "#12345", "#1234567", "blue", ""):
        with pytest.raises(ConfigError, match="write it as #RRGGBB"):
            musicxml(piece, colours=[bad])


ORDER = (
    "chord pitch rest duration tie voice type dot accidental time-modification stem notehead staff"
)
"""Of what is in a note, by the schema of MusicXML 4.0: another order would be refused."""


@given(pieces(ANYTHING, most=16))
@settings(max_examples=50)
def test_notes_say_things_in_the_order_of_the_schema(piece: Piece) -> None:
    assume(piece.notes and len(piece.bars()) < 100)
    piece = Piece.of(piece.notes, parts=[Part("")] * 3, meters=piece.meters)
    known = [*ORDER.split(), "beam", "notations"]
    score = fromstring(musicxml(piece, colours=["#0072B2"] * len(piece.notes)))
    for note in score.iter("note"):
        places = [known.index(child.tag) for child in note]
        assert places == sorted(places)
    names = [note.get("id") for note in score.iter("note") if note.get("id")]
    assert len(names) == len(set(names))

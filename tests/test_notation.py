"""Laws of written music: what is written is what sounds, and it reads as the metre and key want it."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hocket.errors import ConfigError, ScoreError
from hocket.music import Key, Meter, Note, Part, Pedal, Piece, Tempo
from hocket.notation import engrave_pdf, engrave_png, engrave_svg, musicxml, write_score
from hocket.notation.hands import hands
from hocket.notation.layout import bars, clefs, instruments
from hocket.notation.spelling import altered_by, spelled
from hocket.notation.values import Value, tuplets, values
from hocket.notation.voices import chords, voices
from hocket.scores.midi import midi_bytes, read_midi
from hocket.scores.musicxml import read_musicxml
from pieces import pieces

TYPE_TICKS = {"whole": 96, "half": 48, "quarter": 24, "eighth": 12, "16th": 6, "32nd": 3}
METERS = st.sampled_from(
    [
        (6, 4),
        (9, 4),
        (6, 2),
        (4, 4),
        (3, 4),
        (2, 4),
        (6, 8),
        (3, 8),
        (12, 8),
        (5, 8),
        (2, 2),
        (7, 16),
    ]
)


def sounds(piece: Piece) -> Counter[tuple[int, int, int]]:
    return Counter((note.start, note.end, note.pitch) for note in piece.notes)


def melody(
    *notes: tuple[int, int, int],
    meter: tuple[int, int] = (4, 4),
    keys: Sequence[Key] = (),
    tempos: Sequence[Tempo] = (),
    title: str = "",
) -> Piece:
    """Return a piece of (start, duration, pitch)."""
    found = [Note(*note) for note in notes]
    return Piece.of(found, meters=[Meter(0, *meter)], keys=keys, tempos=tempos, title=title)


def measures(piece: Piece, part: int = 0) -> list[Element]:
    return fromstring(musicxml(piece)).findall("part")[part].findall("measure")


def shapes(measure: Element) -> list[str]:
    """Return what a measure shows: letter or r, then the value and dots, then a tie."""
    found = []
    for note in measure.findall("note"):
        sign = note.findtext("pitch/step") or "r"
        dots = "." * len(note.findall("dot"))
        tie = "~" if any(tie.get("type") == "start" for tie in note.findall("tie")) else ""
        found.append(f"{sign} {note.findtext('type') or 'bar'}{dots}{tie}")
    return found


# Written and read back


WRITABLE = st.builds(
    Note,
    start=st.integers(0, 700),
    duration=st.integers(1, 200),
    pitch=st.integers(12, 127),
    velocity=st.integers(1, 127),
    part=st.just(0),
)


@given(pieces(WRITABLE, most=24))
@settings(max_examples=25)
def test_what_is_written_is_what_is_read(piece: Piece) -> None:
    """For whatever a file gives: readers put all notes on the grid of 1/8 and 1/12 quarters."""
    assume(piece.notes and len(piece.bars()) < 60)
    piece = read_midi(midi_bytes(piece), "x", pedal=False)[0]
    again, _ = read_musicxml(musicxml(piece), "x")
    assert sounds(again) == sounds(piece)


@pytest.mark.parametrize("demo", ["beethoven-fur-elise", "satie-gymnopedie-1"])
def test_the_demo_themes_are_read_back_bar_for_bar(demo: str) -> None:
    from hocket.scores import read
    from hocket.sources import demo_themes

    piece = read(demo_themes()[demo])
    again, remarks = read_musicxml(musicxml(piece), "x")
    assert remarks == ()
    assert sounds(again) == sounds(piece)
    assert again.bars() == piece.bars()
    assert again.keys == piece.keys
    assert again.title == piece.title
    assert [t.tick for t in again.tempos] == [t.tick for t in piece.tempos]
    for mine, theirs in zip(again.tempos, piece.tempos, strict=True):
        assert mine.microseconds == pytest.approx(theirs.microseconds, abs=1)


def test_several_parts_keep_their_staves() -> None:
    notes = [Note(24 * i, 24, 40 + 12 * part, 80, part) for part in range(4) for i in range(8)]
    quartet = Piece.of(notes, parts=[Part(name, 40) for name in ("a", "b", "c", "d")])
    again, _ = read_musicxml(musicxml(quartet), "x")
    assert [part.name for part in again.parts] == ["a", "b", "c", "d"]
    assert sounds(again) == sounds(quartet)


def test_a_score_is_the_same_each_time(themes: list[Piece]) -> None:
    assert musicxml(themes[1]) == musicxml(themes[1])
    assert engrave_svg(themes[1]) == engrave_svg(themes[1])
    assert engrave_pdf(themes[1]) == engrave_pdf(themes[1])


def test_hostile_words_stay_words() -> None:
    bad = '<b>&"]]>\x00\x1b[31m\ud800 ../x'
    piece = melody((0, 96, 60), title=bad)
    piece = Piece.of(piece.notes, title=bad, parts=[Part(bad, 40)])
    root = fromstring(musicxml(piece))
    title = root.findtext("work/work-title") or ""
    assert "<b>&" in title
    assert "\x00" not in title
    assert "<b>" not in engrave_svg(piece)[0]


# Values


@given(
    st.lists(st.integers(1, 191), max_size=8),
    METERS,
    st.sampled_from([1, 2, 3, 4, 6, 8, 12]),
)
def test_any_stretch_can_be_written(cuts: list[int], meter: tuple[int, int], grid: int) -> None:
    """The values fill it without a gap, each as long as its type, dots and tuplet say."""
    metre = Meter(0, *meter)
    length = metre.bar_ticks
    places = sorted({0, length, *(grid * (cut % (length // grid + 1)) for cut in cuts)})
    places = [place for place in places if place <= length]
    groups = tuplets(places, length, metre)
    for start, stop in pairwise(places):
        for rest in (False, True):
            found = values(start, stop, metre, groups, rest=rest)
            at = start
            for value in found:
                assert value.start == at
                at += value.ticks
                assert _length(value) == value.ticks
            assert at == stop


def _length(value: Value) -> float:
    ticks = {**TYPE_TICKS, "64th": 1.5, "breve": 192}[value.type] * (1.5 if value.dots else 1)
    return ticks if value.tuplet is None else ticks * value.tuplet.normal / value.tuplet.actual


@pytest.mark.parametrize(
    ("meter", "notes", "expected"),
    [
        ((4, 4), [(0, 96)], ["whole"]),
        ((4, 4), [(0, 36), (36, 60)], ["quarter.", "eighth~", "half"]),
        ((4, 4), [(0, 24), (24, 48), (72, 24)], ["quarter", "quarter~", "quarter", "quarter"]),
        ((3, 4), [(0, 24), (24, 48)], ["quarter", "half"]),
        ((3, 4), [(0, 72)], ["half."]),
        ((6, 8), [(0, 36), (36, 36)], ["quarter.", "quarter."]),
        ((6, 8), [(0, 24), (24, 24), (48, 24)], ["quarter", "eighth~", "eighth", "quarter"]),
        ((12, 8), [(0, 144)], ["whole."]),
        ((6, 4), [(0, 72), (72, 72)], ["half.", "half."]),
        ((6, 4), [(0, 48), (48, 48), (96, 48)], ["half", "quarter~", "quarter", "half"]),
        ((12, 8), [(0, 108), (108, 36)], ["half.~", "quarter.", "quarter."]),
        ((2, 4), [(0, 6), (6, 18), (24, 24)], ["16th", "16th~", "eighth", "quarter"]),
    ],
)
def test_values_show_the_beats(
    meter: tuple[int, int], notes: list[tuple[int, int]], expected: list[str]
) -> None:
    piece = melody(*((start, length, 72) for start, length in notes), meter=meter)
    assert [shape.split(" ", 1)[1] for shape in shapes(measures(piece)[0])] == expected


@pytest.mark.parametrize(
    ("notes", "actual", "types"),
    [
        ([(0, 8), (8, 8), (16, 8)], "3", ["eighth"] * 3),
        ([(0, 16), (16, 8)], "3", ["quarter", "eighth"]),
        ([(4 * i, 4) for i in range(6)], "6", ["16th"] * 6),
        ([(0, 16), (16, 16), (32, 16)], "3", ["quarter"] * 3),
        ([(0, 12), (12, 4), (16, 4), (20, 4)], "3", ["eighth", "16th", "16th", "16th"]),
    ],
)
def test_tuplets_are_bracketed(notes: list[tuple[int, int]], actual: str, types: list[str]) -> None:
    piece = melody(*((start, length, 72) for start, length in notes), (48, 48, 72))
    found = measures(piece)[0].findall("note")
    assert [note.findtext("type") for note in found[: len(types)]] == types
    tripled = [note for note in found if note.find("time-modification") is not None]
    assert {note.findtext("time-modification/actual-notes") for note in tripled} == {actual}
    marks = [t.get("type") for note in tripled for t in note.findall("notations/tuplet")]
    assert marks == ["start", "stop"]


def test_eighths_are_beamed_by_half_bars_and_sixteenths_by_beats() -> None:
    eighths = melody(*((12 * i, 12, 72) for i in range(8)))
    first = [note.findtext("beam[@number='1']") for note in measures(eighths)[0].findall("note")]
    assert first == ["begin", "continue", "continue", "end"] * 2
    mixed = melody((0, 18, 72), (18, 6, 72), (24, 12, 72), (36, 12, 72), (48, 48, 72))
    notes = measures(mixed)[0].findall("note")
    assert [note.findtext("beam[@number='1']") for note in notes[:4]] == ["begin", "end"] * 2
    assert notes[1].findtext("beam[@number='2']") == "backward hook"


@pytest.mark.parametrize(
    ("meter", "groups"),
    [
        ((2, 2), (4, 4)),
        ((3, 4), (6,)),
        ((6, 8), (3, 3)),
        ((6, 4), (6, 6)),
        ((5, 8), (3, 2)),
        ((7, 8), (2, 2, 3)),
    ],
)
def test_beams_show_how_a_bar_is_counted(meter: tuple[int, int], groups: tuple[int, ...]) -> None:
    piece = melody(*((12 * i, 12, 72) for i in range(sum(groups))), meter=meter)
    notes = measures(piece)[0].findall("note")
    found = [note.findtext("beam[@number='1']") for note in notes]
    assert found == [
        kind for size in groups for kind in ("begin", *["continue"] * (size - 2), "end")
    ]


def test_a_pickup_is_no_bar_of_its_own(themes: list[Piece]) -> None:
    found = measures(themes[1])
    assert found[0].get("implicit") == "yes"
    assert [measure.get("number") for measure in found[:3]] == ["0", "1", "2"]
    assert [m.findtext("attributes/time/beats") for m in found[:3]] == ["3", None, None]


# Voices and hands


def test_a_melody_over_a_held_note_is_two_voices() -> None:
    notes = [Note(0, 96, 60), *(Note(24 * i, 24, 72 + i) for i in range(4))]
    found = chords(notes, range(len(notes)))
    assert [voice for _, voice in sorted(zip(found, voices(found), strict=True))] == [0, 1, 0, 0, 0]


def test_notes_that_begin_and_end_together_are_a_chord() -> None:
    notes = [Note(0, 24, pitch) for pitch in (60, 64, 67)]
    found = chords(notes, range(3))
    assert len(found) == 1
    assert found[0].rows == (0, 1, 2)
    doubled = [Note(0, 24, 60), Note(0, 24, 60, 80, 1)]
    assert len(chords(doubled, range(2))) == 2


@given(pieces())
@settings(max_examples=40)
def test_a_voice_says_one_thing_at_a_time(piece: Piece) -> None:
    found = chords(piece.notes, range(len(piece.notes)))
    last: dict[int, int] = {}
    for chord, voice in zip(found, voices(found), strict=True):
        assert chord.start >= last.get(voice, 0)
        last[voice] = chord.end
    assert sorted(row for chord in found for row in chord.rows) == list(range(len(piece.notes)))


def test_hands_follow_their_lines() -> None:
    """A tune that goes down to where the bass was, over a bass that stays below it."""
    tune = [Note(24 * i, 24, 72 - 2 * i) for i in range(9)]
    bass = [Note(24 * i, 24, 45 - i) for i in range(9)]
    notes = sorted(tune + bass)
    assert [note in tune for note in notes] == hands(notes)


def test_a_hand_takes_what_it_can_reach() -> None:
    notes = sorted(Note(0, 24, pitch) for pitch in (36, 43, 48, 67, 72, 76))
    assert hands(notes) == [False, False, False, True, True, True]
    waltz = [Note(0, 24, 40), *(Note(24, 24, p) for p in (55, 59, 64)), Note(0, 72, 79)]
    waltz = sorted(waltz)
    assert [note.pitch == 79 for note in waltz] == hands(waltz)


def test_what_is_written_for_a_hand_stays_there_unless_it_cannot_be_played() -> None:
    notes = sorted(
        [Note(12 * i, 12, 76 + i % 2) for i in range(16)] + [Note(96 * i, 96, 43) for i in range(2)]
    )
    right = [note.pitch > 60 for note in notes]
    wrong = [side and note.start != 36 for side, note in zip(right, notes, strict=True)]
    assert hands(notes, wrong) == right
    crossed = [Note(0, 24, 60, 80, 0), Note(0, 24, 62, 80, 1)]
    assert hands(crossed, [False, True]) == [False, True]


def test_songs_have_a_staff_for_the_voice_and_two_for_the_piano() -> None:
    notes = [Note(24 * i, 24, 70, 80, 0) for i in range(8)]
    notes += [Note(48 * i, 48, pitch, 80, 1) for i in range(4) for pitch in (60, 64, 67)]
    notes += [Note(48 * i, 48, pitch, 80, 2) for i in range(4) for pitch in (36, 43)]
    song = Piece.of(notes, parts=[Part("", 0)] * 3)
    assert [len(player.staves) for player in instruments(song)] == [1, 2]


def test_a_hand_that_stays_high_gets_a_treble_clef() -> None:
    notes = [Note(96 * i, 96, 45 if i < 4 else 76) for i in range(12)]
    piece = Piece.of(notes)
    found = clefs(piece.notes, range(12), bars(piece), "F")
    assert found == ["F"] * 4 + ["G"] * 8
    one = Piece.of([Note(96 * i, 96, 62 if i == 4 else 45) for i in range(12)])
    assert set(clefs(one.notes, range(12), bars(one), "F")) == {"F"}


# Spelling


@pytest.mark.parametrize(
    ("pitch", "key", "following", "expected"),
    [
        (68, Key(0, 0, True), None, "G#4"),  # A minor: its leading note
        (63, Key(0, 0, True), None, "D#4"),
        (63, Key(0, 0), 62, "Eb4"),  # on the way down
        (63, Key(0, 0), 64, "D#4"),  # and up
        (70, Key(0, 0), 69, "Bb4"),
        (66, Key(0, -2, True), 67, "F#4"),  # G minor
        (61, Key(0, -3), None, "Db4"),
        (65, Key(0, 2), 66, "E#4"),
        (71, Key(0, -6), None, "Cb5"),
        (72, Key(0, 7), None, "B#4"),
    ],
)
def test_pitches_are_spelt_for_the_key(
    pitch: int, key: Key, following: int | None, expected: str
) -> None:
    found = spelled(pitch, key, following)
    sign = {-1: "b", 0: "", 1: "#"}[found.alter]
    assert f"{found.letter}{sign}{found.octave}" == expected


@given(st.integers(0, 127), st.integers(-7, 7), st.booleans(), st.integers(0, 127))
def test_a_spelling_is_the_pitch(pitch: int, fifths: int, minor: bool, following: int) -> None:
    key = Key(0, fifths, minor)
    for found in (spelled(pitch, key), spelled(pitch, key, following)):
        natural = (0, 2, 4, 5, 7, 9, 11)[found.step] + 12 * (found.octave + 1)
        assert natural + found.alter == pitch
        assert abs(found.alter) <= 2


@pytest.mark.parametrize("fifths", range(-7, 8))
def test_a_scale_in_its_key_needs_no_accidentals(fifths: int) -> None:
    tonic = 60 + 7 * fifths % 12
    scale = [tonic + step for step in (0, 2, 4, 5, 7, 9, 11, 12)]
    piece = melody(*((12 * i, 12, p) for i, p in enumerate(scale)), keys=[Key(0, fifths)])
    assert musicxml(piece).count(b"<accidental>") == 0
    signs = [altered_by(Key(0, fifths), step) for step in range(7)]
    assert sum(signs) == fifths


def test_accidentals_hold_for_the_bar() -> None:
    notes = [(0, 24, 66), (24, 24, 66), (48, 24, 65), (72, 24, 66), (96, 24, 66), (120, 24, 67)]
    found = [
        note.findtext("accidental")
        for measure in measures(melody(*notes, keys=[Key(0, 0)]))
        for note in measure.findall("note")
        if note.find("rest") is None
    ]
    assert found == ["sharp", None, "natural", "sharp", "sharp", None]
    tune = [(0, 96, 66), (96, 24, 67), (120, 24, 65), (144, 48, 65), (192, 96, 65)]
    later = musicxml(melody(*tune, keys=[Key(0, 0)]))
    found = [note.findtext("accidental") for note in fromstring(later).iter("note")]
    assert [sign for sign in found if sign] == ["sharp", "natural"]  # to be sure, once
    tied = [(0, 120, 66), (120, 24, 66)]
    again = measures(melody(*tied, keys=[Key(0, 0)]))[1].findall("note")
    assert [note.findtext("accidental") for note in again[:2]] == [None, "sharp"]


# Signs


def test_signs_stand_at_their_places() -> None:
    piece = Piece.of(
        [Note(24 * i, 24, 60) for i in range(16)],
        meters=[Meter(0, 4, 4), Meter(192, 3, 4)],
        tempos=[Tempo(0, 500_000), Tempo(48, 400_000)],
        keys=[Key(0, 1), Key(192, -3, True)],
        pedals=[Pedal(24, True), Pedal(48, True), Pedal(96, False)],
    )
    again, _ = read_musicxml(musicxml(piece), "x")
    assert again.meters == piece.meters
    assert again.keys == piece.keys
    assert again.tempos == piece.tempos
    text = musicxml(piece).decode()
    assert re.findall(r'pedal type="(\w+)"', text) == ["start", "change", "stop"]


def test_compound_metres_are_counted_in_dotted_beats() -> None:
    piece = melody((0, 72, 60), meter=(6, 8), tempos=[Tempo(0, 400_000)])
    mark = measures(piece)[0].find("direction/direction-type/metronome")
    assert mark is not None
    assert mark.find("beat-unit-dot") is not None
    assert mark.findtext("per-minute") == "100"


def test_heads_have_the_colours_and_ids_of_their_notes() -> None:
    piece = melody((0, 120, 60), (120, 24, 64))
    text = musicxml(piece, colours=["#0072B2", None]).decode()
    assert text.count('<notehead color="#0072B2">') == 2  # tied over the bar
    assert re.findall(r'<note id="(\S+?)"', text) == ["n0", "n0-96", "n1"]
    page = engrave_svg(piece, colours=["#0072B2", None])[0]
    assert 'id="n0"' in page
    assert "#0072B2" in page
    with pytest.raises(ValueError, match="1 colours for 2 notes"):
        musicxml(piece, colours=[None])


# Pages


def test_pages_need_nothing_from_elsewhere(themes: list[Piece]) -> None:
    page = engrave_svg(themes[0])[0]
    root = fromstring(page)
    assert root.tag.endswith("svg")
    links = set(re.findall(r'https?://[^"<\s]+', page))
    assert links <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "Leipzig" not in page
    uses = set(re.findall(r'<use href="#([^"]+)"', page))
    assert uses <= set(re.findall(r'id="([^"]+)"', page))


def test_a_page_shows_its_notes(themes: list[Piece]) -> None:
    """As many heads as notes and ties, and ink in each staff."""
    from PIL import Image

    page = engrave_png(themes[0])[0]
    with Image.open(io.BytesIO(page)) as image:
        assert image.width / image.height == pytest.approx(210 / 297, abs=0.01)
        grey = image.convert("L").resize((210, 297))
    dark = int((np.asarray(grey) < 200).sum())
    assert 300 < dark < 30_000


def test_a_score_is_written_by_its_suffix(tmp_path: Path, themes: list[Piece]) -> None:
    for suffix, begins in (
        (".musicxml", b"<?xml"),
        (".svg", b"<svg"),
        (".pdf", b"%PDF"),
        (".png", b"\x89PNG"),
    ):
        files = write_score(themes[0], tmp_path / f"x{suffix}")
        assert files == [tmp_path / f"x{suffix}"]
        assert files[0].read_bytes().startswith(begins)
    long = Piece.of([Note(12 * i, 12, 60 + i % 12) for i in range(1500)])
    files = write_score(long, tmp_path / "y.svg")
    assert [file.name for file in files][:2] == ["y-1.svg", "y-2.svg"]
    with pytest.raises(ConfigError, match=r"a score is written as \.musicxml"):
        write_score(themes[0], tmp_path / "x.doc")


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(ScoreError, match="no notes to write"):
        musicxml(Piece.of([], title="Nothing"))
    with pytest.raises(ScoreError, match="below C0"):
        musicxml(Piece.of([Note(0, 24, 11)]))
    with pytest.raises(ScoreError, match="is in no part"):
        musicxml(Piece.of([Note(0, 24, 60, 80, 1)]))
    far = Piece.of([Note(0, 24, 60), Note(96 * 6000, 24, 60)])
    with pytest.raises(ScoreError, match=r"too long for a score; at most .* 5,000 bars"):
        musicxml(far)


def musescore() -> str:
    found: Sequence[str | None] = [
        shutil.which(name) for name in ("mscore", "musescore3", "mscore3")
    ]
    return next((path for path in found if path), "")


@pytest.mark.skipif(not musescore(), reason="MuseScore is not here")
def test_musescore_plays_the_same_notes(tmp_path: Path, themes: list[Piece]) -> None:
    from hocket.scores import read

    for number, piece in enumerate(themes):
        source, target = tmp_path / f"{number}.musicxml", tmp_path / f"{number}.mid"
        source.write_bytes(musicxml(piece))
        done = subprocess.run(
            [musescore(), "-o", str(target), str(source)],
            env={"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            timeout=120,
            text=True,
        )
        assert done.returncode == 0
        assert "corrupt" not in done.stderr.lower()
        there = Counter((note.start, note.pitch) for note in read(target).notes)
        assert there == Counter((note.start, note.pitch) for note in piece.notes)

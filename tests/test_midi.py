"""Laws of reading and writing MIDI, and what happens to drums, metres and names."""

from __future__ import annotations

import lzma
import tarfile
import warnings
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket import scores
from hocket.errors import ScoreError
from hocket.music.grid import late_by, snap
from hocket.music.piece import TICKS_PER_QUARTER, Key, Meter, Note, Part, Pedal, Piece, Tempo
from hocket.scores import smf
from hocket.scores.midi import midi_bytes, read_midi

_BASE = Path(__file__).parents[1].parent / "shared" / "data" / "base.tar.xz"

_on_grid = st.integers(0, 900).map(lambda n: 2 * n) | st.integers(0, 600).map(lambda n: 3 * n)
_length = st.integers(1, 900).map(lambda n: 2 * n) | st.integers(1, 600).map(lambda n: 3 * n)
_text = st.text(st.characters(exclude_categories=["C"]), max_size=20)
_note = st.tuples(_on_grid, _length, st.integers(0, 127), st.integers(1, 127))


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """Pieces on the grid, each part with notes; notes of one pitch end in the order they start."""
    parts = draw(st.lists(st.builds(Part, _text, st.integers(0, 127)), min_size=1, max_size=18))
    notes: list[Note] = []
    for index in range(len(parts)):
        ends: dict[int, int] = {}
        for start, duration, pitch, velocity in sorted(
            draw(st.lists(_note, min_size=1, max_size=12))
        ):
            if start + duration >= ends.get(pitch, 0):
                ends[pitch] = start + duration
                notes.append(Note(start, duration, pitch, velocity, index))
    meter = st.builds(Meter, _on_grid, st.integers(1, 32), st.sampled_from([1, 2, 4, 8, 16, 32]))
    return Piece.of(
        notes,
        parts=parts,
        meters=draw(st.lists(meter, max_size=4)),
        tempos=draw(st.lists(st.builds(Tempo, _on_grid, st.integers(200_000, 2**21)), max_size=4)),
        keys=draw(
            st.lists(st.builds(Key, _on_grid, st.integers(-7, 7), st.booleans()), max_size=4)
        ),
        title=draw(_text.filter(lambda title: "track" not in title.lower())),
        pedals=draw(st.lists(st.builds(Pedal, _on_grid, st.booleans()), max_size=12)),
    )


@settings(max_examples=150, deadline=None)
@given(pieces())
def test_what_was_written_is_read(piece: Piece) -> None:
    data = midi_bytes(piece)
    assert data == midi_bytes(piece)
    assert read_midi(data, "piece.mid", pedal=False) == (piece, ())
    assert smf.join(smf.split(data, "piece.mid")) == data


def test_repeated_and_overlapping_notes_keep_their_lengths() -> None:
    notes = [Note(0, 12, 60), Note(12, 12, 60), Note(12, 24, 60), Note(24, 24, 60)]
    piece = Piece.of(notes)
    assert read_midi(midi_bytes(piece), "a.mid", pedal=False)[0] == piece


def test_write_and_read_files(tmp_path: Path) -> None:
    piece = Piece.of([Note(0, 24, 60)], tempos=[Tempo(0, 666_667)])
    scores.write(piece, tmp_path / "air.mid")
    assert scores.read(tmp_path / "air.mid").title == "air"
    titled = Piece.of(piece.notes, tempos=piece.tempos, title="Aïr")
    scores.write(titled, tmp_path / "air.midi")
    assert scores.read_with_remarks(tmp_path / "air.midi") == (titled, ())


def _file(*tracks: list[tuple[int, bytes]], resolution: int = 480, kind: int = 1) -> bytes:
    return smf.join(smf.Tracks(kind, resolution, tuple(smf.track_bytes(each) for each in tracks)))


def _played(start: int, end: int, pitch: int = 60, channel: int = 0) -> list[tuple[int, bytes]]:
    on, off = bytes((0x90 | channel, pitch, 80)), bytes((0x80 | channel, pitch, 0))
    return [(start, on), (end, off)]


def test_drums_are_left_out_and_said_so() -> None:
    data = _file(_played(0, 480), [(0, smf.meta(3, b"Kit")), *_played(0, 60, channel=9)])
    piece, remarks = read_midi(data, "a.mid", pedal=False)
    assert len(piece.notes) == len(piece.parts) == 1
    assert remarks == ("drums left out: 1 notes on track 'Kit'",)


def test_each_channel_of_one_track_is_a_part() -> None:
    data = _file(sorted(_played(0, 480) + _played(480, 960, channel=3)), kind=0)
    assert [note.part for note in read_midi(data, "a.mid", pedal=False)[0].notes] == [0, 1]


def test_notes_without_length_get_the_shortest() -> None:
    piece, _ = read_midi(_file(_played(480, 480)), "a.mid", pedal=False)
    assert piece.notes == (Note(24, 2, 60),)


def test_metres_are_snapped_and_odd_ones_left_out() -> None:
    three_64ths, waltz = smf.meta(0x58, b"\x03\x06\x18\x08"), smf.meta(0x58, b"\x03\x02\x18\x08")
    data = _file([(0, three_64ths), (961, waltz)], _played(0, 1920))
    piece, remarks = read_midi(data, "a.mid", pedal=False)
    assert piece.meters == (Meter(0, 4, 4), Meter(48, 3, 4))
    assert remarks == ("metre left out: 3/64 has no bar in whole ticks; the notes are kept",)


def test_live_played_timing_is_remarked() -> None:
    onsets = np.unique(np.random.default_rng(5).integers(0, 50_000, 100)).tolist()
    data = _file([event for onset in onsets for event in _played(onset, onset)])
    _, remarks = read_midi(data, "a.mid", pedal=False)
    assert len(remarks) == 1
    assert remarks[0].startswith("timing looks live-played: ")


def test_a_file_moved_by_an_opening_grace_note_is_moved_back() -> None:
    onsets = [0, *range(54, 54 + 40 * 240, 240)]
    data = _file([event for onset in onsets for event in _played(onset, onset + 54)])
    piece, remarks = read_midi(data, "a.mid", pedal=False)
    assert [note.start for note in piece.notes] == [0, *range(0, 40 * 12, 12)]
    assert remarks[0].startswith("everything stood 54/480 of a quarter late")


def test_riff_wrapped_trailing_and_alien_bytes_are_read() -> None:
    data = midi_bytes(Piece.of([Note(0, 24, 60)]))
    alien = data[:14] + b"XFIH\x00\x00\x00\x02ab" + data[14:] + b"\x00\x00\x1a"
    size = len(data).to_bytes(4, "little")
    riff = b"RIFF" + (len(data) + 12).to_bytes(4, "little") + b"RMIDdata" + size + data
    for each in (alien, riff):
        assert read_midi(each, "a.mid", pedal=False)[0].notes == (Note(0, 24, 60),)


@pytest.mark.parametrize(
    "piece",
    [
        Piece.of([Note(0, 24, 128)]),
        Piece.of([Note(0, 24, 60, 0)]),
        Piece.of([Note(0, 0, 60)]),
        Piece.of([Note(-3, 24, 60)]),
        Piece.of([Note(2**27, 24, 60)]),
        Piece.of([Note(0, 24, 60)], parts=[Part("a", 128)]),
        Piece.of([Note(0, 24, 60)], meters=[Meter(0, 4, 3)]),
        Piece.of([Note(0, 24, 60)], tempos=[Tempo(0, 1 << 24)]),
        Piece.of([Note(0, 24, 60)], keys=[Key(0, 8)]),
        Piece.of([Note(0, 24, 60)], pedals=[Pedal(-2, True)]),
    ],
)
def test_what_midi_cannot_say_is_refused(piece: Piece) -> None:
    with pytest.raises(ScoreError):
        midi_bytes(piece)


@pytest.mark.skipif(not _BASE.exists(), reason="the base corpus is not in shared/data")
def test_the_notated_corpus_is_read_and_written() -> None:
    onsets = stray = files = 0
    with lzma.open(_BASE) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        members = (member for member in archive if member.name.endswith(".mid"))
        for member in islice(members, 0, None, 57):  # from all the collections in it
            file = archive.extractfile(member)
            assert file is not None
            data = file.read()
            piece, _ = read_midi(data, member.name, pedal=False)
            assert read_midi(midi_bytes(piece), member.name, pedal=False) == (piece, ())
            ticks, resolution = _onsets(data)
            ticks = ticks - late_by(ticks, resolution)
            error = np.abs(ticks * TICKS_PER_QUARTER - snap(ticks, resolution) * resolution)
            files, onsets = files + 1, onsets + len(ticks)
            stray += int(np.sum(4 * error > resolution))
    assert files >= 60
    assert 1 - stray / onsets >= 0.97


def _onsets(data: bytes) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], int]:
    from symusic import Score

    score: Any = Score.from_midi(data)
    onsets = [track.notes.numpy()["time"] for track in score.tracks]
    return np.concatenate(onsets).astype(np.int64), score.ticks_per_quarter


def test_importing_scores_loads_no_reader() -> None:
    import subprocess
    import sys

    code = "import sys, hocket.scores; print({'symusic', 'verovio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_piece_without_remarks_warns_of_nothing(tmp_path: Path) -> None:
    scores.write(Piece.of([Note(0, 24, 60)]), tmp_path / "a.mid")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores.read(tmp_path / "a.mid")

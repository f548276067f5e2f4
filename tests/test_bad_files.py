"""Every file that is no music gets one line that says what is wrong and what to do."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from hocket import scores
from hocket.errors import ScoreError
from hocket.music.piece import Note, Piece, Tempo
from hocket.scores import midi, smf
from hocket.scores.files import atomic_write, read_bytes, replacing, write_text
from hocket.scores.midi import midi_bytes

_PIECE = Piece.of([Note(0, 24, 60), Note(24, 24, 62)])
_GOOD = midi_bytes(_PIECE)
_SMPTE = _GOOD[:12] + b"\xe7\x28" + _GOOD[14:]
_SILENT = smf.join(smf.Tracks(1, 480, (smf.track_bytes([]), smf.track_bytes([]))))
_DRUMS = smf.join(
    smf.Tracks(0, 480, (smf.track_bytes([(0, b"\x99\x24\x50"), (9, b"\x89\x24\x00")]),))
)
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(200)
_TEN_HOURS = midi_bytes(Piece.of([Note(0, 24, 60), Note(24 * 72_000, 24, 60)]))
_ENDLESS = midi_bytes(Piece.of([Note(0, 24, 60), Note(3_000_000, 24, 60)], tempos=[Tempo(0, 9)]))


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _error(path: Path) -> str:
    with pytest.raises(ScoreError) as caught:
        scores.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert ";" in message  # what to do next
    return message


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.mid", b"", "not a MIDI file (starts with nothing: the file is empty)"),
        ("a.mid", _JPEG, "not a MIDI file (starts with a JPEG image)"),
        ("a.mid", b"hello, world", "not a MIDI file (starts with 'hello, world')"),
        ("a.mid", b"RIFF\x00\x00\x00\x00WAVEfmt ", "not a MIDI file (starts with RIFF 'WAVE')"),
        ("a.mid", b"RIFF\x00\x00\x00\x00RMIDfmt ", "RIFF file without MIDI data"),
        ("a.mid", _GOOD[:9], "truncated in the MIDI header"),
        ("a.mid", _GOOD[:14], "truncated: 0 of 2 tracks"),
        ("a.mid", _GOOD[:30], "truncated in track 1 of 2"),
        ("a.mid", _GOOD[:-1], "truncated in track 2 of 2"),
        ("a.mid", _SMPTE, "timed in SMPTE frames"),
        ("a.mid", _GOOD[:12] + b"\0\0" + _GOOD[14:], "0 ticks per quarter"),
        ("a.mid", _GOOD[:9] + b"\x02" + _GOOD[10:], "MIDI format 2"),
        ("a.mid", _GOOD[:9] + b"\x07" + _GOOD[10:], "damaged MIDI header"),
        ("a.mid", _SILENT, "no notes on any track; export it as notes, not audio"),
        ("a.mid", _DRUMS, "only drums, no pitched notes"),
        ("a.mid", _TEN_HOURS, "lasts 10.0 hours, more than 2; cut it"),
        ("a.mid", _ENDLESS, "longer than 100000 quarters; cut it"),
        ("a.mp3", b"ID3\x04", "not a score (starts with MP3 audio)"),
        ("a.pdf", b"%PDF-1.7", "not a score (starts with a PDF document)"),
        ("noise", b"\x00\x01\x02\x03", "not a score (starts with bytes 00 01 02 03)"),
        ("a.mxl", b"", "not MusicXML (the file is empty)"),
        ("a.mxl", _JPEG, "not MusicXML (starts with a JPEG image)"),
        ("a.mxl", _zip(readme=b"hello"), "a zip archive without MusicXML"),
        ("a.mxl", _zip(**{"a.xml": b"<p/>"})[:40], "damaged archive"),
        ("a.mxl", _zip(**{"a.xml": b"<a>" + b" " * (3 << 20)}), "more than a score can be"),
        ("a.docx", _zip(**{"word/document.xml": b"<w/>"}), "not a partwise MusicXML score"),
        ("a.xml", b"<html/>", "not a partwise MusicXML score (it is <html>)"),
    ],
)
def test_one_line_for_each(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert words in _error(tmp_path / name)


@pytest.mark.parametrize("length", range(0, len(_GOOD), 3))
def test_a_midi_file_cut_anywhere_is_refused(length: int, tmp_path: Path) -> None:
    (tmp_path / "cut.mid").write_bytes(_GOOD[:length])
    _error(tmp_path / "cut.mid")


def test_damaged_events_are_an_error_not_a_crash() -> None:
    for at in range(14, len(_GOOD)):
        for value in (0, 0x7F, 0x80, 0xF0, 0xFF):
            data = bytearray(_GOOD)
            data[at] = value
            with contextlib.suppress(ScoreError):
                midi.read_midi(bytes(data), "bad.mid", pedal=True)


def test_missing_files_folders_and_large_files(tmp_path: Path, monkeypatch: object) -> None:
    assert "no such file" in _error(tmp_path / "none.mid")
    assert "that is a folder" in _error(tmp_path)
    (tmp_path / "big.mid").write_bytes(bytes(100))
    with pytest.raises(ScoreError, match="larger than"):
        read_bytes(tmp_path / "big.mid", 99)
    assert len(read_bytes(tmp_path / "big.mid", 100)) == 100
    assert isinstance(monkeypatch, pytest.MonkeyPatch)
    monkeypatch.setattr(midi, "MAX_BYTES", 50)
    with pytest.raises(ScoreError, match="larger than"):
        midi.read_midi(_GOOD, "a.mid", pedal=False)


def test_too_many_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midi, "MAX_NOTES", 1)
    with pytest.raises(ScoreError, match="2 notes, more than 1"):
        midi.read_midi(_GOOD, "a.mid", pedal=False)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    assert "not a regular file" in _error(tmp_path / "pipe.mid")


def test_a_suffix_that_cannot_be_written(tmp_path: Path) -> None:
    for name in ("a.wav", "a"):
        with pytest.raises(ScoreError, match=r"ends in \.mid or \.midi"):
            scores.write(_PIECE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def _fail(code: int) -> object:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("fsync", errno.ENOSPC, "no space left on device; free some space or choose another"),
        ("fsync", errno.EDQUOT, "disk quota exceeded; free some space"),
        ("open", errno.EACCES, "permission denied; choose another folder with -o"),
        ("open", errno.EROFS, "the disk is read-only; choose another folder with -o"),
        ("fsync", errno.EIO, "input/output error"),
    ],
)
def test_a_failed_write_leaves_nothing(
    call: str, code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "take-01.mid"
    target.write_bytes(b"before")
    monkeypatch.setattr(os, call, _fail(code))
    with pytest.raises(ScoreError) as caught:
        scores.write(_PIECE, target)
    monkeypatch.undo()
    assert str(caught.value).startswith(f"{target}: cannot write: {words}")
    assert [path.name for path in tmp_path.iterdir()] == ["take-01.mid"]
    assert target.read_bytes() == b"before"


def test_other_failures_inside_the_block_leave_nothing_either(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / "a.mid") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_missing_or_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="the folder does not exist; make it first"):
        atomic_write(tmp_path / "out" / "a.mid", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ScoreError, match="the folder is a file"):
        atomic_write(tmp_path / "file" / "a.mid", b"")
    with pytest.raises(ScoreError, match="that is a folder"):
        atomic_write(tmp_path, b"")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ScoreError, match="permission denied; choose another folder with -o"):
            atomic_write(tmp_path / "a.mid", b"")
    finally:
        tmp_path.chmod(0o700)


def test_text_is_written_with_the_usual_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "a.txt", "Aïr\n")
    finally:
        os.umask(mask)
    assert (tmp_path / "a.txt").read_bytes() == "Aïr\n".encode()
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_a_header_may_be_longer_than_six_bytes() -> None:
    longer = b"MThd" + struct.pack(">I", 8) + _GOOD[8:14] + b"ab" + _GOOD[14:]
    assert midi.read_midi(longer, "a.mid", pedal=False)[0] == _PIECE

"""Standard MIDI File bytes <-> track chunks: the container only, not what the events mean.

Source: Standard MIDI Files 1.0 (MIDI Manufacturers Association, RP-001). Surprising decision: the
chunk lengths are checked here, although symusic parses the events, because its messages for torn
files say nothing to a musician. A file with alien chunks or trailing bytes, which the specification
tells readers to skip, is put together again without them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from hocket.errors import ScoreError
from hocket.scores.files import beginning

END_OF_TRACK = b"\xff\x2f\x00"
MAX_TRACKS = 65_535  # what a header can say
_EXPORT_AGAIN = "export it again"


class Tracks(NamedTuple):
    """A MIDI file: its `format` (0 or 1), `ticks_per_quarter`, and each track's events as bytes."""

    format: int
    ticks_per_quarter: int
    chunks: tuple[bytes, ...]


def split(data: bytes, name: str) -> Tracks:
    """Return the tracks of a MIDI file, also of one wrapped in RIFF (.rmi).

    Raises ScoreError, with `name` in front, for anything that is not a whole MIDI file in whole
    ticks per quarter.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _unwrapped(data, name)
    if data[:4] != b"MThd":
        raise ScoreError(
            f"{name}: not a MIDI file (starts with {beginning(data)}); export it as MIDI"
        )
    if len(data) < 14:
        raise ScoreError(f"{name}: truncated in the MIDI header; copy or {_EXPORT_AGAIN}")
    length, kind, declared, division = struct.unpack(">IHHH", data[4:14])
    if length < 6 or kind > 2:
        raise ScoreError(f"{name}: damaged MIDI header (format {kind}); {_EXPORT_AGAIN}")
    if kind == 2:
        raise ScoreError(
            f"{name}: MIDI format 2 holds unrelated patterns; {_EXPORT_AGAIN} as format 1"
        )
    if division & 0x8000:
        raise ScoreError(
            f"{name}: timed in SMPTE frames, which have no beats; "
            f"{_EXPORT_AGAIN} with ticks per quarter note"
        )
    if division == 0:
        raise ScoreError(f"{name}: damaged MIDI header (0 ticks per quarter); {_EXPORT_AGAIN}")
    return Tracks(kind, division, _chunks(data, 8 + length, declared, name))


def join(tracks: Tracks) -> bytes:
    """Return the file that holds `tracks`; the inverse of `split`."""
    header = struct.pack(">4sIHHH", b"MThd", 6, tracks.format, len(tracks.chunks), tracks[1])
    return header + b"".join(
        struct.pack(">4sI", b"MTrk", len(chunk)) + chunk for chunk in tracks.chunks
    )


def track_bytes(events: Sequence[tuple[int, bytes]]) -> bytes:
    """Return a track from its (tick, message) in order of time, closed by an end of track."""
    pieces: list[bytes] = []
    before = 0
    for tick, message in events:
        pieces += variable_length(tick - before), message
        before = tick
    return b"".join((*pieces, b"\x00", END_OF_TRACK))


def meta(kind: int, payload: bytes) -> bytes:
    """Return a meta event, for instance 0x03 for a track name."""
    return bytes((0xFF, kind)) + variable_length(len(payload)) + payload


def variable_length(value: int) -> bytes:
    """Return `value`, 0 to 2**28 - 1, in groups of seven bits."""
    if not 0 <= value < 1 << 28:
        raise ScoreError(f"{value} ticks do not fit between two MIDI events; shorten the piece")
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def sequence_name(tracks: Tracks) -> str:
    """Return the title of the file: the name of the first track, if that track holds no notes."""
    if tracks.format != 1 or len(tracks.chunks) < 2:
        return ""
    try:
        return _name_before_notes(tracks.chunks[0])
    except IndexError:
        return ""


def _unwrapped(data: bytes, name: str) -> bytes:
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    raise ScoreError(f"{name}: RIFF file without MIDI data in it; {_EXPORT_AGAIN} as MIDI")


def _chunks(data: bytes, start: int, declared: int, name: str) -> tuple[bytes, ...]:
    chunks: list[bytes] = []
    at = start
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        whole = at + 8 + length <= len(data)
        if kind == b"MTrk" and not whole:
            raise ScoreError(
                f"{name}: truncated in track {len(chunks) + 1} of {declared} ({length} bytes "
                f"announced, {len(data) - at - 8} there); copy or {_EXPORT_AGAIN}"
            )
        if kind == b"MTrk":
            chunks.append(data[at + 8 : at + 8 + length])
        elif not whole:
            break  # bytes after the end that are no chunk at all
        at += 8 + length
        if len(chunks) > MAX_TRACKS:
            raise ScoreError(f"{name}: more than {MAX_TRACKS} tracks; {_EXPORT_AGAIN}")
    if len(chunks) < declared:
        raise ScoreError(
            f"{name}: truncated: {len(chunks)} of {declared} tracks are there; "
            f"copy or {_EXPORT_AGAIN}"
        )
    return tuple(chunks)


def _name_before_notes(chunk: bytes) -> str:
    """Return the track name of a track without notes, else ""; IndexError where it is torn."""
    name, at, status = "", 0, 0
    while at < len(chunk):
        _, at = _variable(chunk, at)
        if chunk[at] & 0x80:
            status, at = chunk[at], at + 1
        if status >= 0xF0:
            kind = chunk[at] if status == 0xFF else 0
            length, at = _variable(chunk, at + (status == 0xFF))
            if kind == 0x03 and not name:
                name = _text(chunk[at : at + length])
            at += length
        elif status < 0xA0:
            return ""
        else:
            at += 1 if status >> 4 in (0xC, 0xD) else 2
    return name


def _variable(chunk: bytes, at: int) -> tuple[int, int]:
    value = 0
    while True:
        byte = chunk[at]
        value, at = value << 7 | byte & 0x7F, at + 1
        if byte < 0x80:
            return value, at


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:  # the specification says ASCII; old programs wrote Latin-1
        return raw.decode("latin-1")

"""Hostile MIDI files: containers that lie."""

# ruff: noqa: E501

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator

from soak.hostile_case import Case, Verdict

END = b"\0\xff\x2f\0"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(range(256)) * 3


def note(pitch: int = 60, before: int = 0, length: int = 480, channel: int = 0) -> bytes:
    """Return a note that begins `before` ticks after the last event."""
    on = vlq(before) + bytes((0x90 | channel, pitch, 80))
    return on + vlq(length) + bytes((0x80 | channel, pitch, 64))


def vlq(value: int) -> bytes:
    """Return a number in groups of seven bits, as many as it takes."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def meta(kind: int, payload: bytes, length: int | None = None) -> bytes:
    """Return a meta event at once, of a length that may lie."""
    return b"\0\xff" + bytes((kind,)) + vlq(len(payload) if length is None else length) + payload


def chunk(data: bytes, kind: bytes = b"MTrk", length: int | None = None) -> bytes:
    """Return a chunk, of a length that may lie."""
    return kind + struct.pack(">I", len(data) if length is None else length) + data


def head(
    tracks: int, kind: int = 1, division: int = 480, length: int = 6, more: bytes = b""
) -> bytes:
    """Return a header."""
    return b"MThd" + struct.pack(">IHHH", length, kind, tracks, division) + more


def midi(*tracks: bytes, kind: int = 1, division: int = 480) -> bytes:
    """Return a file of whole tracks."""
    return head(len(tracks), kind, division) + b"".join(map(chunk, tracks))


TUNE = b"".join(note(pitch) for pitch in (60, 62, 64, 65))
"""Four notes, a quarter each."""
WHOLE = midi(meta(0x51, b"\x07\xa1\x20") + meta(0x58, b"\4\2\x18\x08") + END, TUNE + END)
WHOLE_FORMAT_0 = midi(TUNE + END, kind=0)


def cases() -> Iterator[Case]:
    """Yield files whose chunks, header or size are wrong."""
    yield from _cut()
    yield from _headers()
    yield from _chunks()
    yield from _wrapped()
    yield from _other_kinds()


def _cut() -> Iterator[Case]:
    places = {0, 1, 3, 4, 7, 8, 10, 12, 13, 14, 15, 18, 20, 22, 23}
    second = WHOLE.index(b"MTrk", 20)
    places |= {second - 1, second, second + 4, second + 8, second + 9, second + 11, len(WHOLE) - 1}
    places |= set(range(second + 12, len(WHOLE) - 4, 5))
    for place in sorted(places):
        yield Case(f"cut-at-{place:03d}.mid", WHOLE[:place], "refuse", f"cut after {place} bytes")
    for place in range(15, len(WHOLE_FORMAT_0) - 1, 9):
        yield Case(
            f"cut-format-0-at-{place:03d}.mid", WHOLE_FORMAT_0[:place], "refuse",
            f"format 0, cut after {place} bytes",
        )  # fmt: skip


def _headers() -> Iterator[Case]:
    track = chunk(TUNE + END)
    for kind in (0, 1):
        yield Case(
            f"format-{kind}.mid", head(1, kind) + track, "read", f"format {kind}, one track", 4
        )
    odd: list[tuple[str, bytes, Verdict, str, int | None]] = [
        ("format-2", head(2, 2) + track * 2, "refuse", "format 2: unrelated patterns", None),
        ("format-3", head(1, 3) + track, "refuse", "there is no format 3", None),
        ("format-65535", head(1, 65535) + track, "refuse", "there is no format 65535", None),
        ("format-0-two-tracks", head(2, 0) + track * 2, "either", "format 0 with two tracks", 8),
        ("ppq-0", head(1, division=0) + track, "refuse", "0 ticks per quarter", None),
        ("ppq-1", head(1, division=1) + chunk(note(60, 0, 1) + note(62, 1, 2) + END), "read",
         "1 tick per quarter", 2),
        ("ppq-32767", head(1, division=32767) + track, "read", "32767 ticks per quarter", 4),
        ("smpte-24", head(1, division=0xE804) + track, "refuse", "SMPTE, 24 frames", None),
        ("smpte-25", head(1, division=0xE728) + track, "refuse", "SMPTE, 25 frames", None),
        ("smpte-29", head(1, division=0xE350) + track, "refuse", "SMPTE, drop frames", None),
        ("smpte-0", head(1, division=0x8000) + track, "refuse", "SMPTE, of nothing", None),
        ("smpte-all-ones", head(1, division=0xFFFF) + track, "refuse", "SMPTE, of nonsense", None),
        ("header-longer", head(1, length=10, more=b"more") + track, "read", "a longer header", 4),
        ("header-of-256", head(1, length=256, more=bytes(250)) + track, "read", "a longer header", 4),
        ("header-of-5", head(1, length=5) + track, "refuse", "a header too short", None),
        ("header-of-0", head(1, length=0) + track, "refuse", "a header of no length", None),
        ("header-of-all-ones", head(1, length=0xFFFFFFFF) + track, "refuse", "a header of 4 GiB", None),
        ("header-of-2-31", head(1, length=1 << 31) + track, "refuse", "a header of 2 GiB", None),
        ("header-only", head(0), "refuse", "no track at all", None),
        ("header-says-65535", head(65535) + track, "refuse", "65,534 tracks are missing", None),
        ("header-says-2", head(2) + track, "refuse", "a track is missing", None),
        ("header-says-0", head(0) + track, "either", "more tracks than announced", 4),
        ("header-says-1-of-2", head(1) + track * 2, "either", "more tracks than announced", None),
        ("header-twice", head(1) + head(1) + track, "either", "two headers", 4),
        ("header-little-endian", b"MThd" + struct.pack("<IHHH", 6, 1, 1, 480) + track, "refuse",
         "numbers the wrong way round", None),
        ("header-lower-case", b"mthd" + head(1)[4:] + track, "refuse", "no MIDI header", None),
        ("header-behind-spaces", b"  " + head(1) + track, "refuse", "does not begin with MThd", None),
    ]  # fmt: skip
    for name, data, verdict, why, notes in odd:
        yield Case(f"{name}.mid", data, verdict, why, notes if verdict == "read" else None)


def _chunks() -> Iterator[Case]:
    body = TUNE + END
    track, alien = chunk(body), chunk(b"MTrk" + bytes(40), b"XFIH")
    empty = chunk(END)
    odd: list[tuple[str, bytes, Verdict, str, int | None]] = [
        ("alien-before", head(1) + alien + track, "read", "an unknown chunk before the track", 4),
        ("alien-after", head(1) + track + alien, "read", "an unknown chunk after the track", 4),
        ("alien-many", head(1) + chunk(b"", b"none") * 50_000 + track, "read", "50,000 chunks", 4),
        ("alien-endless", head(1) + chunk(b"", b"XXXX", 0xFFFFFFFF) + track, "refuse",
         "an unknown chunk of 4 GiB swallows the track", None),
        ("trailing-text", head(1) + track + b"made with love", "read", "text behind the end", 4),
        ("trailing-zeros", head(1) + track + bytes(1000), "read", "zeros behind the end", 4),
        ("trailing-file", head(1) + track + WHOLE, "either", "a second file behind the end", None),
        ("length-one-more", head(1) + chunk(body, length=len(body) + 1), "refuse", "a length too big", None),
        ("length-all-ones", head(1) + chunk(body, length=0xFFFFFFFF), "refuse", "a track of 4 GiB", None),
        ("length-2-31", head(1) + chunk(body, length=1 << 31), "refuse", "a track of 2 GiB", None),
        ("length-0", head(1) + chunk(body, length=0), "refuse", "a track of no length", None),
        ("length-cuts-a-note", head(1) + chunk(body, length=10), "refuse", "a length too small", None),
        ("length-cuts-a-status", head(1) + chunk(body, length=2), "refuse", "a length too small", None),
        ("length-without-end", head(1) + chunk(body, length=len(TUNE)), "either",
         "the length leaves the end of track out", None),
        ("end-missing", midi(TUNE), "either", "no end of track", None),
        ("end-early", midi(TUNE + END + TUNE + END), "either", "notes behind the end of track", None),
        ("end-at-once", midi(END + TUNE + END), "refuse", "notes behind the end of track alone", None),
        ("end-with-bytes", midi(TUNE + meta(0x2F, b"end")), "either", "an end of track with bytes", None),
        ("empty-track", midi(b"", TUNE + END), "read", "a track of no bytes", 4),
        ("empty-tracks-only", midi(END, END, END), "refuse", "no notes", None),
        ("tracks-65535", head(65535) + empty * 65534 + track, "read",
         "65,535 tracks, one of them with notes", 4),
        ("tracks-65535-sounding", head(65535) + chunk(note() + END) * 65535, "either",
         "65,535 tracks with a note each", None),
        ("tracks-70000", head(1) + empty * 70_000 + track, "either", "more tracks than can be said", None),
        ("tracks-of-nothing", head(65535) + chunk(b"") * 65535, "refuse", "65,535 tracks of no bytes", None),
        ("tracks-a-million", head(1) + chunk(b"") * 1_000_000, "refuse", "a million empty tracks", None),
    ]  # fmt: skip
    for name, data, verdict, why, notes in odd:
        yield Case(f"chunk-{name}.mid", data, verdict, why, notes)


def _wrapped() -> Iterator[Case]:
    def riff(data: bytes, length: int | None = None, kind: bytes = b"RMID") -> bytes:
        size = len(data) if length is None else length
        return b"RIFF" + struct.pack("<I", size & 0xFFFFFFFF) + kind + data

    inside = b"data" + struct.pack("<I", len(WHOLE)) + WHOLE
    info = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    yield Case("riff.rmi", riff(inside), "read", "RIFF-wrapped", 4)
    yield Case("riff-as.mid", riff(inside), "read", "RIFF-wrapped, called .mid", 4)
    yield Case("riff-info.rmi", riff(info + inside), "read", "RIFF, an odd chunk before", 4)
    yield Case("riff-wrong-length.rmi", riff(inside, 1), "either", "RIFF of a wrong length")
    yield Case("riff-longest.rmi", riff(inside, -1), "either", "RIFF of 4 GiB, it says")
    yield Case("riff-no-data.rmi", riff(info), "refuse", "RIFF without data")
    yield Case("riff-wave.mid", riff(inside, kind=b"WAVE"), "refuse", "RIFF of sound")
    yield Case("riff-cut.rmi", riff(inside)[:60], "refuse", "RIFF, cut")
    yield Case(
        "riff-in-riff.rmi", riff(b"data" + struct.pack("<I", len(inside) + 12) + riff(inside)),
        "refuse", "RIFF in RIFF",
    )  # fmt: skip
    yield Case("riff-empty.rmi", b"RIFF", "refuse", "RIFF of four bytes")
    yield Case("riff-zeros.rmi", riff(bytes(1 << 20)), "refuse", "a megabyte of chunks of nothing")


def _other_kinds() -> Iterator[Case]:
    odd = {
        "empty": b"", "one-byte": b"M", "one-zero": b"\0", "newline": b"\n", "jpeg": JPEG,
        "png": b"\x89PNG\r\n\x1a\n" + bytes(99), "gif": b"GIF89a" + bytes(99),
        "pdf": b"%PDF-1.7\n" + bytes(99), "mp3": b"ID3\x04" + bytes(99),
        "wave": b"RIFF\x24\0\0\0WAVEfmt " + bytes(99), "elf": b"\x7fELF\2\1\1" + bytes(99),
        "html": b"<!doctype html><p>404", "text": b"hello, world\n" * 9,
        "gzip": gzip.compress(WHOLE, mtime=0), "zeros": bytes(1 << 20), "ones": b"\xff" * (1 << 20),
        "17-mib": WHOLE + bytes(17 << 20), "base64": b"TVRoZAAAAAYAAQAC", "shell": b"#!/bin/sh\nid\n",
    }  # fmt: skip
    for name, data in odd.items():
        yield Case(f"kind-{name}.mid", data, "refuse", f"no MIDI: {name}")
    for name in ("jpeg", "zeros", "empty", "gzip"):
        for suffix in ("xml", "mxl", "abc"):
            yield Case(f"kind-{name}.{suffix}", odd[name], "refuse", f"no score: {name}")
    yield Case("kind-jpeg.unknown", JPEG, "refuse", "a JPEG with a suffix of nothing")
    yield Case("midi-as.xml", WHOLE, "either", "MIDI that is called .xml")
    yield Case("midi-as.abc", WHOLE, "either", "MIDI that is called .abc")
    yield Case("midi-without-suffix", WHOLE, "either", "MIDI without a suffix")

"""Hostile MIDI files: events that lie, in containers that do not."""

# ruff: noqa: E501

from __future__ import annotations

import struct
from collections.abc import Iterator

from soak.hostile_case import Case, Verdict
from soak.hostile_midi import END, TUNE, meta, midi, note, vlq

Odd = tuple[str, bytes, Verdict, str, int | None]
_FAR = b"\xff\xff\xff\x7f"  # the longest time there is, 2**28 - 1 ticks
_NAMES = {
    "ansi": b"\x1b[31;5mred\x1b[0m\x07\x1b]0;owned\x07", "html": b"<script>alert(1)</script>",
    "dots": b"../../../../etc/passwd", "formula": b"=cmd|' /C calc'!A0", "null": b"a\0b\0",
    "latin-1": b"Pr\xe9lude", "not-utf-8": b"\xff\xfe\xc0\x80\xed\xa0\x80", "newlines": b"a\r\nb\nc",
    "bidi": "abc\u202egnp.exe".encode(), "long": b"n" * 300_000, "spaces": b" " * 999,
    "percent": b"%s%n%x{0.__class__}", "quote": b"';DROP TABLE takes;--", "device": b"CON.mid",
}  # fmt: skip


def cases() -> Iterator[Case]:
    """Yield files whose events are wrong, too many or too far away."""
    for odd in (*_times(), *_statuses(), *_notes(), *_metas(), *_bombs()):
        name, data, verdict, why, notes = odd
        yield Case(f"{name}.mid", data, verdict, why, notes)
    for name, text in _NAMES.items():
        for kind, where in ((0x03, "name"), (0x01, "text"), (0x04, "instrument")):
            data = midi(meta(kind, text) + END, meta(kind, text) + TUNE + END)
            yield Case(f"{where}-{name}.mid", data, "read", f"{name} in a {where}", 4)


def _times() -> Iterator[Odd]:
    wait = _FAR + b"\xff\x01\0"
    yield "vlq-of-5", midi(b"\x81\x80\x80\x80\0" + TUNE + END), "refuse", "a time of 5 bytes", None
    yield "vlq-endless", midi(b"\xff" * 64 + TUNE + END), "refuse", "a time of 64 bytes", None
    yield "vlq-to-the-end", midi(TUNE + b"\xff\xff"), "refuse", "a time cut off", None
    yield "vlq-padded", midi(b"\x80\x80\x80" + TUNE + END), "either", "a 0 in 4 bytes", 4
    yield (
        "vlq-length-of-5",
        midi(b"\0\xff\1\x81\x80\x80\x80\0" + TUNE + END),
        "refuse",
        "a length of 5 bytes",
        None,
    )
    for count in (1, 8, 9, 16, 17, 33):
        yield (
            f"deltas-{count}", midi(wait * count + TUNE + END), "refuse",
            f"notes begin {count} times 2^28 ticks from the start", None,
        )  # fmt: skip
    yield (
        "deltas-wrap-to-0",
        midi(wait * 16 + vlq(16) + b"\xff\1\0" + TUNE + END),
        "refuse",
        "2^32 ticks",
        None,
    )
    yield (
        "note-without-end-in-sight",
        midi(note(60, 0, (1 << 28) - 1) + END),
        "refuse",
        "a note of 2^28 ticks",
        None,
    )
    yield (
        "note-of-2-31", midi(b"\0\x90\x3c\x50" + wait * 8 + b"\x10\x80\x3c\0" + END), "refuse",
        "a note of 2^31 ticks", None,
    )  # fmt: skip
    far_end = midi(TUNE + _FAR + b"\xff\x2f\0")
    yield "end-far-away", far_end, "read", "the end of track is 2^28 ticks away", 4
    yield (
        "tempo-far-away",
        midi(TUNE + wait * 9 + meta(0x51, b"\7\xa1\x20") + END),
        "either",
        "a tempo at 2^31",
        None,
    )
    yield (
        "two-hours-of-silence",
        midi(TUNE + note(60, 480 * 20_000) + END),
        "refuse",
        "longer than two hours",
        None,
    )


def _statuses() -> Iterator[Odd]:
    run = b"\0\x90\x3c\x50\x60\x3c\0\0\x3e\x50\x60\x3e\0"
    yield "running", midi(run + END), "read", "running status", 2
    yield (
        "running-first",
        midi(b"\0\x3c\x50" + TUNE + END),
        "refuse",
        "running status before any status",
        None,
    )
    yield (
        "running-after-text", midi(b"\0\x90\x3c\x50" + meta(1, b"a") + b"\x60\x3c\0" + TUNE + END), "read",
        "running status behind a text", 5,
    )  # fmt: skip
    yield (
        "running-after-sysex", midi(b"\0\x90\x3c\x50\0\xf0\2\1\xf7\x60\x3c\0" + TUNE + END), "either",
        "running status behind a sysex", None,
    )  # fmt: skip
    yield (
        "running-in-next-track",
        midi(run + END, b"\0\x3c\x50" + END),
        "refuse",
        "running status of another track",
        None,
    )
    yield (
        "running-program",
        midi(b"\0\xc0\1\0\2\0\3" + TUNE + END),
        "read",
        "programs in running status",
        4,
    )
    for status in range(0x80, 0xF0, 0x10):
        data = midi(bytes((0, status, 0x90, 0x90)) + TUNE + END)
        yield f"data-128-in-{status:x}", data, "refuse", f"data bytes above 127 in {status:x}", None
    for status in (0xF4, 0xF5):
        yield (
            f"status-{status:x}",
            midi(bytes((0, status)) + TUNE + END),
            "refuse",
            "an undefined status",
            None,
        )
    for status in (0xF1, 0xF2, 0xF3, 0xF6, 0xF8, 0xFA, 0xFE):
        data = midi(
            bytes((0, status, *((1,) * (status in (0xF1, 0xF3)) + (1, 1) * (status == 0xF2))))
            + TUNE
            + END
        )
        yield f"status-{status:x}", data, "either", "a message that files should not hold", None
    for length in (1, 2, 3):
        yield (
            f"event-cut-{length}",
            midi(TUNE + b"\0\x90\x3c"[:length]),
            "refuse",
            "an event cut off",
            None,
        )
    yield "event-missing", midi(TUNE + b"\0"), "refuse", "a time without an event", None
    yield "sysex", midi(b"\0\xf0\5\x7e\x7f\x09\1\xf7" + TUNE + END), "read", "a plain sysex", 4
    yield (
        "sysex-overrun",
        midi(TUNE + b"\0\xf0\xff\xff\xff\x7f\1"),
        "refuse",
        "a sysex of 256 MiB",
        None,
    )
    yield (
        "sysex-endless",
        midi(b"\0\xf0" + b"\xff" * 9 + TUNE + END),
        "refuse",
        "a sysex of no length",
        None,
    )
    yield (
        "sysex-with-status",
        midi(b"\0\xf0\3\x90\x3c\x50" + TUNE + END),
        "read",
        "a note in a sysex",
        4,
    )
    yield (
        "sysex-in-pieces",
        midi(b"\0\xf0\2\1\2\0\xf7\2\3\xf7" + TUNE + END),
        "read",
        "a sysex in two pieces",
        4,
    )


def _notes() -> Iterator[Odd]:
    yield "off-before-on", midi(b"\0\x80\x3c\x40" + TUNE + END), "read", "an end before any note", 4
    yield (
        "off-many",
        midi(b"\0\x80\x3c\x40" * 1000 + TUNE + END),
        "read",
        "1,000 ends before any note",
        4,
    )
    yield (
        "off-by-velocity-0",
        midi(b"\0\x90\x3c\x50\x60\x90\x3c\0" + END),
        "read",
        "ended by velocity 0",
        1,
    )
    yield (
        "off-other-channel",
        midi(b"\0\x90\x3c\x50\x60\x81\x3c\0" + END),
        "refuse",
        "ended on another channel",
        None,
    )
    yield (
        "off-other-track",
        midi(b"\0\x90\x3c\x50" + END, b"\x60\x80\x3c\0" + END),
        "either",
        "ended on another track",
        None,
    )
    yield (
        "never-ended",
        midi(TUNE + b"\0\x90\x43\x50\x60" + END[1:]),
        "either",
        "a note that never ends",
        None,
    )
    yield (
        "none-ended",
        midi(b"\0\x90\x3c\x50\0\x90\x40\x50\x60" + END[1:]),
        "either",
        "no note ends",
        None,
    )
    yield "length-0", midi(note(60, 0, 0) + note(62) + END), "read", "a note of no length", 2
    yield (
        "length-0-only",
        midi(note(60, 0, 0) * 20 + END),
        "read",
        "20 notes of no length in one tick",
        20,
    )
    yield (
        "overlapping",
        midi(b"\0\x90\x3c\x50\x60\x90\x3c\x50\x60\x80\x3c\0\x60\x80\x3c\0" + END),
        "read",
        "a pitch struck again while it sounds",
        2,
    )
    yield (
        "unison-channels",
        midi(note(60, 0, 480, 0) + note(60, 0, 480, 1) + END),
        "read",
        "two channels",
        2,
    )
    yield (
        "all-pitches",
        midi(b"".join(note(p, 0, 24) for p in range(128)) + END),
        "read",
        "pitches 0 to 127",
        128,
    )
    yield "all-at-once", midi(
        b"".join(bytes((0, 0x90, p, 80)) for p in range(128))
        + b"".join(bytes((1, 0x80, p, 0)) for p in range(128)) + END
    ), "read", "128 notes at once", 128  # fmt: skip
    yield (
        "all-channels",
        midi(b"".join(note(60, 0, 480, c) for c in range(16)) + END),
        "read",
        "16 channels, one of drums",
        15,
    )
    yield "drums-only", midi(note(36, 0, 48, 9) * 4 + END), "refuse", "drums only", None
    yield "drums-too", midi(note(36, 0, 48, 9) * 4 + TUNE + END), "read", "drums beside a melody", 4
    yield (
        "all-programs",
        midi(b"".join(bytes((0, 0xC0, p)) + note(60, 0, 24) for p in range(128)) + END),
        "read",
        "a program each",
        128,
    )
    yield (
        "pedal-never-up",
        midi(b"\0\xb0\x40\x7f" + TUNE + END),
        "read",
        "the pedal is never let go",
        4,
    )
    yield (
        "pitch-bends",
        midi(b"\0\xe0\x7f\x7f" * 50_000 + TUNE + END),
        "read",
        "50,000 pitch bends",
        4,
    )


def _metas() -> Iterator[Odd]:
    for value in (0, 1, 4999, 0xFFFFFF):
        data = midi(meta(0x51, value.to_bytes(3, "big")) + TUNE + END)
        yield f"tempo-{value}", data, "read", f"a tempo of {value} microseconds", 4
    for length in (0, 1, 2, 4, 100):
        data = midi(meta(0x51, b"\x07" * length) + TUNE + END)
        yield f"tempo-of-{length}-bytes", data, "either", f"a tempo of {length} bytes", None
    for numerator, power in (
        (4, 255),
        (4, 32),
        (4, 31),
        (4, 8),
        (0, 2),
        (0, 0),
        (255, 0),
        (255, 7),
        (1, 7),
    ):
        data = midi(meta(0x58, bytes((numerator, power, 24, 8))) + TUNE + END)
        yield f"metre-{numerator}-2-{power}", data, "read", f"a metre of {numerator}/2^{power}", 4
    for length in (0, 1, 2, 3, 5):
        data = midi(meta(0x58, b"\3\2\x18\x08\0"[:length]) + TUNE + END)
        yield f"metre-of-{length}-bytes", data, "either", f"a metre of {length} bytes", None
    for sharps, mode in ((127, 0), (128, 0), (8, 0), (-8 & 255, 0), (0, 2), (0, 255), (7, 1)):
        data = midi(meta(0x59, bytes((sharps, mode))) + TUNE + END)
        yield f"key-{sharps}-{mode}", data, "read", f"a key of {sharps} sharps, mode {mode}", 4
    for length in (0, 1, 3):
        yield (
            f"key-of-{length}-bytes",
            midi(meta(0x59, b"\1" * length) + TUNE + END),
            "either",
            "a key of a wrong length",
            None,
        )
    for kind in (0x00, 0x05, 0x20, 0x21, 0x54, 0x60, 0x7E, 0x7F, 0x80, 0xFF):
        data = midi(meta(kind, b"\7\7\7") + TUNE + END)
        yield (
            f"meta-{kind:02x}",
            data,
            "either" if kind > 0x7F else "read",
            f"a meta event {kind:02x}",
            4 if kind < 0x80 else None,
        )
    yield (
        "meta-overrun",
        midi(TUNE + meta(1, b"abc", 99)),
        "refuse",
        "a text longer than its track",
        None,
    )
    yield (
        "meta-overrun-256-mib",
        midi(meta(1, b"abc", (1 << 28) - 1) + TUNE + END),
        "refuse",
        "a text of 256 MiB",
        None,
    )
    yield "meta-without-length", midi(TUNE + b"\0\xff\1"), "refuse", "a text without a length", None
    yield "meta-without-kind", midi(TUNE + b"\0\xff"), "refuse", "a meta event without a kind", None


def _bombs() -> Iterator[Odd]:
    run = b"\0\x90\x3c\x50" + b"\0\x3c\0\0\x3c\x50" * 1_000_000 + b"\0\x3c\0"
    yield "million-notes-a-tick", midi(run + END), "refuse", "a million notes in a tick", None
    hanging = b"\0\x90\x3c\x50" + b"\0\x3c\x50" * 1_000_000
    yield "million-hanging", midi(hanging + END), "refuse", "a million notes that never end", None
    many = b"".join(bytes((0, 0x90, 36 + i % 60, 80, 10, 36 + i % 60, 0)) for i in range(150_000))
    yield "150000-notes", midi(many + END), "either", "150,000 notes", None
    yield (
        "sysex-bomb",
        midi(b"\0\xf0\1\xf7" * 2_000_000 + TUNE + END),
        "either",
        "two million sysex",
        None,
    )
    yield (
        "sysex-large",
        midi(b"\0\xf0" + vlq(12 << 20) + bytes(12 << 20) + TUNE + END),
        "either",
        "a sysex of 12 MiB",
        None,
    )
    yield (
        "text-bomb",
        midi(b"\0\xff\1\0" * 2_000_000 + TUNE + END),
        "either",
        "two million texts",
        None,
    )
    yield (
        "name-bomb",
        midi(b"\0\xff\3\1n" * 1_000_000 + END, TUNE + END),
        "either",
        "a million names",
        None,
    )
    yield (
        "tempo-bomb",
        midi(b"\1\xff\x51\3\7\xa1\x20" * 1_000_000 + TUNE + END),
        "either",
        "a million tempos",
        None,
    )
    yield (
        "metre-bomb",
        midi(b"\x10\xff\x58\4\1\2\x18\x08" * 100_000 + TUNE + END),
        "either",
        "100,000 metres",
        None,
    )
    yield (
        "pedal-bomb",
        midi(TUNE + b"\x20\xb0\x40\x7f\x20\xb0\x40\0" * 500_000 + END),
        "either",
        "a million pedals",
        None,
    )
    yield (
        "program-bomb",
        midi(b"\0\xc0\1\0\xc0\2" * 500_000 + TUNE + END),
        "either",
        "a million programs",
        None,
    )
    ports = b"".join(meta(0x21, bytes((i % 128,))) + note(60, 0, 24) for i in range(1000))
    yield "port-bomb", midi(ports + END), "read", "a port for each of 1,000 notes", 1000
    noise = b"".join(struct.pack(">I", i * 2654435761 & 0xFFFFFFFF) for i in range(50_000))
    yield "noise-in-a-track", midi(noise), "refuse", "200 kB of noise as a track", None

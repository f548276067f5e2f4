"""Small whole files, and what becomes of them by chance: the mutants that `fuzz.py` reads."""

# ruff: noqa: E501

from __future__ import annotations

import random
import zipfile
from collections.abc import Sequence
from io import BytesIO

from hocket.music.piece import Key, Meter, Note, Part, Pedal, Piece, Tempo
from hocket.scores.midi import midi_bytes

_BOUNDARY = (0, 1, 0x2F, 0x3F, 0x40, 0x51, 0x7F, 0x80, 0x90, 0xC0, 0xE0, 0xF0, 0xF7, 0xFE, 0xFF)
_WORDS = (
    b"0", b"-1", b"999999999", b"1e9", b"NaN", b"", b"<chord/>", b"<rest/>", b"&#0;", b"&x;", b"]]>",
    b"<!--", b"<grace/>", b"<backup><duration>9</duration></backup>", b'<repeat direction="backward"/>',
    b'<tie type="start"/>', b"<note>", b"</note>", b"</measure>", b"<measure>", b"\xff", b"\xef\xbb\xbf",
)  # fmt: skip


def midi_seeds() -> list[bytes]:
    """Return small whole MIDI files."""
    notes = [Note(i * 12, 12, 60 + i * 7 % 12, 40 + i) for i in range(12)]
    two = [*notes, *(Note(i * 24, 24, 48 - i, 80, 1) for i in range(6))]
    parts = (Part("right"), Part("left", 40))
    rich = Piece.of(
        two, parts=parts, meters=[Meter(0, 3, 4), Meter(72, 6, 8)], tempos=[Tempo(0, 400_000), Tempo(24, 9_999)],

        keys=[Key(0, -3, True)], pedals=[Pedal(0, True), Pedal(24, False)], title="a title",
    )  # fmt: skip
    plain = midi_bytes(Piece.of(notes))
    running = (
        b"\0\xff\1\4text\0\xf0\3\1\2\xf7\0\x90\x3c\x50\x60\x3c\0\0\x40\x50\x81\0\x40\0\0\xff\x2f\0"
    )
    run = b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk" + len(running).to_bytes(4, "big") + running
    riff = b"RIFF" + (len(plain) + 12).to_bytes(4, "little") + b"RMIDdata"
    return [plain, midi_bytes(rich), run, riff + len(plain).to_bytes(4, "little") + plain]


def musicxml_seeds() -> list[bytes]:
    """Return small whole scores, one of them in an archive."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML '
        '4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd"><score-partwise version="4.0">'
        "<work><work-title>t</work-title></work><part-list>"
    )
    listed = '<score-part id="{0}"><part-name>{0}</part-name></score-part>'
    signs = (
        "<attributes><divisions>6</divisions><key><fifths>-3</fifths><mode>minor</mode></key>"
        "<time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
    )
    note = (
        "<note><pitch><step>{}</step><alter>{}</alter><octave>4</octave></pitch><duration>{}</duration>"
        "<voice>1</voice>{}</note>"
    )
    triplet = "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
    bar = "".join(note.format(step, 0, 6, "<type>quarter</type>") for step in "CDE")
    odd = "".join(note.format(step, 1, 4, triplet) for step in "FGA") + note.format("B", -1, 6, "")
    sound = '<direction><sound tempo="96"/></direction>'
    backed = "<backup><duration>18</duration></backup>" + note.format(
        "C", 0, 18, '<tie type="start"/>'
    )
    ends = '<barline location="right"><repeat direction="backward"/></barline>'
    measures = f'<measure number="1">{signs}{sound}{bar}{backed}</measure><measure number="2">{odd}{ends}</measure>'
    one = f'{head}{listed.format("P1")}</part-list><part id="P1">{measures}</part></score-partwise>'.encode()
    two = (
        f'{head}{listed.format("P1")}{listed.format("P2")}</part-list><part id="P1">{measures}</part>'
        f'<part id="P2">{measures}</part></score-partwise>'
    ).encode()
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        place = b'<container><rootfiles><rootfile full-path="s.xml"/></rootfiles></container>'
        archive.writestr(zipfile.ZipInfo("META-INF/container.xml", (1980, 1, 1, 0, 0, 0)), place)
        archive.writestr(zipfile.ZipInfo("s.xml", (1980, 1, 1, 0, 0, 0)), one)
    return [one, two, buffer.getvalue()]


def mutant(seeds: Sequence[bytes], kind: str, seed: int, number: int) -> bytes:
    """Return one of the mutants of a seed: a whole file, changed in one to six ways.

    Two in three MIDI files are changed inside their tracks, whose lengths are then made right.
    """
    chance = random.Random(f"{kind} {seed} {number}")
    data = chance.choice(seeds)
    ways = chance.choice((1, 1, 1, 2, 3, 6))
    if kind == "midi" and data.startswith(b"MThd") and chance.random() < 2 / 3:
        head, *tracks = data.split(b"MTrk")
        bodies = [track[4:] for track in tracks]
        which = chance.randrange(len(bodies))
        for _ in range(ways):
            bodies[which] = _changed(bodies[which], bodies, kind, chance)
        return head + b"".join(b"MTrk" + len(b).to_bytes(4, "big") + b for b in bodies)
    for _ in range(ways):
        data = _changed(data, seeds, kind, chance)
    return data


def _changed(whole: bytes, others: Sequence[bytes], kind: str, chance: random.Random) -> bytes:
    """Return bytes with one change."""
    data = bytearray(whole)
    place = chance.randrange(len(data) + 1)
    length = min(chance.choice((1, 1, 2, 4, 16, 64)), len(data) - place)
    if kind == "musicxml" and chance.random() < 0.6 and not whole.startswith(b"PK"):
        inside = data.find(b">", place) + 1
        until = max(data.find(b"<", inside), inside)
        data[inside : until if chance.random() < 0.7 else inside] = chance.choice(_WORDS)
        return bytes(data)
    way = chance.choice(
        ["flip", "flip", "set", "set", "set", "insert", "delete", "splice", "length", "cut"]
    )
    if way == "flip" and length:
        data[place] ^= 1 << chance.randrange(8)
    elif way == "set" and length:
        data[place] = chance.choice(_BOUNDARY)
    elif way == "insert":
        data[place:place] = chance.randbytes(chance.choice((1, 2, 4, 8)))
    elif way == "delete":
        del data[place : place + length]
    elif way == "splice":  # from elsewhere, or from another file
        other = chance.choice((whole, *others))
        start = chance.randrange(len(other) + 1)
        data[place : place + length] = other[start : start + chance.choice((1, 4, 16, 64, 256))]
    elif way == "length":  # or what looks like one
        names = [n for n in map(data.find, (b"MTrk", b"MThd", b"PK")) if n >= 0]
        place = chance.choice(names) + 4 if names and chance.random() < 0.7 else place
        value = chance.choice((0, 1, 5, 6, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1))
        data[place : place + 4] = value.to_bytes(4, chance.choice(("big", "little")))
    elif way == "cut":
        del data[place:]
    return bytes(data)


def seeds_of(kind: str) -> list[bytes]:
    """Return the small whole files of a kind."""
    return midi_seeds() if kind == "midi" else musicxml_seeds()

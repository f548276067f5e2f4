"""A MIDI track's events -> the same events, checked, without what a Piece has no place for.

Surprising decision: symusic, which parses the events, gets only what has been through here. By itself
it reads on behind an event that is too short (a tempo of two bytes takes its third from the next
event), takes a note in running status behind a text for a part of the text, counts ticks in 32 bits,
and says nothing of a note without an end. Here every event has to be whole, deltas are added up in
64 bits, and what is written is plain: no running status, no system messages, no texts but names.

Source: Standard MIDI Files 1.0 (RP-001). Running status is taken to last through meta and system
events, as most programs that write it so expect.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.errors import ScoreError
from hocket.scores.pedal import SUSTAIN
from hocket.scores.smf import Tracks

MAX_CHANGES = 50_000
"""Of tempo, metre, key and name, in one file."""
MAX_MOVES = 200_000
"""Of pedal and program, in one file."""

_WORDS = (
    "",
    "an event is cut off",
    "a time of more than four bytes",
    "running status without a status before it",
    "a data byte above 127",
    "an unknown event",
)
_TORN, _LONG_TIME, _NO_STATUS, _DATA, _UNKNOWN = range(1, 6)
_NAME, _END, _TEMPO, _METER, _KEY = 0x03, 0x2F, 0x51, 0x58, 0x59
_NOTE_OFF, _NOTE_ON, _CONTROL, _PROGRAM, _PRESSURE = 0x80, 0x90, 0xB0, 0xC0, 0xD0
_FARTHEST = (1 << 31) - 1  # ticks: symusic counts in 32 bits
_WAIT = np.array((0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0x01, 0), np.uint8)
_METER_EVENT = np.array((0xFF, _METER, 4, 4, 2, 24, 8), np.uint8)
_END_EVENT = np.array((0, 0xFF, _END, 0), np.uint8)

_Bytes = NDArray[np.uint8]


class Sifted(NamedTuple):
    """The `tracks` with checked events, how many notes begin, and how many of them never end."""

    tracks: Tracks
    begun: int
    endless: int
    parts: int
    """Tracks with notes, and in each of them channels and programs with notes."""


def sifted(tracks: Tracks, most_quarters: int, name: str) -> Sifted:
    """Return the tracks, checked; raises ScoreError where an event is damaged or notes go too far."""
    chunks: list[bytes] = []
    begun = endless = changes = moves = parts = 0
    farthest = min(most_quarters * tracks.ticks_per_quarter, _FARTHEST)
    for index, chunk in enumerate(tracks.chunks):
        out = np.empty(3 * len(chunk) + 16, np.uint8)  # a metre of two bytes gets two more
        fault, at, length, notes, hanging, signs, moved, too_far, kinds = _sift(
            np.frombuffer(chunk, np.uint8), out, farthest
        )
        if fault:
            raise ScoreError(
                f"{name}: damaged MIDI file ({_WORDS[fault]}, in track {index + 1} of "
                f"{len(tracks.chunks)}, byte {at}); export it again"
            )
        if too_far:
            raise ScoreError(
                f"{name}: longer than {farthest // tracks.ticks_per_quarter} quarters; "
                "cut it into single pieces in your DAW"
            )
        begun, endless, changes = begun + notes, endless + hanging, changes + signs
        parts, moves = parts + kinds, moves + moved
        chunks.append(out[:length].tobytes())
    for count, most, what in (
        (changes, MAX_CHANGES, "tempo, metre, key or name"),
        (moves, MAX_MOVES, "pedal or instrument"),
    ):
        if count > most:
            raise ScoreError(
                f"{name}: {count} changes of {what}, more than {most}; give a single piece"
            )
    return Sifted(tracks._replace(chunks=tuple(chunks)), begun, endless, parts)


@compiled
def _sift(
    chunk: _Bytes, out: _Bytes, farthest: int
) -> tuple[int, int, int, int, int, int, int, bool, int]:
    """Write the events that matter to `out`.

    Returns the fault (0 for none), the byte at which the reading ended, the bytes written, the notes
    begun, those of them that never end, changes, moves, whether a note begins or ends later than at
    tick `farthest`, and in how many channels and programs there are notes.
    """
    sounding = np.zeros(16 * 128, np.int64)
    heard = np.zeros(16 * 128, np.bool_)  # by channel and program
    program = np.zeros(16, np.int64)
    at = put = notes = changes = moves = status = fault = 0
    now = written = 0  # ticks: of the event, and of the last one written
    too_far = False
    while at < len(chunk):
        delta, at, fault = _variable(chunk, at)
        now += delta
        if not fault and at == len(chunk):
            fault = _TORN
        if fault:
            break
        start, first = at, int(chunk[at])
        if first >= 0xF0:
            kind, length, at, fault = _system(chunk, at)
            if fault or kind == _END:
                break
            if now <= farthest and _matters(kind, length):
                changes += 1
                put = _time(out, put, now - written)
                written = now
                if kind == _METER:  # what stands behind the two numbers is for a metronome
                    put = _copy(_METER_EVENT, 0, len(_METER_EVENT), out, put)
                    out[put - 4], out[put - 3] = chunk[at - length], min(chunk[at - length + 1], 8)
                else:
                    put = _copy(chunk, start, at, out, put)
            continue
        if first >= 0x80:
            status, at = first, at + 1
        kind = status & 0xF0
        size = 1 if kind in (_PROGRAM, _PRESSURE) else 2
        if status == 0:
            fault = _NO_STATUS
        elif at + size > len(chunk):
            fault = _TORN
        elif max(chunk[at], chunk[at + size - 1]) > 127:
            fault = _DATA
        if fault:
            break
        one, two = int(chunk[at]), int(chunk[at + size - 1])
        at += size
        if kind in (_NOTE_OFF, _NOTE_ON):
            too_far |= now > farthest
            key = (status & 0x0F) << 7 | one
            begins = kind == _NOTE_ON and two > 0
            if not begins and sounding[key] == 0:
                continue  # an end without a beginning
            sounding[key] += 1 if begins else -1
            notes += begins
            heard[(status & 0x0F) << 7 | program[status & 0x0F]] |= begins
        elif kind == _PROGRAM or (kind == _CONTROL and one == SUSTAIN):
            moves += 1
            if kind == _PROGRAM:
                program[status & 0x0F] = one
        else:
            continue
        if now <= farthest:
            put = _time(out, put, now - written)
            written = now
            out[put] = status
            put = _copy(chunk, at - size, at, out, put + 1)
    put = _copy(_END_EVENT, 0, len(_END_EVENT), out, put)
    return fault, at, put, notes, int(sounding.sum()), changes, moves, too_far, int(heard.sum())


@compiled
def _system(chunk: _Bytes, at: int) -> tuple[int, int, int, int]:
    """Return the kind of a meta event (-1 for others), its length, the place behind it, a fault."""
    start, first, kind, length, fault = at, int(chunk[at]), -1, 0, 0
    at += 1
    if first == 0xFF:
        if at == len(chunk):
            return -1, 0, start, _TORN
        kind, at = int(chunk[at]), at + 1
    if first in (0xF0, 0xF7, 0xFF):
        length, at, fault = _variable(chunk, at)
    elif first in (0xF4, 0xF5):
        fault = _UNKNOWN
    elif first <= 0xF3:
        length = 2 if first == 0xF2 else 1
    if not fault and at + length > len(chunk):
        fault = _TORN
    return (kind, length, at + length, 0) if not fault else (-1, 0, start, fault)


@compiled
def _matters(kind: int, length: int) -> bool:
    """Whether a meta event says something about the music, and says it whole."""
    return (
        kind == _NAME
        or (kind == _TEMPO and length == 3)
        or (kind == _METER and length >= 2)
        or (kind == _KEY and length == 2)
    )


@compiled
def _variable(chunk: _Bytes, at: int) -> tuple[int, int, int]:
    """Return the number at a place, the place behind it, and a fault."""
    value = 0
    for place in range(at, min(at + 4, len(chunk))):
        byte = int(chunk[place])
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1, 0
    return 0, at, _TORN if at + 4 > len(chunk) else _LONG_TIME


@compiled
def _time(out: _Bytes, put: int, delta: int) -> int:
    """Write a time, with empty texts on the way where four bytes do not hold it."""
    while delta >= 1 << 28:
        put = _copy(_WAIT, 0, len(_WAIT), out, put)
        delta -= (1 << 28) - 1
    for shift in (21, 14, 7):
        if delta >> shift:
            out[put] = delta >> shift & 0x7F | 0x80
            put += 1
    out[put] = delta & 0x7F
    return put + 1


@compiled
def _copy(source: _Bytes, start: int, end: int, out: _Bytes, put: int) -> int:
    """Write bytes of `source` and return the place behind them."""
    for place in range(start, end):
        out[put + place - start] = source[place]
    return put + end - start

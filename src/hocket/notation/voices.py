"""Notes of a staff to voices, in each of which one chord follows the other.

Surprising decision: voices are found by a search (a beam) over stretches that no note crosses. The
upper voice is on top, few voices are open, and a line keeps its voice: each of these has its price. So
a bass that comes first is in the lower voice at once, if something is going to sound above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hocket.errors import ScoreError
from hocket.music.piece import TICKS_PER_QUARTER, Note

WIDTH = 12
"""Ways of going on that are kept."""
MOST_VOICES = 64
"""On a staff; what sounds at once in more is no music that anybody writes."""


class Chord(NamedTuple):
    """Notes of a staff that begin and end together."""

    start: int
    end: int
    rows: tuple[int, ...]
    """Their places among the piece's notes, from below."""
    low: int
    high: int


class _Line(NamedTuple):
    """What a voice did last: when it is free again, and its lowest and highest pitch."""

    end: int
    low: int
    high: int


class _Way(NamedTuple):
    cost: float
    lines: tuple[_Line, ...]
    chosen: tuple[int, tuple[object, ...] | None] | None
    """The voice of each chord, the last first, as a linked list."""


_NEW = _Line(-1, 0, 0)
# What it costs to write in a lower voice, to open one, to leave the upper one silent, to cross another.
_LOWER, _OPENED, _REST, _CROSSED = 0.8, 1.2, 0.3, 3.0


def chords(notes: Sequence[Note], rows: Sequence[int]) -> list[Chord]:
    """Return the chords that some of the notes make, by start, the higher first; unisons apart."""
    groups: dict[tuple[int, int, int], dict[int, int]] = {}
    for row in rows:
        note, copy = notes[row], 0
        while note.pitch in groups.setdefault((note.start, note.end, copy), {}):
            copy += 1
        groups[note.start, note.end, copy][note.pitch] = row
    found = [
        Chord(start, end, tuple(row for _, row in sorted(group.items())), min(group), max(group))
        for (start, end, _), group in groups.items()
    ]
    return sorted(found, key=lambda chord: (chord.start, -chord.high, chord.end))


def voices(found: Sequence[Chord]) -> list[int]:
    """Return the voice of each chord, from 0, the upper one.

    Raises `ScoreError` where more than `MOST_VOICES` would be needed.
    """
    chosen: list[int] = []
    begin = 0
    until = 0
    for at, chord in enumerate(found):
        if chord.start >= until and at > begin:
            chosen += _assigned(found[begin:at])
            begin = at
        until = max(until, chord.end)
    return chosen + _assigned(found[begin:])


def _assigned(found: Sequence[Chord]) -> list[int]:
    if not found:
        return []
    if all(one.end <= other.start for one, other in pairwise(found)):
        return [0] * len(found)
    ways = [_Way(0.0, (_NEW, _NEW), None)]
    for chord in found:
        ahead = [
            way
            for before in ways
            for voice in range(min(len(before.lines) + 1, MOST_VOICES))
            if (way := _with(before, chord, voice)) is not None
        ]
        if not ahead:
            raise ScoreError(
                f"more than {MOST_VOICES} notes end each at its own time in quarter "
                f"{chord.start // TICKS_PER_QUARTER + 1}; write MIDI"
            )
        ahead.sort(key=lambda way: way.cost)
        kept: dict[tuple[_Line, ...], _Way] = {}
        for way in ahead:
            kept.setdefault(way.lines, way)
            if len(kept) == WIDTH:
                break
        ways = list(kept.values())
    chosen, link = [], ways[0].chosen
    while link is not None:
        chosen.append(link[0])
        link = link[1]  # type: ignore[assignment]
    return _without_gaps(chosen[::-1])


def _without_gaps(chosen: list[int]) -> list[int]:
    """Return voices from 0 on, where a search may have left the upper one empty."""
    order = {voice: place for place, voice in enumerate(sorted(set(chosen)))}
    return [order[voice] for voice in chosen]


def _with(way: _Way, chord: Chord, voice: int) -> _Way | None:
    """Return the way that gives a chord to a voice, if there is one."""
    lines = way.lines if voice < len(way.lines) else (*way.lines, _NEW)
    line = lines[voice]
    if line.end > chord.start:
        return None
    cost = way.cost + _LOWER * voice
    if line is _NEW:
        cost += _OPENED * voice
    else:
        cost += 0.03 * abs((chord.low + chord.high) / 2 - (line.low + line.high) / 2)
        if voice == 0 and line.end < chord.start:
            cost += _REST
    for other, sounding in enumerate(lines):
        if other == voice or sounding.end <= chord.start:
            continue
        above, below = (sounding, chord) if other < voice else (chord, sounding)
        cost += _CROSSED * (below.high >= above.low)
    now = _Line(chord.end, chord.low, chord.high)
    return _Way(cost, (*lines[:voice], now, *lines[voice + 1 :]), (voice, way.chosen))

"""Notes of a staff to voices, in each of which one chord follows the other.

Surprising decision: voices are found by a search (a beam) over stretches that no note crosses. The
upper voice is on top, few voices are open, and a line keeps its voice: each of these has its price.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hocket.music.piece import Note

WIDTH = 12
"""Ways of going on that are kept."""
MOST_VOICES = 16


class Chord(NamedTuple):
    """Notes of a staff that begin and end together."""

    start: int
    end: int
    rows: tuple[int, ...]
    """Their places among the piece's notes, from below."""
    low: int
    high: int


class _Way(NamedTuple):
    cost: float
    ends: tuple[int, ...]
    """When each voice is free again."""
    low: tuple[int, ...]
    high: tuple[int, ...]
    chosen: tuple[int, tuple[object, ...] | None] | None


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
    """Return the voice of each chord, from 0, the upper one."""
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
    ways = [_Way(0.0, (), (), (), None)]
    for chord in found:
        ahead = [
            way for before in ways for v in range(MOST_VOICES) for way in _with(before, chord, v)
        ]
        ahead.sort(key=lambda way: way.cost)
        kept: dict[tuple[tuple[int, ...], ...], _Way] = {}
        for way in ahead:
            kept.setdefault((way.ends, way.low, way.high), way)
            if len(kept) == WIDTH:
                break
        ways = list(kept.values())
    chosen, link = [], ways[0].chosen
    while link is not None:
        chosen.append(link[0])
        link = link[1]  # type: ignore[assignment]
    return chosen[::-1]


def _with(way: _Way, chord: Chord, voice: int) -> list[_Way]:
    """Return the way that gives a chord to a voice, if there is one."""
    open_voices = len(way.ends)
    if voice > open_voices:
        return []
    if voice < open_voices and way.ends[voice] > chord.start:
        return []
    cost = way.cost + 0.8 * voice
    if voice == open_voices:
        cost += 1.2 * voice
    else:
        last = (way.low[voice] + way.high[voice]) / 2
        cost += 0.03 * abs((chord.low + chord.high) / 2 - last)
        if voice == 0 and way.ends[voice] < chord.start:
            cost += 0.3  # a rest
    for other in range(open_voices):
        if other == voice or way.ends[other] <= chord.start:
            continue
        above = other < voice
        if (above and chord.high >= way.low[other]) or (not above and chord.low <= way.high[other]):
            cost += 3
    ends, low, high = list(way.ends), list(way.low), list(way.high)
    if voice == open_voices:
        ends.append(0)
        low.append(0)
        high.append(0)
    ends[voice], low[voice], high[voice] = chord.end, chord.low, chord.high
    return [_Way(cost, tuple(ends), tuple(low), tuple(high), (voice, way.chosen))]

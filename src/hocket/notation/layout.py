"""A piece to what its score looks like: instruments with their staves, bars with their signs, clefs.

Surprising decision: two keyboard parts in a row are the hands of one player, and a keyboard part that
stands alone is dealt to two hands; all other parts have a staff each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple, TypeVar

from hocket.music.piece import Key, Meter, Note, Piece
from hocket.music.pitch import estimate_key
from hocket.notation.hands import hands

_KEYBOARDS = range(8)
_ONE_STAFF = 28
"""Semitones from the lowest to the highest note that a keyboard part of single notes may have."""
_Change = TypeVar("_Change", Meter, Key)
TREBLE, BASS = "G", "F"
_MIDDLE = {TREBLE: 71, BASS: 50}
"""The pitch in the middle of the staff."""
_ON_STAFF = 8
"""Semitones from there to the first ledger line, about."""
_CHANGE = 14.0
"""What a change of clef costs, in semitones of ledger lines."""


@dataclass(frozen=True)
class Instrument:
    """One player: a name, which may be empty, a program, and a staff or two."""

    name: str
    program: int
    staves: tuple[tuple[int, ...], ...]
    """Of each staff, the places of its notes among the piece's."""


class Bar(NamedTuple):
    """One bar: its ticks, its metre and key, and what is new in it."""

    ticks: range
    meter: Meter
    key: Key
    new_meter: bool
    new_key: bool
    number: int
    pickup: bool

    @property
    def ahead(self) -> int:
        """Ticks that a pick-up lacks at its start."""
        return max(self.meter.bar_ticks - len(self.ticks), 0) if self.pickup else 0


def instruments(piece: Piece) -> list[Instrument]:
    """Return the players of a piece and which notes are on which staff."""
    rows: list[list[int]] = [[] for _ in piece.parts]
    for row, note in enumerate(piece.notes):
        rows[note.part].append(row)
    sounding = [part for part, own in enumerate(rows) if own] or [0]
    found: list[Instrument] = []
    at = 0
    while at < len(sounding):
        run = [sounding[at]]
        while (
            piece.parts[run[0]].program in _KEYBOARDS
            and at + len(run) < len(sounding)
            and piece.parts[sounding[at + len(run)]].program in _KEYBOARDS
        ):
            run.append(sounding[at + len(run)])
        found += _players(piece, run, rows)
        at += len(run)
    return found


def _players(piece: Piece, run: Sequence[int], rows: Sequence[list[int]]) -> list[Instrument]:
    """Return the players of keyboard parts in a row, or of one part of any kind."""
    single = [not _chordal(piece.notes, rows[part]) for part in run]
    if len(run) > 2 and all(single):  # a choir or a quartet, whatever its programs say
        return [_alone(piece, part, rows[part]) for part in run]
    found = [_alone(piece, run[0], rows[run[0]])] if len(run) % 2 else []
    pairs = run[len(run) % 2 :]
    for upper, lower in zip(pairs[::2], pairs[1::2], strict=True):
        high = max(upper, lower, key=lambda part: median(piece.notes[r].pitch for r in rows[part]))
        both = sorted(rows[upper] + rows[lower])
        notes = [piece.notes[row] for row in both]
        right = hands(notes, [note.part == high for note in notes])
        names = {piece.parts[part].name for part in (upper, lower)}
        name = names.pop() if len(names) == 1 else ""  # not that of one hand
        found.append(_with_hands(name, piece.parts[upper].program, both, right))
    return found


def _with_hands(name: str, program: int, rows: Sequence[int], right: Sequence[bool]) -> Instrument:
    upper = tuple(row for row, on_top in zip(rows, right, strict=True) if on_top)
    lower = tuple(row for row, on_top in zip(rows, right, strict=True) if not on_top)
    return Instrument(name, program, (upper, lower))


def _alone(piece: Piece, part: int, rows: Sequence[int]) -> Instrument:
    name, program = piece.parts[part]
    notes = [piece.notes[row] for row in rows]
    wide = max((n.pitch for n in notes), default=0) - min((n.pitch for n in notes), default=0)
    if program in _KEYBOARDS and (_chordal(piece.notes, rows) or wide > _ONE_STAFF):
        return _with_hands(name, program, rows, hands(notes))
    return Instrument(name, program, (tuple(rows),))


def _chordal(notes: Sequence[Note], rows: Sequence[int]) -> bool:
    """Whether more than a tenth of the notes sound together with another one."""
    together = until = 0
    for row in rows:
        together += notes[row].start < until
        until = max(until, notes[row].end)
    return 10 * together > len(rows)


def bars(piece: Piece) -> list[Bar]:
    """Return the bars of a piece; a piece without keys is in the one that it is likeliest in."""
    ranges = piece.bars() or (range(piece.meters[0].bar_ticks),)
    keys = piece.keys or (estimate_key(piece.notes),)
    found: list[Bar] = []
    upbeat = _is_pickup(piece, ranges)
    for at, ticks in enumerate(ranges):
        meter = _in_force(piece.meters, ticks.start)
        if at == 0 and upbeat:
            meter = _in_force(piece.meters, ranges[1].start)
        key = _in_force(keys, ticks.start)
        before = found[-1] if found else None
        found.append(
            Bar(
                ticks,
                meter,
                key,
                before is None or before.meter[1:] != meter[1:],
                before is None or before.key[1:] != key[1:],
                at + (not upbeat),
                at == 0 and upbeat,
            )
        )
    return found


def _is_pickup(piece: Piece, ranges: Sequence[range]) -> bool:
    """Whether the first bar is a shorter one in front of the metre proper."""
    if len(ranges) < 2:
        return False
    first, second = (_in_force(piece.meters, ticks.start) for ticks in ranges[:2])
    return first.tick != second.tick and len(ranges[0]) < second.bar_ticks


def _in_force(changes: Sequence[_Change], tick: int) -> _Change:
    found = changes[0]
    for change in changes:
        if change.tick <= tick:
            found = change
    return found


def clefs(notes: Sequence[Note], rows: Sequence[int], bars: Sequence[Bar], usual: str) -> list[str]:
    """Return the clef of a staff in each bar, with as few ledger lines and changes as may be."""
    pitches: list[list[int]] = [[] for _ in bars]
    at = 0
    for row in rows:
        while at + 1 < len(bars) and notes[row].start >= bars[at].ticks.stop:
            at += 1
        pitches[at].append(notes[row].pitch)
    kinds = (TREBLE, BASS)
    cost = {kind: 0.0 if kind == usual else _CHANGE / 2 for kind in kinds}
    came_from: list[dict[str, str]] = []
    for own in pitches:
        step, came = {}, {}
        for kind in kinds:
            other = kinds[1 - kinds.index(kind)]
            came[kind] = kind if cost[kind] <= cost[other] + _CHANGE else other
            before = min(cost[kind], cost[other] + _CHANGE)
            outside = sum(max(abs(p - _MIDDLE[kind]) - _ON_STAFF, 0) for p in own)
            step[kind] = before + outside / max(len(own), 1) ** 0.5
        cost = step
        came_from.append(came)
    chosen = [min(kinds, key=lambda kind: cost[kind])]
    for came in reversed(came_from[1:]):
        chosen.append(came[chosen[-1]])
    return chosen[::-1]


def gaps(bars: Sequence[Bar]) -> bool:
    """Whether the bars leave ticks between them; they never should."""
    return any(one.ticks.stop != other.ticks.start for one, other in pairwise(bars))

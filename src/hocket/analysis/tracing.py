"""A piece and its themes to a map: for every note the longest quote that it stands in, and from where.

Three ways to look at music. The *texture*: all notes by (onset, pitch), several at one place being one,
in their rhythm. The *melody*: of those struck together the highest, where nothing higher still sounds,
in its rhythm. The *tune*: the melody without rhythm, a repeated pitch counted once, since a tune in
another rhythm is still that tune. All in any transposition. Surprising decision: a view is just the
notes it keeps and the symbols between them, so one automaton a theme answers for each view.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.provenance import RUN, Theme, unison
from hocket.analysis.suffixes import Suffixes, joined, matches, suffixes, symbol
from hocket.compiled import compiled
from hocket.music import Piece
from hocket.music.bars import numbered_bars

VIEWS = ("texture", "melody", "tune")

Ints = NDArray[np.int64]


class Source(NamedTuple):
    """Where a quote stands: the theme, the bar of its first note, and how far it was moved."""

    theme: str
    piece: int
    """Which of the theme's pieces, from 0."""
    bar: int
    """As people count, from 1; 0 is an upbeat."""
    semitones: int
    """How much higher the quote is than its source."""


class Quote(NamedTuple):
    """Notes in a row that also stand in a theme, none of them more than the longest it may be."""

    notes: range
    """Places among the notes of the view."""
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a piece has of its themes in one view of K notes, for H themes."""

    kept: Ints
    """(K): indices into `piece.notes`."""
    lengths: Ints
    """(H, K): notes in the longest quote of each theme that the note stands in; 0 if not even two."""
    quotes: Mapping[str, Sequence[Quote]]
    """Of each theme those of `RUN` notes or more that are part of no longer one, in order."""

    def covered(self, notes: int) -> NDArray[np.bool_]:
        """(H, K): whether a note stands in a quote of so many notes."""
        return np.asarray(self.lengths >= notes, np.bool_)

    @property
    def longest(self) -> int:
        """Notes in the longest quote of all."""
        return int(self.lengths.max(initial=0))


def trace(piece: Piece, themes: Mapping[str, Theme], view: str = "texture") -> Trace:
    """Return what a piece has of its themes, in one of the `VIEWS`.

    Exact; about 5 ms for 1,000 notes against ten themes of 3,000, once the loops are compiled.
    """
    kept, read = _seen(piece, view)
    lengths = np.zeros((len(themes), len(kept)), np.int64)
    found: dict[str, list[Quote]] = {}
    for row, (name, theme) in enumerate(themes.items()):
        pieces = (theme,) if isinstance(theme, Piece) else tuple(theme)
        automaton, seen, lines = _known(_Same(pieces), view)
        long, ends = matches(automaton, read)
        _cover(long, lengths[row])
        found[name] = _quotes(name, piece, kept, long, ends, pieces, seen, lines)
    return Trace(kept, lengths, found)


class _Same:
    """Pieces that are known again as the very same objects; to compare all their notes takes longer."""

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self.pieces = pieces

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.pieces)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and tuple(map(id, self.pieces)) == tuple(
            map(id, other.pieces)
        )


@lru_cache(maxsize=64)
def _known(same: _Same, view: str) -> tuple[Suffixes, list[tuple[Ints, Ints]], list[list[int]]]:
    """Return the automaton of a theme, what it is made of, and where its bars begin.

    It is kept, since many takes ask about few themes.
    """
    seen = [_seen(own, view) for own in same.pieces]
    lines = [[bar.start for bar in numbered_bars(own)] for own in same.pieces]
    return suffixes(joined([symbols for _, symbols in seen])), seen, lines


def _quotes(
    name: str,
    piece: Piece,
    kept: Ints,
    lengths: Ints,
    ends: Ints,
    pieces: Sequence[Piece],
    seen: Sequence[tuple[Ints, Ints]],
    lines: Sequence[Sequence[int]],
) -> list[Quote]:
    """Return the runs of notes that no longer one holds, from lengths and ends of `matches` (K - 1)."""
    last = np.append(lengths[1:] <= lengths[:-1], True)[: len(lengths)] & (lengths > RUN - 2)
    places = np.flatnonzero(last)
    starts, sources = places + 1 - lengths[places], ends[places] + 1 - lengths[places]
    begins = np.cumsum([0, *(len(symbols) + 1 for _, symbols in seen)])
    members = np.searchsorted(begins, sources, side="right") - 1
    within = sources - begins[members]
    here = [piece.notes[note].pitch for note in kept[starts].tolist()]
    quotes = []
    for start, stop, member, at, pitch in zip(
        starts.tolist(), (places + 2).tolist(), members.tolist(), within.tolist(), here, strict=True
    ):
        note = pieces[member].notes[seen[member][0][at]]
        bar = bisect_right(lines[member], note.start)
        quotes.append(Quote(range(start, stop), Source(name, member, bar, pitch - note.pitch)))
    return quotes


@compiled
def _cover(matched: Ints, notes: Ints) -> None:
    """Write for each note (K) how many the longest run has that it stands in.

    `matched` (K - 1) are the symbols of the longest run that ends with each symbol.
    """
    # Runs begin and end in one order, so those that hold a note are neighbours: a sliding maximum.
    queue, first, beyond, coming = np.empty(len(matched), np.int64), 0, 0, 0
    for note in range(len(notes)):
        while coming < len(matched) and coming - matched[coming] < note:
            while beyond > first and matched[queue[beyond - 1]] <= matched[coming]:
                beyond -= 1
            queue[beyond] = coming
            beyond += 1
            coming += 1
        while first < beyond and queue[first] + 1 < note:
            first += 1
        if first < beyond and matched[queue[first]] > 0:
            notes[note] = matched[queue[first]] + 1


def symbols_of(piece: Piece, view: str) -> Ints:
    """Return what stands between the notes of a view, as numbers (K - 1): see `suffixes.symbol`."""
    return _seen(piece, view)[1]


def _seen(piece: Piece, view: str) -> tuple[Ints, Ints]:
    """Return the notes (K) of a view, as indices, and the symbols between them (K - 1)."""
    _, kept = unison(piece)
    table = np.array([piece.notes[note][:3] for note in kept.tolist()], np.int64).reshape(-1, 3)
    start, length, pitch = (np.ascontiguousarray(column) for column in table.T)
    if view != "texture":
        top = highest(start, start + length, pitch)
        if view == "tune":
            top = top[np.diff(pitch[top], prepend=-1) != 0]
            start = np.zeros_like(start)
        kept, start, pitch = kept[top], start[top], pitch[top]
    return kept, _symbols(start, pitch)


@compiled
def highest(start: Ints, end: Ints, pitch: Ints) -> Ints:
    """Return the places of the melody among notes (D) by (onset, pitch): see the top of this file."""
    kept, made = np.empty(len(start), np.int64), 0
    held = np.zeros(128, np.int64)  # until when each pitch sounds
    first = 0
    while first < len(start):
        beyond = first
        while beyond < len(start) and start[beyond] == start[first]:
            beyond += 1
        top, covered = beyond - 1, False
        for p in range(pitch[top] + 1, 128):
            covered = covered or held[p] > start[first]
        if not covered:
            kept[made] = top
            made += 1
        for note in range(first, beyond):
            held[pitch[note]] = max(held[pitch[note]], end[note])
        first = beyond
    return kept[:made].copy()


@compiled
def _symbols(start: Ints, pitch: Ints) -> Ints:
    """Return the symbols between notes (K) in order, (K - 1, at least 0)."""
    made = np.empty(max(len(start) - 1, 0), np.int64)
    for place in range(len(made)):
        made[place] = symbol(pitch[place + 1] - pitch[place], start[place + 1] - start[place])
    return made

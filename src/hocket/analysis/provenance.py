"""A piece and its themes to the themes each note quotes, exactly and by whole runs of notes.

Notes of all parts are merged and ordered by (onset, pitch); several at the same onset and pitch are
one note, the longest. Between neighbours stands a symbol: (pitch interval, onset gap in ticks). A
run of k notes is k - 1 symbols, so a quote is found in any transposition, but only in the same
rhythm, and lengths of notes do not matter.

Surprising decision: no hashing and no suffix automaton. Every run gets a number by ranking pairs of
numbers of half as long runs (Karp, Miller and Rosenberg, STOC 1972): exact, and all numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hocket.music.piece import Piece

RUN = 4  # notes in a run that tells where a note comes from
BOTH, NEW = "both", "new"

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Theme: TypeAlias = Piece | Sequence[Piece]
"""One piece, or a set of pieces that count as one theme; no run reaches from one into the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Where the notes of a piece come from, in the order of `piece.notes` (N notes, H themes).

    Notes of one onset and pitch share their entries; `distinct` has each of them once.
    """

    names: tuple[str, ...]
    """The themes (H)."""
    inside: Bools
    """(H, N): whether the note stands in a run of `RUN` notes that also stands in the theme."""
    distinct: Ints
    """(D): indices into `piece.notes`, ordered by (onset, pitch), unisons once."""
    longest: dict[str, int]
    """Theme to notes in the longest run it shares with the piece; 0 if not even two notes."""

    @property
    def codes(self) -> Ints:
        """(N): the index of the theme if exactly one, H for several themes, H + 1 for none."""
        themes, notes = self.inside.shape
        count = self.inside.sum(axis=0)
        only = self.inside.argmax(axis=0) if themes else np.zeros(notes, np.int64)
        return np.where(count == 1, only, np.where(count == 0, themes + 1, themes)).astype(np.int64)

    @property
    def labels(self) -> tuple[str, ...]:
        """(N): the theme's name, "both" for several themes, "new" for none; `codes` in words."""
        words = (*self.names, BOTH, NEW)
        return tuple(words[code] for code in self.codes)

    @property
    def shares(self) -> tuple[float, ...]:
        """(H + 2): the share of distinct notes with each code; all 0 if there are no notes."""
        counts = np.bincount(self.codes[self.distinct], minlength=len(self.names) + 2)
        return tuple((counts / max(1, len(self.distinct))).tolist())


def origins(piece: Piece, themes: Mapping[str, Theme]) -> Origins:
    """Find for every note of `piece` the themes whose four-note runs it stands in.

    Exact; about 15 ms for 1,000 notes against two themes of 3,000.
    """
    quotes = Quotes(piece, themes)
    places, distinct = unison(piece)
    inside = np.zeros((len(themes), len(piece.notes)), np.bool_)
    for row, theme in enumerate(themes):
        inside[row] = quotes.covered(theme, RUN)[places]
    return Origins(tuple(themes), inside, distinct, {t: quotes.longest(t) for t in themes})


def unison(piece: Piece) -> tuple[Ints, Ints]:
    """Collapse notes of the same onset and pitch, keeping the longest of them.

    Returns `places` (N), for each of `piece.notes` its place among the distinct ones, and
    `distinct` (D), the indices of the notes kept, ordered by (onset, pitch).
    """
    if not piece.notes:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    table = np.array([note[:3] for note in piece.notes], np.int64)
    start, duration, pitch = table.T
    order = np.lexsort((-duration, pitch, start))
    first = np.ones(len(order), np.bool_)
    first[1:] = (np.diff(start[order]) != 0) | (np.diff(pitch[order]) != 0)
    places = np.empty(len(order), np.int64)
    places[order] = np.cumsum(first) - 1
    return places, order[first].astype(np.int64)


class Quotes:
    """The runs that a piece shares with themes and with itself, over its distinct notes (D)."""

    def __init__(self, piece: Piece, themes: Mapping[str, Theme]) -> None:
        sets = {t: [s] if isinstance(s, Piece) else list(s) for t, s in themes.items()}
        self._runs = _Runs([piece, *(member for members in sets.values() for member in members)])
        self._members: dict[str, range] = {}
        stop = 1
        for theme, members in sets.items():
            self._members[theme] = range(stop, stop := stop + len(members))
        self.notes = self._runs.notes(0)

    def covered(self, theme: str, notes: int) -> Bools:
        """(D): whether the note is inside a run of `notes` (2 or more) that stands in `theme`."""
        return _spread(self._shared(theme, notes), notes, self.notes)

    def longest(self, theme: str) -> int:
        """Return the notes in the longest run shared with `theme`; 0 if there is none of two."""
        # Sharing a run means sharing each shorter one: double until it fails, then bisect.
        if not self._shared(theme, 2).any():
            return 0
        low = 2
        while self._shared(theme, 2 * low).any():
            low *= 2
        high = 2 * low
        while high - low > 1:
            middle = (low + high) // 2
            if self._shared(theme, middle).any():
                low = middle
            else:
                high = middle
        return low

    def repeated(self, notes: int) -> Bools:
        """(D): whether the note is inside a run of `notes` that occurs again without overlap."""
        numbers = self._runs.numbers(0, notes)
        if not len(numbers):
            return np.zeros(self.notes, np.bool_)
        _, group = np.unique(numbers, return_inverse=True)
        place = np.arange(len(numbers))
        first, last = np.full(group.max() + 1, len(numbers)), np.zeros(group.max() + 1, np.int64)
        np.minimum.at(first, group, place)
        np.maximum.at(last, group, place)
        apart = (place - first[group] >= notes) | (last[group] - place >= notes)
        return _spread(apart, notes, self.notes)

    def _shared(self, theme: str, notes: int) -> Bools:
        """(D - notes + 1, at least 0): whether the run from each note also stands in the theme."""
        own = self._runs.numbers(0, notes)
        others = [self._runs.numbers(member, notes) for member in self._members[theme]]
        return np.isin(own, np.concatenate([own[:0], *others]))


class _Runs:
    """The runs of several pieces, numbered: runs of one length are equal iff their numbers are."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        intervals, gaps, self._spans, self._notes = [], [], [], []
        place = 0
        for piece in pieces:
            _, distinct = unison(piece)
            self._notes.append(len(distinct))
            symbols = max(0, len(distinct) - 1)
            self._spans.append(range(place, place + symbols))
            place += symbols + 1  # and one separator
            table = np.array([piece.notes[i][:3] for i in distinct], np.int64).reshape(-1, 3)
            intervals.append(np.diff(table[:, 2], append=0)[: symbols + 1])
            gaps.append(np.diff(table[:, 0], append=0)[: symbols + 1])
            if not len(distinct):  # a separator all the same, so that places stay right
                intervals[-1] = gaps[-1] = np.zeros(1, np.int64)
        interval, gap = np.concatenate(intervals), np.concatenate(gaps)
        width = int(np.abs(interval).max()) + 1
        _, first = np.unique(gap * (2 * width) + interval + width, return_inverse=True)
        # A separator is a symbol found nowhere else, so no run over the end of a piece is shared.
        ends = [span.stop for span in self._spans]
        first[ends] = len(first) + np.arange(len(ends))
        self._levels = [first.astype(np.int64)]

    def notes(self, piece: int) -> int:
        return self._notes[piece]

    def numbers(self, piece: int, notes: int) -> Ints:
        """The numbers of the piece's runs of `notes` (2 or more), by the note each starts with."""
        span, symbols = self._spans[piece], notes - 1
        count = max(0, len(span) - symbols + 1)
        if not count:
            return np.zeros(0, np.int64)
        level = symbols.bit_length() - 1
        half = self._level(level)
        start, overlap = span.start, symbols - (1 << level)
        head, tail = half[start:][:count], half[start + overlap :][:count]
        # Numbers stay below twice the count of symbols, so a pair fits an int64 with room to spare.
        return head * (2 * len(self._levels[0]) + 1) + tail

    def _level(self, level: int) -> Ints:
        """The numbers of all runs of 2 ** level symbols, made from two halves."""
        while len(self._levels) <= level:
            half, length = self._levels[-1], 1 << len(self._levels) - 1
            head, tail = half[: len(half) - length], half[length:]
            _, whole = np.unique(head * (2 * len(self._levels[0]) + 1) + tail, return_inverse=True)
            self._levels.append(whole.astype(np.int64))
        return self._levels[level]


def _spread(starts: Bools, notes: int, total: int) -> Bools:
    """Mark the `notes` notes from each start on; (total)."""
    edges = np.zeros(total + notes + 1, np.int64)
    marked = np.flatnonzero(starts)
    edges[marked] += 1
    edges[marked + notes] -= 1
    return np.cumsum(edges)[:total] > 0

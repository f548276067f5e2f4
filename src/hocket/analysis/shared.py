"""A piece and its themes to a matrix for each theme: which of its bars each bar shares notes with.

A run of four notes is shared as everywhere else (`provenance`): in any transposition, in one rhythm.
Surprising decision: a run that stands in many places of a theme counts in each of them, and each of
its notes for the bar that it stands in itself. So nothing is chosen among places that are the same,
and a quote over a bar line lies on a diagonal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hocket.analysis.provenance import RUN, unison
from hocket.analysis.tracing import symbols_of
from hocket.music import Piece
from hocket.music.bars import numbered_bars

Ints = NDArray[np.int64]
_AT_ONCE = 1024
"""Notes whose places are looked up together: bounds the memory, and changes no result."""


def shared_bars(piece: Piece, themes: Mapping[str, Sequence[Piece]]) -> dict[str, Ints]:
    """Return for each theme (its bars, bars of the piece) how many notes of a bar it shares.

    A note counts once for each bar of the theme that has the same note of the same run; unisons are one
    note. Bars are the numbered ones, an upbeat counts with the first; of a theme of several pieces they
    stand one behind the other. A piece without bars has one, which is empty. Exact.
    """
    own, bars = _runs_of(piece), _bars_of(piece)
    across = max(len(numbered_bars(piece)), 1)
    return {name: _counts(own, bars, pieces, across) for name, pieces in themes.items()}


def _counts(own: Ints, bars: Ints, theme: Sequence[Piece], across: int) -> Ints:
    """Return the counts of one theme from the runs (R, 3) and the bars (D) of the piece's notes."""
    runs, places, up = [own[:0]], [np.zeros((0, RUN), np.int64)], 0
    for each in theme:
        runs.append(_runs_of(each))
        places.append(_windows(_bars_of(each) + up, RUN))
        up += max(len(numbered_bars(each)), 1)
    up = max(up, 1)
    theirs, where = np.concatenate(runs), np.concatenate(places)
    _, numbers = np.unique(np.concatenate([own, theirs]), axis=0, return_inverse=True)
    numbers = numbers.reshape(-1)
    # Each bar of the theme once for a run: an accompaniment has the same run over and over.
    known = [np.divmod(np.unique(numbers[len(own) :] * up + bar), up) for bar in where.T]
    cells = np.zeros((across, up), np.int64)
    for begin in range(0, len(bars), _AT_ONCE):
        notes = np.arange(begin, min(begin + _AT_ONCE, len(bars)))
        hit = np.zeros((len(notes), up), np.bool_)
        for step, (run, bar) in enumerate(known):
            held = notes[(notes >= step) & (notes - step < len(own))]  # as note `step` of a run
            wanted = numbers[held - step]
            first = np.searchsorted(run, wanted, side="left")
            many = np.searchsorted(run, wanted, side="right") - first
            at = np.arange(many.sum()) + np.repeat(first - np.cumsum(many) + many, many)
            hit[np.repeat(held, many) - begin, bar[at]] = True
        within, first = np.unique(bars[notes], return_index=True)  # in order, as notes are
        cells[within] += np.add.reduceat(hit, first, axis=0, dtype=np.int64)
    return cells.T.copy()


def _runs_of(piece: Piece) -> Ints:
    """Return the symbols within each run of `RUN` notes (R, RUN - 1)."""
    return _windows(symbols_of(piece, "texture"), RUN - 1)


def _windows(values: Ints, size: int) -> Ints:
    if len(values) < size:
        return np.zeros((0, size), np.int64)
    return sliding_window_view(values, size)


def _bars_of(piece: Piece) -> Ints:
    """Return for each distinct note (D) its bar, from 0; an upbeat is in the first."""
    _, distinct = unison(piece)
    starts = [bar.start for bar in numbered_bars(piece)]
    onsets = np.array([piece.notes[note].start for note in distinct.tolist()], np.int64)
    return np.maximum(np.searchsorted(starts, onsets, side="right") - 1, 0).astype(np.int64)

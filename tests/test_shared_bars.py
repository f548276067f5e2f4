"""Which bars share notes with which: exactly, as pairs of runs say, and in any transposition."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.analysis.likeness import likeness
from hocket.analysis.provenance import origins, unison
from hocket.analysis.shared import shared_bars
from hocket.music.bars import numbered_bars
from hocket.music.piece import Meter, Note, Piece

# Few pitches and places, so that runs are shared, and more than once.
NOTES = st.lists(
    st.builds(Note, st.integers(0, 40).map(lambda at: 12 * at), st.just(12), st.integers(60, 62)),
    max_size=40,
)
PIECES = st.builds(
    lambda notes, upbeat: Piece.of(
        notes, meters=[Meter(0, 1, 4), Meter(24, 3, 4)] if upbeat else [Meter(0, 3, 4)]
    ),
    NOTES,
    st.booleans(),
)


def bars_of(piece: Piece) -> list[tuple[Note, int]]:
    """Return the distinct notes, each with the place of its bar, by going through all bars."""
    _, distinct = unison(piece)
    starts = [bar.start for bar in numbered_bars(piece)]
    notes = [piece.notes[place] for place in distinct.tolist()]
    return [(note, max(sum(s <= note.start for s in starts) - 1, 0)) for note in notes]


def by_pairs(piece: Piece, themes: list[Piece]) -> np.ndarray:
    """Return the counts by comparing each run of four with each."""
    before, found = 0, set()
    own = bars_of(piece)
    for theme in themes:
        other = bars_of(theme)
        for i in range(len(own) - 3):
            for j in range(len(other) - 3):
                run, there = (
                    [note for note, _ in own[i : i + 4]],
                    [note for note, _ in other[j : j + 4]],
                )
                moved = {
                    (b.start - a.start, b.pitch - a.pitch) for a, b in zip(run, there, strict=True)
                }
                if len(moved) == 1:
                    found |= {(i + k, other[j + k][1] + before) for k in range(4)}
        before += max(len(numbered_bars(theme)), 1)
    counts = np.zeros((max(before, 1), max(len(numbered_bars(piece)), 1)), np.int64)
    for note, bar in found:
        counts[bar, own[note][1]] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(PIECES, st.lists(PIECES, max_size=3))
def test_the_counts_are_those_of_all_pairs_of_runs(piece: Piece, theme: list[Piece]) -> None:
    found = shared_bars(piece, {"a": theme})["a"]
    expected = by_pairs(piece, theme)
    assert found.shape == expected.shape
    assert (found == expected).all()


@settings(max_examples=40, deadline=None)
@given(PIECES, PIECES, st.integers(-12, 12))
def test_transposing_changes_nothing(piece: Piece, theme: Piece, by: int) -> None:
    moved = shared_bars(piece.transposed(by), {"a": [theme]})["a"]
    assert (moved == shared_bars(piece, {"a": [theme]})["a"]).all()


@settings(max_examples=40, deadline=None)
@given(PIECES, PIECES)
def test_a_bar_has_shared_notes_where_its_notes_have_origins(piece: Piece, theme: Piece) -> None:
    found = origins(piece, {"a": theme})
    inside = found.inside[0][found.distinct]
    per_bar = Counter(bar for (_, bar), own in zip(bars_of(piece), inside, strict=True) if own)
    shared = shared_bars(piece, {"a": [theme]})["a"]
    for bar in range(shared.shape[1]):
        assert shared[:, bar].sum() >= per_bar[bar] >= shared[:, bar].max()
        assert (shared[:, bar].sum() > 0) == (per_bar[bar] > 0)


def test_a_quote_over_a_bar_line_lies_on_a_diagonal() -> None:
    """A tune in bars 3 and 4 of a theme comes in bars 1 and 2, a fifth higher."""
    tune = [0, 3, 7, 5, 9, 8, 12, 1]
    theme = Piece.of([Note(192 + 24 * i, 24, 60 + step) for i, step in enumerate(tune)])
    piece = Piece.of([Note(24 * i, 24, 67 + step) for i, step in enumerate(tune)])
    assert shared_bars(piece, {"a": [theme]})["a"].tolist() == [[0, 0], [0, 0], [4, 0], [0, 4]]


def test_many_notes_are_counted_as_few_are() -> None:
    """More notes than are looked up at once."""
    piece = Piece.of([Note(24 * i, 24, 60 + i % 5) for i in range(3000)])
    found = shared_bars(piece, {"a": [piece]})["a"]
    assert found.shape == (750, 750)
    assert (found == 4).all()


# Bars that are alike


@settings(max_examples=60, deadline=None)
@given(PIECES)
def test_likeness_is_symmetric_and_each_bar_is_like_itself(piece: Piece) -> None:
    found = likeness(piece, 400)
    assert found.shape == (max(len(numbered_bars(piece)), 1),) * 2
    assert (found == found.T).all()
    assert (found.diagonal() == 1).all()
    assert ((found >= 0) & (found <= 1)).all()


@settings(max_examples=60, deadline=None)
@given(PIECES)
def test_likeness_is_what_the_best_transposition_says(piece: Piece) -> None:
    bars = numbered_bars(piece)
    own = [
        {(note.start - bar.start, note.pitch) for note in piece.notes if note.start in bar}
        for bar in bars
    ]
    found = likeness(piece, 400)
    for i, one in enumerate(own):
        for j, other in enumerate(own):
            agree = Counter(q - p for at, p in one for there, q in other if at == there)
            most = max(agree.values(), default=0)
            fuller = max(len(one), len(other))
            assert found[i, j] == pytest.approx(most / fuller if fuller else 1)


def test_a_bar_is_like_its_transposition_and_like_itself_over_another_bass() -> None:
    bar = [Note(0, 24, 60), Note(24, 24, 64), Note(48, 48, 67), Note(0, 96, 40)]
    up = [note._replace(start=note.start + 96, pitch=note.pitch + 5) for note in bar]
    bass = [note._replace(start=note.start + 192) for note in bar[:3]] + [Note(192, 96, 37)]
    found = likeness(Piece.of([*bar, *up, *bass]), 400)
    assert found[0, 1] == 1
    assert found[0, 2] == found[1, 2] == pytest.approx(3 / 4)

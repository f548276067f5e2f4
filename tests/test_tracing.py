"""The map of quotes: planted ones are found where they stand, in each view, and counts agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.analysis.provenance import Quotes
from hocket.analysis.tracing import VIEWS, highest, trace
from hocket.music import Meter, Note, Piece

TUNE = [60, 64, 62, 67, 65, 71, 69, 72, 70, 61]
OTHER = [50, 57, 53, 60, 49, 58, 51, 63]


def line(pitches: list[int], start: int = 0, gap: int = 12, bass: int | None = None) -> list[Note]:
    notes = [Note(start + n * gap, gap, pitch) for n, pitch in enumerate(pitches)]
    if bass is not None:
        notes += [Note(start + n * gap, gap, bass - n % 2) for n in range(len(pitches))]
    return notes


pieces = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 8), st.integers(60, 64)), max_size=25
).map(lambda rows: Piece.of([Note(6 * s, 6 * d, p) for s, d, p in rows]))


def test_a_planted_quote_is_found_where_it_stands() -> None:
    theme = Piece.of([*line(OTHER), *line(TUNE, start=2 * 96)], meters=[Meter(0, 4, 4)])
    take = Piece.of([*line([40, 41, 47]), *line([p + 5 for p in TUNE[:7]], start=36 + 7)])
    found = trace(take, {"A": theme, "B": Piece.of(line(OTHER))})
    longest = max(found.quotes["A"], key=lambda quote: len(quote.notes))
    assert longest.notes == range(3, 10)
    assert longest.source == ("A", 0, 3, 5)
    assert found.lengths[0, 3:].tolist() == [7] * 7
    assert found.longest == 7


def test_an_upbeat_is_bar_0() -> None:
    theme = Piece.of(line(TUNE), meters=[Meter(0, 1, 4), Meter(24, 4, 4)])
    found = trace(Piece.of(line(TUNE[:5])), {"A": theme})
    assert found.quotes["A"][0].source.bar == 0
    assert trace(Piece.of(line(TUNE[2:])), {"A": theme}).quotes["A"][0].source.bar == 1


def test_the_melody_is_found_over_another_bass_and_the_tune_in_another_rhythm() -> None:
    theme = Piece.of(line(TUNE, bass=40))
    take = Piece.of(
        line(TUNE, bass=45)[: len(TUNE)] + line([45, 52, 43, 41, 50, 47, 45, 52], gap=15)
    )
    assert trace(take, {"A": theme}, "melody").longest == len(TUNE)
    assert trace(take, {"A": theme}).longest < len(TUNE)
    slow = Piece.of([n._replace(start=3 * n.start + n.pitch % 3) for n in line(TUNE)])
    assert trace(slow, {"A": theme}, "melody").longest < len(TUNE)
    repeated = Piece.of(
        [*slow.notes, *(n._replace(start=n.start + 6, duration=4) for n in slow.notes)]
    )
    assert trace(repeated, {"A": theme}, "tune").longest == len(TUNE)


def test_a_held_note_covers_what_is_lower() -> None:
    start, end = np.array([0, 0, 12, 24, 24]), np.array([12, 30, 24, 36, 36])
    assert highest(start, end, np.array([60, 70, 65, 62, 71])).tolist() == [1, 4]


@given(pieces, pieces, st.sampled_from([2, 3, 4, 7]))
def test_the_texture_says_what_the_measures_say(take: Piece, theme: Piece, notes: int) -> None:
    found, quotes = trace(take, {"A": theme}), Quotes(take, {"A": theme})
    assert found.covered(notes)[0].tolist() == quotes.covered("A", notes).tolist()
    assert found.longest == quotes.longest("A")


@given(pieces, st.sampled_from(VIEWS))
def test_a_piece_is_one_quote_of_itself(take: Piece, view: str) -> None:
    found = trace(take, {"A": take, "B": Piece.of([])}, view)
    notes = len(found.kept)
    assert found.lengths[0].tolist() == [notes if notes > 1 else 0] * notes
    assert not found.lengths[1].any()
    for quote in found.quotes["A"]:
        assert (quote.source.theme, quote.source.semitones) == ("A", 0)


def test_a_theme_of_several_pieces_says_which() -> None:
    theme = [Piece.of(line(OTHER)), Piece.of(line(TUNE))]
    (quote,) = [q for q in trace(theme[1], {"A": theme}).quotes["A"] if len(q.notes) > 4]
    assert quote.source.piece == 1


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_no_quote(view: str) -> None:
    assert trace(Piece.of([]), {"A": Piece.of(line(TUNE))}, view).longest == 0
    assert trace(Piece.of(line(TUNE)), {}, view).longest == 0

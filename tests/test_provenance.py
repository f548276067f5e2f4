"""Planted quotations are found; the longest run is what a search by hand would find."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.analysis.provenance import RUN, Origins, Quotes, Theme, origins, unison
from hocket.music.piece import Note, Part, Piece


def scattered(count: int, rng: int, *, span: int = 8) -> Piece:
    """Random notes, a few to the quarter, with hardly a run in common with any other such piece."""
    dice = random.Random(rng)
    return Piece.of(
        Note(dice.randrange(count * span), dice.randint(1, 30), dice.randint(30, 90))
        for _ in range(count)
    )


def planted(theme: Piece, first: int, count: int, *, by: int, rng: int = 7) -> tuple[Piece, range]:
    """A piece of 30 random notes, `count` notes of the theme, and 30 random notes again."""
    noise = scattered(60, rng).notes
    quote = [n._replace(pitch=n.pitch + by) for n in ordered(theme)[first : first + count]]
    before = [n._replace(start=n.start - noise[30].start - 100) for n in noise[:30]]
    middle = [n._replace(start=n.start - quote[0].start) for n in quote]
    after = [n._replace(start=n.start + middle[-1].start + 101) for n in noise[30:]]
    shift = -before[0].start
    notes = [n._replace(start=n.start + shift) for n in (*before, *middle, *after)]
    piece = Piece.of(notes)
    places = [i for i, n in enumerate(ordered(piece)) if n in notes[30 : 30 + count]]
    assert places == list(range(places[0], places[0] + count))
    return piece, range(places[0], places[0] + count)


def ordered(piece: Piece) -> list[Note]:
    """The distinct notes by (onset, pitch), the plain way."""
    kept: dict[tuple[int, int], Note] = {}
    for note in piece.notes:
        spot = note.start, note.pitch
        if spot not in kept or note.duration > kept[spot].duration:
            kept[spot] = note
    return [kept[spot] for spot in sorted(kept)]


def symbols(piece: Piece) -> list[tuple[int, int]]:
    notes = ordered(piece)
    return [(b.pitch - a.pitch, b.start - a.start) for a, b in pairwise(notes)]


def runs(piece: Piece, notes: int) -> list[tuple[tuple[int, int], ...]]:
    s = symbols(piece)
    return [tuple(s[i : i + notes - 1]) for i in range(len(s) - notes + 2)]


def brute_covered(piece: Piece, theme: Piece, notes: int) -> list[bool]:
    known = set(runs(theme, notes))
    marks = [False] * len(ordered(piece))
    for i, run in enumerate(runs(piece, notes)):
        if run in known:
            marks[i : i + notes] = [True] * notes
    return marks


def brute_longest(piece: Piece, theme: Piece) -> int:
    lengths = range(2, len(ordered(piece)) + 1)
    return max((k for k in lengths if set(runs(piece, k)) & set(runs(theme, k))), default=0)


small = st.lists(
    st.builds(Note, st.integers(0, 14), st.integers(1, 4), st.integers(60, 62)), max_size=14
).map(Piece.of)


@given(small, small, st.integers(2, 6))
@settings(max_examples=200, deadline=None)
def test_runs_equal_brute_force(piece: Piece, theme: Piece, notes: int) -> None:
    quotes = Quotes(piece, {"a": theme, "both": [theme, piece]})
    assert quotes.covered("a", notes).tolist() == brute_covered(piece, theme, notes)
    assert quotes.longest("a") == brute_longest(piece, theme)
    size = len(ordered(piece))
    assert quotes.longest("both") == (size if size >= 2 else 0)
    own = runs(piece, notes)
    again = [False] * size
    for i, run in enumerate(own):
        if any(run == other and abs(i - j) >= notes for j, other in enumerate(own)):
            again[i : i + notes] = [True] * notes
    assert quotes.repeated(notes).tolist() == again


@given(small)
@settings(deadline=None)
def test_unisons_collapse_to_the_longest(piece: Piece) -> None:
    places, distinct = unison(piece)
    assert [piece.notes[i] for i in distinct] == ordered(piece)
    for note, place in zip(piece.notes, places, strict=True):
        kept = piece.notes[distinct[place]]
        assert (note.start, note.pitch) == (kept.start, kept.pitch)


@pytest.mark.parametrize("by", [0, 5, -12])
def test_a_planted_quote_is_found_whole(by: int) -> None:
    theme, other = scattered(300, 1), scattered(300, 2)
    piece, place = planted(theme, 100, 20, by=by)
    found = origins(piece, {"one": theme, "two": other})
    assert found.longest["one"] == 20
    assert found.longest["two"] < RUN
    assert np.flatnonzero(found.inside[0][found.distinct]).tolist() == list(place)
    labels = [found.labels[i] for i in found.distinct]
    assert labels.count("one") == 20
    assert labels.count("new") == len(labels) - 20
    assert found.shares == (20 / len(labels), 0, 0, 1 - 20 / len(labels))


def test_labels_say_one_several_or_none() -> None:
    theme, other = scattered(200, 1), scattered(200, 2)
    alone, _ = planted(theme, 10, 12, by=2)
    shared = Piece.of(
        [*other.notes, *(n._replace(start=n.start + 9000) for n in ordered(theme)[10:22])]
    )
    found = origins(alone, {"new": theme, "b": shared})  # a theme may even be named "new"
    assert set(found.codes.tolist()) == {2, 3}
    assert (found.codes == 2).sum() == 12
    assert found.labels.count("both") == 12


def test_unison_notes_share_their_origin() -> None:
    theme = scattered(50, 3)
    doubled = Piece.of(
        [*theme.notes, *(n._replace(part=1, duration=1) for n in theme.notes)],
        parts=[Part(), Part("Flute", 73)],
    )
    found = origins(doubled, {"a": theme})
    assert found.labels == ("a",) * len(doubled.notes)
    assert len(found.distinct) == len(ordered(theme))
    assert found.longest == {"a": len(ordered(theme))}


def test_no_run_reaches_from_one_piece_of_a_theme_into_the_next() -> None:
    notes = ordered(scattered(40, 4))
    halves = [Piece.of(notes[:20]), Piece.of(notes[20:])]
    assert origins(Piece.of(notes), {"a": halves}).longest == {"a": 20}


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_pieces_are_new(count: int) -> None:
    piece = Piece.of(Note(24 * i, 24, 60 + i) for i in range(count))
    theme = scattered(50, 5)
    choices: list[dict[str, Theme]]
    choices = [{"a": theme, "b": Piece.of([]), "c": piece}, {}, {"a": []}]
    for themes in choices:
        found = origins(piece, themes)
        assert found.inside.shape == (len(themes), count)
        assert found.labels == ("new",) * count
    assert origins(piece, {"c": piece}).longest == {"c": count if count > 1 else 0}


def test_transposition_changes_nothing() -> None:
    theme = scattered(200, 1)
    piece, _ = planted(theme, 50, 25, by=0)
    plain, moved = origins(piece, {"a": theme}), origins(piece.transposed(7), {"a": theme})
    assert plain.codes[plain.distinct].tolist() == moved.codes[moved.distinct].tolist()
    assert plain.longest == moved.longest


def test_a_long_piece_is_fast() -> None:
    piece, themes = scattered(1000, 1), {"a": scattered(3000, 2), "b": scattered(3000, 3)}
    times = []
    for _ in range(3):
        start = time.perf_counter()
        found = origins(piece, themes)
        times.append(time.perf_counter() - start)
    assert isinstance(found, Origins)
    assert min(times) < 0.5  # 0.015 on an idle machine

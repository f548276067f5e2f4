"""Laws of the corpus: what is learned, in which keys and bars, and what is held out of learning."""

from __future__ import annotations

from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.corpus import Corpus, Kind, build, rebarred, transpositions
from hocket.corpus.augment import nearest
from hocket.corpus.hockets import BARS, LONGEST_TURN, hockets
from hocket.corpus.store import held_out_bars, ticks_before
from hocket.music import Meter, Note, Piece
from hocket.music.pitch import COMMON_KEY, agreeing, estimate_key
from hocket.tokens import VOCAB, decode, encode, simplify
from hocket.tokens.vocab import PITCHES
from networks import in_two_parts
from stretches import pieces_of, transpose_ids

pieces_on_the_piano = st.lists(
    st.builds(
        Note,
        st.integers(0, 300),
        st.integers(1, 90),
        st.integers(21, 108),
        st.integers(1, 127),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=30,
).map(Piece.of)


@pytest.fixture(scope="module")
def corpus(themes: list[Piece]) -> Corpus:
    return build(themes, held_out=0.3, hocket_count=6, rng=5)


# Transposition


@given(pieces_on_the_piano)
def test_the_window_of_keys(piece: Piece) -> None:
    window = transpositions(piece)
    pitches = [note.pitch for note in piece.notes]
    assert 0 in window
    assert 1 <= len(window) <= 12
    assert window.step == 1
    assert min(pitches) + window[0] >= PITCHES.start
    assert max(pitches) + window[-1] < PITCHES.stop


@given(pieces_on_the_piano)
def test_no_other_window_of_its_length_lies_nearer_to_middle_c(piece: Piece) -> None:
    window = transpositions(piece)
    pitches = [note.pitch for note in piece.notes]

    def off_centre(first: int) -> float:
        return abs(median(pitches) + first + (len(window) - 1) / 2 - 60)

    possible = [
        first
        for first in range(1 - len(window), 1)
        if min(pitches) + first >= PITCHES.start
        and max(pitches) + first + len(window) - 1 < PITCHES.stop
    ]
    assert off_centre(window[0]) == min(off_centre(first) for first in possible)
    if len(window) < 12:  # only where the piano has no room for more around 0
        low, high = 21 - min(pitches), 108 - max(pitches)
        room = [s for s in range(-11, 12) if low <= s <= high]
        assert len(window) == len(room)


@given(pieces_on_the_piano, st.data())
def test_transposed_ids_say_the_transposed_piece(piece: Piece, data: st.DataObject) -> None:
    semitones = data.draw(st.sampled_from(transpositions(simplify(piece))))
    moved = transpose_ids(encode(piece).astype(np.int64), semitones)
    assert decode(moved) == simplify(piece).transposed(semitones)


# Bars


def test_rebarring_keeps_notes_and_pick_up(themes: list[Piece]) -> None:
    waltz, walk = rebarred(themes[0], Meter(0, 3, 4)), rebarred(themes[1], Meter(0, 4, 4))
    assert waltz.notes == themes[0].notes
    assert waltz.meters == (Meter(0, 3, 4),)
    assert walk.notes == themes[1].notes
    assert walk.meters == (Meter(0, 1, 4), Meter(24, 4, 4))
    assert [bar.start for bar in walk.bars()[:3]] == [0, 24, 120]


def test_a_change_of_metre_far_in_is_no_pick_up() -> None:
    notes = [Note(24 * i, 24, 60) for i in range(40)]
    piece = Piece.of(notes, meters=[Meter(0, 2, 4), Meter(192, 3, 4)])
    assert rebarred(piece, Meter(0, 4, 4)).meters == (Meter(0, 4, 4),)


@given(st.integers(1, 60), st.floats(0, 0.5), st.integers(0, 1000))
def test_held_out_bars_are_pairs_of_whole_bars(bars: int, share: float, rng: int) -> None:
    piece = Piece.of(Note(96 * i, 96, 60) for i in range(bars))
    held = held_out_bars(piece, share, np.random.default_rng(rng))
    starts = {bar.start for bar in piece.bars()[1:]}
    assert all(r.start in starts and len(r) == 96 and r.stop <= piece.end for r in held)
    assert all(a.stop <= b.start for a, b in pairwise(held))
    if share == 0:
        assert not held
    if share > 0 and bars >= 4:
        pairs = max(round(bars * share / 2), 1)
        assert pairs < len(held) <= 2 * pairs  # all bars are alike: not every return is held out


def test_a_bar_that_returns_is_held_out_wherever_it_stands() -> None:
    """Forty bars, of which the second twenty are the first twenty again."""
    piece = Piece.of(Note(96 * i, 96, 40 + i % 20) for i in range(40))
    for rng in range(10):
        held = {bar.start // 96 for bar in held_out_bars(piece, 0.12, np.random.default_rng(rng))}
        assert 4 <= len(held) <= 8
        assert held == {(bar + 20) % 40 for bar in held}
    for pitches in ([43] * 20, [40, 43] * 10):  # nothing is new: a pair alone
        piece = Piece.of(Note(96 * i, 96, pitch) for i, pitch in enumerate(pitches))
        assert len(held_out_bars(piece, 0.12, np.random.default_rng(0))) == 2


def test_bars_that_return_least_are_held_out_first() -> None:
    tune = [*[40, 41, 42, 43] * 4, 60, 61, *[40, 41, 42, 43] * 4]
    piece = Piece.of(Note(96 * i, 96, pitch) for i, pitch in enumerate(tune))
    held = held_out_bars(piece, 2 / 34, np.random.default_rng(1))
    assert [bar.start // 96 for bar in held] == [16, 17]


# What a corpus holds


def test_themes_stand_in_their_own_metre_and_in_the_first_ones(
    corpus: Corpus, themes: list[Piece]
) -> None:
    native = pieces_of(corpus, Kind.NATIVE)
    assert [decode(corpus.ids[where]) for where in native] == [simplify(t) for t in themes]
    (borrowed,) = (decode(corpus.ids[where]) for where in pieces_of(corpus, Kind.REBARRED))
    assert borrowed == simplify(rebarred(themes[1], themes[0].main_meter))
    assert borrowed.main_meter == Meter(0, 4, 4)
    assert borrowed.notes == simplify(themes[1]).notes
    assert corpus.theme_count == 2
    assert corpus.fingerprint == VOCAB.fingerprint
    hockets_made = [decode(corpus.ids[where]) for where in pieces_of(corpus, Kind.HOCKET)]
    assert [piece.meters for piece in hockets_made] == [(Meter(0, 4, 4),)] * 6


def test_every_transposition_of_every_piece_stays_on_the_piano(corpus: Corpus) -> None:
    for piece, shifts in enumerate(corpus.shifts):
        said = decode(corpus.ids[corpus.bounds[piece] : corpus.bounds[piece + 1]])
        for shift in (shifts[0], shifts[-1], int(corpus.home[piece])):
            assert min(n.pitch for n in said.notes) + shift >= PITCHES.start
            assert max(n.pitch for n in said.notes) + shift < PITCHES.stop


def test_home_is_the_common_key_and_hockets_are_there(themes: list[Piece]) -> None:
    """G minor, or B flat major, comes to C major by two semitones."""
    corpus = build(themes, hocket_count=2)
    assert corpus.home.tolist() == [0, 2, 2, 0, 0]
    for where in pieces_of(corpus, Kind.HOCKET):
        assert estimate_key(decode(corpus.ids[where]).notes).fifths == COMMON_KEY.fifths


@pytest.mark.parametrize("semitones", range(-6, 6))
def test_home_brings_a_theme_of_any_key_to_the_same_notes(semitones: int) -> None:
    tune = (60, 62, 64, 65, 67, 65, 64, 60, 67, 72, 71, 67, 60)
    theme = Piece.of(Note(24 * i, 24, pitch + semitones) for i, pitch in enumerate(tune))
    (home,) = build([theme]).home
    assert home == (6 - semitones) % 12 - 6, "the smallest interval, a tritone down"
    octave = -12 if semitones == -6 else 0
    assert [note.pitch + home for note in theme.notes] == [pitch + octave for pitch in tune]


def test_home_leaves_the_piano_for_no_key() -> None:
    """D major on the lowest notes: what should go down two semitones goes up ten."""
    tune = (26, 28, 30, 31, 33, 31, 30, 26, 33, 38, 37, 33, 26)
    low = Piece.of(Note(24 * i, 24, pitch - 5) for i, pitch in enumerate(tune))
    assert min(note.pitch for note in low.notes) == 21
    assert build([low]).home.tolist() == [3]
    lower = Piece.of(Note(24 * i, 24, pitch - 4) for i, pitch in enumerate(tune))
    assert build([lower]).home.tolist() == [2]


@given(st.integers(-11, 11), st.integers(21, 108), st.integers(0, 87))
def test_the_nearest_move_keeps_to_the_piano(wanted: int, lowest: int, spread: int) -> None:
    highest = min(lowest + spread, 108)
    moved = nearest(wanted, lowest, highest)
    fitting = [
        wanted + o for o in (0, -12, 12) if 21 <= lowest + wanted + o <= highest + wanted + o
    ]
    fitting = [move for move in fitting if highest + move <= 108]
    assert moved == (fitting[0] if fitting else 0)


def test_parts_loudness_and_pedal_are_learned(themes: list[Piece]) -> None:
    rich = [in_two_parts(theme) for theme in themes]
    corpus = build(rich, hocket_count=3)
    native = pieces_of(corpus, Kind.NATIVE)
    assert [decode(corpus.ids[where]) for where in native] == [simplify(theme) for theme in rich]
    assert simplify(rich[0]).pedals
    for family in ("PART", "VEL", "PEDAL"):
        assert np.isin(corpus.ids, VOCAB.families[family]).any()
    for where in pieces_of(corpus, Kind.HOCKET):
        said = decode(corpus.ids[where])
        assert {note.part for note in said.notes} == {0, 1}


def test_a_theme_may_be_several_pieces(themes: list[Piece]) -> None:
    """Each is learned as itself, in its own metre and in the very first one's."""
    walk, turn = themes
    corpus = build([[walk, turn], [walk.transposed(1), turn, walk]], held_out=0.3, rng=2)
    native = pieces_of(corpus, Kind.NATIVE)
    given = [walk, turn, walk.transposed(1), turn, walk]
    assert [decode(corpus.ids[where]) for where in native] == [simplify(piece) for piece in given]
    assert len(pieces_of(corpus, Kind.REBARRED)) == 2
    assert [set(corpus.theme[where]) for where in native] == [{0}, {0}, {1}, {1}, {1}]
    assert corpus.theme_count == 2
    assert all(corpus.held_out[where].any() for where in native)
    assert corpus.home[corpus.kind == Kind.NATIVE].tolist() == [0, 2, -1, 2, 0]
    assert [len(corpus.choices[Kind.NATIVE, theme].pieces) for theme in (0, 1)] == [2, 3]
    one = build([[walk], [turn]], held_out=0.3, rng=2, hocket_count=3)
    same = build([walk, turn], held_out=0.3, rng=2, hocket_count=3)
    assert (one.ids == same.ids).all()
    assert (one.held_out == same.held_out).all()


def held_ticks(corpus: Corpus, where: range) -> set[int]:
    ids = corpus.ids[where]
    return set(ticks_before(ids)[corpus.held_out[where]].tolist())


def test_the_same_bars_are_held_out_in_each_metre(themes: list[Piece]) -> None:
    for order in (themes, themes[::-1]):
        corpus = build(order, held_out=0.3, rng=5)
        (borrowed,) = pieces_of(corpus, Kind.REBARRED)
        native = pieces_of(corpus, Kind.NATIVE)[1]
        onsets = {n.start for n in order[1].notes}
        mine = held_ticks(corpus, native) & onsets
        assert mine
        assert mine == held_ticks(corpus, borrowed) & onsets
        assert mine < onsets


# Hockets


@pytest.mark.parametrize("first", [0, 1])
def test_hockets_are_bars_of_the_themes_in_turn(first: int, themes: list[Piece]) -> None:
    agreed = agreeing([simplify(theme) for theme in (themes[first], themes[1 - first])])
    random = np.random.default_rng(1)
    away = [held_out_bars(theme, 0.3, random) for theme in agreed]
    made = list(hockets(agreed, away, 12, random))
    assert len(made) == 12
    for piece, turns in made:
        assert piece.meters == (agreed[0].main_meter,)
        bar = piece.main_meter.bar_ticks
        ends = [*(tick for tick, _ in turns[1:]), piece.end]
        assert piece.end > (BARS - 1) * bar
        assert turns[0][0] == 0
        assert all(a != b for (_, a), (_, b) in pairwise(turns))
        for (start, theme), stop in zip(turns, ends, strict=True):
            assert start % bar == 0
            assert 0 < stop - start <= LONGEST_TURN * bar
            heard = sorted(piece.excerpt(range(start, stop)))
            begins = [bar.start for bar in agreed[theme].bars()]
            sources = [range(begin, begin + stop - start) for begin in begins]
            assert any(
                sorted(agreed[theme].excerpt(source)) == heard
                and not any(r.start < source.stop and source.start < r.stop for r in away[theme])
                for source in sources
            ), "a turn that stands nowhere in its theme, or in bars held out"


@pytest.mark.parametrize("waltz", [False, True])
@pytest.mark.parametrize("held", [[], [range(108, 204)], [range(552, 648)]], ids=str)
def test_no_turn_touches_an_upbeat_or_crosses_an_irregular_bar(
    waltz: bool, held: list[range]
) -> None:
    """Each eighth of the theme has its own pitches, so that a turn shows where it comes from."""
    meters = [Meter(0, 1, 8), Meter(12, 4, 4), Meter(396, 5, 8), Meter(456, 4, 4)]
    odd = Piece.of(
        [Note(12 * i, 12, pitch) for i in range(70) for pitch in (21 + i // 35, 30 + i % 35)],
        meters=meters,
    )
    runs = (range(12, 396), range(456, 840))
    meter = Meter(0, 3, 4) if waltz else Meter(0, 4, 4)
    other = Piece.of([Note(24 * i, 24, 90 + i % 12) for i in range(48)], meters=[meter])
    heard: set[int] = set()
    for piece, turns in hockets([other, odd], [[], held], 24, np.random.default_rng(3)):
        ends = [*(tick for tick, _ in turns[1:]), piece.end]
        for (start, theme), stop in zip(turns, ends, strict=True):
            if theme == 0:
                continue
            notes = [n for n in piece.notes if start <= n.start < stop]
            low, high = sorted(n.pitch for n in notes if n.start == start)
            begin = 12 * (35 * (low - 21) + high - 30)
            source = range(begin, begin + stop - start)
            assert notes == [n._replace(start=n.start + start) for n in odd.excerpt(source)]
            (run,) = [r for r in runs if r.start <= source.start and source.stop <= r.stop]
            assert (begin - run.start) % 96 == 0, "a turn begins inside a bar"
            assert not any(r.start < source.stop and source.start < r.stop for r in held)
            heard.add(begin)
    bars = {*range(12, 396, 96), *range(456, 840, 96)}
    assert heard == bars - {r.start for r in held}


def test_one_theme_alone_has_no_hockets(themes: list[Piece]) -> None:
    assert list(hockets(themes[:1], [[]], 5, np.random.default_rng(0))) == []


def test_no_hockets_where_a_theme_has_no_bar_to_give() -> None:
    """Four bars of 2/4, the middle two held out, the last too short: no 4/4 bar is free."""
    notes = [Note(12 * i, 12, 60 + i % 5) for i in range(13)]
    short = Piece.of(notes, meters=[Meter(0, 2, 4)])
    long = Piece.of([Note(24 * i, 24, 60 + i % 7) for i in range(32)])
    away: list[list[range]] = [[], [range(48, 144)]]
    assert list(hockets([long, short], away, 4, np.random.default_rng(0))) == []
    assert len(list(hockets([short, long], away[::-1], 4, np.random.default_rng(0)))) == 4

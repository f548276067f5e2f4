"""Laws of the corpus: what is learned, in which keys and bars, and what is held out of learning."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.config import RunConfig, TrainingConfig
from hocket.corpus import (
    Corpus,
    Kind,
    build,
    held_out_batch,
    rebarred,
    training_batch,
    transpositions,
)
from hocket.corpus.batches import IGNORED
from hocket.corpus.hockets import BARS, LONGEST_TURN, hockets
from hocket.corpus.store import held_out_bars, ticks_before
from hocket.music import Key, Meter, Note, Piece
from hocket.music.pitch import agreeing
from hocket.tokens import GRAMMAR, VOCAB, decode, encode, simplify
from hocket.tokens.vocab import PITCHES

pieces_on_the_piano = st.lists(
    st.builds(Note, st.integers(0, 300), st.integers(1, 90), st.integers(21, 108)),
    min_size=1,
    max_size=30,
).map(Piece.of)


PITCHED = ("NOTE_ON", "NOTE_OFF")


def transpose_ids(ids: np.ndarray, semitones: int) -> np.ndarray:
    """Move events as the vocabulary's names say it, one by one."""

    def moved(event: int) -> int:
        family, _, pitch = VOCAB.names[event].partition(" ")
        return VOCAB.id(f"{family} {int(pitch) + semitones}") if family in PITCHED else event

    return np.array([moved(int(event)) for event in ids])


@pytest.fixture(scope="module")
def corpus(themes: list[Piece]) -> Corpus:
    return build(themes, held_out=0.3, hocket_count=6, rng=5)


def pieces_of(corpus: Corpus, kind: Kind) -> list[range]:
    """Return the event positions of each piece of a kind."""
    return [
        range(int(corpus.bounds[p]), int(corpus.bounds[p + 1]))
        for p in np.flatnonzero(corpus.kind == kind)
    ]


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
    assert all(r.start in starts and len(r) == 192 and r.stop <= piece.end for r in held)
    assert all(a.stop <= b.start for a, b in pairwise(held))
    if share == 0:
        assert not held
    if share > 0 and bars >= 4:
        assert held
        assert len(held) == max(round(bars * share / 2), 1)


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


def test_home_is_the_first_themes_key_and_that_of_hockets(themes: list[Piece]) -> None:
    """G minor, or B flat major, comes to C major by two semitones."""
    corpus = build(themes, hocket_count=2)
    assert corpus.home.tolist() == [0, 2, 2, 0, 0]
    in_g = build(themes, key=Key(0, 1), hocket_count=2)
    assert in_g.home.tolist() == [-5, -3, -3, 0, 0]
    edge = Piece.of(Note(24 * i, 24, 21 + i % 12) for i in range(30))
    for key in range(-6, 7):
        corpus = build([edge, themes[0]], key=Key(0, key))
        assert corpus.home[0] >= 0, "a note would leave the piano"


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


# Batches


def test_a_batch_is_a_pure_function_of_its_number(corpus: Corpus, tiny: RunConfig) -> None:
    for step in (0, 1, 7):
        one, two = (training_batch(corpus, tiny.training, 9, step) for _ in range(2))
        assert (one.inputs == two.inputs).all()
        assert (one.targets == two.targets).all()
        assert (one.mix == two.mix).all()
        assert one.fresh == two.fresh == (step % tiny.training.windows == 0)
        other = training_batch(corpus, tiny.training, 10, step)
        assert (one.inputs != other.inputs).any()


def test_a_row_is_the_same_in_a_batch_of_any_size(corpus: Corpus, tiny: RunConfig) -> None:
    many = training_batch(corpus, replace(tiny.training, batch=5), 2, 4)
    alone = training_batch(corpus, replace(tiny.training, batch=1), 2, 4)
    assert (many.inputs[:1] == alone.inputs).all()
    assert (many.targets[:1] == alone.targets).all()
    assert (many.features.sounding[:1] == alone.features.sounding).all()
    assert (many.features.place[:1] == alone.features.place).all()
    assert (many.mix[:1] == alone.mix).all()


def chains(
    corpus: Corpus, training: TrainingConfig, rng: int, count: int
) -> list[list[np.ndarray]]:
    """Return inputs, targets, sounding, place and mix of rows (N) joined over their chain."""
    rows = []
    for chain in range(count):
        batches = [
            training_batch(corpus, training, rng, chain * training.windows + w)
            for w in range(training.windows)
        ]
        parts = [
            [b.inputs, b.targets, b.features.sounding, b.features.place, b.mix] for b in batches
        ]
        joined = [np.concatenate(values, axis=1) for values in zip(*parts, strict=True)]
        rows += [[values[row] for values in joined] for row in range(training.batch)]
    return rows


def explanations(corpus: Corpus, row: list[np.ndarray]) -> set[Kind]:
    """Return of which kinds the pieces are that a row can have come from, in every particular."""
    inputs, targets, sounding, place, mix = row
    kinds = set()
    for piece, shifts in enumerate(corpus.shifts):
        home = int(corpus.home[piece])
        where = slice(int(corpus.bounds[piece]), int(corpus.bounds[piece + 1]))
        for shift in {home, *shifts}:
            ids = transpose_ids(corpus.ids[where].astype(np.int64), shift)
            traced = GRAMMAR.trace(ids)
            expected = np.where(corpus.held_out[where], IGNORED, ids)[1:]
            labels = np.eye(2, dtype=np.float32)[corpus.theme[where]][1:]
            for start in np.flatnonzero(ids[:-1] == inputs[0]):
                length = min(len(inputs), len(ids) - 1 - int(start))
                here = slice(start, start + length)
                if (
                    (ids[here] == inputs[:length]).all()
                    and (traced.sounding[here] == sounding[:length]).all()
                    and (traced.place[here] == place[:length]).all()
                    and (expected[here] == targets[:length]).all()
                    and (targets[length:] == IGNORED).all()
                    and ((mix == 0.5).all() or (labels[here] == mix[:length]).all())
                ):
                    kinds.add(Kind(corpus.kind[piece]))
    return kinds


def test_rows_are_stretches_of_the_corpus_with_their_features(
    corpus: Corpus, tiny: RunConfig
) -> None:
    """Each row's targets are what follows, but for held-out bars and padding."""
    met: set[Kind] = set()
    for row in chains(corpus, tiny.training, 1, 5):
        kinds = explanations(corpus, row)
        assert kinds
        met |= kinds
    assert met == set(Kind)


def test_blend_one_blends_every_row_and_blend_zero_none(corpus: Corpus, tiny: RunConfig) -> None:
    blended = training_batch(corpus, replace(tiny.training, blend=1.0), 0, 0)
    assert (blended.mix == 0.5).all()
    told = training_batch(corpus, replace(tiny.training, blend=0.0), 0, 0)
    assert set(np.unique(told.mix)) == {0, 1}
    assert (told.mix.sum(-1) == 1).all()


def test_home_key_one_leaves_no_other_key(corpus: Corpus, tiny: RunConfig) -> None:
    training = replace(tiny.training, home_key=1.0, held_out=0.0)
    homes = [
        transpose_ids(corpus.ids[begin:end].astype(np.int64), int(home))
        for begin, end, home in zip(corpus.bounds[:-1], corpus.bounds[1:], corpus.home, strict=True)
    ]
    everything = " ".join(str(i) for ids in homes for i in ids)
    for inputs, *_ in chains(corpus, training, 1, 3):
        first = " ".join(map(str, inputs[:12]))
        assert first in everything


@pytest.mark.parametrize("kind", list(Kind))
def test_the_shares_choose_the_kind(kind: Kind, corpus: Corpus, tiny: RunConfig) -> None:
    training = replace(
        tiny.training, hockets=float(kind == Kind.HOCKET), rebar=float(kind == Kind.REBARRED)
    )
    rows = chains(corpus, replace(training, blend=0.0), 3, 2)
    for row in rows:
        first_theme = row[-1][:, 0].all()  # it stands in its own metre only
        wanted = Kind.NATIVE if kind == Kind.REBARRED and first_theme else kind
        assert wanted in explanations(corpus, row)


def test_the_held_out_batch_has_exactly_the_held_out_events_as_targets(corpus: Corpus) -> None:
    batch = held_out_batch(corpus)
    native = pieces_of(corpus, Kind.NATIVE)
    assert batch.fresh
    assert len(batch.inputs) == len(native) == 2
    for row, where in enumerate(native):
        length = len(where) - 1
        ids = transpose_ids(corpus.ids[where].astype(np.int64), int(corpus.home[row]))
        held = corpus.held_out[where]
        assert (batch.inputs[row, :length] == ids[:-1]).all()
        expected = np.where(held[1:], ids[1:], IGNORED)
        assert (batch.targets[row, :length] == expected).all()
        assert (batch.targets[row, length:] == IGNORED).all()
        assert (batch.mix[row, :, row] == 1).all()
    assert (batch.targets != IGNORED).sum() == sum(corpus.held_out[w].sum() for w in native) > 0


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_start_begins_a_good_part_of_the_sequences(rng: int) -> None:
    """What a take begins with, START, is also what sequences begin with now and then."""
    piece = Piece.of(Note(24 * i, 24, 60 + i % 12) for i in range(400))
    corpus = build([piece, piece.transposed(1)])
    training = TrainingConfig(batch=64, window=8, windows=1, hockets=0.0)
    first = training_batch(corpus, training, rng, 0).inputs[:, 0]
    assert 4 <= (first == VOCAB.id("START")).sum() <= 40


def test_without_held_out_bars_everything_is_learned(themes: list[Piece]) -> None:
    corpus = build(themes)
    assert not corpus.held_out.any()
    assert (held_out_batch(corpus).targets == IGNORED).all()
    seen = 0
    for step in range(4):
        batch = training_batch(corpus, TrainingConfig(batch=4, window=16, windows=1), 0, step)
        seen += int((batch.targets != IGNORED).sum())
    assert seen > 4 * 4 * 8

"""Laws of batches: pure functions of their number, made of stretches of the corpus."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.config import RunConfig, TrainingConfig
from hocket.corpus import (
    Batch,
    Corpus,
    Kind,
    build,
    held_out_batches,
    native_batches,
    training_batch,
)
from hocket.corpus.batches import IGNORED, LEAST_HEARD, without_memory
from hocket.music import Note, Piece
from hocket.tokens import VOCAB
from hocket.tokens.memory import NOTHING, TAPES
from hocket.training.filling import Filling
from networks import in_two_parts
from stretches import arrays_of, chains, explanations, features_of, pieces_of, transpose_ids

ALL = 2**40
"""Events: more than there are."""


@pytest.fixture(scope="module")
def corpus(themes: list[Piece]) -> Corpus:
    return build([in_two_parts(themes[0]), themes[1]], held_out=0.3, hocket_count=6, rng=5)


def assert_equal(one: Batch, two: Batch) -> None:
    for mine, its in zip(arrays_of(one), arrays_of(two), strict=True):
        np.testing.assert_array_equal(mine, its)
    assert one.fresh == two.fresh


# Drawn by number


def test_a_batch_is_a_pure_function_of_its_number(corpus: Corpus, tiny: RunConfig) -> None:
    for step in (0, 1, 7):
        one, two = (training_batch(corpus, tiny.training, 9, step) for _ in range(2))
        assert_equal(one, two)
        assert one.fresh == (step % tiny.training.windows == 0)
        other = training_batch(corpus, tiny.training, 10, step)
        assert (one.inputs != other.inputs).any()


@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 2**20), st.integers(1, 5))
@settings(max_examples=25)
def test_the_batch_before_spares_time_and_changes_nothing(
    corpus: Corpus, tiny: RunConfig, begin: int, count: int, rng: int, windows: int
) -> None:
    """From any step on, as a resumed run begins anywhere; chains of any number of windows."""
    training = replace(tiny.training, windows=windows, window=24)
    before: Batch | None = None
    for step in range(begin, begin + count):
        before = training_batch(corpus, training, rng, step, before)
        assert_equal(before, training_batch(corpus, training, rng, step))


@given(blocks=st.integers(1, 40), batch=st.integers(1, 9))
@settings(max_examples=10, deadline=None)
def test_parts_of_the_rows_may_be_filled_at_once(
    corpus: Corpus, tiny: RunConfig, blocks: int, batch: int
) -> None:
    training = replace(tiny.training, batch=batch)
    before: Batch | None = None
    many: Batch | None = None
    with ThreadPoolExecutor(3) as threads:
        for step in range(3):
            before = training_batch(corpus, training, 4, step, before)
            many = training_batch(corpus, training, 4, step, many, blocks=blocks, each=threads.map)
            assert_equal(before, many)


def test_batches_filled_ahead_are_the_same(corpus: Corpus, tiny: RunConfig) -> None:
    ahead = Filling(corpus, tiny.training, 3, ahead=True)
    for step in (0, 1, 2, 3, 7, 8, 2):
        assert_equal(ahead.batch(step), training_batch(corpus, tiny.training, 3, step))


def test_a_row_is_the_same_in_a_batch_of_any_size(corpus: Corpus, tiny: RunConfig) -> None:
    for step in (4, 5):
        many = training_batch(corpus, replace(tiny.training, batch=5), 2, step)
        alone = training_batch(corpus, replace(tiny.training, batch=1), 2, step)
        for rows, row in zip(arrays_of(many), arrays_of(alone), strict=True):
            np.testing.assert_array_equal(rows[:1], row)


def test_rows_are_stretches_of_the_corpus_with_their_features(
    corpus: Corpus, tiny: RunConfig
) -> None:
    """Each row's targets are what follows, but for held-out bars and padding."""
    met: set[Kind] = set()
    recalled = 0
    for row in chains(corpus, tiny.training, 1, 5):
        kinds = explanations(corpus, row)
        assert kinds
        met |= kinds
        recalled += int((row[4] != NOTHING).sum())
    assert met == {Kind.NATIVE, Kind.REBARRED, Kind.HOCKET}
    assert recalled


def test_past_the_end_nothing_is_seen_and_nothing_learned(tiny: RunConfig) -> None:
    short = Piece.of(Note(24 * i, 24, 60 + i % 5) for i in range(10))
    corpus = build([short])
    batch = training_batch(corpus, replace(tiny.training, window=64, rebar=0.0), 1, 0)
    for row in range(tiny.training.batch):
        learned = np.flatnonzero(batch.targets[row] != IGNORED)
        end = int(learned.max()) + 1
        assert batch.targets[row, end - 1] == VOCAB.id("END")
        assert (batch.inputs[row, end:] == batch.inputs[row, end - 1]).all()
        for array in batch.features:
            assert not array[row, end:].any()


# Where they are drawn from


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


@pytest.mark.parametrize("kind", [Kind.NATIVE, Kind.REBARRED, Kind.HOCKET])
def test_the_shares_choose_the_kind(kind: Kind, corpus: Corpus, tiny: RunConfig) -> None:
    training = replace(
        tiny.training, hockets=float(kind == Kind.HOCKET), rebar=float(kind == Kind.REBARRED)
    )
    rows = chains(corpus, replace(training, blend=0.0), 3, 2)
    for row in rows:
        first_theme = row[-1][:, 0].all()  # it stands in its own metre only
        wanted = Kind.NATIVE if kind == Kind.REBARRED and first_theme else kind
        assert wanted in explanations(corpus, row)


def test_themes_are_drawn_alike_and_their_pieces_by_length() -> None:
    """A short theme as often as a long one; in it a piece three times as long three times as often."""
    low = [Piece.of(Note(24 * i, 24, 36 + i % 7) for i in range(n)) for n in (40, 120)]
    high = Piece.of(Note(24 * i, 24, 90 + i % 7) for i in range(20))
    corpus = build([[low[0].transposed(12), low[1]], high])
    training = TrainingConfig(
        batch=600, window=8, windows=1, hockets=0.0, rebar=0.0, home_key=1.0, blend=0.0
    )
    batch = training_batch(corpus, training, 0, 0)
    pitches = np.where(batch.features.sounding[..., :88], np.arange(88) + 21, 0).max((1, 2))
    theme = batch.mix[:, 0, 0] == 1
    assert theme.mean() == pytest.approx(0.5, abs=0.06)
    assert (theme == (pitches < 80)).all()
    assert (pitches[theme] < 45).mean() == pytest.approx(0.75, abs=0.06)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_start_begins_a_good_part_of_the_sequences(rng: int) -> None:
    """What a take begins with, START, is also what sequences begin with now and then."""
    piece = Piece.of(Note(24 * i, 24, 60 + i % 12) for i in range(400))
    corpus = build([piece, piece.transposed(1)])
    training = TrainingConfig(batch=64, window=8, windows=1, hockets=0.0)
    first = training_batch(corpus, training, rng, 0).inputs[:, 0]
    assert 4 <= (first == VOCAB.id("START")).sum() <= 40


def test_pieces_kept_to_judge_are_never_learned(corpus: Corpus, tiny: RunConfig) -> None:
    kinds = corpus.kind.copy()
    kinds[kinds == Kind.REBARRED] = Kind.KEPT
    kept = replace(corpus, kind=kinds)
    for row in chains(kept, replace(tiny.training, rebar=1.0), 2, 3):
        assert explanations(kept, row) - {Kind.KEPT}


# What judges


def whole(corpus: Corpus, where: range, home: int) -> np.ndarray:
    return transpose_ids(corpus.ids[where].astype(np.int64), home)


def test_held_out_batches_have_exactly_the_held_out_events_as_targets(corpus: Corpus) -> None:
    native, found = pieces_of(corpus, Kind.NATIVE), held_out_batches(corpus, ALL)
    assert len(found) == len(native) == 2
    for number, (batch, where) in enumerate(zip(found, native, strict=True)):
        ids, held = whole(corpus, where, int(corpus.home[number])), corpus.held_out[where]
        assert batch.fresh
        assert batch.inputs.tolist() == [ids[:-1].tolist()]
        assert batch.targets.tolist() == [np.where(held[1:], ids[1:], IGNORED).tolist()]
        assert (batch.mix[0, :, number] == 1).all()
        for mine, its in zip(features_of(ids), batch.features, strict=True):
            np.testing.assert_array_equal(mine[:-1], its[0])
        assert (batch.targets != IGNORED).sum() == held.sum() > 0


def test_native_batches_have_the_learned_events_as_targets(corpus: Corpus) -> None:
    native, found = pieces_of(corpus, Kind.NATIVE), native_batches(corpus, ALL)
    assert len(found) == len(native)
    for number, (batch, where) in enumerate(zip(found, native, strict=True)):
        ids, held = whole(corpus, where, int(corpus.home[number])), corpus.held_out[where]
        assert batch.inputs.tolist() == [ids[:-1].tolist()]
        assert batch.targets.tolist() == [np.where(held[1:], IGNORED, ids[1:]).tolist()]


def test_of_many_pieces_some_spread_evenly_judge() -> None:
    tune = Piece.of(Note(24 * i, 24, 60 + i % 12) for i in range(32))
    corpus = build([[tune.transposed(k % 12) for k in range(30)]], held_out=0.5)
    every = held_out_batches(corpus, ALL)
    assert len(every) == 30
    some = held_out_batches(corpus, 10 * every[0].inputs.size)
    assert len(some) == 10
    for one, two in zip(some, every[::3], strict=True):
        assert_equal(one, two)


def test_of_many_events_beginnings_are_heard() -> None:
    """Of each piece as much as its share, but enough of it to say something."""
    tune = Piece.of(Note(24 * i, 24, 60 + i % 12) for i in range(200))
    corpus = build([[tune.transposed(k) for k in range(12)]])
    whole = native_batches(corpus, ALL)
    length = whole[0].inputs.shape[1]
    assert length > 2 * LEAST_HEARD
    for most, pieces, each in ((12 * 300, 12, 300), (6 * 256, 6, 256), (1, 1, 256)):
        some = native_batches(corpus, most)
        assert [batch.inputs.shape for batch in some] == [(1, each)] * pieces
        for one, two in zip(some, whole[:: 12 // pieces], strict=True):
            assert (one.inputs == two.inputs[:, :each]).all()
            assert (one.targets == two.targets[:, :each]).all()


def test_without_held_out_bars_everything_is_learned(themes: list[Piece]) -> None:
    corpus = build(themes)
    assert not corpus.held_out.any()
    assert held_out_batches(corpus, ALL) == []
    assert all((batch.targets != IGNORED).all() for batch in native_batches(corpus, ALL))
    seen = 0
    for step in range(4):
        batch = training_batch(corpus, TrainingConfig(batch=4, window=16, windows=1), 0, step)
        seen += int((batch.targets != IGNORED).sum())
    assert seen > 4 * 4 * 8


def test_a_share_of_the_sequences_is_learned_without_memory(
    corpus: Corpus, tiny: RunConfig
) -> None:
    training = replace(tiny.training, batch=200, windows=1, window=64, forget=0.5)
    batch = training_batch(corpus, training, 0, 0)
    whole = training_batch(corpus, replace(training, forget=0.0), 0, 0)
    blind = (batch.features.recalled == NOTHING).all((1, 2))
    assert blind.mean() == pytest.approx(0.5, abs=0.15)
    assert (batch.features.place[blind, :, -TAPES:] == 0).all()
    assert (batch.inputs == whole.inputs).all()
    assert (batch.features.recalled[~blind] == whole.features.recalled[~blind]).all()
    assert (batch.features.sounding == whole.features.sounding).all()
    assert (without_memory(whole).features.recalled == NOTHING).all()
    assert (whole.features.recalled != NOTHING).any()

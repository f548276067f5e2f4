"""A corpus to batches, by number: batch k is a pure function of (corpus, settings, rng, k).

That makes resuming trivial: a run that stopped after step k goes on with batch k + 1. A sequence is
drawn once for a chain of windows: a hocket or a theme (all alike, however long), one of its pieces by
length, then its barring, transposition and starting point; the LSTM state is carried along the chain,
and fresh at its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.config import TrainingConfig
from hocket.corpus.gathering import IGNORED, gather
from hocket.corpus.store import Choices, Corpus, Kind
from hocket.tokens import Features, sight
from hocket.tokens.memory import NOTHING, TAPES
from hocket.tokens.sight import Walkers

__all__ = [
    "IGNORED",
    "Batch",
    "held_out_batches",
    "native_batches",
    "training_batch",
    "without_memory",
]

Each = Callable[[Callable[[slice], None], Iterable[slice]], Iterable[None]]
"""Does something for each block of rows: `map`, or the `map` of threads."""

LEAST_HEARD = 256
"""Events of a piece that are heard at least."""


class Walk(NamedTuple):
    """Where B sequences stand, and before which event (B)."""

    walkers: Walkers
    reached: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Batch:
    """B sequences of T events and what comes next."""

    inputs: NDArray[np.int64]
    """(B, T)"""
    targets: NDArray[np.int64]
    """(B, T), `IGNORED` where nothing is to be learned."""
    features: Features
    """(B, T, …)"""
    mix: NDArray[np.float32]
    """(B, T, M): the weights of the themes of the next event."""
    fresh: bool
    """The sequences begin here: the LSTM state before them is zero."""
    walk: Walk
    """How far the sequences were walked: the next window of the chain goes on from here."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """Where one sequence of a chain comes from."""

    piece: int
    start: int
    shift: int
    blended: bool
    forgets: bool = False


def training_batch(
    corpus: Corpus,
    config: TrainingConfig,
    rng: int,
    step: int,
    before: Batch | None = None,
    *,
    rows: range | None = None,
    blocks: int = 1,
    each: Each = map,
) -> Batch:
    """Return the batch of an optimizer step; held-out bars and padding are not targets.

    Of its rows only `rows`, where they are given. `before`, the same rows of the batch of the step
    before, spares walking the pieces from their beginnings; it is used up, and changes nothing else.
    Nor do `blocks`, parts of the rows that `each` may fill at the same time.
    """
    chain, window = divmod(step, config.windows)
    rows = range(config.batch) if rows is None else rows
    draws = [_draw(corpus, config, rng, chain, row) for row in rows]
    skipped = window * config.window
    walk = before.walk if before is not None and window else None
    return _gathered(
        corpus,
        draws,
        skipped,
        config.window,
        learn_held_out=False,
        walk=walk,
        blocks=blocks,
        each=each,
    )


def held_out_batches(corpus: Corpus, most: int) -> list[Batch]:
    """Return what judges learning: pieces with held-out bars, each a batch of one row.

    They are in their own metre and the common key; only held-out bars are targets. Of many pieces
    those are taken, spread evenly, that make up about `most` events.
    """
    judged = np.zeros(len(corpus.kind), np.bool_)
    judged[np.searchsorted(corpus.bounds, np.flatnonzero(corpus.held_out), side="right") - 1] = True
    pieces = np.flatnonzero(judged & np.isin(corpus.kind, (Kind.NATIVE, Kind.KEPT)))
    lengths = np.diff(corpus.bounds)[pieces]
    every = max(round(lengths.sum() / most), 1)
    return [_whole(corpus, piece, learn_held_out=True) for piece in pieces[::every].tolist()]


def native_batches(corpus: Corpus, most: int) -> list[Batch]:
    """Return themes in their own metre and the common key, each piece a batch of one row.

    Of each only the beginning, so that all make up about `most` events.
    """
    pieces = np.flatnonzero(corpus.kind == Kind.NATIVE)
    pieces = pieces[:: max(len(pieces) * LEAST_HEARD // most, 1)]
    each = max(most // len(pieces), LEAST_HEARD)
    return [_whole(corpus, piece, learn_held_out=False, most=each) for piece in pieces.tolist()]


def _whole(corpus: Corpus, piece: int, *, learn_held_out: bool, most: int = 2**40) -> Batch:
    begin, end = (int(bound) for bound in corpus.bounds[piece : piece + 2])
    draw, length = _Draw(piece, begin, int(corpus.home[piece]), False), min(end - begin - 1, most)
    return _gathered(corpus, [draw], 0, length, learn_held_out=learn_held_out)


def _draw(corpus: Corpus, config: TrainingConfig, rng: int, chain: int, row: int) -> _Draw:
    random = np.random.default_rng((rng, chain, row))
    pieces, ends_at = _choices(corpus, config, random)
    piece = int(pieces[np.searchsorted(ends_at, random.integers(ends_at[-1]), side="right")])
    begin, end = (int(b) for b in corpus.bounds[piece : piece + 2])
    # A quarter of the sequences begin with START, as takes do; the others are drawn from half a length
    # before the beginning on, and what falls before it begins with START too: openings matter most.
    length = config.window * config.windows
    start = int(random.integers(begin - length // 2, max(end - length // 2, begin + 1)))
    if random.random() < 0.25 or start < begin:
        start = begin
    at_home = random.random() < config.home_key
    shift = int(corpus.home[piece] if at_home else random.choice(corpus.shifts[piece]))
    blended, forgets = random.random() < config.blend, random.random() < config.forget
    return _Draw(piece, start, shift, blended, forgets)


def _choices(corpus: Corpus, config: TrainingConfig, random: np.random.Generator) -> Choices:
    """Return the pieces that one sequence is drawn from."""
    choices = corpus.choices
    if random.random() < config.hockets and Kind.HOCKET in choices:
        return choices[Kind.HOCKET]
    theme = int(random.integers(corpus.theme_count))
    if random.random() < config.rebar and (Kind.REBARRED, theme) in choices:
        return choices[Kind.REBARRED, theme]
    return choices[Kind.NATIVE, theme]


def forget(features: Features, rows: Sequence[bool]) -> None:
    """Hide from some of the rows (B) what memory recalls, in place."""
    features.recalled[rows] = NOTHING
    features.place[rows, :, -TAPES:] = 0


def without_memory(batch: Batch) -> Batch:
    """Return a batch in which nothing is recalled."""
    sounding, place, recalled = batch.features
    features = Features(sounding, place.copy(), recalled.copy())
    forget(features, [True] * len(batch.inputs))
    return replace(batch, features=features)


def _gathered(
    corpus: Corpus,
    draws: Sequence[_Draw],
    skipped: int,
    length: int,
    *,
    learn_held_out: bool,
    walk: Walk | None = None,
    blocks: int = 1,
    each: Each = map,
) -> Batch:
    """Return the rows that begin so many events after their draws' start, as one batch."""
    batch = len(draws)
    pieces = np.array([draw.piece for draw in draws])
    begins, ends = corpus.bounds[pieces], corpus.bounds[pieces + 1]
    starts = np.array([draw.start for draw in draws]) + skipped
    furthest = int((np.minimum(starts + length, ends) - begins).max())
    if walk is None:
        walk = Walk(sight.begin(batch, furthest), begins.copy())
    walkers = sight.with_room(walk.walkers, furthest)
    inputs, targets = np.empty((2, batch, length), np.int64)
    features, shifts = sight.room(batch, length), np.array([draw.shift for draw in draws])
    reached = walk.reached

    def fill(rows: slice) -> None:
        gather(
            corpus.ids,
            corpus.held_out,
            learn_held_out,
            ends[rows],
            starts[rows],
            shifts[rows],
            sight.rows_of(walkers, rows),
            reached[rows],
            inputs[rows],
            targets[rows],
            sight.rows_of_features(features, rows),
        )

    bounds = [batch * block // blocks for block in range(blocks + 1)]
    list(each(fill, (slice(*pair) for pair in pairwise(bounds))))
    forget(features, [draw.forgets for draw in draws])
    following = np.minimum(starts[:, None] + np.arange(length), ends[:, None] - 2) + 1
    mix = np.eye(corpus.theme_count, dtype=np.float32)[corpus.theme[following]]
    mix[[draw.blended for draw in draws]] = 1 / corpus.theme_count
    return Batch(inputs, targets, features, mix, skipped == 0, walk._replace(walkers=walkers))

"""A corpus to batches, by number: batch k is a pure function of (corpus, settings, rng, k).

That makes resuming trivial: a run that stopped after step k goes on with batch k + 1. A sequence is
drawn once for a chain of windows: a hocket or a theme (all alike, however long), then its barring,
transposition and starting point; the LSTM state is carried along the chain and fresh at its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.config import TrainingConfig
from hocket.corpus.augment import transpose_ids, transpose_sounding
from hocket.corpus.store import Corpus, Kind
from hocket.tokens import Features

IGNORED = -100
"""Target of events that are not learned: held-out bars and the padding after a piece's end."""


@dataclass(frozen=True, eq=False)
class Batch:
    """B sequences of T events and what comes next."""

    inputs: NDArray[np.int64]
    """(B, T)"""
    targets: NDArray[np.int64]
    """(B, T), `IGNORED` where nothing is to be learned."""
    features: Features
    """sounding (B, T, 88), place (B, T, 3)"""
    mix: NDArray[np.float32]
    """(B, T, M): the weights of the themes of the next event."""
    fresh: bool
    """The sequences begin here: the LSTM state before them is zero."""


@dataclass(frozen=True, slots=True)
class _Draw:
    """Where one sequence of a chain comes from."""

    piece: int
    start: int
    shift: int
    blended: bool


class _Row(NamedTuple):
    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    features: Features
    mix: NDArray[np.float32]


def training_batch(corpus: Corpus, config: TrainingConfig, rng: int, step: int) -> Batch:
    """Return the batch of an optimizer step; held-out bars and padding are not targets."""
    chain, window = divmod(step, config.windows)
    draws = [_draw(corpus, config, rng, chain, row) for row in range(config.batch)]
    rows = [
        _row(corpus, draw, draw.start + window * config.window, config.window, learn_held_out=False)
        for draw in draws
    ]
    return _stack(rows, fresh=window == 0)


def held_out_batch(corpus: Corpus) -> Batch:
    """Return every theme in its own metre and the takes' key; only held-out bars are targets."""
    pieces = np.flatnonzero(corpus.kind == Kind.NATIVE)
    draws = [
        _Draw(int(piece), int(corpus.bounds[piece]), int(corpus.home[piece]), False)
        for piece in pieces
    ]
    longest = int((corpus.bounds[pieces + 1] - corpus.bounds[pieces]).max()) - 1
    rows = [_row(corpus, draw, draw.start, longest, learn_held_out=True) for draw in draws]
    return _stack(rows, fresh=True)


def _draw(corpus: Corpus, config: TrainingConfig, rng: int, chain: int, row: int) -> _Draw:
    random = np.random.default_rng((rng, chain, row))
    piece = int(random.choice(_choices(corpus, config, random)))
    begin, end = (int(b) for b in corpus.bounds[piece : piece + 2])
    # A quarter of the sequences begin with START, as takes do; the others are drawn from half a length
    # before the beginning on, and what falls before it begins with START too: openings matter most.
    length = config.window * config.windows
    start = int(random.integers(begin - length // 2, max(end - length // 2, begin + 1)))
    if random.random() < 0.25 or start < begin:
        start = begin
    at_home = random.random() < config.home_key
    shift = int(corpus.home[piece] if at_home else random.choice(corpus.shifts[piece]))
    return _Draw(piece, start, shift, random.random() < config.blend)


def _choices(
    corpus: Corpus, config: TrainingConfig, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return the pieces that one sequence is drawn from, all alike."""
    hockets = np.flatnonzero(corpus.kind == Kind.HOCKET)
    if random.random() < config.hockets and len(hockets):
        return hockets
    theme = corpus.theme[corpus.bounds[:-1]] == random.integers(corpus.theme_count)
    borrowed = np.flatnonzero(theme & (corpus.kind == Kind.REBARRED))
    if random.random() < config.rebar and len(borrowed):
        return borrowed
    return np.flatnonzero(theme & (corpus.kind == Kind.NATIVE))


def _row(corpus: Corpus, draw: _Draw, start: int, length: int, *, learn_held_out: bool) -> _Row:
    end = int(corpus.bounds[draw.piece + 1])
    here = np.arange(start, start + length)
    inside = here + 1 < end
    here = np.where(inside, here, end - 2)
    inputs = transpose_ids(corpus.ids[here].astype(np.int64), draw.shift)
    following = transpose_ids(corpus.ids[here + 1].astype(np.int64), draw.shift)
    learned = inside & (corpus.held_out[here + 1] == learn_held_out)
    features = Features(
        transpose_sounding(corpus.features.sounding[here], draw.shift), corpus.features.place[here]
    )
    count = corpus.theme_count
    mix = np.eye(count, dtype=np.float32)[corpus.theme[here + 1]]
    if draw.blended:
        mix = np.full_like(mix, 1 / count)
    return _Row(inputs, np.where(learned, following, IGNORED), features, mix)


def _stack(rows: list[_Row], *, fresh: bool) -> Batch:
    return Batch(
        np.stack([row.inputs for row in rows]),
        np.stack([row.targets for row in rows]),
        Features(
            np.stack([row.features.sounding for row in rows]),
            np.stack([row.features.place for row in rows]),
        ),
        np.stack([row.mix for row in rows]),
        fresh,
    )

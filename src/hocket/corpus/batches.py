"""A corpus to batches, by number: batch k is a pure function of (corpus, settings, rng, k).

That makes resuming trivial: a run that stopped after step k goes on with batch k + 1. A sequence is
drawn once for a chain of windows: a hocket or a theme (all alike, however long), then its barring,
transposition and starting point; the LSTM state is carried along the chain and fresh at its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hocket.config import TrainingConfig
from hocket.corpus.gathering import IGNORED, gather
from hocket.corpus.store import Corpus, Kind
from hocket.tokens import PLACE_SIZES, Features, automaton
from hocket.tokens.vocab import PITCHES

__all__ = ["IGNORED", "Batch", "held_out_batch", "training_batch"]


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


def training_batch(corpus: Corpus, config: TrainingConfig, rng: int, step: int) -> Batch:
    """Return the batch of an optimizer step; held-out bars and padding are not targets."""
    chain, window = divmod(step, config.windows)
    draws = [_draw(corpus, config, rng, chain, row) for row in range(config.batch)]
    skipped = window * config.window
    return _gathered(corpus, draws, skipped, config.window, learn_held_out=False, fresh=window == 0)


def held_out_batch(corpus: Corpus) -> Batch:
    """Return every theme in its own metre and the takes' key; only held-out bars are targets."""
    pieces = np.flatnonzero(corpus.kind == Kind.NATIVE)
    draws = [
        _Draw(int(piece), int(corpus.bounds[piece]), int(corpus.home[piece]), False)
        for piece in pieces
    ]
    longest = int((corpus.bounds[pieces + 1] - corpus.bounds[pieces]).max()) - 1
    return _gathered(corpus, draws, 0, longest, learn_held_out=True, fresh=True)


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


def _gathered(
    corpus: Corpus,
    draws: Sequence[_Draw],
    skipped: int,
    length: int,
    *,
    learn_held_out: bool,
    fresh: bool,
) -> Batch:
    """Return the rows that begin so many events after their draws' start, as one batch."""
    batch = len(draws)
    pieces = np.array([draw.piece for draw in draws])
    ends = corpus.bounds[pieces + 1]
    starts = np.array([draw.start for draw in draws]) + skipped
    inputs, targets = np.empty((2, batch, length), np.int64)
    sounding = np.empty((batch, length, len(PITCHES)), np.bool_)
    place = np.empty((batch, length, len(PLACE_SIZES)), np.int64)
    gather(
        corpus.ids,
        corpus.held_out,
        learn_held_out,
        np.ascontiguousarray(corpus.bounds[pieces]),
        ends,
        starts,
        np.array([draw.shift for draw in draws]),
        automaton.blank(batch),
        inputs,
        targets,
        sounding,
        place,
    )
    following = np.minimum(starts[:, None] + np.arange(length), ends[:, None] - 2) + 1
    mix = np.eye(corpus.theme_count, dtype=np.float32)[corpus.theme[following]]
    mix[[draw.blended for draw in draws]] = 1 / corpus.theme_count
    return Batch(inputs, targets, Features(sounding, place), mix, fresh)

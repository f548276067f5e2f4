"""A model, openings and rules to takes: the one sampling loop, for a batch of takes at once.

Each take draws from its own random stream, `(rng, number of the take)`, so take 3 is the same take
whether 4 or 16 are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hocket.config import GenerationConfig
from hocket.errors import GenerationError
from hocket.generation.mix import Mix
from hocket.generation.rules import Rules
from hocket.generation.walking import Knobs, go_on, hear, score
from hocket.model.engine import Stepper, Steps
from hocket.music import Piece
from hocket.tokens import FEATURES, GRAMMAR, VOCAB, State
from hocket.tokens.automaton import Phase
from hocket.tokens.vocab import PITCHES

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

BLOCK = 256
"""Chances that are drawn for a take at once."""
MAX_EVENTS = 200_000
"""A take longer than this is given up: far beyond any playable one."""


@dataclass(frozen=True, eq=False)
class Take:
    """A generated piece with its recipe."""

    piece: Piece
    ids: Ids
    """(T) events, from START to END."""
    log_probs: Floats
    """(T) the model's log-probability of each event, in nats, before temperature and rules."""
    seed: str
    """The opening, as `--seed` takes it."""
    mix: tuple[float, ...]
    """(M) the weights of the themes."""
    config: GenerationConfig
    rng: int
    number: int
    """Which take of its run it is, from 1."""
    weights: str
    """Fingerprint of the weights."""

    def _repr_html_(self) -> str:
        return self.piece._repr_html_()


def sample(
    model: Stepper,
    openings: Sequence[Ids],
    rules: Rules,
    mix: Mix,
    config: GenerationConfig,
    rng: int,
    *,
    first: int = 1,
    on_step: Callable[[float], None] = lambda bars: None,
) -> list[tuple[Ids, Floats]]:
    """Continue each opening (ids from START on) to its END, following the mix (B, bars, M).

    Returns the ids and the log-probabilities of each take; `first` is the number of the first one.
    `on_step` gets the number of bars that the slowest take has, every few events.
    """
    batch = len(openings)
    steps, state = model.start(batch), GRAMMAR.start(batch)
    struck = np.zeros((batch, len(PITCHES)), np.float32)
    knobs = Knobs(np.float32(config.temperature), config.top_p, config.min_p, config.top_k or 0)
    streams = [np.random.default_rng((rng, first + take)) for take in range(batch)]
    forced = _padded(openings, -1).T.copy()
    free = np.full(batch, -1)
    taken = [_begun(steps, state, mix)]
    scored = [np.zeros(batch, np.float32)]
    for step in range(1, MAX_EVENTS):
        steps.step()
        if step % BLOCK == 1:
            darts = np.stack([stream.random(BLOCK) for stream in streams], axis=1)
        events, scores = steps.events, np.empty(batch, np.float32)
        alive = go_on(
            forced[step] if step < len(forced) else free,
            knobs,
            rules,
            mix,
            darts[(step - 1) % BLOCK],
            state.table,
            struck,
            steps.logits,
            events,
            scores,
            steps.seen,
        )
        taken.append(events.copy())
        scored.append(scores)
        if not alive:
            return _trimmed(taken, scored)
        if step % 16 == 1:
            going = state.phase != Phase.ENDED
            on_step(float(((state.tick - state.bar_origin) / state.bar_ticks)[going].min()))
    raise GenerationError(f"a take has no end after {MAX_EVENTS} events; ask for fewer bars")


def log_likelihoods(model: Stepper, sequences: Sequence[Ids], mix: Mix) -> list[Floats]:
    """Return the log-probability (T) in nats of each event of each sequence; START's is 0.

    The mix is (B, bars, M).
    """
    padded = _padded(sequences, VOCAB.id("END"))
    steps, state = model.start(len(sequences)), GRAMMAR.start(len(sequences))
    scores = np.zeros(padded.shape, np.float32)
    now = np.zeros(len(sequences), np.float32)
    _begun(steps, state, mix)
    for t in range(1, padded.shape[1]):
        if t > 1:
            hear(state.table, steps.events, mix, steps.seen)
        steps.step()
        steps.events[:] = padded[:, t]
        score(state.table, steps.logits, steps.events, now)
        scores[:, t] = now
    return [scores[row, : len(sequence)] for row, sequence in enumerate(sequences)]


def _begun(steps: Steps, state: State, mix: Mix) -> Ids:
    """Let START be what the model hears first; returns it for each take, (B)."""
    if len(mix) != len(state) or mix.shape[2] + FEATURES != steps.seen.shape[1]:
        raise ValueError(
            f"a mix of {mix.shape} does not fit {steps.seen.shape} that the model sees"
        )
    steps.events[:] = VOCAB.id("START")
    hear(state.table, steps.events, mix, steps.seen)
    return steps.events.copy()


def _padded(sequences: Sequence[Ids], filling: int) -> Ids:
    """Return sequences as rows (B, longest), filled up."""
    rows = np.full((len(sequences), max(map(len, sequences))), filling)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return rows


def _trimmed(taken: list[Ids], scored: list[Floats]) -> list[tuple[Ids, Floats]]:
    ids, scores = np.stack(taken, axis=1), np.stack(scored, axis=1)
    lengths = (ids != VOCAB.id("END")).sum(1) + 1
    return [(i[:n], s[:n]) for i, s, n in zip(ids, scores, lengths, strict=True)]

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
from hocket.generation.rules import Rule
from hocket.model.engine import Stepper
from hocket.music import Piece
from hocket.tokens import GRAMMAR, VOCAB, Grammar
from hocket.tokens.grammar import Phase

Ids = NDArray[np.int64]
Floats = NDArray[np.float32]

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
    rules: Sequence[Rule],
    mix: Mix,
    config: GenerationConfig,
    rng: int,
    *,
    first: int = 1,
    grammar: Grammar = GRAMMAR,
    on_step: Callable[[float], None] = lambda bars: None,
) -> list[tuple[Ids, Floats]]:
    """Continue each opening (ids from START on) to its END, following the mix.

    Returns the ids and the log-probabilities of each take; `first` is the number of the first one.
    `on_step` gets the number of bars that the slowest take has, every few events. Rules are heard in
    their order; one that would leave no way on is passed over for that event: a take always goes on.
    """
    batch = len(openings)
    chances = [np.random.default_rng((rng, first + take)) for take in range(batch)]
    state, memory = grammar.start(batch), model.start(batch)
    events = np.full(batch, VOCAB.id("START"))
    scores = np.zeros(batch, np.float32)
    taken: list[Ids] = []
    scored: list[Floats] = []
    for step in range(MAX_EVENTS):
        taken.append(events)
        scored.append(scores)
        state = grammar.step(state, events)
        done = state.phase == Phase.ENDED
        if done.all():
            return _trimmed(taken, scored)
        bars = (state.tick - state.bar_origin) / state.bar_ticks
        logits, memory = model.step(events, *grammar.features(state), mix(bars), memory)
        allowed = grammar.allowed(state)
        log_probs = _log_softmax(np.where(allowed, logits, -np.inf))
        weighed = np.where(allowed, logits / np.float32(config.temperature), -np.inf)
        for rule in rules:
            ruled = weighed + rule(state, events)
            stuck = np.isneginf(ruled).all(1, keepdims=True)
            weighed = np.where(stuck, weighed, ruled)
        forced = [o[step + 1] if step + 1 < len(o) else -1 for o in openings]
        events = _choose(weighed, config, chances, np.array(forced), done)
        scores = np.where(done, 0, log_probs[np.arange(batch), events]).astype(np.float32)
        if step % 16 == 0:
            on_step(float(bars[~done].min()))
    raise GenerationError(f"a take has no end after {MAX_EVENTS} events; ask for fewer bars")


def log_likelihoods(
    model: Stepper, sequences: Sequence[Ids], mix: Mix, *, grammar: Grammar = GRAMMAR
) -> list[Floats]:
    """Return the log-probability (T) in nats of each event of each sequence; START's is 0."""
    batch, longest = len(sequences), max(map(len, sequences))
    padded = np.zeros((batch, longest), np.int64)
    for row, sequence in enumerate(sequences):
        padded[row, : len(sequence)] = sequence
        padded[row, len(sequence) :] = VOCAB.id("END")
    scores = np.zeros((batch, longest), np.float32)
    state, memory = grammar.start(batch), model.start(batch)
    for t in range(longest - 1):
        state = grammar.step(state, padded[:, t])
        bars = (state.tick - state.bar_origin) / state.bar_ticks
        logits, memory = model.step(padded[:, t], *grammar.features(state), mix(bars), memory)
        following = padded[:, t + 1]
        scores[:, t + 1] = _log_softmax(np.where(grammar.allowed(state), logits, -np.inf))[
            np.arange(batch), following
        ]
    return [scores[row, : len(sequence)] for row, sequence in enumerate(sequences)]


def _choose(
    weighed: Floats,
    config: GenerationConfig,
    chances: Sequence[np.random.Generator],
    forced: Ids,
    done: NDArray[np.bool_],
) -> Ids:
    """Draw an event for each take, (B); a forced one if it is not -1, END once a take is done."""
    free = np.flatnonzero((forced < 0) & ~done)
    events = np.where(done, VOCAB.id("END"), forced)
    if not len(free):
        return events
    probabilities = np.exp(_log_softmax(weighed[free]))
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1).astype(np.float64)
    before = np.cumsum(ranked, axis=1) - ranked
    keep = before < config.top_p
    keep &= ranked >= config.min_p * ranked[:, :1]
    if config.top_k is not None:
        keep[:, config.top_k :] = False
    keep[:, 0] = True
    heights = np.cumsum(np.where(keep, ranked, 0), axis=1)
    darts = np.array([chances[int(row)].random() for row in free]) * heights[:, -1]
    places = (heights <= darts[:, None]).sum(1)
    last_kept = keep.shape[1] - 1 - keep[:, ::-1].argmax(1)
    events[free] = order[np.arange(len(free)), np.minimum(places, last_kept)]
    return events


def _log_softmax(logits: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        shifted = logits - logits.max(1, keepdims=True)
        result: Floats = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result


def _trimmed(taken: list[Ids], scored: list[Floats]) -> list[tuple[Ids, Floats]]:
    ids, scores = np.stack(taken, axis=1), np.stack(scored, axis=1)
    lengths = (ids != VOCAB.id("END")).sum(1) + 1
    return [(i[:n], s[:n]) for i, s, n in zip(ids, scores, lengths, strict=True)]

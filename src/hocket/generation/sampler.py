"""A model, openings and rules to takes: the one sampling loop, for a batch of takes at once.

Each take draws from its own random stream, `(rng, number of the take)`, so take 3 is the same take
whether 4 or 16 are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hocket.config import GenerationConfig
from hocket.errors import GenerationError
from hocket.generation.mix import Mix
from hocket.generation.rules import Rules
from hocket.generation.walking import Knobs, go_on, score
from hocket.model.engine import Stepper
from hocket.music import Piece
from hocket.tokens import GRAMMAR, VOCAB, automaton
from hocket.tokens.automaton import Phase
from hocket.tokens.vocab import PITCHES

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
    rules: Rules,
    mix: Mix,
    config: GenerationConfig,
    rng: int,
    *,
    first: int = 1,
    on_step: Callable[[float], None] = lambda bars: None,
) -> list[tuple[Ids, Floats]]:
    """Continue each opening (ids from START on) to its END, following the mix.

    Returns the ids and the log-probabilities of each take; `first` is the number of the first one.
    `on_step` gets the number of bars that the slowest take has, every few events.
    """
    batch = len(openings)
    walk = _Walk(model, batch, mix)
    state, steps = walk.state, walk.steps
    darts = _Darts(rng, range(first, first + batch))
    struck, scores = np.zeros((batch, len(PITCHES)), np.float32), np.zeros(batch, np.float32)
    knobs = Knobs(np.float32(config.temperature), config.top_p, config.min_p, config.top_k or 0)
    forced = _padded(openings, -1)
    taken, scored = [steps.events.copy()], [scores.copy()]
    walk.begin()
    for step in range(1, MAX_EVENTS):
        alive, turned = go_on(
            step,
            forced,
            knobs,
            rules,
            state.table,
            struck,
            steps.logits,
            *darts.ready(),
            steps.events,
            scores,
            steps.seen,
            walk.bars,
        )
        taken.append(steps.events.copy())
        scored.append(scores.copy())
        if not alive:
            return _trimmed(taken, scored)
        walk.step(turned)
        if step % 16 == 1:
            going = state.phase != Phase.ENDED
            on_step(float(((state.tick - state.bar_origin) / state.bar_ticks)[going].min()))
    raise GenerationError(f"a take has no end after {MAX_EVENTS} events; ask for fewer bars")


def log_likelihoods(model: Stepper, sequences: Sequence[Ids], mix: Mix) -> list[Floats]:
    """Return the log-probability (T) in nats of each event of each sequence; START's is 0."""
    padded = _padded(sequences, VOCAB.id("END"))
    walk = _Walk(model, len(sequences), mix)
    scores = np.zeros(padded.shape, np.float32)
    now = np.zeros(len(sequences), np.float32)
    walk.begin()
    table, events = walk.state.table, walk.steps.events
    for t in range(1, padded.shape[1]):
        if t > 1:
            _, turned = automaton.observe(table, events, walk.steps.seen, walk.bars)
            walk.step(turned)
        events[:] = padded[:, t]
        score(table, walk.steps.logits, events, now)
        scores[:, t] = now
    return [scores[row, : len(sequence)] for row, sequence in enumerate(sequences)]


class _Walk:
    """A batch of takes beside a model: where they stand in the grammar, and what the model sees."""

    def __init__(self, model: Stepper, batch: int, mix: Mix) -> None:
        self.steps = model.start(batch)
        self.state = GRAMMAR.start(batch)
        self.bars = np.full(batch, -1)
        self._mix = mix

    def begin(self) -> None:
        """Let the model hear START."""
        self.steps.events[:] = VOCAB.id("START")
        automaton.observe(self.state.table, self.steps.events, self.steps.seen, self.bars)
        self.step(turned=True)

    def step(self, turned: bool) -> None:
        """Let the model hear the last events, with another mix where a bar has `turned`."""
        if turned:
            self.steps.seen[:, automaton.FEATURES :] = self._mix(self.bars)
        self.steps.step()


class _Darts:
    """Numbers from 0 to 1 for each take, from a random stream of its own."""

    BLOCK = 256

    def __init__(self, rng: int, numbers: Iterable[int]) -> None:
        self._streams = [np.random.default_rng((rng, number)) for number in numbers]
        self._darts = np.stack([stream.random(self.BLOCK) for stream in self._streams])
        self._used = np.zeros(len(self._streams), np.int64)
        self._steps = 0

    def ready(self) -> tuple[NDArray[np.float64], Ids]:
        """Return darts (B, N) and how many of each row are used; asked once before each choice."""
        if self._steps == self.BLOCK:
            for row, stream in enumerate(self._streams):
                left = self._darts[row, self._used[row] :]
                self._darts[row] = np.concatenate((left, stream.random(self._used[row])))
            self._used[:] = self._steps = 0
        self._steps += 1
        return self._darts, self._used


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

"""A model, openings and rules to takes: the one sampling loop, for a batch of takes at once.

Each take draws from its own random stream, `(rng, number of the take)`, so take 3 is the same take
whether 4 or 16 are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.config import GenerationConfig
from hocket.errors import GenerationError
from hocket.generation.budget import unread
from hocket.generation.choir import Stepper, Steps
from hocket.generation.loops import unheard
from hocket.generation.mix import Mix
from hocket.generation.rules import Rules
from hocket.generation.script import NO_SCRIPT, Script, unfollowed
from hocket.generation.walking import Knobs, go_on, hear, score
from hocket.music import Piece
from hocket.tokens import GRAMMAR, VOCAB, State
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
    """Which of all takes that were tried it is, from 1: with `rng` it says all chance."""
    weights: str
    """Fingerprint of the weights."""

    price: float = 0.0
    """Nats by which the budget of quotes made it less likely."""
    form: str = ""
    """Its sections, by letter; empty for none."""
    plan: Floats = field(default_factory=lambda: np.ones((1, 1), np.float32))
    """(bars, M): the weights of the themes in each bar."""
    laid_out: tuple[str, ...] = ()
    """What stood fast at each bar before it was written; empty where nothing did."""
    place: int = 0
    """Which of the takes that were kept it is, from 1: its file's number."""
    score: Mapping[str, float] = field(default_factory=dict)
    """The parts of its score, and `score` for all of them; empty where none were ranked."""

    def _repr_html_(self) -> str:
        return self.piece._repr_html_()


class Sampled(NamedTuple):
    """What was sampled of a take."""

    ids: Ids
    """(T), from START to END."""
    log_probs: Floats
    """(T), in nats."""
    price: float
    """Nats by which the budget of quotes made it less likely."""


def sample(
    model: Stepper,
    openings: Sequence[Ids],
    rules: Rules,
    mix: Mix,
    config: GenerationConfig,
    rng: int,
    *,
    first: int = 1,
    script: Script = NO_SCRIPT,
    on_step: Callable[[float], None] = lambda bars: None,
) -> list[Sampled]:
    """Continue each opening (ids from START on) to its END, following the mix (B, bars, M).

    `first` is the number of the first one; the script says what else they have to say.
    `on_step` gets the number of bars that the slowest take has, every few events.
    """
    flock = _Flock(model, mix)
    knobs = Knobs(np.float32(config.temperature), config.top_p, config.min_p, config.top_k or 0)
    streams = [np.random.default_rng((rng, first + take)) for take in range(len(openings))]
    forced = _padded(openings, -1)[:, 1:].T.copy()
    history, logs = np.zeros((0, len(openings)), np.int64), []
    prices, follows = np.zeros(len(openings)), unfollowed(script, len(openings))
    for begin in range(0, MAX_EVENTS, BLOCK):
        darts = np.stack([stream.random(BLOCK) for stream in streams], axis=1)
        history = np.concatenate((history, np.full(darts.shape, VOCAB.id("END"))))
        scores = np.zeros(darts.shape, np.float32)
        logs.append(scores)
        for step in range(begin, begin + BLOCK):
            if step % 16 == 0:
                on_step(flock.slowest())
                flock.thin_out()
            steps = flock.steps
            steps.step()
            alive = go_on(
                step,
                flock.takes,
                forced,
                script,
                knobs,
                rules,
                flock.mix,
                darts,
                flock.table,
                flock.struck,
                flock.heard,
                flock.read,
                follows,
                prices,
                steps.logits,
                steps.events,
                steps.mix,
                history,
                scores,
            )
            if not alive:
                break
        if np.isnan(scores).any():
            raise GenerationError("the model says nothing that is a number; learn again")
        if not alive:
            return _of_takes(history, np.concatenate(logs), prices)
    raise GenerationError(f"a take has no end after {MAX_EVENTS} events; ask for fewer bars")


class _Flock:
    """The takes that are still written, side by side: where they stand, and what they follow."""

    def __init__(self, model: Stepper, mix: Mix) -> None:
        self._model = model
        self.takes = np.arange(len(mix))
        """(B): which of all takes each row is."""
        self.mix = mix
        self.steps, self.table = model.start(len(mix)), GRAMMAR.start(len(mix)).table
        self.struck = np.zeros((len(mix), len(PITCHES)), np.float32)
        self.heard, self.read = unheard(len(mix)), unread(len(mix))
        _begin(self.steps, self.table, mix)

    def slowest(self) -> float:
        """Return the bars of the take that has the fewest."""
        state = State(self.table)
        going = state.phase != Phase.ENDED
        return float(((state.tick - state.bar_origin) / state.bar_ticks)[going].min())

    def thin_out(self) -> None:
        """Let takes that are done go, once they are an eighth: a step is then for fewer rows."""
        going = np.flatnonzero(State(self.table).phase != Phase.ENDED)
        if len(going) > 0.875 * len(self.takes):
            return
        before, self.steps = self.steps, self._model.start(len(going))
        self.steps.state = {name: array[going] for name, array in before.state.items()}
        self.steps.events[:], self.steps.mix[:] = before.events[going], before.mix[going]
        self.takes, self.mix = self.takes[going], self.mix[going]
        self.table, self.struck = self.table[going], self.struck[going]
        self.heard, self.read = self.heard[going], self.read[going]


def _of_takes(ids: Ids, scores: Floats, prices: NDArray[np.float64]) -> list[Sampled]:
    """Return ids and scores of each take from those of all (steps, takes), with START and up to END."""
    lengths = (ids != VOCAB.id("END")).sum(0) + 1
    return [
        Sampled(
            np.concatenate(([VOCAB.id("START")], ids[:length, take])),
            np.concatenate((np.zeros(1, np.float32), scores[:length, take])),
            float(prices[take]),
        )
        for take, length in enumerate(lengths)
    ]


def log_likelihoods(model: Stepper, sequences: Sequence[Ids], mix: Mix) -> list[Floats]:
    """Return the log-probability (T) in nats of each event of each sequence; START's is 0.

    The mix is (B, bars, M).
    """
    padded = _padded(sequences, VOCAB.id("END"))
    steps, table = model.start(len(sequences)), GRAMMAR.start(len(sequences)).table
    scores = np.zeros(padded.shape, np.float32)
    now = np.zeros(len(sequences), np.float32)
    _begin(steps, table, mix)
    for t in range(1, padded.shape[1]):
        if t > 1:
            hear(table, steps.events, mix, steps.mix)
        steps.step()
        steps.events[:] = padded[:, t]
        score(table, steps.logits, steps.events, now)
        scores[:, t] = now
    return [scores[row, : len(sequence)] for row, sequence in enumerate(sequences)]


def _begin(steps: Steps, table: Ids, mix: Mix) -> None:
    """Let START be what the model hears first."""
    if mix[:, 0].shape != steps.mix.shape:
        raise ValueError(
            f"a mix of {mix.shape} does not fit {steps.mix.shape} that the model takes"
        )
    steps.events[:] = VOCAB.id("START")
    hear(table, steps.events, mix, steps.mix)


def _padded(sequences: Sequence[Ids], filling: int) -> Ids:
    """Return sequences as rows (B, longest), filled up."""
    rows = np.full((len(sequences), max(map(len, sequences))), filling)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return rows

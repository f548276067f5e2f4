"""Themes to weights: the one training loop.

It stops by itself when the loss on held-out bars stops falling and keeps the best weights; without
such bars it takes all steps, or all of its time, and keeps the last weights. Surprising
decision: the time budget is only a cap. What decides is counted in steps, so that the same themes and
`--rng` give the same weights on a fast and on a busy day, as long as the budget does not cut in.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hocket.config import RunConfig, dumps
from hocket.corpus import (
    Batch,
    Corpus,
    held_out_batches,
    input_sizes,
    native_batches,
)
from hocket.corpus.batches import without_memory
from hocket.errors import ConfigError
from hocket.model.network import LstmState, Network
from hocket.team import ALONE, Team
from hocket.training.checkpoint import Checkpoint, Look, Position
from hocket.training.descent import Descent, learning_rate
from hocket.training.devices import choose_device, choose_precision
from hocket.training.filling import Filling
from hocket.training.gradients import Gradients, OnGpu, OnProcessor
from hocket.training.losses import held_out_loss
from hocket.training.quoting import expected_quote
from hocket.training.workers import Workers, one_core_each

ENDED = "the held-out loss stopped falling"
QUOTING = "it began to quote"
OUT_OF_STEPS = "all steps were taken"
OUT_OF_TIME = "the time budget was used up"
ASKED = "it was stopped"

HASHED_AT_ONCE = 2**24
MOST_QUOTED = 600
"""Learned events on which quoting is judged."""


@dataclass(frozen=True)
class Progress:
    """What a run tells while it goes: losses in nats per event."""

    step: int
    max_steps: int
    loss: float
    held_out: float | None
    best_held_out: float | None
    events_per_second: float
    seconds: float
    seconds_left: float


class Base(NamedTuple):
    """Weights that learning starts from, and their fingerprint."""

    arrays: Mapping[str, NDArray[np.float32]]
    fingerprint: str


def settings_fingerprint(config: RunConfig, corpus: Corpus, base: Base | None = None) -> str:
    """Return what a checkpoint must agree on to be resumed: all but clocks and takes.

    It is `config=… vocabulary=… data=… base=…`, each a fingerprint.
    """
    precision = str(choose_precision(config.training)).removeprefix("torch.")
    training = replace(config.training, minutes=0.0, save_every=0.0, precision=precision)
    parts = RunConfig(rng=config.rng, model=config.model, training=training)
    data = hashlib.sha256()
    for array in (
        corpus.ids,
        corpus.bounds,
        corpus.theme,
        corpus.kind,
        corpus.held_out,
        corpus.home,
    ):
        for begin in range(0, len(array), HASHED_AT_ONCE):  # a corpus may be larger than the memory
            data.update(np.ascontiguousarray(array[begin : begin + HASHED_AT_ONCE]).data)
    return (
        f"config={hashlib.sha256(dumps(parts).encode()).hexdigest()[:16]} "
        f"vocabulary={corpus.fingerprint} data={data.hexdigest()[:16]} "
        f"base={base.fingerprint if base else '-'}"
    )


@one_core_each()
def learn(
    corpus: Corpus,
    config: RunConfig,
    *,
    base: Base | None = None,
    resume: Checkpoint | None = None,
    team: Team = ALONE,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_checkpoint: Callable[[Checkpoint], None] = lambda checkpoint: None,
    should_stop: Callable[[], bool] = lambda: False,
    should_save: Callable[[], bool] = lambda: False,
) -> Checkpoint:
    """Learn until the held-out loss stops falling, and return the last checkpoint.

    With a `base` it starts from these weights, and stops where it begins to quote; if the config says a
    rank, they stay as they are, and the weights of the checkpoint are the changes to them. The time
    budget counts from this call; a resumed run gets a new one. `should_stop` and `should_save` are
    asked after every step. `on_checkpoint` gets a checkpoint at every look at the held-out bars, where
    it should be saved and where the run stops: a run resumed from it ends as one that never stopped.
    The network's best weights are the `best` of the checkpoint returned; they are the last where no
    bars are held out. Each rank of a `team` learns its share of every batch's rows; all have the same
    weights, and get the same checkpoints. Raises
    `ConfigError` if the device asked for is not there, or the rows cannot be shared out evenly.
    """
    run = _Run(corpus, config, base, resume, team)
    held_out = held_out_batches(corpus, config.training.judged)
    judges_quotes = base is not None and config.training.quote is not None
    if judges_quotes:  # memory knows a bar that returns; what the weights know is to be judged
        held_out = [without_memory(batch) for batch in held_out]
    learned = native_batches(corpus, MOST_QUOTED) if judges_quotes else []
    events = config.training.batch * config.training.window
    first_step, began = run.position.step, time.monotonic()
    seconds_before = run.position.seconds

    def look() -> None:
        run.look(held_out, learned, seconds_before, began)

    if base is not None and not run.position.history:
        look()  # what the base model knows already has to be beaten
    while not run.position.stopped:
        run.step()
        position = run.position
        now = time.monotonic()
        speed = (position.step - first_step) / max(now - began, 1e-9)
        due = position.step % config.training.check_every == 0
        last = position.step >= config.training.max_steps
        # what clocks and people decide, all ranks have to decide alike
        late, asked, save = team.sums(
            now - began >= 60 * config.training.minutes, should_stop(), should_save()
        )
        out_of_time, stop_asked = late > 0, asked > 0
        if due or last:
            look()
        ending = out_of_time or stop_asked
        if due or last or ending:
            run.end(last=last, out_of_time=out_of_time, stop_asked=stop_asked)
        if due or last or ending or save:
            on_checkpoint(run.checkpoint())
            if ending and not (due or last):
                look()  # only now: a resumed run has not had it; and yet what was learned is of use
        left_steps = (config.training.max_steps - position.step) / max(speed, 1e-9)
        left_budget = 60 * config.training.minutes - (now - began)
        on_progress(
            Progress(
                step=position.step,
                max_steps=config.training.max_steps,
                loss=position.losses[-1],
                held_out=run.position.history[-1].held_out if run.position.history else None,
                best_held_out=run.position.best_held_out,
                events_per_second=speed * events,
                seconds=seconds_before + now - began,
                seconds_left=max(min(left_steps, left_budget), 0.0),
            )
        )
    return run.checkpoint()


class _Run:
    """The mutable middle of `learn`: network, optimizer, carried state and position."""

    def __init__(
        self,
        corpus: Corpus,
        config: RunConfig,
        base: Base | None,
        resume: Checkpoint | None,
        team: Team = ALONE,
    ) -> None:
        self.corpus, self.config, self.team = corpus, config, team
        if config.training.batch % team.size:
            raise ConfigError(
                f"--batch {config.training.batch}: cannot be dealt out evenly to {team.size} "
                "processes; give a multiple of their number"
            )
        self.rows = team.share(config.training.batch)
        self.settings = settings_fingerprint(config, corpus, base)
        self.device = choose_device(config.training.device)
        torch.manual_seed(config.rng)
        sizes = input_sizes(corpus.theme_count)
        self.network = Network(config.model, sizes)
        if base is not None:
            arrays = {name: torch.from_numpy(array.copy()) for name, array in base.arrays.items()}
            self.network.load_state_dict(arrays)
            if config.training.rank:
                self.network.adapted_by(config.training.rank)
        self.network.to(self.device)
        named = self.network.named_parameters()
        self.parameters = {name: p for name, p in named if p.requires_grad}
        on_gpu = self.device.type == "cuda"
        self.workers = Workers(1 if on_gpu else config.training.shards)
        self.descent = Descent(list(self.parameters.values()), config.training, self.workers)
        self.gradients: Gradients = (
            OnGpu(self.network, config, team)
            if on_gpu
            else OnProcessor(self.network, config, self.workers, team)
        )
        self.carry: LstmState = self.network.start(len(self.rows))
        self.position = Position()
        self.filling = Filling(corpus, config.training, config.rng, ahead=on_gpu, rows=self.rows)
        self.best = self._weights()
        if on_gpu and team.rank:  # else each would drop out what the first does
            torch.cuda.manual_seed(config.rng + team.rank)
        if resume is not None:
            self._restore(resume)

    def step(self) -> None:
        """Take one optimizer step on the next batch."""
        training, step = self.config.training, self.position.step
        batch = self.filling.batch(step)
        if batch.fresh:
            self.carry = self.network.start(len(self.rows))
        loss, self.carry = self.gradients.learn(batch, self.carry, step)
        rate = learning_rate(step, training.learning_rate, training.max_steps)
        self.descent.step(rate)
        self.position = replace(self.position, step=step + 1, losses=(*self.position.losses, loss))

    def look(
        self, judging: Sequence[Batch], learned: Sequence[Batch], before: float, began: float
    ) -> None:
        """Note the losses, and keep the weights if they are the best so far, or none are judged.

        Weights that quote more than the config allows are never the best.
        """
        position = self.position
        held_out = None
        if judging:
            held_out = held_out_loss(self.network, judging, self.workers, self.team)
        quote = expected_quote(self.network, learned, self.workers) if learned else None
        mean = float(np.mean(position.losses)) if position.losses else math.nan
        seconds = before + time.monotonic() - began
        best = position.best_held_out
        better = held_out is None or best is None or math.isnan(best) or held_out < best
        better &= not self._quotes(quote) or not position.history
        if better:
            self.best = self._weights()
        self.position = replace(
            position,
            seconds=seconds,
            best_step=position.step if better else position.best_step,
            best_held_out=held_out if better else best,
            best_quote=quote if better else position.best_quote,
            losses=position.losses[-1:],
            history=(*position.history, Look(position.step, mean, held_out, seconds, quote)),
        )

    def end(self, *, last: bool, out_of_time: bool, stop_asked: bool) -> None:
        """Decide whether the run is over, and say why."""
        training, position = self.config.training, self.position
        looks_since = (position.step - position.best_step) // training.check_every
        reason = ""
        if position.history and self._quotes(position.history[-1].quote):
            reason = QUOTING
        elif looks_since >= training.patience:
            reason = ENDED
        elif last:
            reason = OUT_OF_STEPS
        elif out_of_time:
            reason = OUT_OF_TIME
        elif stop_asked:
            reason = ASKED
        self.position = replace(position, stopped=reason)

    def _quotes(self, quote: float | None) -> bool:
        """Whether a network quotes so much more than it did before learning."""
        most, history = self.config.training.quote, self.position.history
        before = history[0].quote if history else None
        if quote is None or most is None or before is None:
            return False
        return quote > before + most

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything at this step boundary."""
        moments: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
        for name, parameter in self.parameters.items():
            state = self.descent.state_of(parameter)
            for kind, group in zip(("exp_avg", "exp_avg_sq"), moments, strict=True):
                if kind in state:
                    group[name] = state[kind].clone()
        carry: dict[str, Tensor] = {}
        random: dict[str, Tensor] = {}
        for layer, pair in enumerate(self.carry):
            for kind, rows in zip(("hidden", "cell"), pair, strict=True):
                carry[f"{kind}.{layer}"] = torch.cat(self.team.gathered(rows), dim=1)
        for kind, chance in self._chance().items():
            for rank, theirs in enumerate(self.team.gathered(chance)):
                random[f"{kind}.{rank}"] = theirs
        return Checkpoint(
            self.settings,
            self.position,
            self._weights(),
            self.best,
            *moments,
            carry,
            random,
            ranks=self.team.size,
            config=dumps(self.config),
        )

    def _chance(self) -> dict[str, Tensor]:
        """Return torch's states of chance in this process."""
        states = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def _restore(self, checkpoint: Checkpoint) -> None:
        mine = slice(self.rows.start, self.rows.stop)
        self.network.load_state_dict(dict(checkpoint.weights), strict=False)
        self.best = dict(checkpoint.best)
        for name, parameter in self.parameters.items():
            if name in checkpoint.first_moment:
                state = {
                    "step": torch.tensor(float(checkpoint.position.step), device=self.device),
                    "exp_avg": checkpoint.first_moment[name].to(self.device, copy=True),
                    "exp_avg_sq": checkpoint.second_moment[name].to(self.device, copy=True),
                }
                self.descent.restore(parameter, state)
        self.carry = [
            (
                checkpoint.carry[f"hidden.{layer}"][:, mine].to(self.device),
                checkpoint.carry[f"cell.{layer}"][:, mine].to(self.device),
            )
            for layer in range(self.config.model.layers)
        ]
        self.position = checkpoint.position
        if self.position.stopped in (OUT_OF_TIME, ASKED):
            self.position = replace(self.position, stopped="")
        random, rank = checkpoint.random, self.team.rank  # chance last: what is above may use it
        if f"cpu.{rank}" in random:
            torch.set_rng_state(random[f"cpu.{rank}"])
        if f"cuda.{rank}" in random and self.device.type == "cuda":
            torch.cuda.set_rng_state(random[f"cuda.{rank}"], self.device)

    def _weights(self) -> dict[str, Tensor]:
        return {name: p.detach().cpu().clone() for name, p in self.parameters.items()}

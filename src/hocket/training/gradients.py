"""A batch to the gradients of the network's weights.

On a processor the batch falls into shards of rows, as many as the settings say. Each is learned in a
thread of its own with products on one core; then the gradients are added in order. Surprising decision:
torch's own threads are not used. They would meet at every small product, and on a busy machine wait
for each other ten times longer than they compute; shards meet twice a step. Since the shards do not
depend on the number of cores, neither do a result's bits. The ranks of a team each learn some rows.
"""

from __future__ import annotations

import warnings
from typing import Protocol

import torch
from torch import Tensor, nn

from hocket.config import RunConfig
from hocket.corpus import Batch
from hocket.corpus.batches import IGNORED
from hocket.model.chance import Chance
from hocket.model.network import LstmState, Network
from hocket.model.shard import Rows, Shard
from hocket.team import ALONE, Team
from hocket.training.devices import choose_precision
from hocket.training.losses import event_losses
from hocket.training.workers import Workers


class Gradients(Protocol):
    """Puts the gradients of a batch into the parameters' `grad`."""

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""


class OnProcessor:
    """Gradients by shards."""

    def __init__(
        self, network: Network, config: RunConfig, workers: Workers, team: Team = ALONE
    ) -> None:
        self._rng, self._workers, self._team = config.rng, workers, team
        mine, kind = team.share(config.training.batch), choose_precision(config.training)
        rows, self._first_row = len(mine), mine.start
        count = min(-(-config.training.shards // team.size), rows)
        self._rows = [slice(rows * k // count, rows * (k + 1) // count) for k in range(count)]
        self._shards = [Shard(network, kind) for _ in self._rows]
        self._parameters = [p for p in network.parameters() if p.requires_grad]

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""
        scale = 1 / _targets(batch, self._team)

        def learned(k: int) -> tuple[float, tuple[Tensor, ...], LstmState]:
            here = self._rows[k]
            rows = Rows(
                batch.inputs[here],
                batch.targets[here],
                batch.features.sounding[here],
                batch.features.place[here],
                batch.features.recalled[here],
                batch.mix[here],
            )
            before = [(hidden[:, here], cell[:, here]) for hidden, cell in state]
            chance = Chance(self._rng, step, self._first_row + here.start)
            return self._shards[k].learn(rows, before, scale, chance)

        losses, gradients, after = zip(
            *self._workers.map(learned, range(len(self._rows))), strict=True
        )
        self._workers.map(_add, zip(self._parameters, *gradients, strict=True))
        self._team.sum_flat([p.grad for p in self._parameters if p.grad is not None])
        joined = [
            tuple(torch.cat(parts, dim=1) for parts in zip(*layer, strict=True))
            for layer in zip(*after, strict=True)
        ]
        (loss,) = self._team.sums(sum(losses))
        return loss, [(hidden, cell) for hidden, cell in joined]


class OnGpu:
    """Gradients of the whole batch by torch, with cuDNN's LSTM."""

    def __init__(self, network: Network, config: RunConfig, team: Team = ALONE) -> None:
        self._network, self._kind, self._team = network, choose_precision(config.training), team
        torch.backends.cuda.matmul.allow_tf32 = True

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""
        self._network.train()
        self._network.zero_grad()
        with warnings.catch_warnings():
            # cuDNN wants the weights in one piece; copying them there is little beside a step
            warnings.filterwarnings("ignore", "RNN module weights are not part of single")
            losses, after = event_losses(self._network, batch, state, kind=self._kind)
        loss = losses.sum() / _targets(batch, self._team)
        loss.backward()  # type: ignore[no-untyped-call]
        self._team.sum_flat([p.grad for p in self._network.parameters() if p.grad is not None])
        (whole,) = self._team.sums(loss.item())
        return whole, [(h.detach().float(), c.detach().float()) for h, c in after]


def _targets(batch: Batch, team: Team) -> float:
    """Return how many events the rows of all ranks have to learn, 1 at least."""
    return max(team.sums(int((batch.targets != IGNORED).sum()))[0], 1.0)


def _add(tensors: tuple[nn.Parameter | Tensor, ...]) -> None:
    parameter, first, *others = tensors
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    if others:
        torch.add(first, others[0], out=parameter.grad)
    else:
        parameter.grad.copy_(first)
    for other in others[1:]:
        parameter.grad += other

"""A batch to the gradients of the network's weights.

On a processor the batch falls into shards of rows, as many as the settings say. Each is learned in a
thread of its own with products on one core; then the gradients are added in order. Surprising decision:
torch's own threads are not used. They would meet at every small product, and on a busy machine wait
for each other ten times longer than they compute; shards meet twice a step. Since the shards do not
depend on the number of cores, neither do a result's bits.
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
from hocket.training.devices import choose_precision
from hocket.training.losses import event_losses
from hocket.training.workers import Workers


class Gradients(Protocol):
    """Puts the gradients of a batch into the parameters' `grad`."""

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""


class OnProcessor:
    """Gradients by shards."""

    def __init__(self, network: Network, config: RunConfig, workers: Workers) -> None:
        self._rng, self._workers = config.rng, workers
        rows, kind = config.training.batch, choose_precision(config.training)
        count = min(config.training.shards, rows)
        self._rows = [slice(rows * k // count, rows * (k + 1) // count) for k in range(count)]
        self._shards = [Shard(network, kind) for _ in self._rows]
        self._parameters = [p for p in network.parameters() if p.requires_grad]

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""
        scale = 1 / max(int((batch.targets != IGNORED).sum()), 1)

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
            return self._shards[k].learn(rows, before, scale, Chance(self._rng, step, here.start))

        losses, gradients, after = zip(
            *self._workers.map(learned, range(len(self._rows))), strict=True
        )
        self._workers.map(_add, zip(self._parameters, *gradients, strict=True))
        joined = [
            tuple(torch.cat(parts, dim=1) for parts in zip(*layer, strict=True))
            for layer in zip(*after, strict=True)
        ]
        return sum(losses), [(hidden, cell) for hidden, cell in joined]


class OnGpu:
    """Gradients of the whole batch by torch, with cuDNN's LSTM."""

    def __init__(self, network: Network, config: RunConfig) -> None:
        self._network, self._kind = network, choose_precision(config.training)
        torch.backends.cuda.matmul.allow_tf32 = True

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""
        self._network.train()
        self._network.zero_grad()
        with warnings.catch_warnings():
            # cuDNN wants the weights in one piece; copying them there is little beside a step
            warnings.filterwarnings("ignore", "RNN module weights are not part of single")
            losses, after = event_losses(self._network, batch, state, kind=self._kind)
        loss = losses.sum() / max(int((batch.targets != IGNORED).sum()), 1)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item(), [(h.detach().float(), c.detach().float()) for h, c in after]


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

"""A batch to the gradients of the network's weights, and these to better weights.

On a processor the batch falls into shards of rows, as many as the settings say. Each is learned in a
thread of its own with products on one core; then the gradients are added in order. Surprising decision:
torch's own threads are not used. They would meet at every small product, and on a busy machine wait
for each other ten times longer than they compute; shards meet twice a step. Since the shards do not
depend on the number of cores, neither do a result's bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from hocket.config import RunConfig
from hocket.corpus import Batch
from hocket.corpus.batches import IGNORED
from hocket.model.chance import Chance
from hocket.model.network import LstmState, Network
from hocket.model.shard import Rows, Shard
from hocket.training.devices import choose_precision, cores

_T = TypeVar("_T")
_R = TypeVar("_R")


class Gradients(Protocol):
    """Puts the gradients of a batch into the parameters' `grad`."""

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""


class Workers:
    """Threads that each compute on one core; the caller is one of them if there is only one."""

    def __init__(self, most: int) -> None:
        self.count = min(most, cores())
        self._pool = None
        if self.count > 1:
            self._pool = ThreadPoolExecutor(
                self.count, "hocket-shard", initializer=torch.set_num_threads, initargs=(1,)
            )

    def map(self, function: Callable[[_T], _R], values: Iterable[_T]) -> list[_R]:
        """Return the function's values in order."""
        torch.set_num_threads(1)
        return list((self._pool.map if self._pool else map)(function, values))


class OnProcessor:
    """Gradients by shards."""

    def __init__(self, network: Network, config: RunConfig, workers: Workers) -> None:
        self._rng, self._workers = config.rng, workers
        rows, kind = config.training.batch, choose_precision(config.training)
        count = min(config.training.shards, rows)
        self._rows = [slice(rows * k // count, rows * (k + 1) // count) for k in range(count)]
        self._shards = [Shard(network, kind) for _ in self._rows]
        self._parameters = list(network.parameters())

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
                batch.mix[here],
            )
            before = [(hidden[:, here], cell[:, here]) for hidden, cell in state]
            return self._shards[k].learn(
                rows, before, scale, Chance(self._rng, step, here.start)
            )

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
        self._device = network.output.weight.device

    def learn(self, batch: Batch, state: LstmState, step: int) -> tuple[float, LstmState]:
        """Return the mean nats per event and the state after the batch."""
        self._network.train()
        self._network.zero_grad()
        with torch.autocast("cuda", self._kind, enabled=self._kind != torch.float32):
            losses, after = event_losses(self._network, batch, state)
        loss = losses.sum() / max(int((batch.targets != IGNORED).sum()), 1)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item(), [(h.detach().float(), c.detach().float()) for h, c in after]


class Descent:
    """AdamW with clipped gradients, its parameters dealt out among workers."""

    def __init__(self, network: Network, config: RunConfig, workers: Workers) -> None:
        self._workers, training = workers, config.training
        parameters = list(network.parameters())
        self._parts = [
            torch.optim.AdamW(
                [
                    {"params": [p for p in part if p.dim() > 1]},
                    {"params": [p for p in part if p.dim() <= 1], "weight_decay": 0.0},
                ],
                lr=training.learning_rate,
                betas=(0.9, 0.98),
                weight_decay=training.weight_decay,
                fused=True,
            )
            for part in _dealt(parameters, workers.count)
        ]
        self._parameters = parameters

    def step(self, learning_rate: float, clip_norm: float) -> None:
        """Change the weights by the gradients in their `grad`."""
        norms = self._workers.map(_norm, self._parameters)
        coefficient = torch.stack(norms).norm()
        coefficient = (clip_norm / (coefficient + 1e-6)).clamp(max=1.0)

        def step(part: torch.optim.AdamW) -> None:
            for group in part.param_groups:
                group["lr"] = learning_rate
                for parameter in group["params"]:
                    parameter.grad.mul_(coefficient)
            part.step()

        self._workers.map(step, self._parts)

    def state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Return AdamW's moments of a parameter; empty before the first step."""
        return dict(next((p.state[parameter] for p in self._parts if parameter in p.state), {}))

    def restore(self, parameter: nn.Parameter, state: dict[str, Tensor]) -> None:
        """Set what `state_of` returned."""
        for part in self._parts:
            if any(parameter is p for group in part.param_groups for p in group["params"]):
                part.state[parameter] = state


def event_losses(
    network: Network, batch: Batch, state: LstmState, window: slice = slice(None)
) -> tuple[Tensor, LstmState]:
    """Return nats per event (B, T), 0 where the target is ignored, and the state after."""
    to = network.output.weight.device
    logits, after = network(
        torch.from_numpy(batch.inputs[:, window]).to(to),
        torch.from_numpy(batch.features.sounding[:, window]).to(to, torch.float32),
        torch.from_numpy(batch.features.place[:, window]).to(to),
        torch.from_numpy(batch.mix[:, window]).to(to),
        state,
    )
    losses = nn.functional.cross_entropy(
        logits.transpose(1, 2).float(),
        torch.from_numpy(batch.targets[:, window]).to(to),
        ignore_index=IGNORED,
        reduction="none",
    )
    return losses, after


def _add(tensors: tuple[Tensor, ...]) -> None:
    parameter, first, *others = tensors
    if parameter.grad is None:
        parameter.grad = torch.empty_like(parameter)
    if others:
        torch.add(first, others[0], out=parameter.grad)
    else:
        parameter.grad.copy_(first)
    for other in others[1:]:
        parameter.grad += other


def _norm(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return torch.linalg.vector_norm(parameter.grad)


def _dealt(parameters: Sequence[nn.Parameter], count: int) -> list[list[nn.Parameter]]:
    """Return the parameters in parts of about equal size."""
    parts: list[list[nn.Parameter]] = [[] for _ in range(count)]
    for parameter in sorted(parameters, key=torch.numel, reverse=True):
        min(parts, key=lambda part: sum(p.numel() for p in part)).append(parameter)
    return [part for part in parts if part]

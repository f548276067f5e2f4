"""The loop that the torch peers learn in: AdamW, warm-up and cosine over the share of the budget used.

Surprising decision: there are no epochs and no steps; batches come without end, and the budget of CPU
time ends the loop wherever it is. What is kept is the last weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from account import Budget

IGNORED = -100
WARM_UP, LAST_RATE = 0.02, 0.05
"""The share of the budget in which the rate rises, and the share of the rate that is left at the
end."""

_Batch = TypeVar("_Batch")


class Learned(NamedTuple):
    """The budget, used up; how many events were learned; mean losses with the share used by then."""

    budget: Budget
    events: int
    losses: list[tuple[float, float]]


def learn(
    network: nn.Module,
    batches: Iterator[_Batch],
    loss_of: Callable[[_Batch], tuple[Tensor, int]],
    minutes: float,
    rate: float,
    decay: float = 0.05,
) -> Learned:
    """Learn for some minutes of CPU time, one batch at least.

    `loss_of` gives the mean nats of a batch's events and how many these are.
    """
    network.train()
    matrices = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    descent = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), weight_decay=decay, fused=True)
    losses: list[tuple[float, float]] = []
    learned, events, since = 0, 0, 0.0
    budget = Budget(
        minutes
    )  # only now: the first optimizer has torch load much that is no learning
    while (share := budget.share) < 1 or not learned + events:
        for group in descent.param_groups:
            group["lr"] = rate * rate_share(share)
        loss, count = loss_of(next(batches))
        descent.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        descent.step()
        since += loss.item() * count
        events += count
        if budget.share * 20 >= len(losses) + 1:
            losses.append((round(budget.share, 3), round(since / events, 4)))
            learned, since, events = learned + events, 0.0, 0
    budget.stop()
    return Learned(budget, learned + events, losses)


def rate_share(share: float) -> float:
    """Return the share of the learning rate at a share of the budget."""
    if share < WARM_UP:
        return max(share / WARM_UP, 0.01)
    past = (share - WARM_UP) / (1 - WARM_UP)
    return LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * past)) / 2


def quicker_kind() -> torch.dtype:
    """Return the data type of products that is quicker here: bfloat16 on processors that have it."""
    took = {}
    for kind in (torch.float32, torch.bfloat16):
        square = torch.ones(512, 512, dtype=kind)
        square @ square
        began = time.process_time()
        for _ in range(10):
            square @ square
        took[kind] = time.process_time() - began
    return min(took, key=lambda kind: took[kind])


def weights(network: nn.Module) -> int:
    """Return how many numbers were learned."""
    return sum(parameter.numel() for parameter in network.parameters())

"""The output layer and its loss in one: nats that each event surprises with, and their gradient.

Surprising decision: logits are overwritten by their gradient while they are still in the cache, so
neither probabilities nor float32 copies of (N, V) values are ever stored.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hocket.compiled import compiled
from hocket.model.floats import Values, exp, narrowed, widened
from hocket.model.workspace import Workspace, array

LANES = 16
"""Sums and maxima are taken in so many parts, so that they become vectors."""


def surprise(
    hidden: Tensor,
    output: tuple[Tensor, Tensor],
    targets: NDArray[np.int64],
    scale: float,
    memory: Workspace,
) -> Tensor:
    """Return the sum of nats over targets (N), times scale; negative targets do not count.

    hidden (N, H); output: weight (V, H) and bias (V).
    """
    arguments = memory, hidden, *output, targets, scale
    return cast("Tensor", _Surprise.apply(*arguments))  # type: ignore[no-untyped-call]


class _Surprise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        memory: Workspace,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: NDArray[np.int64],
        scale: float,
    ) -> Tensor:
        weight = weight.to(hidden.dtype)
        logits = memory.tensor("logits", (len(hidden), len(weight)), hidden.dtype)
        torch.mm(hidden, weight.t(), out=logits)
        d_bias = torch.zeros(len(weight))
        padded = array(torch.empty(-(-len(weight) // LANES) * LANES))
        total = _surprise(
            array(logits), array(bias.detach()), targets, np.float32(scale), array(d_bias), padded
        )
        ctx.save_for_backward(hidden)
        ctx.kept = memory, weight, logits, d_bias
        return torch.tensor(total, dtype=torch.float32)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (hidden,), (memory, weight, d_logits, d_bias) = ctx.saved_tensors, ctx.kept
        if (factor := float(grads[0])) != 1:
            d_logits, d_bias = d_logits * factor, d_bias * factor
        d_hidden = memory.tensor("d_hidden", tuple(hidden.shape), hidden.dtype)
        torch.mm(d_logits, weight, out=d_hidden)
        return None, d_hidden, memory.outer("output", d_logits, hidden), d_bias, None, None


@compiled
def _surprise(
    logits: Values,
    bias: NDArray[np.float32],
    targets: NDArray[np.int64],
    scale: np.float32,
    d_bias: NDArray[np.float32],
    padded: NDArray[np.float32],
) -> float:
    """Overwrite logits (N, V) by the gradient, add it to d_bias (V), return the scaled loss."""
    size, total = logits.shape[1], 0.0
    lanes = np.empty(LANES, np.float32)
    for n in range(len(targets)):
        row, target = logits[n], targets[n]
        if target < 0:
            row[:] = narrowed(np.float32(0), row[0])
            continue
        padded[size:] = -np.inf
        for v in range(size):
            padded[v] = widened(row[v]) + bias[v]
        at_target = padded[target]
        lanes[:] = -np.inf
        for begin in range(0, len(padded), LANES):
            part = padded[begin : begin + LANES]
            for lane in range(LANES):
                lanes[lane] = max(lanes[lane], part[lane])
        largest = lanes.max()
        for v in range(len(padded)):
            padded[v] = exp(padded[v] - largest)
        padded[size:] = 0
        lanes[:] = 0
        for begin in range(0, len(padded), LANES):
            part = padded[begin : begin + LANES]
            for lane in range(LANES):
                lanes[lane] += part[lane]
        whole = np.float32(lanes.sum())
        total += np.log(np.float64(whole)) + largest - at_target
        share = scale / whole
        for v in range(size):
            padded[v] *= share
        padded[target] -= scale
        for v in range(size):
            row[v] = narrowed(padded[v], row[v])
        for v in range(size):
            d_bias[v] += padded[v]
    return float(total * scale)

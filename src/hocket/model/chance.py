"""Chance in learning as a pure function of where it falls: no generator, no state, no masks kept.

Each value's fate is a hash of a key and its position, so the backward pass finds the same again, a
stopped run needs nothing saved, and threads cannot disturb it. The hash is the finaliser of Wellons'
`lowbias32` with the second half of the key between its multiplications. A batch's row keeps its own
chance in whatever part of the batch it is learned.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hocket.compiled import compiled
from hocket.model.floats import Values, narrowed, widened
from hocket.model.workspace import Workspace, array


class Chance(NamedTuple):
    """The chance of one optimizer step for the rows of a batch from `first_row` on."""

    rng: int
    step: int
    first_row: int

    def key(self, purpose: int) -> NDArray[np.uint32]:
        """Return the key (2) for one use of chance in the step, as one layer's dropout."""
        seeds = np.random.SeedSequence((self.rng, self.step, purpose))
        return seeds.generate_state(2).astype(np.uint32)


def hidden_events(shape: tuple[int, ...], share: float, chance: Chance, purpose: int) -> Tensor:
    """Return which of the events (T, B) are hidden from the network."""
    ones = np.ones((*shape, 1), np.float32)
    kept = np.empty_like(ones)
    _keep(
        ones, kept, np.uint32(share * 2**32), np.float32(1), chance.key(purpose), chance.first_row
    )
    return torch.from_numpy(kept[..., 0] == 0)


def dropout(
    values: Tensor, share: float, chance: Chance, purpose: int, memory: Workspace
) -> Tensor:
    """Return values (T, B, H) with a share of them zero and the others scaled up to make up for it."""
    if not share:
        return values
    dropped = _Dropout.apply(values, share, chance, purpose, memory)  # type: ignore[no-untyped-call]
    return cast("Tensor", dropped)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, share: float, chance: Chance, *rest: Any) -> Tensor:
        purpose: int = rest[0]
        memory: Workspace = rest[1]
        scale = np.float32(1 / (1 - share))
        ctx.how = np.uint32(share * 2**32), scale, chance.key(purpose), chance.first_row
        ctx.memory = memory
        kept = memory.tensor("dropout", tuple(values.shape), values.dtype)
        _keep(array(values), array(kept), *ctx.how)
        return kept

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        kept = ctx.memory.tensor("d_dropout", tuple(grads[0].shape), grads[0].dtype)
        _keep(array(grads[0].contiguous()), array(kept), *ctx.how)
        return kept, None, None, None, None


@compiled
def _keep(
    values: Values,
    kept: Values,
    below: np.uint32,
    scale: np.float32,
    key: NDArray[np.uint32],
    first_row: int,
) -> None:
    """Write values (T, B, H) times scale, or 0 where the hash lies below."""
    times, rows, width = values.shape
    for t in range(times):
        for b in range(rows):
            source, target = values[t, b], kept[t, b]
            # a row's place leaves room for 2^12 rows; where it wraps, far places share their chance
            begin = np.uint32((((t << 12) + first_row + b) * width) & 0xFFFFFFFF) + key[0]
            for j in range(width):
                x = np.uint32(begin + np.uint32(j))
                x ^= x >> np.uint32(16)
                x = np.uint32(x * np.uint32(0x7FEB352D))
                x ^= (x >> np.uint32(15)) ^ key[1]
                x = np.uint32(x * np.uint32(0x846CA68B))
                x ^= x >> np.uint32(16)
                value = widened(source[j]) * scale
                target[j] = narrowed(value if x >= below else np.float32(0), source[j])

"""Gradients to better weights: AdamW after clipping, its parameters dealt out among workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hocket.config import TrainingConfig
from hocket.training.workers import Workers

CLIP_NORM = 1.0
WARMUP_STEPS = 20


class Descent:
    """Changes weights by the gradients in their `grad`; who does what part changes no bit."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], training: TrainingConfig, workers: Workers
    ) -> None:
        self._workers, self._parameters = workers, parameters
        self._parts = [
            torch.optim.AdamW(
                _groups(part),
                lr=training.learning_rate,
                betas=(0.9, 0.98),
                weight_decay=training.weight_decay,
                fused=True,
            )
            for part in _dealt(parameters, workers.count)
        ]

    def step(self, learning_rate: float) -> None:
        """Take one step."""
        norm = torch.stack(self._workers.map(_norm, self._parameters)).norm().item()
        shrink = min(CLIP_NORM / (norm + 1e-6), 1.0)

        def step(part: torch.optim.AdamW) -> None:
            for group in part.param_groups:
                group["lr"] = learning_rate
                for parameter in group["params"]:
                    parameter.grad.mul_(shrink)
            part.step()

        self._workers.map(step, self._parts)

    def state_of(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Return AdamW's step and moments of a parameter; empty before the first step."""
        return dict(next((p.state[parameter] for p in self._parts if parameter in p.state), {}))

    def restore(self, parameter: nn.Parameter, state: dict[str, Tensor]) -> None:
        """Set what `state_of` returned."""
        for part in self._parts:
            if any(parameter is p for group in part.param_groups for p in group["params"]):
                part.state[parameter] = state


def _norm(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    norm: Tensor = torch.linalg.vector_norm(parameter.grad)
    return norm


def _groups(part: list[nn.Parameter]) -> list[dict[str, Any]]:
    matrices, biases = [p for p in part if p.dim() > 1], [p for p in part if p.dim() <= 1]
    return [{"params": matrices}, {"params": biases, "weight_decay": 0.0}]


def _dealt(parameters: Sequence[nn.Parameter], count: int) -> list[list[nn.Parameter]]:
    """Return the parameters in parts of about equal size."""
    parts: list[list[nn.Parameter]] = [[] for _ in range(count)]
    for parameter in sorted(parameters, key=torch.numel, reverse=True):
        min(parts, key=lambda part: sum(p.numel() for p in part)).append(parameter)
    return [part for part in parts if part]


def learning_rate(step: int, peak: float, steps: int) -> float:
    """Return the rate of a step: linear warm-up, then a half cosine down to a fiftieth of the peak."""
    warm = min((step + 1) / WARMUP_STEPS, 1.0)
    return peak * warm * (0.51 + 0.49 * math.cos(math.pi * min(step / steps, 1.0)))

"""What a theme changes in the base model's weights while it is learned: few numbers, in torch.

A matrix W becomes W + left right, of a low rank (Hu and others, "LoRA: low-rank adaptation of large
language models", 2021); a bias gets one of its own. `model.changes` adds them up without torch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hocket.model.changes import BIAS, LEFT, RIGHT, changed


class Adapter(nn.Module):
    """The changes to a network's weights, all zero at first; R is the rank."""

    def __init__(self, shapes: dict[str, torch.Size], rank: int) -> None:
        super().__init__()
        for name, shape in shapes.items():
            if not changed(name):
                continue
            key = name.replace(".", "-")
            if len(shape) == 1:
                self.register_parameter(f"{BIAS}{key}", nn.Parameter(torch.zeros(shape)))
            else:
                right = torch.randn(rank, shape[1]) / shape[1] ** 0.5
                self.register_parameter(f"{LEFT}{key}", nn.Parameter(torch.zeros(shape[0], rank)))
                self.register_parameter(f"{RIGHT}{key}", nn.Parameter(right))

    def forward(self, name: str, weight: Tensor) -> Tensor:
        """Return a weight of the network as it is changed."""
        if not changed(name):
            return weight
        key = name.replace(".", "-")
        if weight.dim() == 1:
            return weight + self.get_parameter(f"{BIAS}{key}")
        left, right = (self.get_parameter(f"{side}{key}") for side in (LEFT, RIGHT))
        return weight + left @ right

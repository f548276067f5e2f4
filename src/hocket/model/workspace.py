"""Tensors whose memory is used again: the system takes long to hand out fresh pages."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hocket.model import floats

CACHE_LINE = 64


class Workspace:
    """Memory of one sequence of calls, by name; not to be shared by threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, tuple[int, ...], torch.dtype], Tensor] = {}

    def tensor(self, name: str, shape: tuple[int, ...], kind: torch.dtype) -> Tensor:
        """Return the tensor of that name, holding what was last written to it, or anything."""
        key = name, shape, kind
        if key not in self._kept:
            size = int(np.prod(shape)) * kind.itemsize
            # numpy asks the system for huge pages, torch does not; the matrix unit is slow on memory
            # that does not begin where a cache line does.
            memory = np.empty(size + CACHE_LINE, np.uint8)
            begin = -memory.ctypes.data % CACHE_LINE
            flat = torch.from_numpy(memory[begin : begin + size])
            self._kept[key] = flat.view(kind).view(shape)
        return self._kept[key]

    def transposed(self, name: str, values: Tensor) -> Tensor:
        """Return a matrix transposed in memory: products that turn it themselves are slower."""
        turned = self.tensor(name, (values.shape[1], values.shape[0]), values.dtype)
        floats.transpose(array(values), array(turned))
        return turned

    def outer(self, name: str, left: Tensor, right: Tensor) -> Tensor:
        """Return float32 leftᵀ right (K, M) of left (N, K) and right (N, M): a weight's gradient."""
        turned = self.transposed("turned", right)
        product = self.tensor("product", (right.shape[1], left.shape[1]), left.dtype)
        torch.mm(turned, left, out=product)
        gradient = self.tensor(name, (left.shape[1], right.shape[1]), torch.float32)
        floats.transpose(array(product), array(gradient))
        return gradient


def array(tensor: Tensor) -> Any:
    """Return the tensor's memory as an array, bfloat16 as its bits; it must need no gradient."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()

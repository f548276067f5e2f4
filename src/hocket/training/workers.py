"""Threads that each compute on one core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from hocket.processor import cores

_T = TypeVar("_T")
_R = TypeVar("_R")


@contextmanager
def one_core_each() -> Iterator[None]:
    """Keep torch from starting threads of its own, and let it have them again afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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

"""A corpus to the batches of the steps, in order, each filled while the one before is learned.

Surprising decision: only beside a GPU. There the processor's cores have nothing else to do, while on
a processor filling is a hundredth of a step, and a core that fills is a core that does not learn.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from hocket.config import TrainingConfig
from hocket.corpus import Batch, Corpus, training_batch
from hocket.processor import cores


class Filling:
    """Gives the batch of each step, or some rows of it; with `ahead`, the next is filled meanwhile."""

    def __init__(
        self,
        corpus: Corpus,
        config: TrainingConfig,
        rng: int,
        *,
        ahead: bool,
        rows: range | None = None,
    ) -> None:
        self._corpus, self._config, self._rng, self._rows = corpus, config, rng, rows
        self._last: tuple[int, Batch] | None = None
        self._next: tuple[int, Future[Batch]] | None = None
        self._threads = ThreadPoolExecutor(cores(), "hocket-fill") if ahead else None
        self._ahead = ThreadPoolExecutor(1, "hocket-ahead") if ahead else None

    def batch(self, step: int) -> Batch:
        """Return the batch of a step: the same whatever was asked for before, soonest in order."""
        if self._next is not None and self._next[0] == step:
            filled = self._next[1].result()
        else:
            filled = self._filled(step, self._last)
        self._last = step, filled
        if self._ahead is not None:
            self._next = step + 1, self._ahead.submit(self._filled, step + 1, self._last)
        return filled

    def _filled(self, step: int, last: tuple[int, Batch] | None) -> Batch:
        before = last[1] if last is not None and last[0] == step - 1 else None
        given = self._corpus, self._config, self._rng, step, before
        if self._threads is None:
            return training_batch(*given, rows=self._rows)
        blocks = 4 * cores()
        return training_batch(*given, rows=self._rows, blocks=blocks, each=self._threads.map)

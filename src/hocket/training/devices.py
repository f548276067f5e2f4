"""Where training runs: on the processor, with as many threads as pay, or on a GPU if asked to.

A GPU is not used unasked, since the same bits each time are promised on the processor only.

On a busy machine two threads can be many times slower than one, since each waits for the other at
every small product. The threads do not change a result's bits (a test compares them), so the choice
may follow the moment: it is probed again and again while the steps go on.
"""

from __future__ import annotations

import os
import time

import torch

from hocket.errors import ConfigError

MOST_THREADS = 4
"""More threads gain little on networks this small."""
PROBE_EVERY = 60
PROBE_STEPS = 2


def choose_device(name: str) -> torch.device:
    """Return the device to train on; raises `ConfigError` if it is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch sees no GPU here; learn with --device cpu")
    return torch.device(name)


class Threads:
    """Chooses torch's threads: probes one against all, then keeps the faster for a while."""

    def __init__(self) -> None:
        self._choices = sorted({1, min(os.cpu_count() or 1, MOST_THREADS)})
        self._step = 0
        self._seconds = dict.fromkeys(self._choices, 0.0)
        self._began = time.monotonic()

    def next_step(self) -> None:
        """Settle the threads of the step that begins now, and time the one that ended."""
        if len(self._choices) == 1:
            torch.set_num_threads(1)
            return
        now, place = time.monotonic(), self._step % PROBE_EVERY
        if 0 < place <= PROBE_STEPS * len(self._choices):
            self._seconds[self._probed(place - 1)] += now - self._began
        if place == 0:
            self._seconds = dict.fromkeys(self._choices, 0.0)
        if place < PROBE_STEPS * len(self._choices):
            torch.set_num_threads(self._probed(place))
        elif place == PROBE_STEPS * len(self._choices):
            torch.set_num_threads(min(self._choices, key=lambda n: self._seconds[n]))
        self._step += 1
        self._began = time.monotonic()

    def _probed(self, place: int) -> int:
        return self._choices[place // PROBE_STEPS]

"""Where training runs: the GPU if torch sees one, else the processor."""

from __future__ import annotations

import os

import torch

MOST_THREADS = 4
"""More threads gain little on networks this small, and lose much on a busy machine."""


def choose_device() -> torch.device:
    """Return the device to train on; on a processor also settle the number of threads.

    The number is a rule, not a probe: it decides the order of sums, hence the bits of a result.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    torch.set_num_threads(min(os.cpu_count() or 1, MOST_THREADS))
    return torch.device("cpu")

"""How much of the machine this process may use, and giving back what it no longer does."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def trim() -> None:
    """Hand back memory that was freed.

    The GNU C library keeps it in ever smaller pieces between what lives on: over hours of writing takes
    a process would grow, though it holds no more.
    """
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # other systems have no such thing
        ctypes.CDLL(None).malloc_trim(0)

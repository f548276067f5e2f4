"""Starting, finding and killing processes, by what the kernel says of them (Linux)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path


def marked(mark: str) -> list[int]:
    """Return the living processes that have a mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            if mark.encode() in (entry / "environ").read_bytes() and not is_dead(int(entry.name)):
                found.append(int(entry.name))
    return found


def is_dead(process: int) -> bool:
    """Whether a process is gone, or only waits for its parent to hear of it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def children(process: int) -> list[int]:
    """Return the living children of a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == process and fields[0] not in "ZX":
                    found.append(int(entry.name))
    return found


def kill(processes: Iterable[int]) -> None:
    """Kill them as a power cut would."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> float | None:
    """Wait for a condition; return after how many seconds it held, None if it did not in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(every)
    return time.monotonic() - began


def peak_of(process: int) -> float:
    """Return the most memory a process has held so far, in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def resident(process: int) -> float:
    """Return the memory a process holds, in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0

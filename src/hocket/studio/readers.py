"""Uploads to pieces, in child processes that each read one file after another, within bounds.

Surprising decision: a child stays for many files, since starting one takes twenty times as long as
reading a small file. What a file could do to its reader is bounded all the same: a file is given so
much memory, processor time and patience, and a reader that crashes, hangs or grows is replaced.
Questions and answers are JSON, never pickle.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

MOST_READERS = 2
READ_SECONDS = 30.0
MEMORY_BYTES = 2**29
"""That reading a file may take beyond what was loaded before."""
MOST_FILES, MOST_GROWTH = 5000, 2**27
"""After so many files, or with so much more memory than at first, a reader makes room for a new one."""
MOST_ANSWER = 2**20


class LostError(Exception):
    """The reader is gone: it crashed, or took too much."""


class Readers:
    """Readers that are idle, and new ones as they are needed; safe to share by threads."""

    def __init__(self, context: Any, work: Callable[..., dict[str, Any]]) -> None:
        self._context, self._work = context, work
        self._idle: queue.SimpleQueue[_Reader] = queue.SimpleQueue()
        self._turns = threading.Semaphore(MOST_READERS)

    def ask(self, *values: Any) -> dict[str, Any]:
        """Return what the work gives; raises `TimeoutError` or `LostError`."""
        with self._turns:
            reader = self._ready()
            try:
                answer = reader.ask(values)
            except BaseException:
                reader.end()
                raise
            if answer.pop("leaves", False):
                reader.end()
            else:
                self._idle.put(reader)
            return answer

    def _ready(self) -> _Reader:
        while True:
            try:
                reader = self._idle.get_nowait()
            except queue.Empty:
                return _Reader(self._context, self._work)
            if reader.process.is_alive():
                return reader
            reader.end()


class _Reader:
    def __init__(self, context: Any, work: Callable[..., dict[str, Any]]) -> None:
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_read, args=(theirs, work), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, values: tuple[Any, ...]) -> dict[str, Any]:
        try:
            self._pipe.send_bytes(json.dumps(values).encode())
            if not self._pipe.poll(READ_SECONDS):
                raise TimeoutError
            found: dict[str, Any] = json.loads(self._pipe.recv_bytes(MOST_ANSWER))
        except (EOFError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise LostError from None
        return found

    def end(self) -> None:
        end(self.process)
        self._pipe.close()


def end(child: Any) -> None:
    """End a child and those that it started, such as an engraver."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.join()
    child.close()


def _read(pipe: Connection[Any, Any], work: Callable[..., dict[str, Any]]) -> None:
    """Answer until nobody asks any more."""
    if hasattr(os, "setsid"):
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _bound_memory()
    first = _memory()
    for number in range(MOST_FILES):
        try:
            values = json.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        _bound_time()
        answer = work(*values)
        if number == MOST_FILES - 1 or _memory() - first > MOST_GROWTH:
            answer["leaves"] = True
        pipe.send_bytes(json.dumps(answer).encode())
        if "leaves" in answer:
            return


def _memory(field: int = 1) -> int:
    """Return the resident memory in bytes, or with 0 the address space; 0 where that is not told."""
    if sys.platform != "linux":
        return 0
    pages = Path("/proc/self/statm").read_text().split()[field]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _bound_memory() -> None:
    """Let this process have so much memory; verovio's sets bounds of its own."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (_memory(0) + MEMORY_BYTES, most))


def _bound_time() -> None:
    """Let the next file have so much processor time."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + READ_SECONDS) + 1
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))

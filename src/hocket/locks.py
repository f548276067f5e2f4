"""Files that one process at a time holds: the kernel frees them the moment it dies, however it dies."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hocket.errors import ConfigError
from hocket.scores.files import make_folder


class Lock:
    """A file that one process at a time holds, until it lets go or dies."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Hold it; return False where another process does."""
        make_folder(self.file.parent)
        descriptor = os.open(
            self.file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600
        )
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        if not _is_at(descriptor, self.file):  # whoever held it has removed it meanwhile
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def removed(self) -> None:
        """Let go, and leave no file behind."""
        with suppress(OSError):  # where an open file cannot be removed it stays
            self.file.unlink()
        self.free()

    def free(self) -> None:
        """Let go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def held(file: Path, does: str, patience: float = 5.0) -> Iterator[None]:
    """Hold a lock for the block.

    Raises `ConfigError` where another process, which `does` something there, holds it for longer than
    `patience` seconds: one that was killed may take a moment to be gone.
    """
    lock, until = Lock(file), time.monotonic() + patience
    while not lock.take():
        if time.monotonic() >= until:
            raise ConfigError(
                f"{file.parent}: another process {does} there; wait for it or stop it, or choose "
                "another folder with -o"
            )
        time.sleep(0.1)
    try:
        yield
    finally:
        lock.removed()


def _is_at(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except OSError:
        return False


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

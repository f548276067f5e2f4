"""What was written to what is on the disk, for many at once.

A file of its own on the disk costs milliseconds, whoever waits; so those who wait at the same time
share one flush of the file system.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class Disk:
    """The file system that a folder lies on; safe to share by threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asking, self._flushing = threading.Lock(), threading.Lock()
        self._asked = self._done = 0

    def sync(self, folders: Iterable[Path]) -> None:
        """Return when what was written to these folders before is on the disk."""
        if platform.system() != "Linux":
            _one_by_one(folders)
            return
        with self._asking:
            self._asked += 1
            mine = self._asked
        with self._flushing:
            if self._done >= mine:  # whoever flushed while this one waited began after it had asked
                return
            with self._asking:
                upto = self._asked
            descriptor = os.open(self._folder, os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                    raise OSError(ctypes.get_errno(), "the disk could not be written", self._folder)
            finally:
                os.close(descriptor)
            self._done = upto


def _one_by_one(folders: Iterable[Path]) -> None:
    for folder in folders:
        for path in (*folder.iterdir(), folder):
            with suppress(OSError):  # on Windows a folder cannot be opened
                descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

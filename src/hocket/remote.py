"""Folders on object storage, by address: `s3://bucket/run`, `gs://…`, whatever fsspec knows.

A corpus is fetched once to this machine, since it is mapped into memory; a run is kept here and each
checkpoint sent on, as soon as it is whole here. What was sent in part (not every store writes a file
whole or not at all) is told by the checkpoint's sha256, and the one before is taken.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hocket import locks
from hocket.errors import ConfigError
from hocket.scores.files import make_folder

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_PATIENCE = 24 * 3600.0


def is_remote(path: str | Path) -> bool:
    """Whether a path is an address."""
    return isinstance(path, str) and _ADDRESS.match(path) is not None


class Folder:
    """A folder at an address, and where it is kept on this machine."""

    def __init__(self, address: str, kind: str) -> None:
        """Raises `ConfigError` where nobody here knows such an address."""
        import fsspec
        import platformdirs

        self.address = address.rstrip("/")
        try:
            self._store, self._home = fsspec.core.url_to_fs(self.address)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"{address}: cannot be reached from here: {error}") from None
        digest = hashlib.sha256(self.address.encode()).hexdigest()[:16]
        self.here = Path(platformdirs.user_cache_dir("hocket", appauthor=False), kind, digest)

    def fetch(self, names: Sequence[str], *, needed: bool = True) -> None:
        """Bring files here, each whole or not at all; raises `ConfigError`."""
        make_folder(self.here)
        for name in names:
            part = self.here / f".{name}.part"
            try:
                if not needed and not self._store.exists(f"{self._home}/{name}"):
                    continue
                self._store.get_file(f"{self._home}/{name}", str(part))
            except Exception as error:  # each store has errors of its own
                part.unlink(missing_ok=True)
                raise ConfigError(f"{self.address}/{name}: cannot be fetched: {error}") from None
            part.replace(self.here / name)

    def send(self, names: Sequence[str]) -> None:
        """Send files there, in this order; raises `ConfigError`."""
        for name in names:
            try:
                self._store.makedirs(self._home, exist_ok=True)
                self._store.put_file(str(self.here / name), f"{self._home}/{name}")
            except Exception as error:  # each store has errors of its own
                raise ConfigError(
                    f"{self.address}/{name}: cannot be sent: {error}; it is kept in {self.here}"
                ) from None

    def content(self, name: str) -> bytes:
        """Return a small file there; nothing where it is not."""
        try:
            found: Any = self._store.cat_file(f"{self._home}/{name}")
        except FileNotFoundError:
            return b""
        except Exception as error:  # each store has errors of its own
            raise ConfigError(f"{self.address}/{name}: cannot be fetched: {error}") from None
        return bytes(found)


def corpus_at(address: str, files: Sequence[str], say: Callable[[str], None]) -> Path:
    """Return the folder here of a corpus at an address, fetched if another one is here, or none.

    Processes of one machine fetch it once. The first of the files says what the others must be.
    """
    folder = Folder(address, "corpora")
    with locks.held(make_folder(folder.here) / "fetch.lock", "fetches a corpus", _PATIENCE):
        there, file = folder.content(files[0]), folder.here / files[0]
        if not there:
            raise ConfigError(
                f"{address}: no finished corpus there; make one with `hocket prepare`"
            )
        if not file.exists() or file.read_bytes() != there:
            say(f"{address}: fetched once, to {folder.here}")
            file.unlink(missing_ok=True)
            folder.fetch(files[::-1])
    return folder.here

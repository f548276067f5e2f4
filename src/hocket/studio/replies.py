"""What all routes work with: store and desk away from the loop, and answers that are files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response

from hocket.studio.desk import Desk
from hocket.studio.disk import Disk
from hocket.studio.hub import Hub
from hocket.studio.store import MissingError, Store

Id = Annotated[str, InPath(pattern="^[0-9a-f]{16}$")]
Number = Annotated[int, InPath(ge=1, le=100_000)]
MEDIA = {
    "mid": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "mp3": "audio/mpeg",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "html": "text/html",
    "json": "application/json",
}
Reply = dict[str, Any]
MOST_READING = 16
"""Uploads that are worked on; most of the time they wait for the disk. Others wait."""


class Studio:
    """What requests work with."""

    def __init__(self, store: Store, desk: Desk, hub: Hub) -> None:
        self.store, self.desk, self.hub = store, desk, hub
        self.disk = Disk(store.folder)
        self._reading, self._making = CapacityLimiter(MOST_READING), CapacityLimiter(2)
        self._made: dict[str, asyncio.Lock] = {}

    async def do(self, work: Callable[..., Any], *values: Any) -> Any:
        """Do something with the store, away from the loop."""
        return await to_thread.run_sync(partial(work, *values))

    async def read(self, work: Callable[..., Any], *values: Any) -> Any:
        """Do something that reads a theme at the desk, where a few others may do so."""
        return await to_thread.run_sync(partial(work, *values), limiter=self._reading)

    async def made(self, target: Path, work: str, *values: Any) -> Path:
        """Return a file, made at the desk if it is not there yet; once, however many ask."""
        lock = self._made.setdefault(str(target), asyncio.Lock())
        async with lock:
            if not target.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                call = partial(self.desk.work, work, str(target), *values)
                await to_thread.run_sync(call, limiter=self._making)
        self._made.pop(str(target), None)
        return target


async def deleted(studio: Studio, table: str, key: str) -> Reply:
    """Delete a row; for a day it can be restored."""
    await studio.do(studio.store.row, table, key)
    await studio.do(partial(studio.store.update, deleted=time.time()), table, key)
    return {}


async def restored(studio: Studio, table: str, key: str) -> Reply:
    """Bring a deleted row back."""
    await studio.do(partial(studio.store.update, deleted=None), table, key)
    return {}


def there(path: Path) -> Path:
    """Return a file that is there and no link; raises `MissingError`."""
    if path.is_symlink() or not path.is_file():
        raise MissingError(f"{path.name} is not there; reload the page")
    return path


def file_of(path: Path, name: str = "") -> Response:
    """Return a file; with a name, to be saved under it and never shown as a page of ours."""
    headers = {"cache-control": "private, max-age=3600"} if path.suffix == ".mp3" else {}
    if name:
        headers["content-disposition"] = f'attachment; filename="{name}"'
    kind = MEDIA.get(path.suffix[1:], "application/octet-stream")
    return FileResponse(there(path), media_type=kind, headers=headers)

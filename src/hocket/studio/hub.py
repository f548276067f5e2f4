"""Tells those who listen when a project has changed: one look at the store for all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hocket.studio.store import MissingError, Store

LOOK_SECONDS = 0.25


class Hub:
    """Documents of projects to queues, each of which holds the newest alone."""

    def __init__(self, store: Store, document: Callable[[Store, str], dict[str, Any]]) -> None:
        self.store, self.closing = store, False
        self._document = document
        self._heard: dict[str, set[asyncio.Queue[str]]] = {}
        self._told: dict[str, str] = {}

    @contextmanager
    def listening(self, project: str) -> Iterator[asyncio.Queue[str]]:
        """Hear of a project as long as the block lasts, from how it is now on."""
        queue: asyncio.Queue[str] = asyncio.Queue(1)
        self._heard.setdefault(project, set()).add(queue)
        if project in self._told:
            queue.put_nowait(self._told[project])
        try:
            yield queue
        finally:
            self._heard[project].discard(queue)
            if not self._heard[project]:
                del self._heard[project]
                self._told.pop(project, None)

    async def run(self) -> None:
        """Look for changes until cancelled."""
        seen = -1
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            changed = self.store.changed()
            fresh = [project for project in self._heard if project not in self._told]
            for project in list(self._heard) if changed != seen else fresh:
                await self._tell(project)
            seen = changed

    async def _tell(self, project: str) -> None:
        try:
            found = await asyncio.to_thread(self._document, self.store, project)
        except MissingError:
            found = {"id": project, "gone": True}
        text = json.dumps(found, separators=(",", ":"))
        if self._told.get(project) == text:
            return
        self._told[project] = text
        for queue in self._heard.get(project, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)

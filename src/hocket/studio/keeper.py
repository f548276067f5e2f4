"""Keeps workers alive: starts them when jobs wait, and gives back the jobs of those that died."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from hocket.locks import Lock
from hocket.studio.store import LEASE_SECONDS, Store

LOOK_SECONDS = 0.25
SLEPT_SECONDS = 5.0
"""Between two looks: then the machine slept or was very busy, and so were the workers."""


class Keeper:
    """A thread that looks after so many workers."""

    command: Sequence[str] = (sys.executable, "-m", "hocket.studio.worker")

    def __init__(self, store: Store, workers: int) -> None:
        self.store, self.most = store, workers
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._looked = self._patient_until = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Begin to look after them; locks that dead workers left behind are cleared away."""
        home = self.store.inside("workers")
        for file in home.iterdir() if home.is_dir() else ():
            self._is_dead(file.name)
        self._thread.start()

    def stop(self) -> None:
        """End all workers; their jobs go back to the queue."""
        self._done.set()
        self._thread.join()
        for owner, worker in self.workers.items():
            if worker.stdin:
                worker.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                worker.wait(5)
            worker.kill()
            worker.wait()
            self.store.give_back(owner, died=False)

    def _keep(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:  # a full disk, say: what waits is looked at again
                print(f"hocket studio: {error}", file=sys.stderr)
                time.sleep(1)

    def look(self) -> None:
        """Give back the jobs of dead workers, and start some where jobs wait."""
        for owner in [owner for owner, worker in self.workers.items() if worker.poll() is not None]:
            self.store.give_back(owner, died=True)
            del self.workers[owner]
        for owner in self.store.owners():
            if owner not in self.workers and self._is_dead(owner):
                self.store.give_back(owner, died=False)  # it died with an earlier server
        for owner in self._late():
            if worker := self.workers.get(owner):
                worker.kill()  # it is looked at next time
            else:
                self.store.give_back(owner, died=False)  # an earlier server's, which hangs
        waiting = self.store.rows("select count(*) as n from jobs where state='queued'")[0]["n"]
        busy = self.store.rows("select count(*) as n from jobs where state='running'")[0]["n"]
        while len(self.workers) < min(self.most, waiting + busy):
            owner = secrets.token_hex(6)
            self.workers[owner] = subprocess.Popen(
                [*self.command, str(self.store.folder), owner],
                stdin=subprocess.PIPE,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # as the command line has it
            )

    def _late(self) -> list[str]:
        """Return the owners whose leases ran out, though they had time to prolong them."""
        now, before = time.time(), self._looked
        self._looked = now
        if now - before > SLEPT_SECONDS:
            self._patient_until = now + LEASE_SECONDS
        if now < self._patient_until:
            return []
        words = "select owner from jobs where state='running' and lease<?"
        return [row["owner"] for row in self.store.rows(words, now - LEASE_SECONDS)]

    def _is_dead(self, owner: str) -> bool:
        lock = Lock(self.store.inside("workers", owner))
        if not lock.take():
            return False
        lock.removed()  # while it is held, or a worker that begins now would hold what is not there
        if sys.platform == "win32":  # an open file cannot be removed there
            with suppress(OSError):
                lock.file.unlink(missing_ok=True)
        return True

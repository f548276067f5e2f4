"""Keeps workers alive: starts them when jobs wait, and gives back the jobs of those that died."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import suppress

from hocket.locks import Lock
from hocket.studio.store import LEASE_SECONDS, Store

LOOK_SECONDS = 0.25


class Keeper:
    """A thread that looks after so many workers."""

    def __init__(self, store: Store, workers: int) -> None:
        self.store, self.most = store, workers
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
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
            del self.workers[owner]
            self.store.give_back(owner, died=True)
        for owner in self.store.owners():
            if owner not in self.workers and self._is_dead(owner):
                self.store.give_back(owner, died=False)  # it died with an earlier server
        late = time.time() - LEASE_SECONDS
        for row in self.store.rows(
            "select owner from jobs where state='running' and lease<?", late
        ):
            if worker := self.workers.get(row["owner"]):
                worker.kill()  # it is looked at next time
        waiting = self.store.rows("select count(*) as n from jobs where state='queued'")[0]["n"]
        busy = self.store.rows("select count(*) as n from jobs where state='running'")[0]["n"]
        while len(self.workers) < min(self.most, waiting + busy):
            owner = secrets.token_hex(6)
            self.workers[owner] = subprocess.Popen(
                [sys.executable, "-m", "hocket.studio.worker", str(self.store.folder), owner],
                stdin=subprocess.PIPE,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # as the command line has it
            )

    def _is_dead(self, owner: str) -> bool:
        lock = Lock(self.store.inside("workers", owner))
        if not lock.take():
            return False
        lock.free()
        lock.file.unlink(missing_ok=True)
        return True

"""The studio as it is, with workers that also know cheap jobs; see `jobs.py`.

python benchmarks/soak/jobs_studio.py serve FOLDER WORKERS
python benchmarks/soak/jobs_studio.py work FOLDER OWNER
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hocket.studio import keeper, worker
from hocket.studio.store import Store

LOG = "soak.log"


def note(folder: Path, *words: str) -> None:
    """Add a line to the log, all of it or nothing."""
    log = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, (" ".join(words) + "\n").encode())
    os.close(log)


class NotingStore(Store):
    """A store that writes down which jobs it let end."""

    def finish(
        self,
        key: str,
        owner: str,
        state: str,
        *,
        error: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a job as always, and then say so in the log."""
        done = super().finish(key, owner, state, error=error, result=result)
        if done:
            note(self.folder, "ended", key)
        return done


class CheapWork(worker.Work):
    """Work of which some does next to nothing, or kills its worker."""

    def seeds(self) -> dict[str, Any]:
        """Be busy for a while."""
        args = self.job["args"]
        if "seconds" not in args:
            return super().seeds()
        self._set(stage="busy")
        until = time.monotonic() + args["seconds"]
        while time.monotonic() < until:
            sum(range(5000))
            self._go_on()
        if args.get("poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        note(self.store.folder, "did", self.job["id"])
        return {}


def serve(folder: str, workers: str) -> int:
    """Serve the studio with workers that know cheap jobs."""
    from hocket.studio import server

    keeper.Keeper.command = (sys.executable, __file__, "work")
    server.serve(
        data=folder,
        port=0,
        jobs=int(workers),
        browser=False,
        say=lambda text: print(text, flush=True),
    )
    return 0


def work(folder: str, owner: str) -> int:
    """Be a worker of the studio that knows cheap jobs."""
    worker.Store, worker.Work = NotingStore, CheapWork  # type: ignore[misc, attr-defined]
    return worker.main(folder, owner)


class Studio:
    """A server with its workers, all of which can be killed."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.command = [sys.executable, __file__, "serve", str(folder), str(workers)]
        self.start()

    def start(self) -> None:
        """Start the server, and wait until it serves."""
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        while "http://" not in (line := self.process.stdout.readline()):
            assert line, f"the studio ended with {self.process.wait()}"

    def kill(self, *, alone: bool) -> None:
        """End the server, and its workers with it or not: then they see that it is gone."""
        if alone:
            self.process.kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def workers(self) -> dict[str, int]:
        """Return the living workers by their names."""
        found: dict[str, int] = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):
                for child in (task / "children").read_text().split():
                    words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
                    if "work" in words:
                        found[words[-2]] = int(child)
        return found

    def close(self) -> None:
        """End all of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


if __name__ == "__main__":
    sys.exit({"serve": serve, "work": work}[sys.argv[1]](*sys.argv[2:]))

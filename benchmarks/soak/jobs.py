"""Kills workers and servers of the studio at random moments, and counts what became of every job.

    python benchmarks/soak/jobs.py --jobs 1000 --kills 100 --server-kills 10 --rng 1 --out jobs.json

The server, the keeper, the store and the workers' loop are the studio's own; only most jobs are cheap:
`seeds` that work for some hundredths of a second (some for a second), write a line to a log, and end. A
trigger of the database notes, in the transaction itself, each change of a job's state: whose it was,
whose it is, and whether a death was counted. Half of the server's kills end everything at once, as a
power cut does (what the disk has yet to write is not lost, though), half the server alone. Beside these
some jobs kill their workers each time, workers that hang are meant to be killed, and real learning and
fusing must come to the takes that nobody disturbed. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hocket.errors import ConfigError
from hocket.studio.store import LEASE_SECONDS, MOST_ATTEMPTS, Store
from soak.jobs_account import account
from soak.jobs_studio import LOG, Studio

NOTED = """
create table moves(
  id integer primary key, job text, was text, now text, mine text, theirs text, died integer);
create trigger moved after update on jobs when old.state<>new.state begin
  insert into moves(job,was,now,mine,theirs,died) values(
    new.id, old.state, new.state, old.owner, new.owner, new.attempts-old.attempts);
end;
"""


class Soak:
    """Adds jobs as there is room for them, and kills."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.chance = random.Random(options.rng)
        self.store = Store(folder)
        self.store.base.executescript(NOTED)
        self.project = self.store.add_project("soak")
        self.jobs, self.poison = list[str](), list[str]()
        self.killed, self.hung, self.spared = list[str](), list[str](), 0
        self.left = [{"seconds": self._seconds()} for _ in range(options.jobs)]
        for place in range(options.poison):
            at = place * (len(self.left) // options.poison) if place else min(5, len(self.left))
            self.left.insert(at, {"seconds": 0.02, "poison": True})
        self.studio = Studio(folder, options.workers)

    def _seconds(self) -> float:
        return 1.0 if self.chance.random() < 0.03 else self.chance.uniform(0.02, 0.08)

    def pump(self, seconds: float, least: int = 0) -> None:
        """Add jobs for so long, and on until so many are added."""
        until = time.monotonic() + seconds
        while time.monotonic() < until or len(self.jobs) + len(self.poison) < least:
            try:
                while self.left:
                    key = self.store.add_job(self.project, "seeds", self.left[0])
                    (self.poison if "poison" in self.left.pop(0) else self.jobs).append(key)
            except ConfigError:  # there is no room: many are waiting
                pass
            time.sleep(0.02)

    def kill_a_worker(self) -> None:
        """Kill any worker, but none whose job would be given up for it."""
        while True:
            words = "select owner from jobs where state='running' and attempts>=?"
            rows = self.store.rows(words, MOST_ATTEMPTS - 1)
            found = self.studio.workers()
            names = sorted(set(found) - {row["owner"] for row in rows} - set(self.hung))
            self.spared += bool(found) and not names
            if names:
                name = self.chance.choice(names)
                os.kill(found[name], signal.SIGKILL)
                self.killed.append(name)
                return
            self.pump(0.1)

    def hang_a_worker(self) -> int:
        """Stop a worker that has a job, so that it beats no more."""
        words = "select owner from jobs where state='running' and kind='seeds' and attempts=0"
        while True:
            found = self.studio.workers()
            for row in self.store.rows(words):
                if (owner := row["owner"]) in found:
                    os.kill(found[owner], signal.SIGSTOP)
                    time.sleep(0.05)
                    if owner in self.store.owners() and self._can_write():
                        self.hung.append(owner)
                        return found[owner]
                    os.kill(found[owner], signal.SIGCONT)
            self.pump(0.01)

    def _can_write(self) -> bool:
        base = sqlite3.connect(self.store.file, timeout=0.5, isolation_level=None)
        try:
            base.execute("begin immediate")
            base.execute("rollback")
        except sqlite3.OperationalError:
            return False
        finally:
            base.close()
        return True

    def run(self) -> None:
        """Kill as often as is wanted, wherever it falls, until all jobs have ended."""
        options, stopped, alone = self.options, list[int](), False
        events = ["worker"] * options.kills + ["server"] * options.server_kills
        self.chance.shuffle(events)
        every = len(self.left) / (len(events) + 1)
        for number, event in enumerate(events):
            self.pump(self.chance.uniform(0.05, 0.6), int(every * (number + 1)))
            if event == "worker":
                self.kill_a_worker()
                continue
            alone = not alone
            if alone and len(stopped) < options.hangs - 1:  # it outlives the server, and hangs
                stopped.append(self.hang_a_worker())
            self.studio.kill(alone=alone)
            self.studio.start()
        self.pump(0, options.jobs + options.poison)
        if options.hangs:
            self.hang_a_worker()
        until = time.monotonic() + options.patience
        while self.store.open_jobs(self.project) or any(
            self.store.row("jobs", key)["state"] in ("queued", "running") for key in options.real
        ):
            if time.monotonic() > until:
                break
            time.sleep(0.1)
        self.studio.close()
        for process in stopped:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)


def real_jobs(folder: Path) -> tuple[list[str], list[str]]:
    """Ask a studio to learn and to fuse, cut its power at once; return the themes and the jobs."""
    import hocket
    from studio.served import FEW, SMALL, Served

    files = []
    for demo in ("demo:gymnopedie", "demo:elise"):
        files.append(folder.parent / f"{demo[5:]}.mid")
        hocket.write(hocket.read(demo), files[-1])
    studio = Served(folder)
    project = studio.project(*files)
    learned = studio.post(f"/projects/{project}/learn", FEW)["id"]
    fused = [
        studio.post(f"/projects/{project}/fuse", SMALL | FEW | {"rng": n})["id"] for n in (1, 2)
    ]
    studio.kill()
    return [str(file) for file in files], [learned, *fused]


def same_takes(folder: Path, files: Sequence[str], fusions: Sequence[str]) -> int:
    """Return how many fusions have the takes that they have when nobody disturbs them."""
    import hocket
    from studio.served import FEW, SMALL

    same = 0
    for number, fusion in enumerate(fusions, 1):
        whole, run = folder.parent / f"whole-{number}", Store(folder).run_folder(fusion)
        hocket.fuse(*files, out=whole, page=False, **SMALL, **FEW, rng=number)
        takes = sorted(whole.glob("take-*.mid"))
        found = [run / take.name for take in takes]
        same += bool(takes) and all(
            there.exists() and there.read_bytes() == take.read_bytes()
            for take, there in zip(takes, found, strict=True)
        )
    return same


def soaked(options: argparse.Namespace) -> dict[str, Any]:
    """Kill, wait, count, and return the figures."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "studio"
        files, options.real = real_jobs(folder) if options.with_real else ([], [])
        soak = Soak(folder, options)
        try:
            soak.run()
        finally:
            soak.studio.close()
        told = account(
            soak.store,
            jobs=soak.jobs,
            poison=soak.poison,
            real=options.real,
            killed=[*soak.killed, *soak.hung],
            log=(folder / LOG).read_text(encoding="ascii").splitlines(),
        )
        told |= {
            "seconds": round(time.monotonic() - began, 1),
            "worker_kills": len(soak.killed),
            "server_kills": options.server_kills,
            "hung_workers": len(soak.hung),
            "lease_seconds": LEASE_SECONDS,
        }
        if options.real:
            told["fusions_as_undisturbed"] = same_takes(folder, files, options.real[1:])
    return told


def main(words: Sequence[str] | None = None) -> int:
    """Run it and print the figures; return 1 if a job was lost, or ended twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--server-kills", type=int, default=10)
    parser.add_argument("--poison", type=int, default=3, help="jobs that kill their workers")
    parser.add_argument("--hangs", type=int, default=2, help="workers that are stopped, not killed")
    parser.add_argument("--with-real", action="store_true", help="learn and fuse beside them")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--patience", type=float, default=300, help="seconds to wait at the end")
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(words)
    told = soaked(options)
    print(json.dumps(told, indent=2))
    if options.out:
        options.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if told["well"] else 1


if __name__ == "__main__":
    sys.exit(main())

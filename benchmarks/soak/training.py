"""Kills training at random moments, one process and ranks behind torchrun, and compares the bits.

    python benchmarks/soak/training.py --kills 50 --worker-kills 20 --node-losses 5 --out FILE

A run that is killed again and again must end with the weights of a run that nobody disturbed, do
no step again that lies before a checkpoint's interval, and leave no process behind. Ranks are killed
in two ways: a worker, which its torchrun starts again, and a node: its torchrun is killed (its workers
have to see to themselves), and another torchrun takes its place. Where that torchrun kept the meeting
point, all nodes end and are started again, as a Slurm or Kubernetes job would do it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import hocket
from soak.processes import children, is_dead, kill, marked, until
from soak.telling import told

LEARNER = Path(__file__).with_name("learner.py")
SAVE_EVERY = 0.3
ORPHANS = 5.0
"""Seconds after which no process of what was killed may be left."""


def corpus_in(folder: Path) -> Path:
    """Prepare a small corpus of the demo themes."""
    for place, name in enumerate(("gymnopedie", "elise")):
        for shift in range(-2, 3):
            piece = hocket.read(f"demo:{name}").transposed(shift)
            home = folder / "scores"
            home.mkdir(parents=True, exist_ok=True)
            hocket.write(piece, home / f"{place}{shift + 2}.mid")
    hocket.prepare(folder / "scores", out=folder / "corpus", workers=1)
    return folder / "corpus"


def digest(run: Path) -> str:
    """Return the sha256 of the weights of a run."""
    return hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest()


class Log:
    """What the learner noted: attempts, each the steps it took, with their times."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def attempts(self) -> list[list[tuple[float, int]]]:
        """Return the steps of each attempt; one that was killed before its first step is empty."""
        found: list[list[tuple[float, int]]] = []
        for line in self.file.read_text().splitlines() if self.file.exists() else []:
            _, when, what = line.split()
            if what == "start":
                found.append([])
            else:
                found[-1].append((float(when), int(what)))
        return found

    def last(self) -> tuple[float, int]:
        """Return when the last step was noted, and which; (0, 0) if none was."""
        return next((steps[-1] for steps in reversed(self.attempts()) if steps), (0.0, 0))

    def lost(self) -> tuple[float, int]:
        """Return the most seconds, and the most steps, of learning that had to be done again."""
        seconds, most, done = 0.0, 0, dict[int, float]()
        for steps in filter(None, self.attempts()):
            if (first := steps[0][1]) in done:
                seconds = max(seconds, max(done.values()) - done[first])
                most = max(most, max(done) - first + 1)
            done = {step: when for when, step in steps}
        return seconds, most


class Job:
    """Training as one process, or as ranks on one or more nodes of this machine."""

    def __init__(
        self,
        corpus: Path,
        home: Path,
        nodes: int,
        ranks: int,
        knobs: list[str],
        run: Path | None = None,
    ) -> None:
        self.home, self.nodes, self.ranks, self.mark = home, nodes, ranks, secrets.token_hex(8)
        home.mkdir(parents=True)
        self.log, self.run = Log(home / "steps.log"), run or home / "run"
        self._words = [str(LEARNER), str(corpus), str(self.run), str(self.log.file), *knobs]
        self._port = self._id = 0
        self.agents: list[subprocess.Popen[bytes]] = []

    def start(self, place: int = -1) -> None:
        """Start all nodes, or the one at a place again."""
        if place < 0:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._port = free.getsockname()[1]
            self._id += 1
            self.agents = [self._started(node) for node in range(self.nodes)]
        else:
            self.agents[place] = self._started(place)

    def _started(self, node: int) -> subprocess.Popen[bytes]:
        words = [sys.executable, *self._words]
        if self.ranks:
            words = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(self.nodes),
                     "--nproc-per-node", str(self.ranks // self.nodes), "--max-restarts", "1000",
                     "--rdzv-backend", "c10d", "--rdzv-id", f"soak{self._id}",
                     "--rdzv-endpoint", f"127.0.0.1:{self._port}",
                     "--rdzv-conf", f"is_host={int(node == 0)},keep_alive_interval=1,"
                     "keep_alive_max_attempt=3",
                     *self._words]  # fmt: skip
        environment = {
            **os.environ,
            "SOAK_MARK": self.mark,
            "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
            "OMP_NUM_THREADS": "1",
        }
        with (self.home / f"node{node}.log").open("ab") as said:
            return subprocess.Popen(
                words, env=environment, stdout=said, stderr=said, start_new_session=True
            )

    def has_begun(self) -> bool:
        """Whether a step was learned."""
        return self.log.last()[1] > 0

    def has_ended(self) -> bool:
        """Whether all agents are gone; raises SystemExit if a process alone has failed."""
        codes = [agent.poll() for agent in self.agents]
        if not self.ranks and codes[0]:
            raise SystemExit(f"ended with {codes[0]}: {self.said()}")
        return all(code == 0 for code in codes)

    def said(self) -> str:
        """Return the last that its processes printed."""
        return "".join(file.read_text()[-3000:] for file in sorted(self.home.glob("node*.log")))

    def everything(self) -> list[int]:
        """Return all living processes of this job."""
        return marked(f"SOAK_MARK={self.mark}")

    def end(self) -> None:
        """Kill what is left."""
        kill(self.everything())
        for agent in self.agents:
            agent.wait()

    def undisturbed(self) -> str:
        """Run it to the end; return the digest of what it learned."""
        self.start()
        if until(self.has_ended, 600) is None:
            raise SystemExit(f"an undisturbed run did not end: {self.said()}")
        return digest(self.run)


def kill_one(job: Job, chance: random.Random) -> dict[str, Any]:
    """Kill a single process, and start it again."""
    before = len(job.log.attempts())
    job.agents[0].send_signal(signal.SIGKILL)
    job.agents[0].wait()
    orphans = until(lambda: not job.everything(), ORPHANS)
    began = time.time()
    job.start()
    return {"orphans": orphans is None, "back": _back(job, began, before)}


def kill_worker(job: Job, chance: random.Random) -> dict[str, Any]:
    """Kill one rank; its torchrun starts all again."""
    workers = [child for agent in job.agents for child in children(agent.pid)]
    if not workers:
        return {}
    victim = chance.choice(workers)
    before, began = len(job.log.attempts()), time.time()
    kill([victim])
    gone = until(lambda: all(map(is_dead, workers)), ORPHANS)
    return {"orphans": gone is None, "back": _back(job, began, before)}


def lose_node(job: Job, chance: random.Random) -> dict[str, Any]:
    """Kill a torchrun, not its workers; another one takes its place."""
    place = chance.randrange(job.nodes)
    agent = job.agents[place]
    workers = children(agent.pid)
    before, began = len(job.log.attempts()), time.time()
    kill([agent.pid])
    agent.wait()
    gone = until(lambda: all(map(is_dead, workers)), ORPHANS)
    others = [one for one in job.agents if one is not agent]
    if place == 0:  # it kept the meeting point: the others cannot go on
        kill(one.pid for one in others)
        for one in others:
            one.wait()
        until(lambda: not job.everything(), ORPHANS)
        job.start()
    else:
        job.start(place)
    return {"orphans": gone is None, "back": _back(job, began, before), "host": place == 0}


def _back(job: Job, began: float, before: int) -> float | None:
    """Return how long it takes until a new attempt has learned a step; None where the job ended."""

    def came() -> list[float]:
        return [steps[0][0] for steps in job.log.attempts()[before:] if steps]

    if until(lambda: bool(came()) or job.has_ended(), 90, 0.05) is None:
        raise SystemExit(f"it did not come back: {job.said()}")
    return came()[0] - began if came() else None


def disturbed(
    make: Any, does: Any, count: int, chance: random.Random, expected: str
) -> Iterator[dict[str, Any]]:
    """Disturb runs until that was done so many times; yield what came of each run."""
    left = count
    while left > 0:
        job = make()
        job.start()
        told, began = [], time.monotonic()
        try:
            if until(job.has_begun, 60) is None:
                raise SystemExit(f"it did not begin: {job.said()}")
            while left > 0 and not job.has_ended():
                time.sleep(chance.uniform(0.0, 1.5))
                if job.has_ended():
                    break
                if one := does(job, chance):
                    told.append(one)
                    left -= 1
                if time.monotonic() - began > 1800:
                    raise SystemExit(f"it never ends: {job.said()}")
            if until(job.has_ended, 600) is None:
                raise SystemExit(f"it did not end: {job.said()}")
            yield {
                "kills": told,
                "same": digest(job.run) == expected,
                "lost": job.log.lost(),
            }
        finally:
            job.end()


def figures(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is reported of one kind of disturbance."""
    kills = [one for run in runs for one in run["kills"]]
    back = [one["back"] for one in kills if one["back"] is not None]
    return {
        "disturbances": len(kills),
        "runs": len(runs),
        "runs_with_other_bits": sum(not run["same"] for run in runs),
        "left_orphans": sum(one["orphans"] for one in kills),
        "back_seconds_median": round(statistics.median(back), 2) if back else None,
        "back_seconds_most": round(max(back), 2) if back else None,
        "most_seconds_learned_again": round(max(run["lost"][0] for run in runs), 2),
        "most_steps_learned_again": max(run["lost"][1] for run in runs),
        "save_every_seconds": SAVE_EVERY,
    }


def soaked(
    kills: int, worker_kills: int, node_losses: int, ranks: tuple[int, ...], rng: int, steps: int
) -> dict[str, Any]:
    """Disturb all kinds of runs, and return the figures by kind."""
    chance, found = random.Random(rng), dict[str, Any]()
    with tempfile.TemporaryDirectory() as folder:
        home, number = Path(folder), 0
        corpus = corpus_in(home)

        def job(nodes: int, count: int, knobs: list[str]) -> Job:
            nonlocal number
            number += 1
            return Job(corpus, home / f"job{number}", nodes, count, [f"max_steps={steps}", *knobs])

        alone = job(1, 0, ["shards=2"]).undisturbed()
        found["weights of one process"] = alone
        kinds: list[tuple[str, int, int, Any, int, list[str]]] = []
        if kills:
            kinds.append(("one process", 1, 0, kill_one, kills, ["shards=2"]))
        for count in ranks:
            own = [f"shards={count}"]
            if worker_kills:
                name = f"{count} ranks, a worker killed"
                kinds.append((name, 1, count, kill_worker, worker_kills, own))
            if node_losses:
                name = f"{count} ranks on 2 nodes, a node lost"
                kinds.append((name, 2, count, lose_node, node_losses, own))
        wanted = {0: alone}
        for name, nodes, count, does, times, knobs in kinds:
            if count not in wanted:
                wanted[count] = job(1, count, knobs).undisturbed()
                found[f"{count} ranks, undisturbed: weights of one process"] = (
                    wanted[count] == alone
                )
            runs = disturbed(
                lambda nodes=nodes, count=count, knobs=knobs: job(nodes, count, knobs),
                does, times, chance, wanted[count],
            )  # fmt: skip
            found[name] = figures(list(runs))
            print(name, found[name], flush=True)
    return found


def main() -> int:
    """Print the figures; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--worker-kills", type=int, default=20)
    parser.add_argument("--node-losses", type=int, default=5)
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = soaked(
        options.kills, options.worker_kills, options.node_losses, tuple(options.ranks), options.rng,
        options.steps,
    )  # fmt: skip
    return told(found, options.out, met=met(found))


def met(found: dict[str, Any]) -> bool:
    """Whether the bars are met: the same bits, no orphan, one interval lost, back soon."""
    return all(
        not kind["runs_with_other_bits"]
        and not kind["left_orphans"]
        and kind["most_seconds_learned_again"] <= kind["save_every_seconds"] + 1.0
        and (kind["back_seconds_most"] or 0) <= (30 if "node" in name else 15)
        for name, kind in found.items()
        if isinstance(kind, dict)
    )


if __name__ == "__main__":
    sys.exit(main())

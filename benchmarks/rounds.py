"""Contenders as idle processes that take turns, and what their rounds say.

Surprising decision: only ratios of the same round are compared, since what else the machine does at
that moment is then the same for both; the median over rounds counts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKERS = Path(__file__).parent / "workers"


@dataclass(frozen=True)
class Entry:
    """One contender: what the table calls it, and how it is started."""

    name: str
    worker: str
    """The file in `workers/`, without its suffix."""
    kind: str
    settings: Mapping[str, Any]
    about: str = ""
    peer: bool = True
    """It runs in the peers' environment."""
    threads: int | None = 1
    """How many threads its libraries may start; None for as many as they like."""


@dataclass(frozen=True)
class Outcome:
    """The rates of one contender, a round each, and what it told when it was ready."""

    name: str
    about: str
    rates: Sequence[float]
    """Counted things a second."""
    details: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The median rate."""
        return statistics.median(self.rates)


class WorkerError(Exception):
    """A contender that could not do its work."""


class Worker:
    """A contender's process, ready and idle."""

    def __init__(self, entry: Entry, python: Path, environment: Mapping[str, str]) -> None:
        self.entry = entry
        settings = json.dumps({**entry.settings, "kind": entry.kind})
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - stop closes it
        limits = {} if entry.threads is None else _thread_limits(entry.threads)
        self._process = subprocess.Popen(
            [str(python), str(WORKERS / f"{entry.worker}.py"), settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**environment, **limits},
        )
        self.ready = self._answer()["ready"]

    def round(self) -> float:
        """Return how much it did a second in one round."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        answer = self._answer()
        return float(answer["count"] / answer["seconds"])

    def stop(self) -> None:
        """Let the process end by itself, which tidies up its files, or else end it."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._said.close()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            said = self._said.read().strip().splitlines()
            raise WorkerError(f"{self.entry.name}: {said[-1] if said else 'ended without a word'}")
        return json.loads(line)


def in_turn(
    entries: Sequence[Entry],
    start: Callable[[Entry], Worker],
    rounds: int,
    say: Callable[[str], None] = lambda text: None,
) -> list[Outcome]:
    """Start all contenders, run them A B C A B C ..., and return their rates.

    One that cannot start is said and left out; one that ends in the middle raises `WorkerError`.
    """
    workers: list[Worker] = []
    try:
        for entry in entries:
            say(f"  setting up: {entry.name}")
            try:
                workers.append(start(entry))
            except WorkerError as error:
                say(f"  left out: {error}")
        rates: list[list[float]] = [[] for _ in workers]
        for number in range(rounds if workers else 0):
            for worker, own in zip(workers, rates, strict=True):
                own.append(worker.round())
            last = ", ".join(f"{own[-1]:,.4g}" for own in rates)
            say(f"  round {number + 1} of {rounds}: {last}")
    finally:
        for worker in workers:
            worker.stop()
    return [
        Outcome(w.entry.name, w.entry.about, own, w.ready["details"], w.ready["versions"])
        for w, own in zip(workers, rates, strict=True)
    ]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median over rounds of how many times faster ours was in that round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _thread_limits(count: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(names, str(count))

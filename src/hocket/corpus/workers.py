"""Score files to parts of a corpus, in processes of their own.

Surprising decision: the readers are C++ and may crash or hang on a damaged file, and take their
process with them. So a worker says in shared memory which file it is at; whoever started it sees
from that which file to leave out, and has the part made again without it.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hocket.errors import HocketError, ScoreError
from hocket.scores.files import atomic_write
from hocket.team import die_with

PATIENCE_SECONDS = 180.0
"""A file that takes longer hangs; verovio is given up after a third of this."""
ATTEMPTS = 2
"""A file that ends so many workers is left out."""
LOOK_SECONDS = 0.5
"""How often to look whether a worker hangs."""


class Job(NamedTuple):
    """A part to make: the file to write it to, and the score files that go into it."""

    part: Path
    files: Sequence[str]
    """Names, which begin with that of a folder given."""
    above: Mapping[str, str]
    """By the name of a folder given, where it is."""

    def path(self, number: int) -> str:
        """Return where a file is."""
        name = self.files[number]
        folder = name.partition("/")[0]
        return str(Path(self.above[folder if folder in self.above else ""], name))


class Task(NamedTuple):
    """A job as a worker gets it: `lost` has what is known of files that no worker survives."""

    job: Job
    pedal: bool
    lost: Mapping[int, str]


def make_parts(
    jobs: Sequence[Job], *, pedal: bool, workers: int, on_progress: Callable[[int], None]
) -> None:
    """Make all parts, with so many processes; `on_progress` hears how many files are done.

    Raises `ScoreError` where a part cannot be written and where no process can be started. When
    this ends, however it ends, no process is left.
    """
    waiting, finished = deque(Task(job, pedal, {}) for job in jobs), 0
    strikes: Counter[str] = Counter()
    busy: list[_Worker] = []
    idle: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _Worker.started()
                worker.give(waiting.popleft())
                busy.append(worker)
            ready = wait([worker.pipe for worker in busy], LOOK_SECONDS)
            for worker in [w for w in busy if w.pipe in ready or w.hangs()]:
                busy.remove(worker)
                if worker.has_finished():
                    finished += len(worker.task.job.files)
                    idle.append(worker)
                else:
                    waiting.appendleft(worker.task_without_culprit(strikes))
            on_progress(finished + sum(max(worker.at.value, 0) for worker in busy))
    finally:
        for worker in (*busy, *idle):
            worker.end()


@dataclass(eq=False)
class _Worker:
    """A process at work on `task`; `at` is the number of the file it is at, -1 before the first."""

    process: Any
    pipe: Connection[Any, Any]
    at: Any
    task: Task = field(init=False)
    _seen: tuple[int, float] = (-1, 0.0)

    @classmethod
    def started(cls) -> _Worker:
        # Not fork: what the caller has running (threads, torch) does not survive being copied.
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        at = context.RawValue("q", -1)
        process = context.Process(target=work, args=(there, at), daemon=True)
        process.start()
        there.close()
        return cls(process, here, at)

    def give(self, task: Task) -> None:
        self.task, self.at.value = task, -1
        self._seen = (-1, time.monotonic())
        try:
            self.pipe.send(task)
        except OSError:  # it died meanwhile, which its pipe tells too
            return

    def hangs(self) -> bool:
        """Whether it has been at one file for too long."""
        now, at = time.monotonic(), self.at.value
        if at != self._seen[0]:
            self._seen = (at, now)
        return now - self._seen[1] > PATIENCE_SECONDS

    def has_finished(self) -> bool:
        """Whether its task is done; raises `ScoreError` for what it could not write."""
        if not self.pipe.poll():
            return False
        try:
            failure = self.pipe.recv()
        except (EOFError, OSError):
            return False
        if failure is not None:
            raise ScoreError(failure)
        return True

    def task_without_culprit(self, strikes: Counter[str]) -> Task:
        """End it, and return its task without the file it was at, if that ended others before."""
        self.end()
        at, job = self.at.value, self.task.job
        if at >= len(job.files):  # all files were read, and it died while writing: once more
            return self._once_more(strikes)
        if at < 0:
            raise ScoreError(
                f"{job.part.parent}: a process to read files ended early (exit code "
                f"{self.process.exitcode}); in a script, call prepare below "
                '`if __name__ == "__main__":`'
            )
        strikes[job.files[at]] += 1
        if strikes[job.files[at]] < ATTEMPTS:
            return self.task
        why = "its reader crashed or found no end; export it again"
        return self.task._replace(lost={**self.task.lost, at: why})

    def _once_more(self, strikes: Counter[str]) -> Task:
        part = str(self.task.job.part)
        strikes[part] += 1
        if strikes[part] >= ATTEMPTS:
            raise ScoreError(f"{part}: cannot be written; free some space or choose another folder")
        return self.task

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def work(pipe: Connection[Any, Any], at: Any) -> None:
    """Make one part after another, until nobody is there to ask for more."""
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        die_with(parent.pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started this
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            atomic_write(task.job.part, part_bytes(task, at))
        except HocketError as error:
            pipe.send(str(error))
            return
        pipe.send(None)


def part_bytes(task: Task, at: Any) -> bytes:
    """Return a part: the ids of its pieces, the length of each, which files they are, and the rest.

    `at.value` is kept at the number of the file being read.
    """
    from safetensors.numpy import save

    made, kept, dropped = [], [], {}
    for number in range(len(task.job.files)):
        file, at.value = task.job.path(number), number
        if number in task.lost:
            dropped[number] = task.lost[number]
            continue
        try:
            made.append(ids_of(file, pedal=task.pedal))
            kept.append(number)
        except Exception as error:  # whatever is wrong with one file, the others go on
            known = isinstance(error, HocketError)
            why = str(error) if known else f"{type(error).__name__} in its reader: {error}"
            dropped[number] = why.removeprefix(f"{file}: ").removeprefix(f"{Path(file).name}: ")
    at.value = len(task.job.files)
    tensors = {
        "ids": np.concatenate([np.zeros(0, np.uint16), *made]),
        "lengths": np.array([len(ids) for ids in made], np.int64),
        "kept": np.array(kept, np.int64),
    }
    return save(tensors, {"dropped": json.dumps(dropped)})


def ids_of(file: str | Path, *, pedal: bool = False) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return the ids (N) of a score file: those of `sources.learnable`, so of a theme's notes.

    Raises `ScoreError` where it cannot be read or nothing is left of it.
    """
    from hocket.scores import read_columns
    from hocket.tokens.encoding import encoded, keepable

    said = keepable(read_columns(file, pedal=pedal))
    if not len(said):
        raise ScoreError(f"{file}: no note is left that the grammar can say; give another file")
    return encoded(said)

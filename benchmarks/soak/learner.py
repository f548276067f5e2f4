"""`hocket train` that also notes each step in a file, so that a kill can be told from what came after.

    python benchmarks/soak/learner.py CORPUS RUN STEPS.log max_steps=200 batch=16 ...
    torchrun --nproc-per-node 2 benchmarks/soak/learner.py CORPUS RUN STEPS.log ...

A line is `PID TIME STEP`; the first rank writes them, and `PID TIME start` when it begins to learn.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hocket import team, workflows
from hocket.config import ModelConfig, RunConfig, TrainingConfig, replaced
from hocket.reporter import Silent

CONFIG = RunConfig(
    rng=1,
    start="nothing",
    model=ModelConfig(
        layers=2, width=48, embedding=16, dropout=0.1, hidden=0.05, sees_themes=False
    ),
    training=TrainingConfig(
        batch=12,
        window=48,
        windows=3,
        minutes=10_000.0,
        held_out=0.0,
        judged=512,
        check_every=40,
        patience=10_000,
        save_every=0.3,
        hockets=0.0,
        precision="float32",
    ),
)
"""Learns in tens of milliseconds a step. With three windows a chain, most kills fall inside one."""


class Noting(Silent):
    """Notes steps."""

    def __init__(self, log: Path) -> None:
        self._file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if team.is_first() else -1
        self.note("start")

    def note(self, what: object) -> None:
        """Add a line, which outlives this process."""
        if self._file >= 0:
            os.write(self._file, f"{os.getpid()} {time.time():.3f} {what}\n".encode())

    def learning(self, progress: Any) -> None:
        """Note a step."""
        self.note(progress.step)

    def say(self, text: str) -> None:
        """Print what is said."""
        if team.is_first():
            print(text, flush=True)


def main() -> int:
    """Learn."""
    corpus, run, log, *knobs = sys.argv[1:]
    given = {key: int(value) for key, value in (knob.split("=") for knob in knobs)}
    config = replaced(replace(CONFIG), given)
    workflows.train(corpus, out=run, config=config, reporter=Noting(Path(log)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

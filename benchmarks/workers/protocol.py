"""A contender's side of a comparison: set up, warm up, then one fixed round of work for every `go`.

A worker is a process that the driver starts with its settings as JSON in the first argument. When it
is ready it prints one line of JSON, {"ready": {...}}, and then {"seconds": s, "count": n} for each line
`go` that it reads; between them it waits on stdin and uses no CPU. Surprising decision: a round is as
much work as took about `settings["seconds"]` at the end of the warm-up, and stays that much, so that
slow and fast contenders are watched for equally long. Standard library only: peers import it too.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

Settings = Mapping[str, Any]


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Contender:
    """What a worker does for a round, and what the table should say about it."""

    work: Callable[[], float]
    """Does one unit of work, and returns how much that was: events, files."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen while setting up, such as the best batch."""
    packages: tuple[str, ...] = ()
    """Whose versions are to be told."""
    settle: Callable[[], None] = _nothing
    """Ends what a unit of work left running; not timed."""


def serve(kinds: Mapping[str, Callable[[Settings], Contender]]) -> None:
    """Be the worker that the command line's settings ask for, of these kinds, until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not come between the answers
    settings = json.loads(sys.argv[1])
    contender = kinds[settings["kind"]](settings)
    contender.work()
    contender.settle()
    units = max(1, math.ceil(settings["seconds"] / _round(contender, 1)[0]))
    ready = {
        "details": dict(contender.details),
        "versions": {name: metadata.version(name) for name in contender.packages},
        "units": units,
    }
    print(json.dumps({"ready": ready}), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() == "go":
            seconds, count = _round(contender, units)
            print(json.dumps({"seconds": seconds, "count": count}), file=answers, flush=True)


def _round(contender: Contender, units: int) -> tuple[float, float]:
    seconds = count = 0.0
    for _ in range(units):
        began = time.perf_counter()
        count += contender.work()
        seconds += time.perf_counter() - began
        contender.settle()
    return seconds, count


def best_of(
    choices: Mapping[str, Callable[[], float]], tries: int = 3
) -> tuple[str, dict[str, float]]:
    """Return the choice that does most a second, and what each does; one that fails is left out."""
    rates: dict[str, float] = {}
    for name, work in choices.items():
        try:
            work()
            for _ in range(tries):
                began = time.perf_counter()
                count = work()
                rates[name] = max(rates.get(name, 0.0), count / (time.perf_counter() - began))
        except Exception as error:  # a setting that this version does not have
            print(f"{name}: {error}", file=sys.stderr)
    return max(rates, key=lambda name: rates[name]), {n: round(r, 1) for n, r in rates.items()}

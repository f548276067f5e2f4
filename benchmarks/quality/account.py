"""What a peer is asked and what it answers: lists of files, a budget of CPU time, nats per note.

The nats of a piece are -ln P of all that its tokenizer says of it; the notes they are divided by are
handed in, one number a piece for all peers, since tokenizers count differently. Surprising decision:
the budget is CPU time of the whole process, so that a busy machine and a second thread change nothing.
Standard library only: peers in other environments import it too.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple


class Cost(NamedTuple):
    """What a piece costs a peer, and how many notes the peer's tokenizer says it has."""

    nats: float
    notes: int


def questions(description: str | None) -> argparse.ArgumentParser:
    """Return the options that all peers have; a peer may add its own."""
    parser = argparse.ArgumentParser(description=description)
    lists = "one score file a line, relative to --folder"
    parser.add_argument("--train", type=Path, required=True, metavar="LIST", help=lists)
    parser.add_argument("--valid", type=Path, required=True, metavar="LIST", help=lists)
    parser.add_argument("--folder", type=Path, required=True, help="where the files are")
    parser.add_argument("--minutes", type=float, required=True, help="CPU time to learn in")
    parser.add_argument("--out", type=Path, required=True, help="where the result goes, as JSON")
    parser.add_argument("--rng", type=int, default=1, help="the same number, the same draws")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--notes",
        type=Path,
        help="JSON of file to notes, as said.py writes it; without it a peer counts for itself",
    )
    return parser


def listed(file: Path) -> list[str]:
    """Return the names in a list, in order."""
    names = file.read_text(encoding="utf-8").splitlines()
    return [name.strip() for name in names if name.strip()]


@dataclass
class Budget:
    """CPU time of this process, all threads, from now on until `stop`."""

    minutes: float

    def __post_init__(self) -> None:
        self._began, self._stopped = time.process_time(), 0.0

    @property
    def used(self) -> float:
        """The minutes used."""
        return ((self._stopped or time.process_time()) - self._began) / 60

    @property
    def share(self) -> float:
        """The share used, 1 at most."""
        return min(self.used / self.minutes, 1.0) if self.minutes > 0 else 1.0

    def stop(self) -> None:
        """Count no more: what comes now is no learning."""
        self._stopped = time.process_time()


def answer(
    asked: argparse.Namespace,
    peer: str,
    budget: Budget,
    costs: Mapping[str, Cost],
    *,
    weights: int,
    events: int,
    packages: tuple[str, ...],
    variants: Mapping[str, float] | None = None,
    **more: Any,
) -> None:
    """Write the result to `asked.out`, with whatever `more` there is to tell.

    `events` are those learned, repetitions too; `variants` are the nats of the same pieces otherwise.
    """
    counts = {name: cost.notes for name, cost in costs.items()}
    if asked.notes:
        given = json.loads(asked.notes.read_text(encoding="utf-8"))
        missing = [name for name in costs if name not in given]
        if missing:
            raise SystemExit(f"{asked.notes}: no count for {missing[0]}; make it with said.py")
        counts = {name: given[name] for name in costs}
    nats, notes = sum(cost.nats for cost in costs.values()), sum(counts.values())
    result = {
        "peer": peer,
        "weights": weights,
        "cpu_minutes": round(budget.used, 3),
        "events": events,
        "nats": nats,
        "notes": notes,
        "nats_per_note": nats / notes,
        "notes_by_its_tokenizer": sum(cost.notes for cost in costs.values()),
        "variants": {name: other / notes for name, other in (variants or {}).items()},
        **more,
        "per_piece": {name: [cost.nats, counts[name]] for name, cost in costs.items()},
        "versions": {name: metadata.version(name) for name in packages},
    }
    asked.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{peer}: {nats / notes:.3f} nats per note, {budget.used:.1f} CPU minutes")

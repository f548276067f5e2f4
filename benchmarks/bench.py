"""Measures hocket beside its peers, in one run, and writes the figures to a page.

    make bench
    python benchmarks/bench.py --only sampler --rounds 9
    python benchmarks/bench.py --quick --without-peers

Every contender is a process of its own; those of a comparison take turns, and only ratios within a
round are compared (`rounds.py`). Peers live in an environment of their own, which `make bench` makes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import machine
import table
from comparisons import COMPARISONS, QUICK, Comparison, Size
from limits import Limits, best_of, measure
from rounds import Entry, Outcome, Worker, in_turn

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
RESULTS = Path(__file__).parent / "results"
PEERS = ROOT / ".venv-peers" / "bin" / "python"

Run = tuple[Comparison, list[Outcome]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparisons asked for, and write what came out."""
    options = parsed(arguments)
    peers = None if options.without_peers else Path(options.peers)
    if peers and not peers.exists():
        print(f"no peers at {peers}: `make bench` makes them; going on with hocket alone")
        peers = None
    size, cores = QUICK if options.quick else Size(), machine.cores()
    print("measuring the machine")
    limits = known = measure(size.width, threads=cores, quick=options.quick)
    done: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for word in options.only:
            done[word] = []
            for what in COMPARISONS[word](size, Path(folder), cores):
                print(what.title)
                entries = [entry for entry in what.entries if peers or not entry.peer]
                outcomes = in_turn(entries, starter(peers), options.rounds, print)
                print(table.comparison(what, outcomes, known), flush=True)
                done[word].append((what, outcomes))
    if not options.quick:
        limits = best_of(known, measure(size.width, threads=cores))
    if not options.quick or options.page != PAGE:  # a quick run's figures say nothing
        written(done, limits, options.page, options.results)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS))
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: tests that it runs")
    parser.add_argument("--without-peers", action="store_true", help="hocket alone")
    parser.add_argument("--peers", default=str(PEERS), help="the Python that has the peers")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the tables go")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the raw figures")
    return parser.parse_args(arguments)


def starter(peers: Path | None) -> Callable[[Entry], Worker]:
    """Return what starts a contender in hocket's environment or in the peers'."""

    def start(entry: Entry) -> Worker:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if not entry.peer:
            return Worker(entry, Path(sys.executable), environment)
        assert peers is not None
        environment.pop("PYTHONPATH", None)
        return Worker(entry, peers, environment)

    return start


def written(done: Mapping[str, Sequence[Run]], limits: Limits, page: Path, results: Path) -> None:
    """Put the tables into the page, each between the marks of its word, and the raw figures beside.

    What was not run this time stays as it is, on the page and among today's raw figures.
    """
    when, known, versions = time.strftime("%Y-%m-%d"), machine.described(), machine.versions()
    text = page.read_text(encoding="utf-8")
    for word, runs in done.items():
        for _, outcomes in runs:
            versions |= {k: v for o in outcomes for k, v in o.versions.items() if k not in versions}
        sections = [table.comparison(what, outcomes, limits) for what, outcomes in runs]
        text = table.placed(text, word, "\n\n".join([*sections, f"Measured {when}."]))
    text = table.placed(text, "machine", table.machine(known, versions, limits))
    page.write_text(text, encoding="utf-8")
    results.mkdir(parents=True, exist_ok=True)
    raw = results / f"{when}-{machine.slug(known)}.json"
    before = json.loads(raw.read_text(encoding="utf-8")) if raw.exists() else {}
    figures = {
        "machine": known,
        "versions": {**before.get("versions", {}), **versions},
        "limits": asdict(limits),
        "comparisons": {**before.get("comparisons", {}), **plain(done, limits)},
    }
    raw.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(f"written: {page} and {raw}")


def plain(done: Mapping[str, Sequence[Run]], limits: Limits) -> dict[str, Any]:
    """Return the comparisons by word as plain values."""
    return {
        word: [
            {
                "title": what.title,
                "unit": "1/s" if what.unit == "seconds" else what.unit,
                "bounds": [asdict(bound) for bound in what.bounds(limits)],
                "rates": {outcome.name: list(outcome.rates) for outcome in outcomes},
                "details": {outcome.name: dict(outcome.details) for outcome in outcomes},
            }
            for what, outcomes in runs
        ]
        for word, runs in done.items()
    }


if __name__ == "__main__":
    main()

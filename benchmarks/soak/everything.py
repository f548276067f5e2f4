"""`make soak`: all faults of docs/reliability.md, one after another, and a table of which bars are met.

    python benchmarks/soak/everything.py out/soak [--scores FOLDER] [--only training near]

Each writes its figures as JSON to the folder as soon as it is done; one that is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak import beside, full_disk, preparing, training

HERE = Path(__file__).parent


class Part(NamedTuple):
    """A benchmark of this folder, its arguments, what it has to show, and whether it does."""

    words: list[str]
    bar: str
    met: Callable[[dict[str, Any]], bool]


def parts(out: Path, scores: Path | None) -> dict[str, Part]:
    """Return all of them by name."""
    copied = ["--scores", str(scores)] if scores else []
    return {
        "training": Part(
            ["training.py"],
            "50 kills of a process, 20 of ranks and 5 of nodes, with 2 and with 4 ranks: same bits, "
            "one interval lost, back in 15 and 30 s, no orphan after 5 s",
            training.met,
        ),
        "full_disk": Part(
            ["full_disk.py"],
            "torn checkpoint, full disk, wrong digest: goes on from the one before, and says so",
            full_disk.met,
        ),
        "preparing": Part(
            ["preparing.py", *copied],
            "100,000 files, 20 kills: each file once, same bytes, 1,200 files/s on 2 cores",
            lambda found: preparing.met(found) and _fast(found),
        ),
        "jobs": Part(
            ["jobs.py", "--with-real"],
            "1,000 jobs, 100 worker kills, 10 server kills: none lost, none finished twice",
            lambda found: bool(found["well"]),
        ),
        "hostile": Part(
            ["verdicts.py", str(out / "hostile-files")],
            "all verdicts on hostile files right, in 2 s and 512 MB",
            lambda found: not found["hocket"]["wrong"],
        ),
        "fuzz-midi": Part(
            ["fuzz.py", "--kind", "midi", "--count", "5000000"],
            "5,000,000 MIDI mutants: a piece or one public error",
            lambda found: not found["wrong"],
        ),
        "fuzz-musicxml": Part(
            ["fuzz.py", "--kind", "musicxml", "--count", "50000"],
            "50,000 MusicXML mutants: a piece or one public error",
            lambda found: not found["wrong"],
        ),
        "beside": Part(
            ["beside.py"],
            "16 clients, 10 minutes beside learning: 150 uploads/s, p95 100 ms, no error, 20 MB, "
            "learning slowed by 25 % at most",
            beside.met,
        ),
        "attacks": Part(
            ["attacks.py"],
            "80 web attacks: none accepted",
            lambda found: (
                len(found["attacks"]) >= 80
                and not any(attack["accepted"] for attack in found["attacks"])
                and all(found["controls"].values())
            ),
        ),
        "near": Part(
            ["near.py"],
            "copies, exact and transposed, are found",
            lambda found: True,
        ),
        "generation": Part(
            ["generation.py"],
            "2 hours of generation in one process: memory within 5 %",
            lambda found: bool(found["within"]),
        ),
    }


def _fast(found: dict[str, Any]) -> bool:
    sizes = [told for name, told in found.items() if name.endswith(" files")]
    return bool(sizes[-1]["2 workers"]["files_per_second"] >= preparing.BAR)


def main() -> int:
    """Run what is missing; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--scores", type=Path, help="folder with MIDI files, to make many of")
    parser.add_argument("--only", nargs="+", default=[])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = parts(options.out, options.scores)
    if unknown := set(options.only) - set(chosen):
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(chosen)}")
    missed = 0
    for name, part in chosen.items():
        if options.only and name not in options.only:
            continue
        file = options.out / f"{name}.json"
        if not file.exists():
            print(f"{name}: {part.bar}", flush=True)
            if name == "hostile":
                folder = str(options.out / "hostile-files")
                subprocess.run([sys.executable, str(HERE / "hostile.py"), folder], check=True)
            command = [sys.executable, str(HERE / part.words[0]), *part.words[1:]]
            subprocess.run([*command, "--out", str(file)], check=False)
        fine = file.exists() and part.met(json.loads(file.read_text(encoding="utf-8")))
        missed += not fine
        print(f"{'met   ' if fine else 'MISSED'} {name}: {part.bar}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())

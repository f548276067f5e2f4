"""What `hocket train` does where a checkpoint is torn, foreign, or finds no room on the disk.

    python benchmarks/soak/full_disk.py --out FILE

The disk is a file system of 40 MB in memory where this may be mounted; else what is written is bounded
by the kernel for the one process (RLIMIT_FSIZE), which fails in the same place.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak.telling import told
from soak.training import Job, corpus_in, digest

NEWEST, BEFORE = "training.safetensors", "training.previous.safetensors"


def torn(newest: Path) -> None:
    """Cut the last bytes, as a crash without a flush would."""
    newest.write_bytes(newest.read_bytes()[:-500])


def bit_changed(newest: Path) -> None:
    """Change one bit, as a bad disk would."""
    data = bytearray(newest.read_bytes())
    data[-400] ^= 4
    newest.write_bytes(bytes(data))


def emptied(newest: Path) -> None:
    """Leave nothing in it."""
    newest.write_bytes(b"")


def gone(newest: Path) -> None:
    """Remove it, as a crash between two renames would."""
    newest.unlink()


def spoilt(
    corpus: Path, home: Path, spoil: Callable[[Path], None], expected: str
) -> dict[str, Any]:
    """Kill a run, spoil its newest checkpoint, let it go on; return what came of it."""
    job = Job(corpus, home, 1, 0, ["max_steps=120", "shards=2"])
    job.start()
    while not (job.run / BEFORE).exists():
        if job.has_ended():
            raise SystemExit(f"it ended too soon: {job.said()}")
    job.end()
    if not (job.run / NEWEST).exists():
        (job.run / BEFORE).rename(job.run / NEWEST)
    spoil(job.run / NEWEST)
    job.undisturbed()
    return {
        "said": f"going on from {BEFORE}, step" in job.said(),
        "same_bits": digest(job.run) == expected,
    }


def full(corpus: Path, home: Path, expected: str) -> dict[str, Any]:
    """Learn on a disk that is too small for a second checkpoint; then free some space and go on."""
    home.mkdir()
    small = home / "small"
    small.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(small)],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    knobs = ["max_steps=120", "shards=2"]  # what it prints goes elsewhere
    job = Job(corpus, home / "job", 1, 0, knobs, small / "run")
    try:
        ballast = small / "ballast"
        job.start()
        while not (job.run / NEWEST).exists():
            if job.has_ended():
                raise SystemExit(f"it ended too soon: {job.said()}")
        if mounted:
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
        else:  # in the running process: the next checkpoint ends at 64 kB
            resource.prlimit(job.agents[0].pid, resource.RLIMIT_FSIZE, (2**16, 2**16))
        code = job.agents[0].wait(120)
        said = job.said()
        there = {file.name for file in job.run.iterdir() if file.name.startswith("training")}
        ballast.unlink(missing_ok=True)
        job.undisturbed()
        return {
            "file_system": "tmpfs" if mounted else "bounded file size",
            "ended_with": code,
            "said": "the last checkpoint is whole" in said,
            "half_written_left": sorted(there - {NEWEST, BEFORE, "training.lock"}),
            "same_bits": digest(job.run) == expected,
        }
    finally:
        job.end()
        if mounted:
            subprocess.run(["umount", str(small)], check=False)


def soaked() -> dict[str, Any]:
    """Return what came of each fault."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        corpus = corpus_in(home)
        knobs = ["max_steps=120", "shards=2"]
        expected = Job(corpus, home / "alone", 1, 0, knobs).undisturbed()
        found = {
            spoil.__name__: spoilt(corpus, home / spoil.__name__, spoil, expected)
            for spoil in (torn, bit_changed, emptied, gone)
        }
        return {**found, "full_disk": full(corpus, home / "full", expected)}


def met(found: dict[str, Any]) -> bool:
    """Whether every fault was told of and changed nothing."""
    return (
        all(one["said"] and one["same_bits"] for one in found.values())
        and not found["full_disk"]["half_written_left"]
    )


def main() -> int:
    """Print the figures; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = soaked()
    return told(found, options.out, met=met(found))


if __name__ == "__main__":
    sys.exit(main())

"""Prepares corpora of many files: how fast, in how much memory, and killed again and again.

    python benchmarks/soak/preparing.py --scores FOLDER --files 1000 100000 --kills 20 --out FILE

The files are those of FOLDER (by default the demo themes) and copies of them, transposed and begun
later. A killed command is started again until it ends; its corpus must be, byte for byte, that of a
command that nobody disturbed, with each file in it once.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak.processes import kill, marked, peak_of, until
from soak.telling import told

ORPHANS = 5.0
BAR = 1200
"""Files a second that are to be read on two cores."""


def copied(source: str, folder: str, copy: int) -> None:
    """Write a copy of a file: transposed by -6 to 6 semitones, and begun a beat later each round."""
    from symusic import Score

    score: Any = Score.from_file(source)
    try:
        moved = score.shift_pitch(copy % 13 - 6)
    except ValueError:  # a pitch at MIDI's edge, which a transposition would leave
        moved = score
    moved = moved.shift_time((copy // 13) * score.ticks_per_quarter)
    moved.dump_midi(str(Path(folder, f"{copy:03d}-{Path(source).stem}.mid")))


def _copies(job: tuple[list[str], str, int]) -> None:
    sources, folder, copy = job
    for source in sources:
        copied(source, folder, copy)


def files_of(scores: Path | None, home: Path, count: int) -> Path:
    """Make a folder of so many files; raises SystemExit where there is nothing to copy."""
    folder = home / f"files{count}"
    if scores is None:
        import hocket

        scores = home / "demo"
        scores.mkdir(exist_ok=True)
        for name in ("gymnopedie", "elise"):
            hocket.write(hocket.read(f"demo:{name}"), scores / f"{name}.mid")
    sources = sorted(map(str, scores.rglob("*.mid")))
    if not sources:
        raise SystemExit(f"{scores}: no MIDI files there")
    jobs, left, copy = [], count, 0
    while left:
        inner = folder / f"{copy:03d}"
        inner.mkdir(parents=True)
        jobs.append((sources[:left], str(inner), copy))
        left, copy = left - len(sources[:left]), copy + 1
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(_copies, jobs))
    return folder


class Command:
    """`hocket prepare`, alone or as the ranks of one or two torchruns."""

    def __init__(self, files: Path, out: Path, workers: int, agents: int = 0) -> None:
        self.mark, self.peaks = secrets.token_hex(8), dict[int, float]()
        self._words = ["-m", "hocket", "prepare", str(files), "-o", str(out)]
        self._words += ["--workers", str(workers)]
        self._agents, self._port = agents, 29000 + random.randrange(900)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start it, or start it again."""
        environment = {**os.environ, "SOAK_MARK": self.mark, "OMP_NUM_THREADS": "1"}
        environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
        runs = [[sys.executable, *self._words]]
        if self._agents:
            self._port += 1
            runs = [
                [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(self._agents),
                 "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-id", "soak",
                 "--rdzv-endpoint", f"127.0.0.1:{self._port}",
                 "--rdzv-conf", f"is_host={int(agent == 0)}", *self._words]
                for agent in range(self._agents)
            ]  # fmt: skip
        self.processes = [
            subprocess.Popen(
                words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for words in runs
        ]

    def everything(self) -> list[int]:
        """Return all its living processes."""
        return marked(f"SOAK_MARK={self.mark}")

    def ended(self) -> bool:
        """Whether it has come to its end."""
        return all(process.poll() is not None for process in self.processes)

    def run(self) -> float:
        """Run it to the end, noting how much memory its processes take; return the seconds."""
        began = time.monotonic()
        self.start()
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.5):
                for process in self.everything():
                    try:
                        self.peaks[process] = max(peak_of(process), self.peaks.get(process, 0.0))
                    except OSError:
                        continue

        thread = threading.Thread(target=watch)
        thread.start()
        codes = [process.wait() for process in self.processes]
        done.set()
        thread.join()
        if any(code not in (0, 3) for code in codes):
            raise SystemExit(f"prepare ended with {codes}")
        return time.monotonic() - began


def digest(corpus: Path) -> str:
    """Return a sha256 of all files of a corpus."""
    found = hashlib.sha256()
    for file in sorted(corpus.iterdir()):
        found.update(file.name.encode())
        found.update(file.read_bytes())
    return found.hexdigest()


def notes_in(corpus: Path) -> int:
    """Return how many notes a corpus has."""
    from hocket.tokens.vocab import VOCAB

    strikes = VOCAB.families["NOTE_ON"]
    ids, total = np.load(corpus / "ids.npy", mmap_mode="r"), 0
    for begin in range(0, len(ids), 2**24):
        part = ids[begin : begin + 2**24]
        total += int(((part >= strikes.start) & (part < strikes.stop)).sum())
    return total


def measured(files: Path, home: Path, count: int, workers: int, agents: int = 0) -> dict[str, Any]:
    """Prepare once; return the figures."""
    out = home / "corpus"
    command = Command(files, out, workers, agents)
    seconds = command.run()
    notes, events = notes_in(out), int(np.load(out / "bounds.npy", mmap_mode="r")[-1])
    stored = sum(file.stat().st_size for file in out.iterdir())
    found = {
        "seconds": round(seconds, 1),
        "files_per_second": round(count / seconds),
        "events_per_second": round(events / seconds),
        "notes": notes,
        "events": events,
        "bytes_per_note": round(stored / max(notes, 1), 2),
        "peak_mb_of_a_process": round(max(command.peaks.values(), default=0.0)),
        "peak_mb_of_each": sorted(map(round, command.peaks.values()), reverse=True)[:6],
        "digest": digest(out),
    }
    shutil.rmtree(out)
    return found


def killed(
    files: Path, home: Path, count: int, workers: int, kills: int, seconds: float, rng: int
) -> dict[str, Any]:
    """Prepare, killed so many times at random moments; return the figures."""
    out, chance = home / "killed", random.Random(rng)
    command, left, orphans, early = Command(files, out, workers), kills, 0, 0
    began = time.monotonic()
    command.start()
    while not command.ended():
        pause = chance.uniform(0.3, 2 * seconds / (kills + 1))
        if until(command.ended, pause if left else 3600.0) is not None or not left:
            continue
        kill([command.processes[0].pid])
        command.processes[0].wait()
        left -= 1
        early += not any(out.glob("unfinished/*.safetensors"))
        orphans += until(lambda: not command.everything(), ORPHANS) is None
        command.start()
    took = time.monotonic() - began
    if any(process.returncode not in (0, 3) for process in command.processes):
        raise SystemExit(f"prepare ended with {[p.returncode for p in command.processes]}")
    names = (out / "names.txt").read_text().splitlines()
    dropped = (out / "dropped.csv").read_text().splitlines()[1:]
    found = {
        "kills": kills - left,
        "kills_before_the_first_part": early,
        "left_orphans": orphans,
        "seconds": round(took, 1),
        "files_per_second_kills_included": round(count / took),
        "files": len(names) + len(dropped),
        "each_once": len(set(names)) + len(dropped) == count == len(names) + len(dropped),
        "digest": digest(out),
    }
    shutil.rmtree(out)
    return found


def soaked(
    scores: Path | None, counts: list[int], kills: int, rng: int, ways: list[tuple[int, int]]
) -> dict[str, Any]:
    """Prepare corpora of each size in each way (workers, agents), and the last one with kills."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for count in counts:
            files, sizes = files_of(scores, home, count), {}
            for workers, agents in ways:
                name = f"{agents} torchruns" if agents else f"{workers} workers"
                sizes[name] = measured(files, home, count, workers, agents)
                print(count, name, sizes[name], flush=True)
            found[f"{count} files"] = sizes
            if count == counts[-1] and kills:
                best = sizes[f"{ways[0][0]} workers"]
                told = killed(files, home, count, ways[0][0], kills, best["seconds"], rng)
                told["same_bytes"] = told["digest"] == best["digest"]
                found["killed"] = told
                print(count, "killed", told, flush=True)
            shutil.rmtree(files)
            alike = {one["digest"] for one in sizes.values()}
            found[f"{count} files"]["same_bytes_all_ways"] = len(alike) == 1
    return found


def met(found: dict[str, Any]) -> bool:
    """Whether the bars are met, speed apart."""
    told = found.get("killed", {"same_bytes": True, "each_once": True, "left_orphans": 0})
    return bool(
        told["same_bytes"]
        and told["each_once"]
        and not told["left_orphans"]
        and all(size["same_bytes_all_ways"] for name, size in found.items() if "files" in name)
    )


def main() -> int:
    """Print the figures; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=Path, help="folder with MIDI files to copy")
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    ways = [(2, 0), (1, 0), (1, 2)]
    found = soaked(options.scores, options.files, options.kills, options.rng, ways)
    return told(found, options.out, met=met(found))


if __name__ == "__main__":
    sys.exit(main())

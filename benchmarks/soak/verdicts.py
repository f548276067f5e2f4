"""Reads hostile files and counts what ends otherwise than `manifest.csv` says.

    python benchmarks/soak/hostile.py out/hostile
    python benchmarks/soak/verdicts.py out/hostile --out verdicts.json
    python benchmarks/soak/verdicts.py out/hostile --peers --python PEERS/bin/python

Each file is read in a child process that is replaced when it dies or takes longer than `HANGS`. It may
take two seconds, and 512 MiB: the peak of the child's resident memory above what it had before the
file, plus the peak of verovio's process where there was one. What the child opens for writing, makes,
renames or removes, and whom it connects to, is counted by an audit hook; its working folder, its folder
for temporary files and the folder of hostile files are looked through afterwards, for what C++ wrote.

The peers read the MIDI files alone. An exception of any kind is a refusal for them, and files that
either ending will do for count only where they crash or hang.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import select
import subprocess
import sys
import tempfile
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MOST_SECONDS, MOST_BYTES = 2.0, 512 << 20
HANGS = 20.0  # by the clock
PEERS = ("symusic", "mido", "pretty_midi", "music21")
_SUFFIXES = (".mid", ".rmi")
_WARMING = ("format-1.mid", "pedal-never-up.mid", "xml-plain.musicxml", "abc-plain.abc")

Row = dict[str, str]
Answer = dict[str, Any]


class Child:
    """A process that reads files, replaced when it dies."""

    def __init__(self, reader: str, python: str, folder: Path) -> None:
        self.folder = folder
        self.command = [python, str(Path(__file__).with_name("hostile_child.py")), reader]
        self.command += [
            str(folder / name) for name in _WARMING if name.endswith(".mid") or reader == "hocket"
        ]
        self.home = tempfile.TemporaryDirectory()
        self.process: subprocess.Popen[str] | None = None

    def read(self, file: str, reader: str) -> Answer:
        """Return how a file ends; a crash or a hang costs the process."""
        process = self.process or self._started()
        assert process.stdin is not None
        print(json.dumps((str(self.folder / file), reader)), file=process.stdin, flush=True)
        line = self._line(process, HANGS)
        if line:
            answer: Answer = json.loads(line)
            return answer
        ended = "hang" if line is None else "crash"
        self.close()
        return {
            "ended": ended,
            "notes": None,
            "said": "",
            "seconds": HANGS,
            "cpu_seconds": HANGS,
            "bytes": 0,
            "written": [],
        }

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.process = None

    def left(self) -> list[str]:
        """Return the files that lie in the process's folder, where none should."""
        return sorted(str(file) for file in Path(self.home.name).rglob("*") if file.is_file())

    def _started(self) -> subprocess.Popen[str]:
        place = {"TMPDIR": self.home.name, "MPLCONFIGDIR": self.home.name}
        self.process = subprocess.Popen(
            self.command, cwd=self.home.name, env=os.environ | place, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if not self._line(self.process, 120):
            raise SystemExit(f"{self.command}: does not start")
        return self.process

    @staticmethod
    def _line(process: subprocess.Popen[str], seconds: float) -> str | None:
        """Return the next line, none where it takes too long, an empty one where there is none."""
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        return process.stdout.readline() if ready else None


def judged(
    row: Row, answer: Answer, most_seconds: float = MOST_SECONDS, clock: str = "seconds"
) -> str:
    """Return what is wrong with how hocket ended; empty where nothing is."""
    ended, verdict = str(answer["ended"]), row["verdict"]
    if ended in ("crash", "hang", "raised"):
        return ended if ended != "raised" else f"raised {answer['said'].split(':')[0]}"
    if answer["written"]:
        return "written elsewhere"
    if answer[clock] > most_seconds:
        return "slow"
    if answer["bytes"] > MOST_BYTES:
        return "memory"
    if (verdict, ended) in (("read", "refused"), ("refuse", "read")):
        return ended
    wrong = verdict == "read" and row["notes"] and answer["notes"] != int(row["notes"])
    return "wrong notes" if wrong else ""


def judged_peer(
    row: Row, answer: Answer, most_seconds: float = MOST_SECONDS, clock: str = "seconds"
) -> str:
    """Return what is wrong with how a peer ended, in the words of `judged`."""
    ended = answer["ended"]
    if ended in ("crash", "hang"):
        return str(ended)
    if answer["said"].startswith("MemoryError") or answer["bytes"] > MOST_BYTES:
        return "memory"
    if answer[clock] > most_seconds:
        return "slow"
    if row["verdict"] == "read" and ended == "raised":
        return "refused"
    if row["verdict"] == "refuse" and ended == "read":
        return "read nothing" if not answer["notes"] else "read"
    wrong = row["verdict"] == "read" and answer["notes"] != int(row["notes"])
    return "wrong notes" if wrong else ""


def reading(
    reader: str,
    python: str,
    folder: Path,
    rows: list[Row],
    most_seconds: float = MOST_SECONDS,
    children: int = 1,
    clock: str = "seconds",
) -> dict[str, Any]:
    """Return what one reader makes of the files: counts of what is wrong, and the files."""
    before = sorted(map(str, folder.rglob("*")))
    found: dict[str, Answer] = {}
    todo, left = deque(rows), list[str]()

    def work() -> None:
        child = Child(reader, python, folder)
        while todo:
            with contextlib.suppress(IndexError):  # another child had the last one
                row = todo.popleft()
                found[row["file"]] = child.read(row["file"], row["reader"])
        child.close()
        left.extend(child.left())

    with ThreadPoolExecutor(children) as pool:
        for done in [pool.submit(work) for _ in range(children)]:
            done.result()
    judge = judged if reader == "hocket" else judged_peer
    faults = {row["file"]: judge(row, found[row["file"]], most_seconds, clock) for row in rows}
    wrong = {file: fault for file, fault in faults.items() if fault}
    for file, fault in wrong.items() if reader == "hocket" else ():
        print(f"  {fault}: {file}: {found[file]}"[:400])
    left += sorted(set(map(str, folder.rglob("*"))) ^ set(before))
    return {
        "files": len(rows), "ends": dict(Counter(answer["ended"] for answer in found.values())),
        "wrong": dict(Counter(wrong.values())),
        "slowest_seconds": round(max(answer["seconds"] for answer in found.values()), 2),
        "most_mib": max(answer["bytes"] for answer in found.values()) >> 20,
        "files_left": left, "wrong_files": wrong,
    }  # fmt: skip


def main() -> int:
    """Print a table of wrong verdicts; return 1 where hocket has one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peers", action="store_true", help="the MIDI files by other readers too")
    parser.add_argument("--python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--only", default="", help="files whose name holds this")
    parser.add_argument(
        "--busy", action="store_true", help="count the processor's time: others work here too"
    )
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = options.folder.resolve()
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as opened:
        rows = [row for row in csv.DictReader(opened) if options.only in row["file"]]
    clock = "cpu_seconds" if options.busy else "seconds"
    figures = {"hocket": reading("hocket", sys.executable, folder, rows, clock=clock)}
    midi = [row for row in rows if row["file"].endswith(_SUFFIXES)]
    for peer in PEERS if options.peers else ():
        there = [options.python, "-c", f"import {peer}"]
        if subprocess.run(there, capture_output=True).returncode == 0:
            figures[peer] = reading(peer, options.python, folder, midi, clock=clock)
    for reader, found in figures.items():
        faults = ", ".join(f"{count} {fault}" for fault, count in sorted(found["wrong"].items()))
        print(
            f"{reader:12} {found['files']} files, {len(found['wrong_files'])} wrong "
            f"({faults or 'none'}), "
            f"slowest {found['slowest_seconds']} s, most {found['most_mib']} MiB, "
            f"{len(found['files_left'])} files left elsewhere"
        )
    if options.out:
        verdicts = dict(Counter(row["verdict"] for row in rows))
        options.out.write_text(json.dumps({"manifest": verdicts, **figures}, indent=1) + "\n")
    return int(bool(figures["hocket"]["wrong_files"] or figures["hocket"]["files_left"]))


if __name__ == "__main__":
    raise SystemExit(main())

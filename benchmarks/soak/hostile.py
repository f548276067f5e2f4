"""Writes hostile files, the same bytes each time, and `manifest.csv`, which says how each must end.

    python benchmarks/soak/hostile.py FOLDER

A file that must be read has to end in a piece of so many notes (pitched ones that have an end, repeats
played out), one that must be refused in a `HocketError`, and of the others either will do. All within
two seconds, in little memory, and without a file written anywhere; see `verdicts.py`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak import (
    hostile_abc,
    hostile_events,
    hostile_learned,
    hostile_midi,
    hostile_xml,
)
from soak.hostile_case import Case

MANIFEST = "manifest.csv"


def cases() -> Iterator[Case]:
    """Yield all hostile files."""
    for module in (hostile_midi, hostile_events, hostile_xml, hostile_abc, hostile_learned):
        yield from module.cases()


def manifest(all_cases: list[Case]) -> str:
    """Return the manifest as CSV."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("file", "verdict", "notes", "reader", "why"))
    for case in all_cases:
        notes = "" if case.notes is None else case.notes
        rows.writerow((case.file, case.verdict, notes, case.reader, case.why))
    return text.getvalue()


def digest() -> str:
    """Return the sha256 of all names, verdicts and bytes."""
    state = hashlib.sha256()
    for case in cases():
        files = {"": case.data} if isinstance(case.data, bytes) else case.data
        for name, data in files.items():
            state.update(f"{case[:1]} {case[2:]} {name} {len(data)}".encode() + data)
    return state.hexdigest()


def write(folder: Path) -> list[Case]:
    """Write all files and the manifest; return the cases, without their bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for case in cases():
        if isinstance(case.data, bytes):
            (folder / case.file).write_bytes(case.data)
        else:
            (folder / case.file).mkdir(exist_ok=True)
            for name, data in case.data.items():
                (folder / case.file / name).write_bytes(data)
        written.append(case._replace(data=b""))
    (folder / MANIFEST).write_text(manifest(written), encoding="utf-8")
    return written


def main() -> int:
    """Write the files and say how many."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    written = write(parser.parse_args().folder)
    counts = Counter(case.verdict for case in written)
    print(f"{len(written)} files:", ", ".join(f"{counts[v]} {v}" for v in sorted(counts)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

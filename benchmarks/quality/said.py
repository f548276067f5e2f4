"""A corpus as hocket says it, as MIDI files, and the count of notes that all peers are divided by.

What hocket's grammar leaves out (finer velocities, a finer grid, notes beyond the piano) must not cost
the peers anything either: a tokenizer of its own reads these files instead of the original ones.

    python benchmarks/quality/said.py --lists train.txt valid.txt --folder BASE --to SAID
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import account
import events
from hocket.scores import write
from hocket.tokens import decode


def main() -> None:
    """Write the files under the same names, and `notes.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lists", type=Path, nargs="+", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    asked = parser.parse_args()
    names = [name for file in asked.lists for name in account.listed(file)]
    counts = {}
    for name, ids in events.read(asked.folder, names, all_of_them=False).items():
        file = asked.to / name
        file.parent.mkdir(parents=True, exist_ok=True)
        write(decode(ids), file)
        counts[name] = events.notes(ids)
    (asked.to / "notes.json").write_text(json.dumps(counts, indent=1) + "\n", encoding="utf-8")
    print(f"{len(counts)} files, {sum(counts.values())} notes")


if __name__ == "__main__":
    main()

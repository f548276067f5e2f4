"""The main job on the demo pair: 16 takes of 32 bars with default settings, timed as a whole process.

Prints a row for each --rng: seconds from command to last file, held-out loss (nats per event) and the
medians of the measures. By default each theme is learned on top of the base model; other presets and
themes may be named, and options after `--` go to `hocket fuse`.

    python benchmarks/demo_pair.py --rng 1 2 3
    python benchmarks/demo_pair.py --preset classic --themes A.mid B.mid -- --bars 16
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hocket.config import PRESETS

COLUMNS = ("known", "weaker", "switches", "in_key", "cover16", "longest", "stuck", "notes")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--themes", nargs="+", default=["demo:gymnopedie", "demo:elise"])
    parser.add_argument("--rng", nargs="+", type=int, default=[1])
    parser.add_argument("--preset", choices=PRESETS, help="of `hocket fuse`")
    parser.add_argument("rest", nargs="*", help="options for hocket fuse, after --")
    options = parser.parse_args()
    preset = ["--preset", options.preset] if options.preset else []
    print("| rng | seconds | held-out |", " | ".join(COLUMNS), "|")
    print("|---" * (3 + len(COLUMNS)) + "|")
    for rng in options.rng:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            command = [sys.executable, "-m", "hocket", "fuse", *options.themes, "-o", str(out)]
            began = time.monotonic()
            subprocess.run(
                [*command, "--takes", "16", "--rng", str(rng), *preset, *options.rest],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            seconds = time.monotonic() - began
            report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        cells = (f"{report['medians'][column]:.2f}" for column in COLUMNS)
        held_out = report["learned"]["held_out"]
        judged = "" if held_out is None else f"{held_out:.2f}"
        print(f"| {rng} | {seconds:.0f} | {judged} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()

"""Kills the server, as a power cut would, at random moments of uploads, learning and fusing.

    python benchmarks/studio/kills.py --kills 20 --out benchmarks/results/studio-kills.json

After each kill a new server is started on the same folder and everything that was answered before must
be there; in the end the takes must be those of a fusion that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx

import hocket
from hocket.scores.midi import midi_bytes
from served import Served

KNOBS: dict[str, Any] = {
    "takes": 16, "keep": 4, "bars": 16, "max_steps": 60, "check_every": 20, "patience": 100
}  # fmt: skip
DEMOS = ("demo:gymnopedie", "demo:elise")


def uploads(studio: Served, project: str, content: bytes, kept: list[str]) -> None:
    """Upload until the server is gone, noting what it said was kept."""
    try:
        while True:
            kept.append(studio.upload(project, "x.mid", content)["id"])
            studio.client.delete(f"/api/themes/{kept.pop(0)}") if len(kept) > 8 else None
    except (httpx.HTTPError, AssertionError):
        return


def main() -> int:
    """Kill, look, and print the figures; return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chance, lost, back = random.Random(options.rng), [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        files = [home / f"{name[5:]}.mid" for name in DEMOS]
        for file, name in zip(files, DEMOS, strict=True):
            hocket.write(hocket.read(name), file)
        content = midi_bytes(hocket.cut("demo:elise", bars="1-8"))
        studio = Served(home / "studio")
        project, other = studio.project(*files), studio.project()
        job, stages, done = studio.post(f"/projects/{project}/fuse", KNOBS)["id"], [], 0
        finished: list[str] = []
        for kill in range(options.kills):
            kept: list[str] = []
            thread = threading.Thread(target=uploads, args=(studio, other, content, kept))
            if kill % 3 == 2:
                thread.start()
            time.sleep(chance.uniform(0.3, 14))
            state = studio.job(job)
            stages.append(f"{state['state']}: {state['progress'].get('stage')}")
            studio.kill()
            if thread.ident:
                thread.join()
            began = time.monotonic()
            studio.start()
            back.append(time.monotonic() - began)
            here = {theme["id"] for theme in studio.get(f"/projects/{other}")["themes"]}
            lost += [f"theme {key}" for key in kept if key not in here]
            for key in here:
                studio.client.delete(f"/api/themes/{key}")
            if len(studio.get(f"/projects/{project}")["themes"]) != len(files):
                lost.append("a theme of the fusion")
            for each in [*finished, job]:
                if studio.client.get(f"/api/jobs/{each}").status_code != 200:
                    lost.append(f"job {each}")
            if studio.job(job)["state"] == "done":  # the next kill meets another one
                finished.append(job)
                done += 1
                trimmed = {**KNOBS, "rng": 1 + done, "max_steps": 60 + done}
                job = studio.post(f"/projects/{project}/fuse", trimmed)["id"]
        for each in [*finished, job]:
            studio.ended(each)
        runs = [home / "studio" / "fusions" / each / "run" for each in [*finished, job]]
        same = 0
        for number, run in enumerate(runs):
            whole = home / f"whole-{number}"
            knobs = {**KNOBS, "rng": 1 + number, "max_steps": 60 + number} if number else KNOBS
            hocket.fuse(*files, out=whole, page=False, **knobs)
            names = [file.name for file in sorted(whole.glob("take-*.mid"))]
            equal = all((whole / n).read_bytes() == (run / n).read_bytes() for n in names)
            same += bool(names) and equal
            if not (names and equal):
                lost.append(f"takes of fusion {number + 1}")
        studio.close()
    told = {
        "kills": options.kills,
        "during": {stage: stages.count(stage) for stage in sorted(set(stages))},
        "with_uploads": options.kills // 3,
        "lost": lost,
        "fusions": len(runs),
        "the_same_as_undisturbed": same,
        "seconds_until_it_answers": round(sorted(back)[len(back) // 2], 2),
    }
    print(json.dumps(told, indent=2))
    if options.out:
        options.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())

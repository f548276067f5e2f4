"""Writes takes for hours in one process, in memory and to a folder, and watches the memory it holds.

    python benchmarks/soak/generation.py --minutes 120 --out generation.json

Two demo themes are learned once. Then round follows round with other chance, lengths, mixes and forms;
every fourth goes to a folder, is written on with `more`, and is taken out as MIDI, MusicXML, SVG and
PNG, every twelfth also as a page with sound. After each round the resident memory is read. The bar: its
median in the last quarter of the time after warming up is within 5 % of that in the first. The figures
are written every minute, so that it can be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import hocket
from hocket.errors import HocketError
from machine import described

DEMOS = ("demo:gymnopedie", "demo:elise")
BAR_PERCENT = 5.0
WARM_MINUTES, WARM_ROUNDS = 5.0, 10
TO_FOLDER, WITH_PAGE = 4, 12
"""Every so many rounds."""
NOTE_SECONDS = 60.0
SHAPES = ((4, 8), (8, 16), (6, 24), (4, 32), (12, 12))
"""Takes and bars."""
MIXES: tuple[float | str, ...] = (0.5, 0.8, "0:1, 8:0", 0.2, "0:0, 4:1, 8:.5", 0.35, 0.65)
FORMS = ("auto", "AABA", "through")


class Sample(NamedTuple):
    """What the process held after a round."""

    seconds: float
    rounds: int
    mb: float
    files: int
    threads: int


def resident_mb() -> float:
    """Return the resident memory of this process; its peak, where there is no /proc."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def open_files() -> int:
    """Return how many files this process has open; 0 where nobody tells."""
    here = Path("/proc/self/fd")
    return len(list(here.iterdir())) if here.is_dir() else 0


def knobs_of(number: int, rng: int) -> dict[str, Any]:
    """Return the settings of a round; all differ in their own rhythm."""
    takes, bars = SHAPES[number % len(SHAPES)]
    return {
        "rng": rng + number,
        "takes": takes,
        "keep": min(takes, 4),
        "bars": bars,
        "mix": MIXES[number % len(MIXES)],
        "form": FORMS[number % len(FORMS)],
    }


def export(run: Any, folder: Path) -> int:
    """Take a run's best take out in all ways that are cheap; return how many files that made."""
    piece = run.takes[0].piece
    for suffix in (".mid", ".musicxml", ".svg"):
        hocket.write(piece, folder / f"best{suffix}")
    hocket.draw(piece, out=folder / "roll.png", against=DEMOS)
    hocket.draw(piece, out=folder / "origins.svg", what="origins", against=DEMOS)
    hocket.draw(piece, out=folder / "similarity.png", what="similarity", form="AABA")
    return 6


def one_round(number: int, rng: int, themes: Sequence[Any], home: Path) -> tuple[int, int]:
    """Write takes; return how many were tried, and how many files were taken out of them."""
    knobs = knobs_of(number, rng)
    if number % TO_FOLDER:
        return int(hocket.fuse(*themes, **knobs).tried), 0
    folder = home / "run"
    page = number % WITH_PAGE == 0
    hocket.fuse(*themes, out=folder, overwrite=True, page=page, **knobs)
    run = hocket.more(folder, rng=rng + number + 1, takes=4, keep=2, bars=8, page=False)
    return int(run.tried), export(run, home)


def verdict(series: Sequence[Sample], warm: int) -> dict[str, Any]:
    """Return the memory of the first and the last quarter after warming up, and how they differ."""
    after = series[warm:]
    if len(after) < 8:
        return {"within": None}
    since, until = after[0].seconds, after[-1].seconds
    quarter = (until - since) / 4
    first = statistics.median(one.mb for one in after if one.seconds <= since + quarter)
    last = statistics.median(one.mb for one in after if one.seconds >= until - quarter)
    percent = 100 * (last / first - 1)
    return {
        "first_quarter_mb": round(first, 1),
        "last_quarter_mb": round(last, 1),
        "change_percent": round(percent, 2),
        "bar_percent": BAR_PERCENT,
        "within": abs(percent) <= BAR_PERCENT,
        "least_mb": round(min(one.mb for one in after), 1),
        "most_mb": round(max(one.mb for one in after), 1),
    }


def is_warm(sample: Sample, warm_minutes: float) -> bool:
    """Whether what is loaded and compiled once is there."""
    return sample.seconds >= 60 * warm_minutes and sample.rounds >= WARM_ROUNDS


class Soak:
    """Round after round, with what is counted and measured of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.takes = self.files = 0
        self.refused = Counter[str]()
        self.series = list[Sample]()

    def run(self, themes: Sequence[Any], home: Path) -> None:
        """Write takes for as long as is wanted."""
        began, noted, passed = time.monotonic(), 0.0, 0.0
        while passed < 60 * self.options.minutes:
            number = len(self.series)
            try:
                takes, files = one_round(number, self.options.rng, themes, home)
                self.takes, self.files = self.takes + takes, self.files + files
            except HocketError as error:
                self.refused[str(error)] += 1
            passed = time.monotonic() - began
            held = round(resident_mb(), 1), open_files(), threading.active_count()
            self.series.append(Sample(round(passed, 1), number + 1, *held))
            if passed - noted >= NOTE_SECONDS or passed >= 60 * self.options.minutes:
                noted = passed
                self.note()

    def told(self) -> dict[str, Any]:
        """Return the figures so far."""
        warm = sum(not is_warm(one, self.options.warm) for one in self.series)
        return {
            "minutes": round(self.series[-1].seconds / 60, 1),
            "rounds": len(self.series),
            "takes": self.takes,
            "exported_files": self.files,
            "refused": dict(self.refused),
            "rounds_of_warming_up": warm,
            **verdict(self.series, warm),
        }

    def note(self) -> None:
        """Say how it stands, and write it down."""
        told, last = self.told(), self.series[-1]
        print(
            f"{told['minutes']} min: {last.rounds} rounds, {last.mb} MB, "
            f"change {told.get('change_percent')} %",
            flush=True,
        )
        if self.options.out:
            told |= {"machine": described(), "fields": Sample._fields, "series": self.series}
            self.options.out.write_text(json.dumps(told) + "\n", encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    """Write takes for so long and print the figures; return 1 if memory grew or shrank too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--warm", type=float, default=WARM_MINUTES, help="minutes of warming up")
    parser.add_argument("--steps", type=int, default=20, help="of learning")
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(words)
    soak = Soak(options)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        steps = {"max_steps": options.steps, "check_every": max(options.steps // 2, 1)}
        themes = [hocket.learn(demo, out=home / f"{demo[5:]}.theme", **steps) for demo in DEMOS]
        soak.run(themes, home)
    print(json.dumps(soak.told(), indent=2))
    return 1 if soak.told().get("within") is False else 0


if __name__ == "__main__":
    sys.exit(main())

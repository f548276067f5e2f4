"""How many score files a second become ids: hocket end to end to disk, and peers on the same files.

Prints a line for each tool named, one process each. hocket's figure runs from the first part made to
the corpus on disk; what starting the process took is said beside it. Peers' figures are for files to
ids in memory, without loading them and without writing. A peer is imported only when it is named, so
this file also runs where only peers are installed.

    python benchmarks/ingest.py --files FOLDER --count 400
    python benchmarks/ingest.py --files FOLDER --count 400 --tools miditok miditok-as-hocket music21
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Timing(NamedTuple):
    """`files` were turned into ids at `per_second`, after `start_seconds` of getting ready."""

    files: int
    per_second: float
    start_seconds: float


def sample(folder: Path, count: int | None) -> list[Path]:
    """Return so many MIDI files below a folder, spread evenly over their names."""
    files = sorted(folder.rglob("*.mid"))
    count = min(count or len(files), len(files))
    return [files[number * len(files) // count] for number in range(count)]


def time_hocket(files: Sequence[Path], workers: int = 1) -> Timing:
    """Prepare a corpus of the files in a temporary folder."""
    from hocket.corpus.ingest import ingest

    with tempfile.TemporaryDirectory() as made:
        scores, out = Path(made, "scores"), Path(made, "corpus")
        for number, file in enumerate(files):
            own = scores / f"{number:07d}.mid"
            own.parent.mkdir(exist_ok=True)
            try:
                os.link(file, own)
            except OSError:  # another disk
                shutil.copy(file, own)
        seen = [(time.perf_counter(), 0)]

        def look(done: int, of: int) -> None:
            if done > seen[-1][1]:
                seen.append((time.perf_counter(), done))

        ingest([scores], out, workers=workers, on_progress=look)
        end = time.perf_counter()
    (begin, _), (first, done) = seen[:2]
    per_second = (len(files) - done) / (end - first)
    return Timing(len(files), per_second, max(first - begin - done / per_second, 0.0))


def time_ids(files: Sequence[Path]) -> Timing:
    """Turn files into ids in this process with hocket, in memory: what peers are timed at."""
    from hocket.corpus.workers import ids_of

    return _timed(files, ids_of)


def time_miditok(files: Sequence[Path], **settings: Any) -> Timing:
    """Turn files into ids with MidiTok's REMI; its defaults unless `settings` say otherwise."""
    from miditok import REMI, TokenizerConfig

    tokenizer = REMI(TokenizerConfig(**settings)) if settings else REMI()
    return _timed(files, lambda file: tokenizer(file))


def time_music21(files: Sequence[Path]) -> Timing:
    """Read files with music21 into the notes and chords of the flat score, as the original did."""
    from music21 import converter, note

    def words(file: Path) -> list[str]:
        return [
            str(each.pitch) if isinstance(each, note.Note) else ".".join(map(str, each.normalOrder))
            for each in converter.parse(file, forceSource=True).flatten().notes
        ]

    return _timed(files, words)


# As much as hocket says: the metre, one stream for all parts, 24 places a quarter, no velocity.
_AS_HOCKET = {
    "use_programs": True,
    "one_token_stream_for_programs": True,
    "use_time_signatures": True,
    "use_velocities": False,
    "beat_res": {(0, 12): 24},
}

TOOLS: dict[str, Callable[[Sequence[Path]], Timing]] = {
    "hocket": time_hocket,
    "hocket-ids": time_ids,
    "miditok": time_miditok,
    "miditok-as-hocket": lambda files: time_miditok(files, **_AS_HOCKET),
    "music21": time_music21,
}


def _timed(files: Sequence[Path], turn: Callable[[Path], Any]) -> Timing:
    begin = time.perf_counter()
    turn(files[0])  # what is loaded or compiled when first used
    first = time.perf_counter()
    for file in files:
        turn(file)
    return Timing(len(files), len(files) / (time.perf_counter() - first), first - begin)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--count", type=int, help="files to take (default: all)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each tool, in turn")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=["hocket"])
    options = parser.parse_args()
    files = sample(options.files, options.count)
    found: dict[str, list[Timing]] = {tool: [] for tool in options.tools}
    for _, tool in itertools.product(range(options.repeats), options.tools):
        found[tool].append(TOOLS[tool](files))
    for tool, timings in found.items():
        rates = [timing.per_second for timing in timings]
        start = statistics.median(timing.start_seconds for timing in timings)
        print(
            f"{tool}: {statistics.median(rates):,.1f} files/s ({min(rates):,.1f} to "
            f"{max(rates):,.1f}; {len(files)} files, {len(timings)} runs, {start:.1f} s to start)"
        )


if __name__ == "__main__":
    main()

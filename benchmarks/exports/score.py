"""Whether scores say what pieces sound: written, read back, and played by MuseScore where it is.

    python benchmarks/exports/score.py BASE --pieces 200 --out benchmarks/results/score.json

BASE is the base corpus, unpacked. Of so many of its pieces, drawn by chance, the onsets, ends and
pitches that are read back are compared with what was written, and the times taken. With
`--musescore N`, MuseScore opens N of them, and what it plays is compared.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from hocket import read
from hocket.errors import HocketError
from hocket.music import Piece
from hocket.notation import engrave_svg, musicxml
from hocket.scores.musicxml import read_musicxml

Notes = Counter[tuple[int, ...]]


def notes_of(piece: Piece, columns: tuple[str, ...] = ("start", "end", "pitch")) -> Notes:
    """Return how often there is each note, told by some of its values."""
    return Counter(tuple(getattr(note, name) for name in columns) for note in piece.notes)


def read_back(file: Path) -> dict[str, Any]:
    """Return how a piece comes back from MusicXML."""
    piece = read(file)
    began = time.perf_counter()
    written = musicxml(piece)
    took = time.perf_counter() - began
    again, _ = read_musicxml(written, file.name)
    lost = notes_of(piece) - notes_of(again)
    return {
        "file": file.name,
        "notes": len(piece.notes),
        "lost": sum(lost.values()),
        "same_bars": piece.bars() == again.bars(),
        "seconds": took,
        "kbytes": len(written) / 1000,
    }


def by_musescore(file: Path, program: str, folder: Path) -> dict[str, Any]:
    """Return what MuseScore plays of a piece given to it as MusicXML, and what it complains of."""
    piece = read(file)
    source, target = folder / "x.musicxml", folder / "x.mid"
    source.write_bytes(musicxml(piece))
    done = subprocess.run(
        [program, "-o", str(target), str(source)],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout + done.stderr
    there = notes_of(read(target), ("start", "pitch"))
    here = notes_of(piece, ("start", "pitch"))
    return {
        "file": file.name,
        "notes": len(piece.notes),
        "onsets_lost": sum((here - there).values()),
        "onsets_added": sum((there - here).values()),
        "complaints": sum(word in said.lower() for word in ("corrupt", "incomplete", "too long")),
    }


def main() -> None:
    """Print a summary and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("--pieces", type=int, default=200)
    parser.add_argument("--musescore", type=int, default=0)
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with (options.base / "manifest.csv").open(encoding="utf-8") as file:
        paths = [options.base / row["path"] for row in csv.DictReader(file)]
    random.Random(options.rng).shuffle(paths)
    rows, refused = [], []
    for path in paths[: options.pieces]:
        try:
            rows.append(read_back(path))
        except HocketError as error:
            refused.append(str(error))
    differing = [row for row in rows if row["lost"]]
    engraved = []
    for path in paths[:20]:
        began = time.perf_counter()
        engrave_svg(read(path))
        engraved.append(time.perf_counter() - began)
    result = {
        "pieces": len(rows),
        "refused": refused,
        "notes": sum(row["notes"] for row in rows),
        "read_back_equal": len(rows) - len(differing),
        "notes_that_differ": sum(row["lost"] for row in differing),
        "same_bars": sum(row["same_bars"] for row in rows),
        "differing": differing,
        "milliseconds_for_1000_notes": 1e6
        * statistics.median(row["seconds"] / row["notes"] for row in rows),
        "engraving_seconds": statistics.median(engraved),
    }
    program = next((p for p in map(shutil.which, ("mscore", "musescore3", "mscore3")) if p), None)
    if options.musescore and program:
        with tempfile.TemporaryDirectory() as folder:
            result["musescore"] = [
                by_musescore(path, program, Path(folder)) for path in paths[: options.musescore]
            ]
    text = json.dumps(result, indent=1, ensure_ascii=False)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()

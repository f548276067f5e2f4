"""What contenders work on: MIDI files to read, and a run to write more takes from."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hocket.music import Piece
from hocket.reporter import Silent
from hocket.scores import write
from hocket.sources import read_theme

ROOT = Path(__file__).parents[1]
COLLECTION = ROOT.parent / "shared" / "data" / "base.tar.xz"
DEMO = ("demo:gymnopedie", "demo:elise")
NOTES = 1200
"""How long a made file is: about what a file of the collection has."""


def midi_files(folder: Path, count: int, collection: Path) -> list[Path]:
    """Return MIDI files: some of the collection where it is there, else some that are made."""
    if collection.exists():
        return unpacked(collection, folder, count)
    return made(folder, count)


def unpacked(collection: Path, folder: Path, count: int) -> list[Path]:
    """Unpack MIDI files spread evenly over a collection, and return them."""
    with tarfile.open(collection) as archive:
        members = sorted((m for m in archive if m.name.endswith(".mid")), key=lambda m: m.name)
        chosen = {members[i * len(members) // count].name for i in range(min(count, len(members)))}
    with tarfile.open(collection) as archive:  # again, in the archive's order: xz cannot go back
        archive.extractall(folder, [m for m in archive if m.name in chosen], filter="data")
    return sorted(folder.rglob("*.mid"))


def made(folder: Path, count: int, notes: int = NOTES) -> list[Path]:
    """Write the demo themes in several keys, repeated until they are long enough."""
    files = []
    for number in range(count):
        theme = read_theme(DEMO[number % len(DEMO)], False, Silent()).piece
        file = folder / f"made-{number:03}.mid"
        write(repeated(moved(theme, number % 7 - 3), notes), file)
        files.append(file)
    return files


def moved(piece: Piece, semitones: int) -> Piece:
    """Return the piece higher or lower; no key is said."""
    return replace(
        piece, keys=(), notes=tuple(n._replace(pitch=n.pitch + semitones) for n in piece.notes)
    )


def repeated(piece: Piece, notes: int) -> Piece:
    """Return the piece again and again until it has some number of notes."""
    bar = piece.main_meter.bar_ticks
    length = -(-piece.end // bar) * bar
    times = -(-notes // len(piece.notes))
    return replace(
        piece,
        notes=tuple(
            n._replace(start=n.start + i * length) for i in range(times) for n in piece.notes
        ),
    )


def usual(files: Sequence[Path], count: int) -> list[Path]:
    """Return the files whose size is nearest to the mean: for a reader too slow for all."""
    mean = sum(file.stat().st_size for file in files) / len(files)
    return sorted(files, key=lambda file: abs(file.stat().st_size - mean))[:count]


def run(folder: Path, options: Sequence[str]) -> Path:
    """Learn the demo themes for a moment, and return the run's folder."""
    out = folder / "run"
    command = [sys.executable, "-m", "hocket", "fuse", *DEMO, "-o", str(out), "--takes", "1"]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    return out

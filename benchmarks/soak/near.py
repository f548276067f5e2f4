"""How well `hocket duplicates` finds copies, how fast, and in how much memory.

    python benchmarks/soak/near.py --archive base.tar.xz --out benchmarks/results/near.json

Into the base collection (prepared once, in --corpus) copies are planted: transposed, with notes moved
by a step or left out, cut short, twice over. Found pairs of what was there before are told beside what
`analysis/duplicates.py` says of them. Then libraries of 1,000 to 100,000 pieces are made of the same
music, each piece moved, and most of them changed so much that nothing of it is left; a process of its
own looks through each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import hocket
from hocket.analysis.duplicates import fingerprint, overlaps
from hocket.corpus import Library, near
from hocket.music.columns import Columns
from hocket.tokens import decode
from hocket.tokens.vocab import PITCHES, VOCAB

Ids = NDArray[np.uint16]
Dice = np.random.Generator

ARCHIVE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "base.tar.xz"
PLANTED = 300
THRESHOLDS = (0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8)
ON, OFF = VOCAB.families["NOTE_ON"].start, VOCAB.families["NOTE_OFF"].start
KEYS = len(PITCHES)
STRANGE = 0.8
"""Share of its notes that a piece of a large library is changed in to be another."""


def struck(ids: Ids) -> NDArray[np.int64]:
    """Return where notes begin."""
    return np.flatnonzero((ids >= ON) & (ids < ON + KEYS))


def moved(ids: Ids, semitones: int) -> Ids:
    """Return a piece in another key: as far that way as the keyboard goes."""
    pitches = ids[struck(ids)].astype(np.int64) - ON
    by = int(np.clip(semitones, -pitches.min(), KEYS - 1 - pitches.max()))
    other = ids.astype(np.int64)
    other[(ids >= OFF) & (ids < ON + KEYS)] += by
    return other.astype(np.uint16)


def changed(ids: Ids, share: float, dice: Dice) -> Ids:
    """Return a piece with a share of its notes a step off; their ends are let be, nobody hears them."""
    other, notes = ids.copy(), struck(ids)
    picked = dice.choice(notes, round(share * len(notes)), replace=False)
    steps = dice.choice((-2, -1, 1, 2), len(picked))
    other[picked] = np.clip(ids[picked].astype(np.int64) + steps, ON, ON + KEYS - 1)
    return other


def dropped(ids: Ids, share: float, dice: Dice) -> Ids:
    """Return a piece without a share of its notes."""
    notes = struck(ids)
    return np.delete(ids, dice.choice(notes, round(share * len(notes)), replace=False))


PLANTS: dict[str, Callable[[Ids, Dice], Ids]] = {
    "as it is": lambda ids, dice: ids,
    "transposed": lambda ids, dice: moved(ids, int(dice.integers(1, 7))),
    "transposed, 2 % of notes changed": lambda ids, dice: changed(moved(ids, 3), 0.02, dice),
    "transposed, 5 % of notes changed": lambda ids, dice: changed(moved(ids, -2), 0.05, dice),
    "transposed, 10 % of notes changed": lambda ids, dice: changed(moved(ids, -2), 0.1, dice),
    "5 % of notes missing": lambda ids, dice: dropped(ids, 0.05, dice),
    "played twice": lambda ids, dice: np.concatenate([ids[:-1], ids[1:]]),
    "its first 3/4": lambda ids, dice: ids[: 3 * len(ids) // 4],
    "its first half": lambda ids, dice: ids[: len(ids) // 2],
}


def library_of(pieces: Sequence[Ids], names: Sequence[str], folder: Path) -> Library:
    """Return a library of pieces that lie in memory."""
    bounds = np.cumsum([0, *map(len, pieces)])
    return Library(np.concatenate(pieces), bounds, tuple(names), 0, VOCAB.fingerprint, folder)


def pairs_of(found: near.Duplicates) -> set[tuple[str, str]]:
    """Return each copy with the piece that is kept for it, in order."""
    return {
        (min(group.kept, copy.name), max(group.kept, copy.name))
        for group in found.groups
        for copy in group.copies
    }


def references(library: Library, names: set[str]) -> dict[tuple[str, str], bool]:
    """Return for pairs that share music, of all pieces of so many names, whether they are the same."""
    picked = [piece for piece, name in enumerate(library.names) if name in names]
    prints = [fingerprint(Columns.of(decode(library[piece]))) for piece in picked]
    return {
        (library.names[picked[one.a]], library.names[picked[one.b]]): one.is_same
        for one in overlaps(prints)
        if one.is_shared
    }


def quality(library: Library, dice: Dice) -> dict[str, Any]:
    """Return what is found, at each threshold, of planted copies and of pieces as they came."""
    pieces = [np.array(library[piece]) for piece in range(len(library))]
    names, plants = list(library.names), {}
    for kind, plant in PLANTS.items():
        for piece in dice.choice(len(library), PLANTED, replace=False).tolist():
            copy = f"{library.names[piece]} {kind}"
            plants[min(library.names[piece], copy), max(library.names[piece], copy)] = kind
            pieces.append(plant(pieces[piece], dice))
            names.append(copy)
    planted = library_of(pieces, names, library.folder)
    original = {copy: name for name, copy in plants}
    whole: dict[str, Any] = {}
    for threshold in THRESHOLDS:
        apart = pairs_of(near.duplicates(library, threshold))
        known = references(library, {name for pair in apart for name in pair})
        together = near.duplicates(planted, threshold)
        groups = [[group.kept, *(copy.name for copy in group.copies)] for group in together.groups]
        group_of = {name: number for number, group in enumerate(groups) for name in group}
        hits = {
            kind: sum(
                one in group_of and group_of[one] == group_of.get(other)
                for (one, other), own in plants.items()
                if own == kind
            )
            / PLANTED
            for kind in PLANTS
        }
        mixed = [len({original.get(name, name) for name in group}) - 1 for group in groups]
        likeness = [copy.likeness for group in together.groups for copy in group.copies]
        whole[f"{threshold:g}"] = {
            "recall": hits,
            "copies_found": len(likeness),
            "precision": 1 - sum(mixed) / max(1, len(likeness)),
            "below_threshold_of_the_kept": sum(one < threshold for one in likeness),
            "unplanted": {
                "pairs": len(apart),
                "is_same": sum(known.get(pair, False) for pair in apart),
                "is_shared": sum(pair in known for pair in apart),
            },
        }
    return whole


def write_large(library: Library, pieces: int, folder: Path, dice: Dice) -> None:
    """Leave a large library's arrays in a folder; of three pieces one is a copy, two are strangers."""
    bounds, last = np.zeros(pieces + 1, np.int64), np.array(library[0])
    with (folder / "ids.bin").open("wb") as stream:
        for number in range(pieces):
            ids = np.array(library[int(dice.integers(len(library)))])
            share = STRANGE if number % 3 else (0.0, 0.02, 0.05)[number // 3 % 3]
            if not number % 3 and number:  # what was strange before is copied here
                ids = last
            last = changed(moved(ids, int(dice.integers(-6, 7))), share, dice)
            stream.write(last.tobytes())
            bounds[number + 1] = bounds[number] + len(last)
    np.save(folder / "bounds.npy", bounds)


def look_through(folder: Path) -> dict[str, Any]:
    """Look through a large library, in this process, and return what was found and what it took."""
    bounds = np.load(folder / "bounds.npy", mmap_mode="r")
    ids = np.memmap(folder / "ids.bin", np.uint16, "r")
    names = tuple(f"{piece:07d}" for piece in range(len(bounds) - 1))
    small = Library(ids[: bounds[10]], bounds[:11], names[:10], 0, VOCAB.fingerprint, folder)
    near.duplicates(small)  # compiles
    large = Library(ids, bounds, names, 0, VOCAB.fingerprint, folder)
    begin = time.perf_counter()
    near.signed(large)
    signed = time.perf_counter() - begin
    before, most = own_mb(), Most()
    begin = time.perf_counter()
    with most:
        found = near.duplicates(large)
    seconds = time.perf_counter() - begin
    truth = {(f"{one - 1:07d}", f"{one:07d}") for one in range(3, len(names), 3)}
    own = pairs_of(found)
    return {
        "pieces": len(names),
        "events": len(ids),
        "seconds": round(seconds, 2),
        "of_it_signatures": round(signed, 2),
        "pieces_a_second": round(len(names) / seconds),
        "own_mb_at_most": most.mb,
        "own_mb_before": before,
        "load": round(os.getloadavg()[0], 1),
        "recall": len(own & truth) / max(1, len(truth)),
        "precision": len(own & truth) / max(1, len(own)),
    }


def own_mb() -> int:
    """Return this process's memory in MB, without the pages of files that it looks at."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(one.split()[1]) // 1024 for one in lines if one.startswith("RssAnon"))


class Most:
    """Watches `own_mb` from a thread, a hundred times a second, within a `with`."""

    def __enter__(self) -> None:
        self.mb, self._ended = own_mb(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.mb = max(self.mb, own_mb())


def collection(archive: Path, corpus: Path, work: Path) -> Library:
    """Return the prepared collection; unpacks and prepares it where that was not done before."""
    if not (corpus / "corpus.toml").exists():
        with tarfile.open(archive) as packed:
            packed.extractall(work / "base", filter="data")
        return hocket.prepare(work / "base", out=corpus)
    return hocket.load_library(corpus)


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--archive", type=Path, default=ARCHIVE, help="the base collection")
    parser.add_argument("--corpus", type=Path, help="where it is, or will be, prepared")
    parser.add_argument("--pieces", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--out", type=Path, help="file for the figures")
    parser.add_argument("--look-through", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look_through:
        print(json.dumps(look_through(options.look_through)))
        return
    if not (options.archive.exists() or (options.corpus and options.corpus.exists())):
        print(f"skipped: {options.archive} is not there; name the collection by --archive")
        return
    with tempfile.TemporaryDirectory() as work:
        corpus = options.corpus or Path(work, "corpus")
        library = collection(options.archive, corpus, Path(work))
        figures: dict[str, Any] = {"threshold": near.THRESHOLD, "speed": []}
        figures["quality"] = quality(library, np.random.default_rng(1))
        for pieces in options.pieces:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                write_large(library, pieces, Path(folder), np.random.default_rng(pieces))
                words = [sys.executable, __file__, "--look-through", folder]
                said = subprocess.run(words, check=True, capture_output=True, text=True)
                figures["speed"].append(json.loads(said.stdout))
    text = json.dumps(figures, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

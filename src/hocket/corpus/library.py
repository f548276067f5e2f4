"""A prepared corpus in a folder: what `hocket prepare` leaves, and how it is opened.

ids.npy       uint16 (N): the events of all pieces, one after the other
bounds.npy    int64 (P + 1): piece p is ids[bounds[p]:bounds[p + 1]]
names.txt     the file of each piece, one a line, from the name of its folder on
dropped.csv   the files that could not be used, and why
corpus.toml   settings, counts, and what the ids must be (sha256); written last

Surprising decision: plain .npy files rather than safetensors, because numpy maps those into memory
itself: a corpus may be larger than the machine's memory.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.errors import CheckpointError
from hocket.tokens.vocab import VOCAB

CORPUS_FILE = "corpus.toml"
IDS_FILE = "ids.npy"
BOUNDS_FILE = "bounds.npy"
NAMES_FILE = "names.txt"
DROPPED_FILE = "dropped.csv"
FILES = (CORPUS_FILE, IDS_FILE, BOUNDS_FILE, NAMES_FILE, DROPPED_FILE)

IDS_TYPE = np.dtype("<u2")
BOUNDS_TYPE = np.dtype("<i8")


@dataclass(frozen=True, eq=False)
class Library:
    """N events of P pieces that lie in a folder; the arrays are read from there as they are used."""

    ids: NDArray[np.uint16]
    """(N) events, piece after piece, memory-mapped."""
    bounds: NDArray[np.int64]
    """(P + 1), memory-mapped: piece p is `ids[bounds[p]:bounds[p + 1]]`."""
    names: tuple[str, ...]
    """(P): the file of each piece, from the name of its folder on."""
    dropped: int
    """How many files could not be used; `dropped.csv` says why."""
    fingerprint: str
    """Of the vocabulary."""
    folder: Path

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, piece: int) -> NDArray[np.uint16]:
        """Return the events of piece `piece`, 0 to P - 1."""
        return self.ids[self.bounds[piece] : self.bounds[piece + 1]]


def load_library(folder: str | Path, *, check_ids: bool = True) -> Library:
    """Open the corpus that `hocket prepare` left in a folder.

    With `check_ids` all of it is read once, to see that it is what was written (a second or so for
    each GB). Raises `CheckpointError` for a corpus that is unfinished, torn or of another vocabulary.
    """
    home = Path(folder)
    said = read_toml(home / CORPUS_FILE)
    if said is None:
        raise CheckpointError(f"{home}: no finished corpus there; make one with `hocket prepare`")
    if said.get("vocabulary") != VOCAB.fingerprint:
        raise CheckpointError(f"{home}: made for another vocabulary; prepare it anew")
    try:
        ids = np.load(home / IDS_FILE, mmap_mode="r", allow_pickle=False)
        bounds = np.load(home / BOUNDS_FILE, mmap_mode="r", allow_pickle=False)
        names = tuple((home / NAMES_FILE).read_text(encoding="utf-8").split("\n")[:-1])
        dropped, digest = int(said["dropped"]), str(said["ids_sha256"])
        whole = (
            (ids.dtype, ids.shape) == (IDS_TYPE, (said["events"],))
            and (bounds.dtype, bounds.shape) == (BOUNDS_TYPE, (said["pieces"] + 1,))
            and len(names) == said["pieces"]
            and bounds[0] == 0
            and bounds[-1] == len(ids)
            and bool((np.diff(bounds) > 0).all())
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise CheckpointError(
            f"{home}: a corpus with files missing or torn ({error}); prepare it anew with --overwrite"
        ) from error
    if not whole or (check_ids and hashlib.sha256(ids).hexdigest() != digest):
        raise CheckpointError(
            f"{home}: its files do not belong together; prepare it anew with --overwrite"
        )
    return Library(ids, bounds, names, dropped, VOCAB.fingerprint, home)


def read_toml(file: Path) -> dict[str, Any] | None:
    """Return a TOML file's table, None where there is no such file; raises `CheckpointError`."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{file}: cannot be read ({error}); prepare the corpus anew"
        ) from None

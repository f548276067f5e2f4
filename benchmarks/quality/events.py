"""Score files to hocket's own ids, for the peers that learn from these; and ids in other keys.

Everything is asked of hocket's vocabulary, so a grammar with more families changes nothing here.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hocket.corpus.workers import ids_of
from hocket.errors import HocketError, ScoreWarning
from hocket.tokens import VOCAB

Ids = NDArray[np.uint16]

KEYS = range(-6, 6)
"""Semitones to move a piece by, where all of its notes stay inside the vocabulary."""

_PITCHED = (VOCAB.families["NOTE_OFF"], VOCAB.families["NOTE_ON"])


def read(folder: Path, names: Sequence[str], *, all_of_them: bool = True) -> dict[str, Ids]:
    """Return the ids (N) of files by name; one that cannot be read is an error, or is left out."""
    ids = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScoreWarning)
        for name in names:
            try:
                ids[name] = ids_of(folder / name)
            except HocketError as error:
                if all_of_them:
                    raise SystemExit(f"{error}") from None
                print(f"left out: {error}", file=sys.stderr)
    return ids


def notes(ids: Ids) -> int:
    """Return how many notes ids (N) say."""
    return int(_inside(ids, VOCAB.families["NOTE_ON"]).sum())


def keys(ids: Ids) -> range:
    """Return the semitones of `KEYS` that leave every note of ids (N) inside the vocabulary."""
    low, high = KEYS.start, KEYS.stop - 1
    for family in _PITCHED:
        pitched = ids[_inside(ids, family)].astype(int)
        if len(pitched):
            low = max(low, family.start - int(pitched.min()))
            high = min(high, family.stop - 1 - int(pitched.max()))
    return range(low, high + 1)


def moved(ids: Ids, semitones: int) -> Ids:
    """Return ids (N) with all notes moved by some semitones."""
    pitched = _inside(ids, _PITCHED[0]) | _inside(ids, _PITCHED[1])
    return np.asarray(ids + semitones * pitched.astype(int), np.uint16)


def _inside(ids: Ids, family: range) -> NDArray[np.bool_]:
    return np.asarray((ids >= family.start) & (ids < family.stop))

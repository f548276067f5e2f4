"""A prepared library to the corpus that a base model learns from.

Every piece is moved to the white keys, C major or A minor, by the key that fits all of it best: so one
key has to be learned, not twelve. Pieces to judge by are kept whole.

Surprising decision: pieces that are left out stay where they are, marked as such, so that the events of
a million files are mapped from the disk and never copied.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.corpus.augment import nearest
from hocket.corpus.library import Library
from hocket.corpus.store import Corpus, Kind
from hocket.errors import ConfigError
from hocket.music.piece import Key
from hocket.music.pitch import COMMON_KEY, interval, signatures_of
from hocket.tokens.vocab import LONGEST_STEP, PITCHES, VOCAB

_OFF, _ON = VOCAB.families["NOTE_OFF"].start, VOCAB.families["NOTE_ON"].start
_DUR, _COUNT, _LONGEST, _LOWEST = (
    VOCAB.families["DUR"].start,
    len(PITCHES),
    LONGEST_STEP,
    PITCHES[0],
)


def lessons(
    library: Library, *, kept: Collection[str] = (), left_out: Collection[str] = ()
) -> Corpus:
    """Return the corpus of a library; pieces named in `kept` judge, those in `left_out` are not used.

    Names are the library's. Raises `ConfigError` for names that are not there, or if nothing is left.
    """
    for wanted in (kept, left_out):
        if unknown := sorted(set(wanted) - set(library.names)):
            raise ConfigError(f"{library.folder}: holds no {unknown[0]!r}; see names.txt there")
    out, judges = set(left_out), set(kept) - set(left_out)
    kind = np.array([_kind(name, out, judges) for name in library.names], np.uint8)
    if not (kind == Kind.NATIVE).any():
        raise ConfigError(f"{library.folder}: no piece is left to learn from")
    ids, bounds = library.ids, np.asarray(library.bounds)
    held_out = np.zeros(len(ids), np.bool_)  # memory that is never written is none
    for piece in np.flatnonzero(kind == Kind.KEPT).tolist():
        held_out[bounds[piece] : bounds[piece + 1]] = True
    ticks, ranges = _heard(ids, bounds)
    home, shifts = np.zeros(len(library), np.int64), []
    for piece, own in enumerate(signatures_of(ticks).tolist()):
        lowest, highest = ranges[piece].tolist()
        home[piece] = nearest(interval(Key(0, own), COMMON_KEY), lowest, highest)
        near = range(home[piece] - 6, home[piece] + 6)
        room = range(PITCHES.start - lowest, PITCHES.stop - highest)
        shifts.append(range(max(near.start, room.start), min(near.stop, room.stop)))
    return Corpus(
        ids=ids,
        bounds=bounds,
        theme=np.broadcast_to(np.uint16(0), ids.shape),
        kind=kind,
        held_out=held_out,
        shifts=tuple(shifts),
        home=home,
        fingerprint=library.fingerprint,
    )


def _kind(name: str, out: Collection[str], judges: Collection[str]) -> Kind:
    return Kind.LEFT_OUT if name in out else Kind.KEPT if name in judges else Kind.NATIVE


@compiled
def _heard(
    ids: NDArray[np.uint16], bounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for how long each pitch class sounds in each piece (P, 12), lowest and highest (P, 2)."""
    pieces = len(bounds) - 1
    ticks, ranges = np.zeros((pieces, 12), np.int64), np.zeros((pieces, 2), np.int64)
    sounding = np.zeros(_COUNT, np.int64)
    held = np.zeros(12, np.int64)  # pitches that sound, by class
    for piece in range(pieces):
        sounding[:] = 0
        held[:] = 0
        lowest, highest = _COUNT, -1
        for event in ids[bounds[piece] : bounds[piece + 1]]:
            if _ON <= event < _ON + _COUNT:
                pitch = event - _ON
                held[(pitch + _LOWEST) % 12] += sounding[pitch] == 0
                sounding[pitch] += 1
                lowest, highest = min(lowest, pitch), max(highest, pitch)
            elif _OFF <= event < _OFF + _COUNT:
                pitch = event - _OFF
                held[(pitch + _LOWEST) % 12] -= sounding[pitch] == 1
                sounding[pitch] = max(sounding[pitch] - 1, 0)
            elif _DUR <= event < _DUR + _LONGEST:
                for pitch_class in range(12):
                    ticks[piece, pitch_class] += held[pitch_class] * (event - _DUR + 1)
        ranges[piece] = lowest + _LOWEST, highest + _LOWEST
    return ticks, ranges

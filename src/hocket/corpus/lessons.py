"""A prepared library to the corpus that a base model learns from.

Every piece is moved to the white keys, C major or A minor, by the key that fits all of it best: so one
key has to be learned, not twelve. Pieces to judge by are kept whole.
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
from hocket.music.pitch import COMMON_KEY, interval, key_of
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
    names = np.array(library.names)
    for wanted in (kept, left_out):
        if unknown := sorted(set(wanted) - set(library.names)):
            raise ConfigError(f"{library.folder}: holds no {unknown[0]!r}; see names.txt there")
    used = np.flatnonzero(~np.isin(names, list(left_out))).tolist()
    judging = np.isin(names[used], list(kept))
    if judging.all():
        raise ConfigError(f"{library.folder}: no piece is left to learn from")
    ids = np.concatenate([library[piece] for piece in used]) if left_out else library.ids
    bounds = np.cumsum([0, *(len(library[piece]) for piece in used)])
    home, shifts = np.zeros(len(used), np.int64), []
    for piece in range(len(used)):
        ticks, lowest, highest = _heard(ids[bounds[piece] : bounds[piece + 1]])
        own = key_of(tuple(ticks.tolist()))
        home[piece] = nearest(interval(own, COMMON_KEY), lowest, highest)
        near = range(home[piece] - 6, home[piece] + 6)
        room = range(PITCHES.start - lowest, PITCHES.stop - highest)
        shifts.append(range(max(near.start, room.start), min(near.stop, room.stop)))
    return Corpus(
        ids=ids,
        bounds=bounds,
        theme=np.zeros(len(ids), np.uint16),
        kind=np.where(judging, Kind.KEPT, Kind.NATIVE).astype(np.uint8),
        held_out=np.repeat(judging, np.diff(bounds)),
        shifts=tuple(shifts),
        home=home,
        fingerprint=library.fingerprint,
    )


@compiled
def _heard(ids: NDArray[np.uint16]) -> tuple[NDArray[np.int64], int, int]:
    """Return for how long each pitch class sounds, and the lowest and highest pitch."""
    ticks, sounding = np.zeros(12, np.int64), np.zeros(_COUNT, np.int64)
    lowest, highest = _COUNT, -1
    for event in ids:
        if _ON <= event < _ON + _COUNT:
            pitch = event - _ON
            sounding[pitch] += 1
            lowest, highest = min(lowest, pitch), max(highest, pitch)
        elif _OFF <= event < _OFF + _COUNT:
            sounding[event - _OFF] = max(sounding[event - _OFF] - 1, 0)
        elif _DUR <= event < _DUR + _LONGEST:
            for pitch in range(_COUNT):
                ticks[(pitch + _LOWEST) % 12] += (event - _DUR + 1) * (sounding[pitch] > 0)
    return ticks, lowest + _LOWEST, highest + _LOWEST

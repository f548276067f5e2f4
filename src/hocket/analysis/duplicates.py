"""Many pieces to the pairs of them that share music, and to compositions.

    piece -> fingerprint: its runs of notes as numbers -> overlaps: pairs of pieces -> clusters

Three things are looked at, without rhythm and in any transposition, so that another encoding of a
work is found whatever its note values: the *melody*, the upper voice of the whole and of each part
(twelve notes, repeated ones counted once), which an arrangement keeps; the *texture*, all notes in
order (sixteen), which only another encoding of the same setting keeps; and the *parts*, all notes of
each part by itself, for a setting whose singer is noted an octave higher.

Surprising decision: what is common proves nothing. Runs that repeat themselves after a few notes (an
Alberti bass, a scale, a sequence), that move among few pitches, or that stand in many pieces count
for nobody, not even in a piece's size. Without that, most of what unrelated pieces share is their
accompaniment. LOG.md has the figures by which this and the thresholds were chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from hocket.music.columns import Columns

MELODY_NOTES, TEXTURE_NOTES = 12, 16
"""Notes in a run."""
STOP = 12
"""A run that stands in more pieces than that is common property."""
FEWEST = 8
"""Two voices that share fewer runs than that share nothing."""
SHARED_MELODY, SHARED_TEXTURE, SHARED_PARTS = 0.15, 0.1, 0.25
"""From which share on two pieces are taken to have music in common."""
SAME = 0.95
"""From which share of the texture, or of the parts, on they are one and the same."""

_PERIOD = 6  # symbols after which a run must not repeat itself
_ALIKE = 2  # semitones by which the same interval in a sequence may differ
_FEW_PITCHES = 4  # a run that moves among no more pitches says nothing
_SUSTAIN = 8  # onsets for which a held note is looked for
_LEGATO = 8  # a note may reach into the next of its voice with so small a part of its length

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Runs: TypeAlias = NDArray[np.uint64]
"""Numbers of runs, each once, in order; equal runs have equal numbers in all pieces."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What of a piece is compared with others."""

    voices: tuple[Runs, ...]
    """The melody: runs of the upper voice of the whole, then of each part if there are several."""
    texture: Runs
    """Runs of all notes together."""
    parts: Runs
    """Runs of each part by itself, those of all parts in one."""


class Overlap(NamedTuple):
    """Two pieces by number, `a` < `b`, and what they share, 0 to 1 each.

    `melody`: of the runs of one voice, the share that stand in one voice of the other piece, for the
    two voices where that is most; of the smaller voice's runs, so that an excerpt has 1. `texture`
    and `parts` likewise. Fewer than `FEWEST` shared runs are none.
    """

    a: int
    b: int
    melody: float
    texture: float
    parts: float

    @property
    def is_shared(self) -> bool:
        """Whether that is too much for chance: the two have music in common."""
        return (
            self.melody >= SHARED_MELODY
            or self.texture >= SHARED_TEXTURE
            or self.parts >= SHARED_PARTS
        )

    @property
    def is_same(self) -> bool:
        """Whether one of them is (part of) the other, in another key at most."""
        return max(self.texture, self.parts) >= SAME


def fingerprint(notes: Columns) -> Fingerprint:
    """Return the fingerprint of a piece: the same for each transposition, tempo and order of notes."""
    parts = np.unique(notes.part)
    picks = [np.ones(len(notes), np.bool_)]
    if len(parts) > 1:
        picks += [notes.part == part for part in parts]
    columns = [(notes.start[pick], notes.duration[pick], notes.pitch[pick]) for pick in picks]
    texture, *single = [_texture_runs(_texture(start, pitch)) for start, _, pitch in columns]
    return Fingerprint(
        voices=tuple(_melody_runs(_upper_voice(*column)) for column in columns),
        texture=texture,
        parts=np.unique(np.concatenate(single)) if single else texture,
    )


def overlaps(prints: Sequence[Fingerprint]) -> list[Overlap]:
    """Return the pairs of pieces that share something, in order; see `Overlap.is_shared` for enough.

    About two seconds for 3,500 pieces with four million notes.
    """
    melody = _shares([print_.voices for print_ in prints])
    texture = _shares([(print_.texture,) for print_ in prints])
    parts = _shares([(print_.parts,) for print_ in prints])
    return [
        Overlap(*pair, *(shares.get(pair, 0.0) for shares in (melody, texture, parts)))
        for pair in sorted(melody.keys() | texture.keys() | parts.keys())
    ]


def clusters(pieces: int, pairs: Iterable[tuple[int, int]]) -> Ints:
    """Return for each piece (P) the first one that it hangs together with, over any number of pairs."""
    first = list(range(pieces))

    def root(piece: int) -> int:
        while first[piece] != piece:
            first[piece] = piece = first[first[piece]]
        return piece

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return np.array([root(piece) for piece in range(pieces)], np.int64)


def _upper_voice(start: Ints, duration: Ints, pitch: Ints) -> Ints:
    """Return the intervals of the highest line of some notes, none of them 0.

    The highest note of each onset, where no higher one is still held.
    """
    order = np.lexsort((-duration, -pitch, start))
    order = order[np.diff(start[order], prepend=-1) != 0]
    start, duration, pitch = start[order], duration[order], pitch[order]
    heard = np.ones(len(start), np.bool_)
    for back in range(1, min(_SUSTAIN + 1, len(start))):
        left = (start + duration)[:-back] - start[back:]
        heard[back:] &= (pitch[:-back] <= pitch[back:]) | (_LEGATO * left <= duration[:-back])
    intervals = np.diff(pitch[heard])
    changing: Ints = intervals[intervals != 0]
    return changing


def _texture(start: Ints, pitch: Ints) -> Ints:
    """Return a symbol for each two neighbours of all notes: the interval, and whether together."""
    order = np.lexsort((pitch, start))
    intervals, gaps = np.diff(pitch[order]), np.diff(start[order])
    symbols: Ints = (2 * intervals + (gaps > 0))[(intervals != 0) | (gaps != 0)]
    return symbols


def _melody_runs(intervals: Ints) -> Runs:
    """Return the runs of a voice that say something; see `_FEW_PITCHES` and `_ALIKE`."""
    length = MELODY_NOTES - 1
    if len(intervals) < length:
        return np.zeros(0, np.uint64)
    heights = np.concatenate([[0], np.cumsum(intervals)])
    seen = np.sort(sliding_window_view(heights, MELODY_NOTES), axis=1)
    pitches = 1 + np.count_nonzero(np.diff(seen, axis=1), axis=1)
    plain = _repeats(intervals, length, _ALIKE) | (pitches <= _FEW_PITCHES)
    return np.unique(_numbers(intervals, length)[~plain])


def _texture_runs(symbols: Ints) -> Runs:
    length = TEXTURE_NOTES - 1
    if len(symbols) < length:
        return np.zeros(0, np.uint64)
    return np.unique(_numbers(symbols, length)[~_repeats(symbols, length, 0)])


def _repeats(symbols: Ints, length: int, alike: int) -> Bools:
    """Return for each run whether it repeats itself, but for one symbol at most."""
    count = len(symbols) - length + 1
    repeats = np.zeros(count, np.bool_)
    for period in range(1, _PERIOD + 1):
        changed = np.abs(symbols[period:] - symbols[:-period]) > alike
        before = np.concatenate([[0], np.cumsum(changed)])
        repeats |= before[length - period :] - before[:count] <= 1
    return repeats


def _numbers(symbols: Ints, length: int) -> Runs:
    """Return a number for each run of so many symbols."""
    count = len(symbols) - length + 1
    own = _mixed(symbols.astype(np.uint64))
    numbers = np.zeros(count, np.uint64)
    for place in range(length):  # each place has a factor of its own: order counts
        numbers = numbers * _FACTOR + own[place : place + count]
    return _mixed(numbers)


_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def _mixed(numbers: Runs) -> Runs:
    """Return 64 bits for 64 bits, one to one and far apart (the finalizer of SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _shares(voices: Sequence[Sequence[Runs]]) -> dict[tuple[int, int], float]:
    """Return for two pieces the largest share of one voice's runs that stand in one of the other."""
    piece_of = np.repeat(np.arange(len(voices)), [len(own) for own in voices])
    runs = [run for own in voices for run in own]
    number = np.concatenate([np.zeros(0, np.uint64), *runs])
    voice = np.repeat(np.arange(len(runs)), [len(run) for run in runs])
    order = np.argsort(number, kind="stable")
    number, voice = number[order], voice[order]
    group = np.cumsum(np.diff(number, prepend=number[:1]) != 0)
    # Within a group voices, so pieces, are in order: each change is one piece more.
    more = np.diff(piece_of[voice], prepend=-1) != 0
    more[1:] |= np.diff(group) != 0
    rare = np.bincount(group, more)[group] <= STOP
    group, voice = group[rare], voice[rare]
    size = np.bincount(voice, minlength=len(runs))
    found = [np.zeros(0, np.int64)]
    for apart in range(1, len(group)):
        near = group[apart:] == group[:-apart]
        if not near.any():
            break
        one, other = voice[:-apart][near], voice[apart:][near]
        differ = piece_of[one] != piece_of[other]
        found.append(one[differ] * len(runs) + other[differ])
    pair, count = np.unique(np.concatenate(found), return_counts=True)
    pair, count = pair[count >= FEWEST], count[count >= FEWEST]
    one, other = np.divmod(pair, max(1, len(runs)))
    share = count / np.minimum(size[one], size[other])
    best: dict[tuple[int, int], float] = {}
    for a, b, s in zip(
        piece_of[one].tolist(), piece_of[other].tolist(), share.tolist(), strict=True
    ):
        best[a, b] = max(s, best.get((a, b), 0.0))
    return best

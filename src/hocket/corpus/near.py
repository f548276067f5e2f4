"""A prepared library to the pieces of it that are copies of others, however many there are.

    piece -> hashed runs of its notes -> a signature of 128 numbers (MinHash, by rensa)
          -> pieces with a band of it in common -> pairs alike enough -> groups, one of each kept

A run is four notes in order: the intervals between them, and how long after each the next begins, in
powers of two. So a copy is found in any transposition, on another grid, divided into other parts,
with repeats or without, and with some notes changed; the share of equal numbers in two signatures is
about the share that the pieces have in common of all their runs (their *likeness*, within .04).

Surprising decisions: no pair is certain, and a piece that is a part of a much longer one is not
found, nor another setting, nor one in doubled note values: `analysis/duplicates.py` finds these, for
thousands of pieces. And since groups hang together over any number of pairs, a copy of a copy may
have less in common with the piece that is kept than the threshold.
"""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.corpus.library import Library
from hocket.errors import ConfigError
from hocket.tokens.vocab import LONGEST_STEP, PITCHES, VOCAB

THRESHOLD = 0.4
"""From which likeness on two pieces are copies: pieces that only share music stay below .3, copies
with a note in twenty changed are seldom below .45 (`benchmarks/soak/near.py` measures it)."""
LEAST_THRESHOLD = 0.2
"""Below that most pieces would have to be compared with most others."""
SLOTS = 128
"""Numbers in a signature, 4 bytes each: with all that goes with it, a piece takes under 1 kB."""
FEWEST_NOTES = 16
"""A piece with fewer notes is nobody's copy."""

_RUN = 3  # steps from note to note in a run
_BITS = 12  # of a step: 8 for the interval, 4 for the time
_FOUND = 0.95  # how many of the pairs just at the threshold have to share a band
_WINDOW = 64  # pieces of a band that are compared with each, those nearest in length
_EVENTS = 2**20  # heard at once, and the most that a signature's runs are held for
_PIECES = 1024  # signed at once
_SEED = 1

_ON, _DUR = VOCAB.families["NOTE_ON"].start, VOCAB.families["DUR"].start
_COUNT, _LONGEST = len(PITCHES), LONGEST_STEP

Ints = NDArray[np.int64]
Signatures = NDArray[np.uint32]


class Copy(NamedTuple):
    """A piece that is to be left out: how alike it is to the one kept, and how far it lies above."""

    name: str
    likeness: float
    semitones: int


class Group(NamedTuple):
    """Pieces that are one: the longest is kept."""

    kept: str
    copies: tuple[Copy, ...]


class Duplicates(NamedTuple):
    """What was found among `pieces` pieces; groups in the order of the names kept."""

    pieces: int
    groups: tuple[Group, ...]

    @property
    def left_out(self) -> list[str]:
        """The names of the copies, in order; never one that is also the name of a piece kept."""
        kept = {group.kept for group in self.groups}
        return sorted({copy.name for group in self.groups for copy in group.copies} - kept)

    def table(self) -> str:
        """Return groups as CSV: group, piece, likeness to the piece kept, semitones above it."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("group", "piece", "kept", "likeness", "semitones"))
        for number, group in enumerate(self.groups, 1):
            rows.writerow((number, group.kept, "yes", "1.00", 0))
            for copy in group.copies:
                rows.writerow((number, copy.name, "no", f"{copy.likeness:.2f}", copy.semitones))
        return text.getvalue()


def duplicates(library: Library, threshold: float = THRESHOLD) -> Duplicates:
    """Return the pieces of a library that are copies of longer ones (of equal ones by their names).

    Raises `ConfigError` for a threshold outside `LEAST_THRESHOLD` to 1.
    """
    threshold = wanted(threshold)
    signatures, notes = signed(library)
    longest = sorted(range(len(library)), key=lambda piece: (-notes[piece], library.names[piece]))
    order = np.array([piece for piece in longest if notes[piece] >= FEWEST_NOTES], np.int64)
    first = np.arange(len(order))
    rows, least = _rows(threshold), int(np.ceil(threshold * SLOTS - 1e-9))
    for start in range(0, SLOTS - rows + 1, rows):
        own = _mixed(signatures[:, start : start + rows])[order]
        near = np.argsort(own, kind="stable")
        _join(near, own[near], signatures, order, least, first)
    return Duplicates(len(library), _groups(library, order, first, signatures))


def wanted(threshold: float) -> float:
    """Return a threshold; raises `ConfigError` for one outside `LEAST_THRESHOLD` to 1."""
    if not LEAST_THRESHOLD <= threshold <= 1:
        raise ConfigError(f"threshold {threshold:g}: give {LEAST_THRESHOLD} to 1")
    return threshold


def signed(library: Library) -> tuple[Signatures, Ints]:
    """Return the signature (P, SLOTS) and the number of notes (P) of each piece.

    Pieces go in portions of at most `_EVENTS` events, or of one piece that has more.
    """
    from rensa import RMinHash

    signatures = np.zeros((len(library), SLOTS), np.uint32)
    notes, piece = np.zeros(len(library), np.int64), 0
    while piece < len(library):
        reach = np.searchsorted(library.bounds, library.bounds[piece] + _EVENTS, "right") - 1
        end = int(min(max(reach, piece + 1), piece + _PIECES))
        bounds = library.bounds[piece : end + 1] - library.bounds[piece]
        runs, borders, notes[piece:end] = _runs(
            library.ids[library.bounds[piece] : library.bounds[end]], bounds
        )
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(runs, borders, SLOTS, _SEED)
        signatures[piece:end] = matrix.to_rows()
        piece = end
    return signatures, notes


def _rows(threshold: float) -> int:
    """Return how many numbers a band has so that `_FOUND` of the pairs at a threshold share one."""
    fitting = [
        rows
        for rows in range(1, SLOTS + 1)
        if 1 - (1 - threshold**rows) ** (SLOTS // rows) >= _FOUND
    ]
    return min(fitting[-1], SLOTS // 8)  # eight bands at least, for what the hashes have by chance


def _groups(
    library: Library, order: Ints, first: Ints, signatures: Signatures
) -> tuple[Group, ...]:
    """Return what hangs together, where that is more than one piece; see `_join` for `first`."""
    copies: dict[int, list[Copy]] = {}
    for place, piece in enumerate(order.tolist()):
        root = place
        while first[root] != root:
            root = int(first[root])
        if root != place:
            kept = int(order[root])
            likeness = float((signatures[piece] == signatures[kept]).mean())
            semitones = int(_above(_heights(library[kept]), _heights(library[piece])))
            copies.setdefault(kept, []).append(Copy(library.names[piece], likeness, semitones))
    return tuple(
        sorted(Group(library.names[kept], tuple(sorted(own))) for kept, own in copies.items())
    )


def _mixed(band: Signatures) -> NDArray[np.uint64]:
    """Return one number (P) for each row of a band (P, rows)."""
    mixed = np.zeros(len(band), np.uint64)
    for column in band.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


@compiled
def _runs(ids: NDArray[np.uint16], bounds: Ints) -> tuple[NDArray[np.uint64], Ints, Ints]:
    """Return the runs of all pieces, where those of each begin (P + 1), and how many notes (P) it has.

    Notes that begin together go upwards, each pitch once, whatever part it is in. A last event more
    is heard for each piece, the end, at which what began last is counted.
    """
    runs, borders = np.zeros(len(ids), np.uint64), np.zeros(len(bounds), np.int64)
    notes, struck, made = np.zeros(len(bounds) - 1, np.int64), np.zeros(_COUNT, np.int64), 0
    for piece in range(len(notes)):
        run, known, waited, before, together = np.uint64(0), 0, 0, -1, 0
        for place in range(bounds[piece], bounds[piece + 1] + 1):
            event = np.int64(ids[place]) if place < bounds[piece + 1] else _DUR
            if _ON <= event < _ON + _COUNT:
                pitch, at = event - _ON, together
                while at > 0 and struck[at - 1] > pitch:
                    at -= 1
                if at == 0 or struck[at - 1] != pitch:
                    for later in range(together, at, -1):
                        struck[later] = struck[later - 1]
                    struck[at], together = pitch, together + 1
                notes[piece] += 1
            elif _DUR <= event < _DUR + _LONGEST:
                for at in range(together):
                    if before >= 0:
                        time = 0
                        while waited > 0 and time < 15:
                            waited, time = waited >> 1, time + 1
                        step = np.uint64((struck[at] - before + 128) << 4 | time)
                        run = (run << np.uint64(_BITS) | step) & np.uint64((1 << _BITS * _RUN) - 1)
                        known += 1
                        if known >= _RUN:
                            mixed = (run ^ run >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
                            mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
                            runs[made], made = mixed ^ mixed >> np.uint64(31), made + 1
                    before, waited = struck[at], 0
                together, waited = 0, waited + int(event) - _DUR + 1
        borders[piece + 1] = made
    return runs[:made], borders, notes


@compiled
def _join(
    near: Ints,
    own: NDArray[np.uint64],
    signatures: Signatures,
    order: Ints,
    least: int,
    first: Ints,
) -> None:
    """Let pieces hang together whose bands are equal, and `least` numbers of their signatures.

    Pieces are called by their place in `order`. `near` has those with equal bands (`own`) side by side,
    in order. `first` leads, over other pieces, to the first of all that hang together, and is changed.
    """
    for place in range(len(near)):
        for other in range(place + 1, min(place + 1 + _WINDOW, len(near))):
            if own[other] != own[place]:
                break
            a, b = near[place], near[other]
            while first[a] != a:
                first[a] = first[first[a]]
                a = first[a]
            while first[b] != b:
                first[b] = first[first[b]]
                b = first[b]
            if a != b:
                equal, one, two = 0, order[near[place]], order[near[other]]
                for slot in range(signatures.shape[1]):
                    equal += signatures[one, slot] == signatures[two, slot]
                if equal >= least:
                    first[max(a, b)] = min(a, b)


@compiled
def _heights(ids: NDArray[np.uint16]) -> Ints:
    """Return how many notes each pitch has."""
    heights = np.zeros(_COUNT, np.int64)
    for event in ids:
        if _ON <= event < _ON + _COUNT:
            heights[event - _ON] += 1
    return heights


@compiled
def _above(kept: Ints, copy: Ints) -> int:
    """Return by how many semitones `kept` must go up to have most pitches in common with `copy`."""
    best, most = 0, -1
    for step in range(2 * len(kept) - 1):
        semitones = (step + 1) // 2 * (1 if step % 2 else -1)  # the nearest first: 0, 1, -1, 2 ...
        common = 0
        for pitch in range(max(0, -semitones), min(len(kept), len(kept) - semitones)):
            common += min(kept[pitch], copy[pitch + semitones])
        if common > most:
            best, most = semitones, common
    return best

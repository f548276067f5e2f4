"""Bars to numbers: what a classifier is told of pitch, rhythm and texture, and of the bars before.

A window is one bar or several. Loudness, pedal and parts are left out, since not all contenders write
them; so is the length of bars, since themes choose the metre: counts are per quarter, and places are
places in the quarter. Windows in which nothing begins are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hocket.music import TICKS_PER_QUARTER, Piece

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WHITE = (0, 2, 4, 5, 7, 9, 11)
"""The scale of the common key, which all pieces are moved to."""

LEAPS = (0, 2, 4, 7)
"""The largest interval of the melody, in semitones, of each class but the last: repeated, step, …"""

LENGTHS = (5, 8, 12, 24, 48)
"""The longest note, in ticks, of each class but the last."""

PLACES = {"beat": (0,), "half": (12,), "quarter": (6, 18), "third": (8, 16)}
"""Ticks after a quarter."""


def windows(piece: Piece, bars: int) -> list[range]:
    """Return the piece from its start, so many bars at a time; what is left over is not used."""
    every = piece.bars()
    return [
        range(every[at].start, every[at + bars - 1].stop)
        for at in range(0, len(every) - bars + 1, bars)
    ]


def features(piece: Piece, bars: int) -> list[dict[str, float]]:
    """Return the numbers of each window, by name."""
    notes = np.array([(n.start, n.end, n.pitch) for n in piece.notes], np.int64).reshape(-1, 3)
    before: list[Shape] = []
    found = []
    for window in windows(piece, bars):
        start, end, pitch = notes[(notes[:, 1] > window.start) & (notes[:, 0] < window.stop)].T
        struck = start >= window.start
        if struck.any():
            shape = Shape(start[struck] - window.start, pitch[struck])
            times = np.unique(start[struck])
            sounding = (start <= times[:, None]) & (end > times[:, None])
            quarters = len(window) / TICKS_PER_QUARTER
            found.append(
                dict(
                    [
                        *_pitch(pitch[struck]),
                        *_melody(start[struck], pitch[struck]),
                        *_rhythm(times - window.start, (end - start)[struck], quarters),
                        *_texture(np.maximum(start, window.start), end, window),
                        *_harmony(sounding, pitch),
                        *shape.beside(before),
                    ]
                )
            )
            before.append(shape)
        else:
            before.append(Shape(start[:0], pitch[:0]))
    return found


Named = Iterator[tuple[str, float]]


def _pitch(pitch: Ints) -> Named:
    yield from (("mean pitch", pitch.mean()), ("spread of pitch", pitch.std()))
    yield from (("lowest", pitch.min()), ("highest", pitch.max()))
    classes = np.bincount(pitch % 12, minlength=12) / len(pitch)
    yield from ((f"pitch class {number}", share) for number, share in enumerate(classes))
    yield "in scale", classes[list(WHITE)].sum()
    yield "entropy of pitch classes", -(classes * np.log(np.maximum(classes, 1e-12))).sum()


def _melody(start: Ints, pitch: Ints) -> Named:
    """The highest note of each onset."""
    order = np.lexsort((pitch, start))
    last = np.append(np.diff(start[order]) > 0, True)
    steps = np.diff(pitch[order][last])
    sizes = np.searchsorted(LEAPS, np.abs(steps))
    shares = np.bincount(sizes, minlength=len(LEAPS) + 1) / max(len(steps), 1)
    yield from ((f"melody interval {number}", share) for number, share in enumerate(shares))
    yield "mean melody interval", np.abs(steps).mean() if len(steps) else 0.0
    turns = np.sign(steps[1:]) * np.sign(steps[:-1]) < 0
    yield "turns of melody", turns.mean() if len(turns) else 0.0
    again = [
        np.isin(pitch[start == now], pitch[start == then]).mean()
        for then, now in zip(np.unique(start), np.unique(start)[1:], strict=False)
    ]
    yield "struck again at once", float(np.mean(again)) if again else 0.0


def _rhythm(times: Ints, durations: Ints, quarters: float) -> Named:
    yield from (("notes", len(durations) / quarters), ("onsets", len(times) / quarters))
    yield "notes an onset", len(durations) / len(times)
    yield "begins with a note", float(times[0] == 0)
    place = times % TICKS_PER_QUARTER
    shares = {name: np.isin(place, ticks).mean() for name, ticks in PLACES.items()}
    yield from ((f"place: {name}", share) for name, share in shares.items())
    yield "place: other", 1 - sum(shares.values())
    gaps = np.diff(times)
    yield "different gaps", len(np.unique(gaps)) / max(len(gaps), 1)
    lengths = np.bincount(np.searchsorted(LENGTHS, durations), minlength=len(LENGTHS) + 1)
    yield from (
        (f"length {number}", share) for number, share in enumerate(lengths / len(durations))
    )
    yield "mean length, log", np.log(durations).mean()
    yield "different lengths", len(np.unique(durations)) / len(durations)


def _texture(start: Ints, end: Ints, window: range) -> Named:
    change = np.zeros(len(window) + 1)
    np.add.at(change, start - window.start, 1)
    np.add.at(change, np.minimum(end, window.stop) - window.start, -1)
    voices = change.cumsum()[:-1]
    yield from (("voices", voices.mean()), ("most voices", voices.max()))
    yield from (("silence", (voices == 0).mean()), ("change of voices", voices.std()))


def _harmony(sounding: NDArray[np.bool_], pitch: Ints) -> Named:
    """What sounds together at each onset, from `sounding` (onsets, notes)."""
    onset, note = np.nonzero(sounding)
    classes = np.zeros((len(sounding), 12))
    classes[onset, pitch[note] % 12] = 1
    pairs = np.array(
        [(classes * np.roll(classes, step, 1)).sum() for step in range(1, 7)], np.float64
    )
    pairs[5] /= 2  # a tritone is met from both sides
    shares = pairs / max(pairs.sum(), 1)
    yield from ((f"interval class {step}", share) for step, share in enumerate(shares, 1))
    yield "dissonance", shares[[0, 1, 5]].sum()
    yield "pitch classes together", classes.sum(1).mean()
    held = [pitch[row] for row in sounding]
    yield "span", float(np.mean([row.max() - row.min() for row in held]))


class Shape:
    """What a window is compared by: its notes, rhythm and pitch classes, each as a set."""

    def __init__(self, times: Ints, pitch: Ints) -> None:
        times_said, pitches = times.tolist(), pitch.tolist()
        self.sets = {
            "notes": frozenset(zip(times_said, pitches, strict=True)),
            "rhythm": frozenset(times_said),
            "pitches": frozenset(p % 12 for p in pitches),
        }

    def beside(self, before: list[Shape]) -> Named:
        """Return how alike it is to the window before, and to the most alike of all before."""
        for name, own in self.sets.items():
            likeness = [_jaccard(own, other.sets[name]) for other in before]
            yield f"{name} like the last", likeness[-1] if likeness else 0.0
            yield f"{name} like any before", max(likeness, default=0.0)


def _jaccard(left: frozenset[object], right: frozenset[object]) -> float:
    return len(left & right) / max(len(left | right), 1)

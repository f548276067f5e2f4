"""Openings: bars of two themes put together, and the text that names them.

`A:5-6+B:1-2` is bars 5 and 6 of A leading into bars 1 and 2 of B; `A:1-4/B:1-4` is the upper voice of A
over the rest of B; an upbeat has no number. The themes agree in key already. An opening stands in the
metre of the first theme, A; bars of another metre are laid from a bar line on and cut at the last
whole bar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ConfigError
from hocket.music import Note, Piece
from hocket.music.bars import numbered_bars
from hocket.tokens import GRAMMAR, VOCAB, decode, waiting

HARMONY_WEIGHT = 1.0
"""Nats per event that a full harmonic clash at the joint costs."""

_PART = re.compile(r"([A-Z]):(\d{1,4})(?:-(\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Bars `bars` (numbered from 1, half-open) of the theme with a letter."""

    theme: str
    bars: range

    def __str__(self) -> str:
        first, last = self.bars.start, self.bars.stop - 1
        return f"{self.theme}:{first}" + (f"-{last}" if last > first else "")

    @classmethod
    def parse(cls, text: str, what: str) -> Excerpt:
        """Read an excerpt such as `A:5-6` of `what`; raises `ConfigError` if it is none."""
        if not (match := _PART.fullmatch(text.replace(" ", ""))):
            raise ConfigError(f"{what}: {text!r} is no excerpt; write it as A:5-6")
        low, high = int(match[2]), int(match[3] or match[2])
        if not 1 <= low <= high:
            raise ConfigError(f"{what}: bars {low}-{high} are no range; the first bar is 1")
        return cls(match[1], range(low, high + 1))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Two excerpts, in a row or (`over`) the first one's upper voice over the second."""

    first: Excerpt
    second: Excerpt
    over: bool = False

    def __str__(self) -> str:
        return f"{self.first}{'/' if self.over else '+'}{self.second}"

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Read a recipe such as `A:5-6+B:1-2`; raises `ConfigError` if it is none."""
        parts = re.split(r"([+/])", text.replace(" ", ""))
        if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts[::2]):
            raise ConfigError(f"seed {text!r}: write it as A:5-6+B:1-2 or A:1-4/B:1-4")
        first, second = (Excerpt.parse(part, f"seed {text!r}") for part in parts[::2])
        return cls(first, second, parts[1] == "/")


@dataclass(frozen=True, eq=False, slots=True)
class Opening:
    """An opening with its parts of the score, in nats per event and as a distance from 0 to 1."""

    recipe: Recipe
    piece: Piece
    ids: NDArray[np.int64]
    """From START to the bar line after the opening; notes that reach it still sound."""
    length: int
    """In ticks: whole bars of the takes' metre."""
    joint: int
    """The tick at which the second theme begins; 0 if it is layered."""
    likelihood: float = 0.0
    distance: float = 0.0

    @property
    def whole(self) -> Piece:
        """What is said of it."""
        return decode(np.append(self.ids, VOCAB.id("END")))

    @property
    def score(self) -> float:
        """The mean log-likelihood across the joint, less the harmonic distance there."""
        return self.likelihood - HARMONY_WEIGHT * self.distance

    @property
    def bars(self) -> int:
        """How many bars it fills."""
        return self.length // self.piece.main_meter.bar_ticks

    def told(self) -> dict[str, Any]:
        """Return what ranks it, for people and scripts."""
        return {
            "seed": str(self.recipe),
            "bars": self.bars,
            "score": round(self.score, 4),
            "likelihood": round(self.likelihood, 4),
            "distance": round(self.distance, 4),
        }

    def plan(self, letters: Sequence[str], constant: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weights of the themes along it, (bars, M): which theme stands where.

        A layered one has the `constant` weights (M).
        """
        rows = np.repeat(constant[None], self.bars, axis=0)
        if not self.recipe.over:
            before = self.joint // self.piece.main_meter.bar_ticks
            alone = np.eye(len(letters), dtype=np.float32)
            rows[:before] = alone[letters.index(self.recipe.first.theme)]
            rows[before:] = alone[letters.index(self.recipe.second.theme)]
        return rows


def build(recipe: Recipe, themes: Mapping[str, Piece]) -> Opening:
    """Build an opening from themes that agree in key; raises `ConfigError` for missing bars."""
    meter = next(iter(themes.values())).main_meter
    asked = f"seed {recipe}"
    pieces = [excerpt_of(excerpt, themes, asked) for excerpt in (recipe.first, recipe.second)]
    lengths = [max(length // meter.bar_ticks, 1) * meter.bar_ticks for _, length in pieces]
    if recipe.over:
        lengths = [min(lengths)] * 2
    first, second = (cut(notes, length) for (notes, _), length in zip(pieces, lengths, strict=True))
    for excerpt, notes in ((recipe.first, first), (recipe.second, second)):
        if not notes:
            raise ConfigError(f"seed {recipe}: {excerpt} holds no notes that begin in it")
    if recipe.over:
        length, joint = lengths[0], 0
        lower = sorted(set(second) - set(upper_voice(second))) or second
        together = [*above(upper_voice(first), lower), *lower]
    else:
        length, joint = sum(lengths), lengths[0]
        together = [*first, *(n._replace(start=n.start + joint) for n in second)]
    piece = GRAMMAR.simplify(Piece.of(together, meters=[meter]))
    return Opening(recipe, piece, events_until(piece, length), length, joint)


def excerpt_of(excerpt: Excerpt, themes: Mapping[str, Piece], what: str) -> tuple[list[Note], int]:
    """Return the notes that begin in the bars, from tick 0 and cut at their end, and the length.

    Raises `ConfigError`, about `what`, for missing bars.
    """
    if excerpt.theme not in themes:
        raise ConfigError(f"{what}: no theme has that letter; there are {', '.join(themes)}")
    bars = numbered_bars(themes[excerpt.theme])
    if excerpt.bars.stop - 1 > len(bars):
        raise ConfigError(f"{what}: theme {excerpt.theme} has only {len(bars)} bars")
    start, stop = bars[excerpt.bars.start - 1].start, bars[excerpt.bars.stop - 2].stop
    return list(themes[excerpt.theme].excerpt(range(start, stop))), stop - start


def cut(notes: list[Note], length: int) -> list[Note]:
    """Return the notes that begin before a tick, cut there."""
    return [n._replace(duration=min(n.end, length) - n.start) for n in notes if n.start < length]


def upper_voice(notes: list[Note]) -> list[Note]:
    """Return the notes with nothing higher struck with them or sounding over them."""
    return [
        n for n in notes if not any(m.pitch > n.pitch and m.start <= n.start < m.end for m in notes)
    ]


def above(upper: list[Note], lower: list[Note]) -> list[Note]:
    """Return the upper notes, moved by octaves until they lie above most of the lower ones."""
    middle = middle_of(upper), middle_of(lower)
    octaves = max(int(np.ceil((middle[1] + 7 - middle[0]) / 12)), 0)
    return [n._replace(pitch=n.pitch + 12 * octaves) for n in upper]


def middle_of(notes: list[Note]) -> float:
    """Return the median of the pitches."""
    return float(np.median([note.pitch for note in notes]))


def events_until(piece: Piece, end: int) -> NDArray[np.int64]:
    """Return the ids of the piece up to the tick `end`, without the NOTE_OFFs and END there."""
    ids = [int(event) for event in GRAMMAR.encode(piece)]
    if left := end - piece.end:  # a rest up to the bar line: the last notes end before it
        return np.array([*ids[:-1], *waiting(left)])
    while ids[-1] not in VOCAB.families["DUR"]:
        ids.pop()
    return np.array(ids)

"""Openings built from two themes: the hybrid seed search.

`A:5-6+B:1-2` is bars 5 and 6 of A leading into bars 1 and 2 of B; `A:1-4/B:1-4` is the upper voice of A
over the rest of B. Every theme is first moved to one key. An opening stands in the metre of the first
theme, A; bars of another metre are laid from a bar line on and cut at the last whole bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hocket.config import SeedConfig
from hocket.errors import ConfigError, GenerationError
from hocket.generation.sampler import log_likelihoods
from hocket.model.engine import Stepper
from hocket.music import Note, Piece
from hocket.music.pitch import pitch_class_ticks
from hocket.tokens import GRAMMAR, VOCAB
from hocket.tokens.vocab import LONGEST_STEP

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
        matches = [_PART.fullmatch(part) for part in parts[::2]]
        if len(parts) != 3 or not all(matches):
            raise ConfigError(f"seed {text!r}: write it as A:5-6+B:1-2 or A:1-4/B:1-4")
        excerpts = []
        for match in matches:
            assert match
            low, high = int(match[2]), int(match[3] or match[2])
            if not 1 <= low <= high:
                raise ConfigError(
                    f"seed {text!r}: bars {low}-{high} are no range; the first bar is 1"
                )
            excerpts.append(Excerpt(match[1], range(low, high + 1)))
        return cls(excerpts[0], excerpts[1], parts[1] == "/")


@dataclass(frozen=True, eq=False, slots=True)
class Opening:
    """An opening with its parts of the score, in nats per event and as a distance from 0 to 1."""

    recipe: Recipe
    piece: Piece
    ids: NDArray[np.int64]
    """From START to the bar line after the opening; notes that reach it still sound."""
    joint: int
    """The tick at which the second theme begins."""
    likelihood: float = 0.0
    distance: float = 0.0

    @property
    def score(self) -> float:
        """The mean log-likelihood across the joint, less the harmonic distance there."""
        return self.likelihood - HARMONY_WEIGHT * self.distance


def build(recipe: Recipe, themes: Mapping[str, Piece]) -> Opening:
    """Build an opening from themes that agree in key; raises `ConfigError` for missing bars."""
    pieces = [_excerpt(excerpt, themes) for excerpt in (recipe.first, recipe.second)]
    meter = next(iter(themes.values())).main_meter
    lengths = [max(length // meter.bar_ticks, 1) * meter.bar_ticks for _, length in pieces]
    if recipe.over:
        length = min(lengths)
        upper = _upper_voice(_cut(pieces[0][0], length))
        below = _cut(pieces[1][0], length)
        lower = sorted(set(below) - set(_upper_voice(below))) or below
        notes, joint = [*_above(upper, lower), *lower], 0
    else:
        length, joint = sum(lengths), lengths[0]
        following = [n._replace(start=n.start + joint) for n in _cut(pieces[1][0], lengths[1])]
        notes = [*_cut(pieces[0][0], joint), *following]
    if not notes:
        raise ConfigError(f"seed {recipe}: those bars hold no notes that begin in them")
    piece = GRAMMAR.simplify(Piece.of(notes, meters=[meter]))
    return Opening(recipe, piece, _until(piece, length), joint)


def search(
    themes: Mapping[str, Piece],
    model: Stepper,
    mix: NDArray[np.float32],
    config: SeedConfig,
    rng: int,
) -> list[Opening]:
    """Return the best different openings, best first, one kind after the other.

    A sample of all pairs of excerpts is tried, in the four kinds A+B, B+A, A/B and B/A (for more
    themes: of every ordered pair), so that takes do not all begin alike. `mix` is (M).
    """
    groups = [
        _different(sorted(_scored(openings, model, mix), key=lambda o: -o.score))
        for openings in candidates(themes, config, rng)
    ]
    kept: list[Opening] = []
    while len(kept) < config.seeds and any(groups):
        for group in groups:
            if group and len(kept) < config.seeds:
                kept.append(group.pop(0))
    return kept


def candidates(themes: Mapping[str, Piece], config: SeedConfig, rng: int) -> list[list[Opening]]:
    """Return the openings to choose from, not scored yet, kind by kind; a fixed one if so asked.

    Raises `ConfigError` for a fixed one that cannot be built, `GenerationError` if there is none.
    """
    if config.seed is not None:
        return [[build(Recipe.parse(config.seed), themes)]]
    random = np.random.default_rng((rng, 0x5EED))
    names = sorted(themes)
    kinds = [(a, b, over) for over in (False, True) for a in names for b in names if a != b]
    each = max(config.candidates // len(kinds), 1)
    groups = []
    for kind in kinds:
        recipes = list(_recipes(kind, themes, config.seed_bars))
        picks = random.permutation(len(recipes))[:each]
        openings = [o for i in sorted(picks) if (o := _built(recipes[i], themes)) is not None]
        if openings:
            groups.append(openings)
    if not groups:
        raise GenerationError("no opening fits: the themes have too few whole bars with notes")
    return groups


def _recipes(
    kind: tuple[str, str, bool], themes: Mapping[str, Piece], bars: int
) -> Iterator[Recipe]:
    """Yield every pair of excerpts that fill `bars` bars of the takes' metre (twice that layered)."""
    first, second, over = kind
    target = next(iter(themes.values())).main_meter.bar_ticks * bars * (2 if over else 1)
    for own in _stretches(first, themes[first], target):
        for other in _stretches(second, themes[second], target):
            yield Recipe(own, other, over)


def _stretches(letter: str, theme: Piece, ticks: int) -> list[Excerpt]:
    """Return the shortest runs of bars that last at least so many ticks, from each bar on."""
    bars = theme.bars()
    found = []
    for first, bar in enumerate(bars):
        last = next((n for n in range(first, len(bars)) if bars[n].stop - bar.start >= ticks), None)
        if last is not None:
            found.append(Excerpt(letter, range(first + 1, last + 2)))
    return found


def _built(recipe: Recipe, themes: Mapping[str, Piece]) -> Opening | None:
    try:
        opening = build(recipe, themes)
    except ConfigError:  # a bar without onsets is no candidate
        return None
    half = opening.joint or opening.piece.end
    return opening if any(n.start < half for n in opening.piece.notes) else None


def _scored(openings: Sequence[Opening], model: Stepper, mix: NDArray[np.float32]) -> list[Opening]:
    rows = np.repeat(mix[None], len(openings), axis=0)
    scores = log_likelihoods(model, [o.ids for o in openings], rows)
    return [
        replace(o, likelihood=_across(o, s), distance=harmonic_distance(o))
        for o, s in zip(openings, scores, strict=True)
    ]


def _across(opening: Opening, scores: NDArray[np.float32]) -> float:
    """Return the mean log-likelihood of the events after the joint; of all for a layered one."""
    durations = VOCAB.families["DUR"]
    steps = np.where(np.isin(opening.ids, durations), opening.ids - durations.start + 1, 0)
    after = scores[np.cumsum(steps) >= opening.joint]
    return float(after.mean()) if len(after) else float(scores.mean())


def harmonic_distance(opening: Opening) -> float:
    """Return 1 less the cosine of the sounding pitch classes on both sides of the joint, 0 to 1.

    In a row: the bar before the joint and the bar after it; layered: the upper against the lower.
    """
    notes, bar = opening.piece.notes, opening.piece.meters[0].bar_ticks
    if opening.recipe.over:
        upper = set(_upper_voice(list(notes)))
        sides = [sorted(upper), sorted(set(notes) - upper)]
    else:
        joint = opening.joint
        sides = [
            [n for n in notes if n.start < joint and n.end > joint - bar],
            [n for n in notes if joint <= n.start < joint + bar],
        ]
    before, after = (np.array(pitch_class_ticks(side), float) for side in sides)
    norm = np.linalg.norm(before) * np.linalg.norm(after)
    return float(1 - before @ after / norm) if norm else 1.0


def _different(ranked: list[Opening]) -> list[Opening]:
    """Drop openings that share a bar of the same theme with a better one, while enough are left."""
    kept: list[Opening] = []
    rest: list[Opening] = []
    for opening in ranked:
        clash = any(
            set(mine.bars) & set(theirs.bars)
            for other in kept
            for mine, theirs in (
                (opening.recipe.first, other.recipe.first),
                (opening.recipe.second, other.recipe.second),
            )
        )
        (rest if clash else kept).append(opening)
    return kept + rest


def _excerpt(excerpt: Excerpt, themes: Mapping[str, Piece]) -> tuple[list[Note], int]:
    """Return the notes that begin in the bars, from tick 0 and cut at their end, and the length."""
    if excerpt.theme not in themes:
        raise ConfigError(
            f"seed {excerpt}: no theme has that letter; there are {', '.join(themes)}"
        )
    bars = themes[excerpt.theme].bars()
    if excerpt.bars.stop - 1 > len(bars):
        raise ConfigError(f"seed {excerpt}: theme {excerpt.theme} has only {len(bars)} bars")
    start, stop = bars[excerpt.bars.start - 1].start, bars[excerpt.bars.stop - 2].stop
    return list(themes[excerpt.theme].excerpt(range(start, stop))), stop - start


def _cut(notes: list[Note], length: int) -> list[Note]:
    return [n._replace(duration=min(n.end, length) - n.start) for n in notes if n.start < length]


def _upper_voice(notes: list[Note]) -> list[Note]:
    """Return the notes with nothing higher struck with them or sounding over them."""
    return [
        n for n in notes if not any(m.pitch > n.pitch and m.start <= n.start < m.end for m in notes)
    ]


def _above(upper: list[Note], lower: list[Note]) -> list[Note]:
    """Return the upper notes, moved by octaves until they lie above most of the lower ones."""
    middle = [float(np.median([n.pitch for n in side])) for side in (upper, lower)]
    octaves = max(int(np.ceil((middle[1] + 7 - middle[0]) / 12)), 0)
    return [n._replace(pitch=n.pitch + 12 * octaves) for n in upper]


def _until(piece: Piece, end: int) -> NDArray[np.int64]:
    """Return the ids of the piece up to the tick `end`, without the NOTE_OFFs and END there."""
    ids = list(GRAMMAR.encode(piece).astype(np.int64))
    durations = VOCAB.families["DUR"]
    while ids[-1] not in durations:
        ids.pop()
    left = end - piece.end
    if left:  # a rest up to the bar line follows: the last notes end before it
        ids = list(GRAMMAR.encode(piece).astype(np.int64))[:-1]
        chain, rest = divmod(left, LONGEST_STEP)
        ids += [durations[-1]] * chain + ([durations[rest - 1]] if rest else [])
    return np.array(ids)

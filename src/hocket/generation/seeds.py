"""The hybrid seed search: which openings built from the themes are worth starting from.

Candidates are scored by the model's likelihood across the joint and by harmonic distance there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hocket.config import SeedConfig
from hocket.errors import ConfigError, GenerationError
from hocket.generation.budget import NO_BUDGET, Budget, cut_within, longest_quote
from hocket.generation.choir import Stepper
from hocket.generation.mix import following
from hocket.generation.openings import Excerpt, Opening, Recipe, build, upper_voice
from hocket.generation.sampler import log_likelihoods
from hocket.music import Piece
from hocket.music.bars import numbered_bars, whole_bar_runs
from hocket.music.pitch import pitch_class_ticks
from hocket.tokens import waits

LEAST_WEIGHT = 0.05
"""A theme with less weight has no bars in openings."""
EVEN = 0.9
"""From which `evenness` on all openings are of two themes."""


def search(
    themes: Mapping[str, Piece],
    model: Stepper,
    constant: NDArray[np.float32],
    config: SeedConfig,
    rng: int,
    most_bars: int,
    budget: Budget = NO_BUDGET,
    sections: int = 1,
    layered: tuple[str, str] | None = None,
) -> list[Opening]:
    """Return the best different openings, best first, one kind after the other.

    `constant` (M) are the weights of the themes for layered openings. See `candidates` for what is
    tried and for the errors.
    """
    letters = list(themes)
    groups = [
        _different(sorted(_scored(openings, model, letters, constant), key=lambda o: -o.score))
        for openings in candidates(
            themes, config, rng, most_bars, budget, sections, layered, constant
        )
    ]
    mixed = [group for group in groups if not _is_pure(group[0])]
    pure = [group for group in groups if _is_pure(group[0])]
    count = config.seeds if not pure else round(config.seeds * evenness(constant))
    kept = _in_turn(mixed, count if mixed else 0)
    return kept + _in_turn(pure, config.seeds - len(kept))


def _in_turn(groups: Sequence[list[Opening]], count: int) -> list[Opening]:
    """Return so many openings, the best first, one kind after the other."""
    kept: list[Opening] = []
    while len(kept) < count and any(groups):
        for group in groups:
            if group and len(kept) < count:
                kept.append(group.pop(0))
    return kept


def _is_pure(opening: Opening) -> bool:
    return opening.recipe.first.theme == opening.recipe.second.theme


def evenness(constant: NDArray[np.float32]) -> float:
    """Return which share of the openings is of two themes, so that notes are shared as by weights (M).

    Themes that count next to nothing are left out of it; one theme alone has no such openings.
    """
    heard = constant[constant >= LEAST_WEIGHT]
    return float(len(heard) * heard.min() / heard.sum()) if len(heard) > 1 else 0.0


def candidates(
    themes: Mapping[str, Piece],
    config: SeedConfig,
    rng: int,
    most_bars: int,
    budget: Budget = NO_BUDGET,
    sections: int = 1,
    layered: tuple[str, str] | None = None,
    constant: NDArray[np.float32] | None = None,
) -> list[list[Opening]]:
    """Return the openings to choose from, of at most so many bars, kind by kind; or the fixed one.

    A sample of all pairs of excerpts is tried, in the four kinds A+B, B+A, A/B and B/A (for more
    themes: of every ordered pair), so that takes do not all begin alike. They keep to the budget of
    quotes; where none of a kind does, they are cut where it is used up; a fixed one stays as it was
    asked for. `most_bars` is the room for them in the first of so many sections. Only the first of the
    `layered` themes over the second is tried, if they are given. Where the weights `constant` (M) are
    uneven, there is a kind A+A of the weightiest theme, and none of themes that count next to nothing.

    Raises `ConfigError` for a fixed one that cannot be built and where all are too long,
    `GenerationError` if there is none.
    """
    if config.seed is not None:
        fixed = build(Recipe.parse(config.seed), themes)
        if fixed.bars > most_bars:
            raise _too_long([fixed], most_bars, sections)
        return [[fixed]]
    random = np.random.default_rng((rng, 0x5EED))
    names = sorted(themes)
    if constant is not None:
        weights = dict(zip(themes, constant.tolist(), strict=True))
        names = [name for name in names if weights[name] >= LEAST_WEIGHT]
    kinds = [(a, b, over) for over in (False, True) for a in names for b in names if a != b]
    if layered:
        kinds = [(*layered, True)]
    elif constant is not None and evenness(constant) < EVEN:
        main = max(names, key=lambda name: weights[name])
        kinds.append((main, main, False))
    each = max(config.candidates // len(kinds), 1)
    bar = next(iter(themes.values())).main_meter.bar_ticks
    groups, long = [], []
    for first, second, over in kinds:
        ticks = bar * config.seed_bars * (2 if over else 1)
        ours, theirs = (_stretches(name, themes[name], ticks) for name in (first, second))
        picks = random.permutation(len(ours) * len(theirs))[:each]
        pairs = [divmod(int(pick), len(theirs)) for pick in sorted(picks)]
        built = [_built(Recipe(ours[i], theirs[j], over), themes) for i, j in pairs]
        openings = [o for o in built if o is not None]
        long += [o for o in openings if o.bars > most_bars]
        if fitting := [o for o in openings if o.bars <= most_bars]:
            groups.append(_within(fitting, budget))
    if not groups and long:
        raise _too_long(long, most_bars, sections)
    if not groups:
        raise GenerationError("no opening fits: the themes have too few whole bars with notes")
    return groups


def _within(openings: list[Opening], budget: Budget) -> list[Opening]:
    """Return the openings that keep to the budget; if there are none, all, cut where they leave it."""
    if not budget.most:
        return openings
    kept = [o for o in openings if longest_quote(o.piece, budget) <= budget.most]
    return kept or [replace(o, ids=cut_within(o.ids, budget)) for o in openings]


def _too_long(openings: Sequence[Opening], most_bars: int, sections: int) -> ConfigError:
    shortest = min(openings, key=lambda opening: opening.bars)
    least, room = shortest.bars + 1, f"the takes have {most_bars + 1}"
    if sections > 1:
        least, room = sections * shortest.bars, f"the sections have {most_bars}"
    return ConfigError(
        f"opening {shortest.recipe} fills {shortest.bars} bars, and {room}; "
        f"ask for at least --bars {least}"
    )


def _stretches(letter: str, theme: Piece, ticks: int) -> list[Excerpt]:
    """Return the shortest runs of whole bars that last at least so many ticks, from each bar on."""
    starts = {bar.start: number for number, bar in enumerate(numbered_bars(theme), 1)}
    length = theme.main_meter.bar_ticks
    needed = -(-ticks // length)
    return [
        Excerpt(letter, range(starts[begin], starts[begin] + needed))
        for run in whole_bar_runs(theme)
        for begin in range(run.start, run.stop - needed * length + 1, length)
    ]


def _built(recipe: Recipe, themes: Mapping[str, Piece]) -> Opening | None:
    try:
        return build(recipe, themes)
    except ConfigError:  # bars without onsets are no candidate
        return None


def _scored(
    openings: Sequence[Opening],
    model: Stepper,
    letters: Sequence[str],
    constant: NDArray[np.float32],
) -> list[Opening]:
    plans = following([o.plan(letters, constant) for o in openings])
    scores = log_likelihoods(model, [o.ids for o in openings], plans)
    return [
        replace(o, likelihood=_across(o, s), distance=harmonic_distance(o))
        for o, s in zip(openings, scores, strict=True)
    ]


def _across(opening: Opening, scores: NDArray[np.float32]) -> float:
    """Return the mean log-likelihood of the events after the joint; of all for a layered one."""
    after = scores[np.cumsum(waits(opening.ids)) >= opening.joint]
    return float(after.mean()) if len(after) else float(scores.mean())


def harmonic_distance(opening: Opening) -> float:
    """Return 1 less the cosine of the sounding pitch classes on both sides of the joint, 0 to 1.

    In a row: the bar before the joint and the bar after it; layered: the upper against the lower.
    """
    notes, bar = opening.piece.notes, opening.piece.meters[0].bar_ticks
    if opening.recipe.over:
        upper = set(upper_voice(list(notes)))
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

"""Many takes to the best few: each is scored part by part, and the kept ones differ.

Parts lie between 0 and 1. Surprising decision: what a take is worth is no likelihood. A model likes
best what repeats itself; so that is one part of nine, and only the order among the takes counts in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hocket.analysis import Measures, measure
from hocket.analysis.hands import playable
from hocket.analysis.provenance import RUN, Quotes, Theme, origins, unison
from hocket.analysis.tracing import highest, trace
from hocket.generation.choir import Choir
from hocket.generation.sampler import Take, log_likelihoods
from hocket.music import Piece
from hocket.music.pitch import tonic

WEIGHTS = {
    "dial": 0.25,
    "known": 0.25,
    "new": 0.15,
    "likely": 0.1,
    "key": 0.05,
    "form": 0.05,
    "metre": 0.05,
    "ending": 0.05,
    "playable": 0.05,
}
"""How much each part of the score counts; they sum to 1."""
SAYS = {
    "dial": "the themes' shares are as --mix asks (0 where half of the notes are another theme's), or "
    "melody and accompaniment are of the themes asked for",
    "known": "six of ten notes or more stand in runs of 4 that a theme has",
    "new": "no long quotes: 1 where no note stands in a run of 16 of a theme, 0 where a quarter do",
    "likely": "place among the best by the mean likelihood under the models of the themes",
    "key": "notes within one scale, beside those of the themes",
    "form": "repeats itself as much as the themes do",
    "metre": "bars have their onsets in the same places",
    "ending": "the bass ends on the tonic",
    "playable": "two hands can play it",
}
RECOGNISED, COPIED = 0.6, 0.25
"""`known` from which on a take is recognised, and `cover16` from which on it is a copy."""
ALIKE = 0.5
"""What a take loses for being wholly alike one that is kept already."""
PHRASE = 8
"""Notes in a run by which two takes are alike."""


FINALISTS = 4
"""So many times those to be kept are heard again by the models and beside each other."""

Likelihoods = Callable[[Sequence[int]], NDArray[np.float64]]
"""Places of takes (K) to their mean log-probabilities under each theme's model, (M, K)."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A take, by its place among those given, with its score and the parts of it."""

    place: int
    score: float
    parts: Mapping[str, float]


def rank(
    takes: Sequence[Take],
    measures: Sequence[Measures],
    themes: Mapping[str, Theme],
    likelihoods: Likelihoods,
    keep: int,
) -> list[Ranked]:
    """Return the best takes, best first: the score, less what a take shares with those before it.

    Only the best without it are asked for their likelihoods, which takes time.
    """
    pieces = [
        piece
        for theme in themes.values()
        for piece in ([theme] if isinstance(theme, Piece) else theme)
    ]
    own = [measure(piece, {}) for piece in pieces]
    repeats = float(np.mean([found.repetition16 for found in own]))
    in_key = float(np.mean([found.in_key for found in own]))
    scored = []
    for number, (take, found) in enumerate(zip(takes, measures, strict=True)):
        apart = sum(abs(a - b) for a, b in zip(take.mix, found.share.values(), strict=True)) / 2
        in_roles = take.config.melody or take.config.accompaniment
        parts = {
            "dial": cast(take, themes) if in_roles else max(1 - 2 * apart, 0.0),
            "known": min(found.known / RECOGNISED, 1.0),
            "new": max(1 - found.cover16 / COPIED, 0.0),
            "likely": 0.0,
            "key": min(found.in_key / max(in_key, 1e-9), 1.0),
            "form": 1 - abs(found.repetition16 - repeats),
            "metre": steadiness(take.piece),
            "ending": ending(take.piece),
            "playable": playable(take.piece),
        }
        scored.append(Ranked(number, _score(parts), parts))
    best = sorted(scored, key=lambda one: (-one.score, one.place))[: FINALISTS * keep]
    order = _places(likelihoods([one.place for one in best]).mean(0))
    for row, one in enumerate(best):
        parts = {**one.parts, "likely": float(order[row])}
        best[row] = Ranked(one.place, _score(parts), parts)
    return _different(best, [take.piece for take in takes], keep)


def cast(take: Take, themes: Mapping[str, Theme]) -> float:
    """Return how well a take keeps to its roles, from 0 to 1.

    That is the share of the melody's theme among the notes of the melody that one theme's melody alone
    has, and of the accompaniment's among the others, beside all of it or what accompanies there; the
    mean of both.
    """
    letters = list(themes)
    given = take.config.melody or take.config.accompaniment
    other = next(letter for letter in letters if letter != given)
    lower: dict[str, list[Piece]] = {}
    for letter, theme in themes.items():
        pieces = [theme] if isinstance(theme, Piece) else theme
        lower[letter] = [side for piece in pieces for side in (piece, below(piece))]
    melody = np.array(trace(take.piece, themes, "melody").covered(RUN))
    accompaniment = origins(below(take.piece), lower).inside
    shares = []
    for letter, inside in (
        (take.config.melody or other, melody),
        (take.config.accompaniment or other, accompaniment),
    ):
        alone = inside[:, inside.sum(0) == 1]
        shares.append(float(alone[letters.index(letter)].mean()) if alone.size else 0.0)
    return sum(shares) / 2


def below(piece: Piece) -> Piece:
    """Return the notes of a piece that are not its melody."""
    _, distinct = unison(piece)
    notes = [piece.notes[place] for place in distinct]
    start, end, pitch = np.array([(n.start, n.end, n.pitch) for n in notes]).reshape(-1, 3).T.copy()
    melody = set(highest(start, end, pitch).tolist())
    return replace(piece, notes=tuple(note for at, note in enumerate(notes) if at not in melody))


def _score(parts: Mapping[str, float]) -> float:
    return sum(WEIGHTS[name] * value for name, value in parts.items())


def placed(take: Take, place: int, ranked: Ranked) -> Take:
    """Return a take that is kept, with its place among those and its score."""
    piece = replace(take.piece, title=f"Take {place}: {take.piece.title}")
    return replace(take, piece=piece, place=place, score={"score": ranked.score, **ranked.parts})


def mean_likelihoods(choir: Choir, takes: Sequence[Take]) -> NDArray[np.float64]:
    """Return the mean log-probability of each take's events under each theme's model, (M, takes)."""
    found = []
    for model, weights in choir.soloists():
        steady = np.tile(weights, (len(takes), 1, 1))
        said = log_likelihoods(model, [take.ids for take in takes], steady)
        found.append([float(scores[1:].mean()) for scores in said])
    return np.array(found)


def _places(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each value (N) stands among all, from 0 to 1; equal ones stand together."""
    less = (values[:, None] > values).sum(1) + ((values[:, None] == values).sum(1) - 1) / 2
    return np.asarray(less / max(len(values) - 1, 1), np.float64)


def _different(scored: Sequence[Ranked], pieces: Sequence[Piece], keep: int) -> list[Ranked]:
    """Return the best: of each further one is taken off how much of it those before it have."""
    left = list(scored)
    alike = dict.fromkeys((one.place for one in left), 0.0)
    kept: list[Ranked] = []
    while left and len(kept) < keep:
        best = max(left, key=lambda one: (one.score - ALIKE * alike[one.place], -one.place))
        left.remove(best)
        kept.append(best)
        for one in left:
            shared = Quotes(pieces[one.place], {"": pieces[best.place]}).covered("", PHRASE)
            alike[one.place] = max(alike[one.place], float(shared.mean()) if len(shared) else 0.0)
    return kept


def steadiness(piece: Piece) -> float:
    """Return the mean cosine between the onsets of a bar and those of all bars, by their place."""
    if not piece.notes:
        return 0.0
    length = piece.main_meter.bar_ticks
    starts = np.unique([note.start for note in piece.notes])
    bars = np.zeros((int(starts.max()) // length + 1, length))
    bars[starts // length, starts % length] = 1
    bars = bars[bars.any(1)]
    usual = bars.mean(0)
    cosines = bars @ usual / (np.linalg.norm(bars, axis=1) * np.linalg.norm(usual))
    return float(cosines.mean())


def ending(piece: Piece) -> float:
    """Return 1 where the lowest note that ends a piece is the tonic, .5 if it is in its chord."""
    if not piece.notes or not piece.keys:
        return 0.0
    key, end = piece.keys[-1], piece.end
    last = min(note.pitch for note in piece.notes if note.end == end)
    above = (last - tonic(key)) % 12
    return 1.0 if above == 0 else 0.5 if above in (3 if key.minor else 4, 7) else 0.0

"""What a take must and should do, beside the grammar: rules that press events down.

Rules are data; `generation.pressing` hears them for each take and event, the weightiest first. One
that would exclude all that the ones before it left is passed over: a take always goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.hands import playable
from hocket.analysis.metrics import STUCK_QUARTERS
from hocket.config import GenerationConfig
from hocket.generation.budget import NO_BUDGET, Budget, budget_of
from hocket.generation.loops import usual_times
from hocket.music import DEFAULT_VELOCITY, TICKS_PER_QUARTER, Key, Piece
from hocket.music.pitch import scale, tonic
from hocket.tokens.vocab import LONGEST_STEP, PITCHES, VOCAB

HYBRID = frozenset(range(0, TICKS_PER_QUARTER, 2)) | frozenset(range(0, TICKS_PER_QUARTER, 3))
"""Ticks of the quarter on the hybrid grid: every longest note that begins on it can end on it."""

FOR_HANDS = 0.9
"""Themes are for two hands if these can hold such a share of their instants."""
NEVER = 2**62
"""A tick that no take comes to."""
ROOT = 6
"""How much more than a note outside the key the lowest note at the end is pressed down that is not the
tonic."""


class Rules(NamedTuple):
    """The rules in the order in which they are heard; times in ticks, pressure in nats."""

    end: int = -1
    """Takes end exactly at this bar line: no step beyond it, then only NOTE_OFFs and END; -1: off."""
    longest: int = 0
    """A note that has sounded so long is ended: nothing rings forever; 0: off."""
    voices: int = 0
    """So many notes may sound at once, as hands and themes do; 0: off."""
    reach: bool = False
    """Whether two hands have to hold what sounds at once."""
    off_grid: NDArray[np.bool_] = np.zeros((0, TICKS_PER_QUARTER, LONGEST_STEP), np.bool_)
    """(R, 24, 48): steps that leave a grid, by tick of the quarter: see `grid`."""
    barred: NDArray[np.bool_] = np.zeros((0, len(VOCAB)), np.bool_)
    """(R, V): sets of events that are excluded: METER, since takes keep the opening's metre, and what
    no theme has of parts, loudness and pedal."""
    foreign: NDArray[np.float32] = np.zeros(len(PITCHES), np.float32)
    """(88): how strongly the NOTE_ON of each pitch is pressed down."""
    closing: NDArray[np.float32] = np.zeros(len(PITCHES), np.float32)
    """(88): the same where phrases close: in the last bar of each, and from `last_bar` on."""
    last_bar: int = NEVER
    phrase: int = 0
    """The length of phrases; 0: none close but the last."""
    rootless: NDArray[np.float32] = np.zeros(len(PITCHES), np.float32)
    """(88): how strongly the lowest note is pressed down from `last_bar` on, but for the tonic."""
    budget: Budget = NO_BUDGET
    """How much may be quoted of the themes."""
    times: int = 0
    """So often in a row the same figure may come before it is pressed down; 0: off."""
    repetition: np.float32 = np.float32(0)
    """How strongly a pitch is pressed down for each time that it was struck of late, but one."""


def rules_for(
    config: GenerationConfig,
    key: Key | None,
    bar_ticks: int,
    themes: Sequence[Piece],
    budget: Budget | None = None,
    phrase: int = 0,
) -> Rules:
    """Return the rules that a config asks for; what it leaves open, themes say.

    `bar_ticks` is the length of the takes' bars, and `phrase` says how many of them a phrase has; the
    budget of quotes is by default that of the themes.
    """
    if budget is None:
        budget = budget_of(themes, config.max_quote)
    end = config.bars * bar_ticks
    if config.longest_note is None:
        longest = max(longest_usual_note(theme) for theme in themes)
    else:
        longest = round(config.longest_note * TICKS_PER_QUARTER)
    places = set().union(*(usual_places(theme) for theme in themes))
    rules = Rules(
        end=end,
        longest=whole_on_both_grids(longest),
        voices=config.voices or max(usual_voices(theme) for theme in themes),
        reach=config.hands and min(playable(theme) for theme in themes) >= FOR_HANDS,
        off_grid=np.stack((grid(HYBRID), grid(places))),
        barred=barred(foreign_to(themes))[None],
        repetition=np.float32(config.repetition),
        budget=budget,
        times=usual_times(themes),
    )
    if key is None or not config.key_strength:
        return rules
    foreign, restless = soft_key(key, config.key_strength)
    classes = np.array([pitch % 12 for pitch in PITCHES])
    return rules._replace(
        foreign=foreign,
        closing=foreign + restless,
        last_bar=end - bar_ticks,
        phrase=phrase * bar_ticks,
        rootless=(ROOT * config.key_strength * (classes != tonic(key))).astype(np.float32),
    )


def foreign_to(themes: Sequence[Piece]) -> list[int]:
    """Return the events that takes of these themes have no use for."""
    families, events = VOCAB.families, [*VOCAB.families["METER"]]
    events += families["PART"][max(len(theme.parts) for theme in themes) - 1 :]
    if not any(note.velocity != DEFAULT_VELOCITY for theme in themes for note in theme.notes):
        events += families["VEL"]
    if not any(theme.pedals for theme in themes):
        events += families["PEDAL"]
    return events


def barred(events: Collection[int]) -> NDArray[np.bool_]:
    """Return a set of events as a row (V)."""
    return np.isin(np.arange(len(VOCAB)), list(events))


def grid(places: Collection[int]) -> NDArray[np.bool_]:
    """Return which steps lead off some places in the quarter, (24, 48); a whole quarter never does.

    A slip to a place that no theme knows is one that the model cannot find back from.
    """
    steps = np.arange(1, LONGEST_STEP + 1)
    there = (np.arange(TICKS_PER_QUARTER)[:, None] + steps) % TICKS_PER_QUARTER
    return ~np.isin(there, list(places))


def whole_on_both_grids(ticks: int) -> int:
    """Return a longest note such that one that begins on the hybrid grid also ends on it."""
    return max(ticks // 6 * 6, 6)


def soft_key(key: Key, strength: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the pressure (88) on notes outside a key, and that on notes outside its tonic chord.

    In minor the raised seventh, the leading note, weighs half as much as other foreign notes.
    """
    classes = np.array([pitch % 12 for pitch in PITCHES])
    centre = tonic(key)
    foreign = np.array([not scale(key) >> c & 1 for c in range(12)], np.float32)
    if key.minor:
        foreign[(centre + 11) % 12] = 0.5
    chord = [(centre + step) % 12 for step in ((0, 3, 7) if key.minor else (0, 4, 7))]
    restless = np.array([c not in chord for c in range(12)], np.float32)
    return (
        (strength * foreign)[classes].astype(np.float32),
        (0.5 * strength * restless)[classes].astype(np.float32),
    )


def longest_usual_note(theme: Piece) -> int:
    """Return the length in ticks that 98 % of a theme's notes keep to, at most eight quarters."""
    lengths = [note.duration for note in theme.notes]
    return min(int(np.quantile(lengths, 0.98, method="higher")), STUCK_QUARTERS * TICKS_PER_QUARTER)


def usual_voices(theme: Piece) -> int:
    """Return how many notes sound at once at 98 % of a theme's onsets, at least."""
    starts, ends = (
        np.array(sorted(t)) for t in ([n.start for n in theme.notes], [n.end for n in theme.notes])
    )
    onsets = np.unique(starts)
    sounding = np.searchsorted(starts, onsets, "right") - np.searchsorted(ends, onsets, "right")
    return int(np.quantile(sounding, 0.98, method="higher"))


def usual_places(theme: Piece) -> set[int]:
    """Return the ticks of the quarter, on the hybrid grid, where at least 1 % of instants stand.

    They count from where the metre in force began, as the automaton's do: an upbeat shifts nothing.
    """
    instants = np.unique([tick for note in theme.notes for tick in (note.start, note.end)])
    origins = np.array([meter.tick for meter in theme.meters])
    since = instants - origins[np.searchsorted(origins, instants, side="right") - 1]
    counts = np.bincount(since % TICKS_PER_QUARTER, minlength=TICKS_PER_QUARTER)
    usual = {int(tick) for tick in np.flatnonzero(counts >= 0.01 * counts.sum())}
    return {0} | (usual & HYBRID)

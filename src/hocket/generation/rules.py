"""What a take must and should do, beside the grammar: each rule weighs the next events.

A rule returns nats to add to the model's logits, (B, V): 0 leaves an event alone, a negative number
presses it down, minus infinity excludes it. Rules are heard in order, and one that would exclude all
that the ones before it left is passed over for that event: a take always goes on. A rule with a
memory learns of the last events by being asked exactly once a step.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.metrics import STUCK_QUARTERS
from hocket.config import GenerationConfig
from hocket.music import TICKS_PER_QUARTER, Key, Piece
from hocket.music.pitch import scale, tonic
from hocket.tokens import VOCAB, State
from hocket.tokens.grammar import Phase
from hocket.tokens.vocab import LONGEST_STEP, PITCHES

Weights = NDArray[np.float32]
Events = NDArray[np.int64]

HYBRID = frozenset(range(0, TICKS_PER_QUARTER, 2)) | frozenset(range(0, TICKS_PER_QUARTER, 3))
"""Ticks of the quarter on the hybrid grid: every longest note that begins on it can end on it."""

EXCLUDED = np.float32(-np.inf)

_OFF = VOCAB.families["NOTE_OFF"]
_ON = VOCAB.families["NOTE_ON"]
_DUR = VOCAB.families["DUR"]
_METER = VOCAB.families["METER"]
_END = VOCAB.id("END")
_STEPS = np.arange(1, LONGEST_STEP + 1)
_PITCH_INDEX = np.arange(len(PITCHES))


class Rule(Protocol):
    """Weighs what may come next."""

    def __call__(self, state: State, last: Events) -> Weights:
        """Return nats to add to the logits, (B, V), given where B takes stand after `last` (B)."""


def rules_for(
    config: GenerationConfig, key: Key | None, bar_ticks: int, themes: Sequence[Piece]
) -> Sequence[Rule]:
    """Return the rules that a config asks for, the weightiest first; what it leaves open, themes say.

    `bar_ticks` is the length of the takes' bars.
    """
    end = config.bars * bar_ticks
    if config.longest_note is None:
        longest = max(longest_usual_note(theme) for theme in themes)
    else:
        longest = round(config.longest_note * TICKS_PER_QUARTER)
    voices = config.voices or max(usual_voices(theme) for theme in themes)
    rules: list[Rule] = [
        EndAtBarLine(end),
        StayInMeter(),
        LongestNote(longest),
        Voices(voices),
        OnTheGrid(HYBRID),
        OnTheGrid(set().union(*(usual_places(theme) for theme in themes))),
    ]
    if key is not None and config.key_strength:
        rules.append(SoftKey(key, config.key_strength, end, bar_ticks))
    if config.repetition:
        rules.append(Repetition(config.repetition))
    return rules


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


class StayInMeter:
    """Keeps the metre of the opening: no METER event."""

    def __call__(self, state: State, last: Events) -> Weights:
        """Exclude METER; the grammar never demands one after the opening."""
        weights = _none(state)
        weights[:, _METER.start : _METER.stop] = EXCLUDED
        return weights


class OnTheGrid:
    """Keeps every instant at some places in the quarter: the hybrid grid's, and the themes'.

    A slip to a place that no theme knows is one that the model cannot find back from.
    """

    def __init__(self, places: Collection[int]) -> None:
        self._off_grid = np.array(
            [
                [(tick + step) % TICKS_PER_QUARTER not in places for step in _STEPS]
                for tick in range(TICKS_PER_QUARTER)
            ]
        )

    def __call__(self, state: State, last: Events) -> Weights:
        """Exclude durations that leave the grid; the next whole quarter never does."""
        weights = _none(state)
        place = (state.tick - state.bar_origin) % TICKS_PER_QUARTER
        weights[:, _DUR.start : _DUR.stop][self._off_grid[place]] = EXCLUDED
        return weights


class LongestNote:
    """Ends a note when it has sounded long enough: nothing rings forever."""

    def __init__(self, ticks: int) -> None:
        self._ticks = max(ticks // 6 * 6, 6)  # so that a note on the grid also ends on it

    def __call__(self, state: State, last: Events) -> Weights:
        """Exclude waiting past a note's limit; at the limit only NOTE_OFFs up to it are left."""
        weights = _none(state)
        age = np.where(state.sounding, state.tick[:, None] - state.onset, 0)
        left = self._ticks - age.max(1)
        weights[:, _DUR.start : _DUR.stop][np.maximum(left, 1)[:, None] < _STEPS] = EXCLUDED
        due = (age >= self._ticks) & (state.phase != Phase.ON)[:, None]
        late = due.any(1)
        lowest_due = due.argmax(1)
        ends = weights[late]
        ends[:] = EXCLUDED
        allowed_off = lowest_due[late][:, None] >= _PITCH_INDEX
        ends[:, _OFF.start : _OFF.stop] = np.where(allowed_off, 0, EXCLUDED)
        weights[late] = ends
        return weights


class Voices:
    """Bounds how many notes sound at once, as hands and themes do."""

    def __init__(self, most: int) -> None:
        self._most = most

    def __call__(self, state: State, last: Events) -> Weights:
        """Exclude NOTE_ONs of silent pitches where no voice is free."""
        weights = _none(state)
        sounding = state.sounding
        full = (sounding.sum(1) >= self._most)[:, None]
        weights[:, _ON.start : _ON.stop][full & ~sounding] = EXCLUDED
        return weights


class EndAtBarLine:
    """Ends a take exactly at its last bar line: no step beyond it, then only NOTE_OFFs and END."""

    def __init__(self, end: int) -> None:
        self._end = end

    def __call__(self, state: State, last: Events) -> Weights:
        """Exclude END before the last bar line; at it allow only END and the lowest NOTE_OFF.

        The lowest, because NOTE_OFFs ascend: after a higher one the lower notes could not end there.
        """
        weights = _none(state)
        left = self._end - state.tick
        weights[:, _DUR.start : _DUR.stop][np.maximum(left, 1)[:, None] < _STEPS] = EXCLUDED
        there = left <= 0
        weights[~there, _END] = EXCLUDED
        weights[there, _ON.start : _ON.stop] = EXCLUDED
        weights[there, _DUR.start : _DUR.stop] = EXCLUDED
        lowest = state.sounding.argmax(1)
        too_high = there[:, None] & (lowest[:, None] < _PITCH_INDEX)
        weights[:, _OFF.start : _OFF.stop][too_high] = EXCLUDED
        return weights


class SoftKey:
    """Presses down notes outside a key; in the last bar also those outside its tonic chord.

    In minor the raised seventh, the leading note, weighs half as much as other foreign notes.
    """

    def __init__(self, key: Key, strength: float, end: int, bar_ticks: int) -> None:
        classes = np.array([pitch % 12 for pitch in PITCHES])
        centre = tonic(key)
        foreign = np.array([not scale(key) >> c & 1 for c in range(12)], np.float32)
        if key.minor:
            foreign[(centre + 11) % 12] = 0.5
        chord = [(centre + step) % 12 for step in ((0, 3, 7) if key.minor else (0, 4, 7))]
        restless = np.array([c not in chord for c in range(12)], np.float32)
        self._foreign = (-strength * foreign)[classes].astype(np.float32)
        self._restless = (-0.5 * strength * restless)[classes].astype(np.float32)
        self._last_bar = end - bar_ticks

    def __call__(self, state: State, last: Events) -> Weights:
        """Press down foreign NOTE_ONs."""
        weights = _none(state)
        closing = (state.tick >= self._last_bar)[:, None]
        weights[:, _ON.start : _ON.stop] = self._foreign + np.where(closing, self._restless, 0)
        return weights


class Repetition:
    """Presses down pitches struck a moment ago, the more the oftener: against one note forever."""

    MEMORY = 0.93
    """What is left of a strike after each later one: about ten strikes count."""

    def __init__(self, strength: float) -> None:
        self._strength = np.float32(strength)
        self._struck: NDArray[np.float32] | None = None

    def __call__(self, state: State, last: Events) -> Weights:
        """Press down NOTE_ONs by how often they were struck of late."""
        if self._struck is None:
            self._struck = np.zeros((len(state), len(PITCHES)), np.float32)
        rows = np.flatnonzero((last >= _ON.start) & (last < _ON.stop))
        self._struck[rows] *= self.MEMORY
        self._struck[rows, last[rows] - _ON.start] += 1
        weights = _none(state)
        weights[:, _ON.start : _ON.stop] = -self._strength * np.maximum(self._struck - 1, 0)
        return weights


def _none(state: State) -> Weights:
    return np.zeros((len(state), len(VOCAB)), np.float32)

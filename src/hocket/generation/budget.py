"""A budget of quotes: no take has more notes in a row of a theme than it may, in texture or melody.

The automata of the themes' runs (`analysis.suffixes`) are read along with each take, in any
transposition. Notes of one instant count from below, whichever part says them first; so until the
instant is over all that was struck in it is kept, and a note is judged as if it were the last. One that
would make a quote too long is excluded, and so is what would leave no other way: loudness, a part or a
wait after which only such notes could come. From two thirds of the budget on notes are pressed down.

Surprising decision: this is no rule among others, which give way where nothing else is left. What other
rules excluded comes back before a quote may go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.suffixes import Suffixes, go, joined, matches, suffixes, symbol
from hocket.analysis.tracing import symbols_of
from hocket.compiled import compiled
from hocket.errors import ConfigError
from hocket.music import Piece
from hocket.music.parts import MOST_PARTS
from hocket.tokens import GRAMMAR
from hocket.tokens.automaton import JUST_ENDED, ONSETS, PART, TICK, VOICES, advance_one
from hocket.tokens.vocab import LONGEST_STEP, LOUDNESSES, PITCHES, VOCAB

Row = NDArray[np.int64]
Weights = NDArray[np.float32]
Mask = NDArray[np.bool_]

PRESSURE = np.float32(3)
"""Nats by which a note is pressed down that uses up the budget."""
LEAST = 4
"""Notes that a budget leaves at least."""

_COUNT = len(PITCHES)
_ON = VOCAB.families["NOTE_ON"].start
_DUR, _VEL = VOCAB.families["DUR"].start, VOCAB.families["VEL"].start
_FIRST_PART, _STEPS, _LONGEST = VOCAB.families["PART"].start, len(LOUDNESSES), LONGEST_STEP
_PARTS = MOST_PARTS
_EXCLUDED = np.float32(-np.inf)

(STATE, LENGTH, LAST_TICK, LAST_PITCH) = range(4)
"""The columns of what was read of a texture; four more of a melody."""
_MELODY, _STRUCK = 4, 8
"""From `_STRUCK` on a column for each pitch: 1 if it was struck in this instant."""
_WIDTH = _STRUCK + _COUNT


class Budget(NamedTuple):
    """The most notes in a row that may stand in a theme too, and what the themes say."""

    most: int
    """0: no budget."""
    texture: Suffixes
    melody: Suffixes


def budget_of(themes: Sequence[Piece], most: int) -> Budget:
    """Return the budget for pieces that are not to be quoted; 0 is off.

    Raises `ConfigError` for one of too few notes.
    """
    if 0 < most < LEAST:
        raise ConfigError(f"--max-quote {most}: give at least {LEAST}, or 0 for none")
    views = ("texture", "melody")
    return Budget(
        most,
        *(
            suffixes(joined([symbols_of(piece, view) for piece in themes if most]))
            for view in views
        ),
    )


NO_BUDGET = budget_of((), 0)


def unread(takes: int) -> Row:
    """Return the table (B, K) of takes of which nothing was read."""
    table = np.zeros((takes, _WIDTH), np.int64)
    table[:, (LAST_TICK, _MELODY + LAST_TICK)] = -1
    return table


def longest_quote(piece: Piece, budget: Budget) -> int:
    """Return the notes in the longest quote of a piece that a budget counts."""
    views = ((budget.texture, "texture"), (budget.melody, "melody"))
    lengths = [matches(automaton, symbols_of(piece, view))[0] for automaton, view in views]
    longest = max(int(found.max(initial=0)) for found in lengths)
    return longest + 1 if longest else 0


def cut_within(ids: NDArray[np.int64], budget: Budget) -> NDArray[np.int64]:
    """Return events up to the last wait before a quote would get too long."""
    table, read = GRAMMAR.start(1).table, unread(1)[0]
    for place, event in enumerate(ids.tolist()):
        pitch = event - _ON
        if 0 <= pitch < _COUNT and quoted(read, budget, table[0, TICK], pitch) >= budget.most > 0:
            waits = [n for n in range(place) if _DUR <= ids[n] < _DUR + _LONGEST]
            return ids[: waits[-1] + 1]
        read_on(table[0], read, budget, event)
        advance_one(table[0], event)
    return ids


@compiled
def read_on(row: Row, read: Row, budget: Budget, event: int) -> None:
    """Read the next event of a take that stands at a `row` of the grammar's table, in place."""
    if budget.most <= 0:
        return
    if _ON <= event < _ON + _COUNT:
        read[_STRUCK + event - _ON] = 1
    elif _DUR <= event < _DUR + _LONGEST:
        _close(row, read, budget)


@compiled
def _close(row: Row, read: Row, budget: Budget) -> None:
    """Read what was struck in the instant that is over."""
    tick, top = row[TICK], -1
    for p in range(_COUNT):
        if read[_STRUCK + p]:
            read[_STRUCK + p] = 0
            _step(read[:_MELODY], budget.texture, p, tick)
            top = p
    if top < 0:
        return
    for part in range(_PARTS):
        for p in range(top + 1, _COUNT):
            if row[ONSETS + part * _COUNT + p] >= 0:
                return  # something higher still sounds: no note of the melody
    _step(read[_MELODY:_STRUCK], budget.melody, top, tick)


@compiled
def _step(read: Row, automaton: Suffixes, pitch: int, tick: int) -> None:
    """Read a note (4 columns)."""
    if read[LAST_TICK] >= 0:
        said = symbol(pitch - read[LAST_PITCH], tick - read[LAST_TICK])
        read[STATE], read[LENGTH] = go(automaton, read[STATE], read[LENGTH], said)
    read[LAST_TICK], read[LAST_PITCH] = tick, pitch


@compiled
def quoted(read: Row, budget: Budget, tick: int, pitch: int) -> int:
    """Return the symbols in the longest quote that would end now, were a pitch struck too."""
    struck, longest = 0, 0
    for p in range(_COUNT):
        struck += read[_STRUCK + p]
    if read[_STRUCK + pitch]:
        return 0
    top = True
    for p in range(pitch + 1, _COUNT):
        top = top and not read[_STRUCK + p]
    if top and read[_MELODY + LENGTH] + 1 > 2 * budget.most // 3 - 1:
        now = read[_MELODY:_STRUCK].copy()
        _step(now, budget.melody, pitch, tick)
        longest = now[LENGTH]
    if read[LENGTH] + struck + 1 > 2 * budget.most // 3 - 1:
        now = read[:_MELODY].copy()
        for p in range(_COUNT):
            if read[_STRUCK + p] or p == pitch:
                _step(now, budget.texture, p, tick)
                longest = max(longest, now[LENGTH])
    return longest


@compiled
def keep_within(
    row: Row,
    read: Row,
    budget: Budget,
    end: int,
    bound: int,
    mask: Mask,
    logits: Weights,
    weights: Weights,
) -> float:
    """Exclude from weights (V), in nats, what would quote too much, and press down what comes near.

    `mask` (V) is what the grammar allows and `logits` (V) what the model says; `end` is the tick of
    the take's end, `bound` one that no wait may pass by. Returns the price: by how many nats all that
    is left is less likely together.
    """
    if budget.most <= 0 or not _is_near(read, budget):
        return 0.0
    before = _mass(weights)
    tick, part = row[TICK], row[PART]
    excess, some = np.zeros(_COUNT, np.bool_), False
    room = max(budget.most - 2 * budget.most // 3, 1)
    for p in range(_COUNT):
        notes = quoted(read, budget, tick, p) + 1
        excess[p] = notes > budget.most
        event = _ON + p
        if weights[event] > _EXCLUDED:
            if excess[p]:
                weights[event] = _EXCLUDED
            else:
                over = notes - 2 * budget.most // 3
                if over > 0:
                    weights[event] -= PRESSURE * np.float32(over) / np.float32(room)
                some = True
    if not some:
        weights[_VEL : _VEL + _STEPS] = _EXCLUDED
    for other in range(part + 1, _PARTS):
        event = _FIRST_PART + other - 1
        if weights[event] > _EXCLUDED and not _has_way(row, other, excess):
            weights[event] = _EXCLUDED
    if row[VOICES] == 0:
        for step in range(1, _LONGEST):  # the longest may be followed by another
            event = _DUR + step - 1
            stuck = weights[event] > _EXCLUDED and tick + step != end
            if stuck and not _may_strike(read, budget, tick + step):
                weights[event] = _EXCLUDED
    after = _mass(weights)
    if after > _EXCLUDED:
        return before - after
    for v in range(len(weights)):
        is_on, is_loud = _ON <= v < _ON + _COUNT, _VEL <= v < _VEL + _STEPS
        is_part = _FIRST_PART <= v < _FIRST_PART + _PARTS - 1
        beyond = _DUR <= v < _DUR + _LONGEST and tick + v - _DUR + 1 > bound
        if mask[v] and not (is_on or is_loud or is_part or beyond):
            weights[v] = logits[v]
    return max(before - _mass(weights), 0.0)


@compiled
def _mass(weights: Weights) -> float:
    """Return the logarithm of the sum of what weights (V) in nats stand for."""
    most, total = -np.inf, 0.0
    for v in range(len(weights)):
        most = max(most, weights[v])
    for v in range(len(weights)):
        if weights[v] > _EXCLUDED:
            total += np.exp(weights[v] - most)
    return most + np.log(total) if total > 0 else -np.inf


@compiled
def _is_near(read: Row, budget: Budget) -> bool:
    """Whether a note struck now, or after the next wait, could quote more than two thirds."""
    struck = 0
    for p in range(_COUNT):
        struck += read[_STRUCK + p]
    far = 2 * budget.most // 3 - 1
    return bool(read[LENGTH] + struck + 1 > far or read[_MELODY + LENGTH] + 1 > far)


@compiled
def _has_way(row: Row, part: int, excess: Mask) -> bool:
    """Whether a part has a note to end, or one to strike that is no excess."""
    for p in range(_COUNT):
        onset = row[ONSETS + part * _COUNT + p]
        if 0 <= onset < row[TICK] or (onset != JUST_ENDED and not excess[p]):
            return True
    return False


@compiled
def _may_strike(read: Row, budget: Budget, tick: int) -> bool:
    """Whether any pitch may be struck at a later tick."""
    found = False
    for p in range(_COUNT):
        found = found or quoted(read, budget, tick, p) < budget.most
    return found

"""Notes of a piano to two hands, by a search over where the hands are.

At each onset the lower notes go to the left hand and the rest to the right; how many is chosen so that
hands stretch, jump and cross little over the whole piece (a beam search). Surprising decision: no
middle C. A hand follows its line wherever it goes, and only a mild pull keeps the left one low; there
is none where the piece says itself who plays what.

What things cost was found by trying, on 26 piano pieces whose two staves are known: of 54 others 95 %
of the notes are on the staff where they were written. A split at middle C has 85 % of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from hocket.music.piece import TICKS_PER_QUARTER, Note

WIDTH = 10
"""Ways of playing on that are kept at each onset."""
SPAN, TENTH, FINGERS = 12, 16, 5
_LEFT, _RIGHT = 0, 1
_AGAINST = 2.0
"""What it costs to play a note with another hand than is written."""
_THROUGH = 1.6
_LOW = 64
"""Pitch: what is higher in the left hand is pulled, and what is lower in the right one."""


class _Hand(NamedTuple):
    """Where a hand is: the middle of what it played last, when that was, and what it still holds."""

    middle: float
    since: int
    held: tuple[tuple[int, int], ...]
    """(end, pitch)"""


class _Way(NamedTuple):
    """One way to have played so far."""

    cost: float
    left: _Hand
    right: _Hand
    splits: tuple[int, tuple[int, ...] | None] | None
    """How many notes went to the left hand at each onset, the last first, as a linked list."""


def hands(notes: Sequence[Note], written: Sequence[bool] | None = None) -> list[bool]:
    """Return for each of the sorted notes whether the right hand plays it.

    `written` says so already; it is followed but where that would be much harder to play.
    """
    order = sorted(range(len(notes)), key=lambda i: (notes[i].start, notes[i].pitch))
    groups = [list(rows) for _, rows in groupby(order, key=lambda i: notes[i].start)]
    ways = [_Way(0.0, _Hand(48.0, 0, ()), _Hand(72.0, 0, ()), None)]
    for rows in groups:
        struck = [notes[i] for i in rows]
        against = [_against(rows, split, written) for split in range(len(rows) + 1)]
        ways = sorted(
            (
                _played(way, struck, split, against[split], free=written is None)
                for way in ways
                for split in range(len(rows) + 1)
            ),
            key=lambda way: way.cost,
        )
        ways = _different(ways)
    right = [False] * len(notes)
    chosen = ways[0].splits
    for rows in reversed(groups):
        assert chosen is not None
        split, chosen = chosen  # type: ignore[assignment]
        for i in rows[split:]:
            right[i] = True
    return right


def _different(ways: list[_Way]) -> list[_Way]:
    """Return the best ways, one for each place of the hands."""
    kept: dict[tuple[_Hand, _Hand], _Way] = {}
    for way in ways:
        kept.setdefault((way.left, way.right), way)
        if len(kept) == WIDTH:
            break
    return list(kept.values())


def _against(rows: Sequence[int], split: int, written: Sequence[bool] | None) -> float:
    """Return what it costs that notes are in another hand than is written."""
    if written is None:
        return 0.0
    return _AGAINST * sum(written[i] != (at >= split) for at, i in enumerate(rows))


def _played(way: _Way, struck: list[Note], split: int, against: float, *, free: bool) -> _Way:
    left, cost_left = _moved(way.left, struck[:split])
    right, cost_right = _moved(way.right, struck[split:])
    cost = way.cost + cost_left + cost_right + against
    if free:
        cost += _pull(struck[:split], _LEFT) + _pull(struck[split:], _RIGHT)
    now = struck[0].start
    low = [pitch for end, pitch in right.held if end > now]
    high = [pitch for end, pitch in left.held if end > now]
    if low and high and max(high) >= min(low):  # hands cross
        cost += 3 + 0.3 * (max(high) - min(low))
    if left.middle >= right.middle and now - min(left.since, right.since) < TICKS_PER_QUARTER:
        cost += _THROUGH  # one hand is where the other one is
    return _Way(cost, left, right, (split, way.splits))  # type: ignore[arg-type]


def _pull(struck: list[Note], which: int) -> float:
    """Return what it costs that the left hand is high or the right one low."""
    cost = 0.0
    for note in struck:
        away = note.pitch - _LOW if which == _LEFT else _LOW - note.pitch
        cost += 0.028 * (max(away, 0) + max(away + 8, 0))
    return cost


def _moved(hand: _Hand, struck: list[Note]) -> tuple[_Hand, float]:
    """Return a hand after it struck some notes, and what that cost it."""
    if not struck:
        return hand, 0.0
    now = struck[0].start
    held = tuple((end, pitch) for end, pitch in hand.held if end > now)
    down = [note.pitch for note in struck]
    span = down[-1] - down[0]
    cost = 0.67 * max(span - SPAN, 0) + (6 + 0.75 * (span - TENTH) if span > TENTH else 0)
    cost += 7 * max(len(set(down)) - FINGERS, 0)
    if held:  # a pedal may hold what the hand lets go
        low, high = min(pitch for _, pitch in held), max(pitch for _, pitch in held)
        wide = max(down[-1], high) - min(down[0], low)
        cost += min(0.07 * max(wide - TENTH, 0), 0.7)
        # a key that is down cannot be struck by the same hand
        cost += 5.6 * len({pitch for _, pitch in held} & set(down))
    middle = (down[0] + down[-1]) / 2
    since = (now - hand.since) / TICKS_PER_QUARTER
    jump = abs(middle - hand.middle)
    cost += 0.05 * max(jump - 3, 0) / (0.4 + since) + 0.0025 * jump
    cost += 0.6 * (len({note.end for note in struck}) - 1) + 0.2 * bool(held)  # two voices
    cost += 0.014  # one hand for what one hand can do
    after = held + tuple((note.end, note.pitch) for note in struck)
    return _Hand(middle, now, after), cost

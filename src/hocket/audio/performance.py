"""A piece to strokes on a piano: when each string is struck, and when it is damped, in seconds.

What every engine plays. Surprising decision: the pedal is worked out here, so that an engine needs to
know nothing but when a string stops sounding; engines with a pedal of their own get it as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ScoreError
from hocket.music import Piece
from hocket.music.piece import TICKS_PER_QUARTER

MOST_SECONDS = 20 * 60.0
"""Of a piece that is played: one legal note at the slowest tempo may last for months."""
MOST_STROKES = 200_000
MOST_PEDAL_SECONDS = 60.0
"""That a pedal holds a string whose key is up; the lowest has died away by then."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Performance(NamedTuple):
    """Strokes (N) in order of time; a pitch is struck once at a time, however many parts have it."""

    start: Floats
    """Seconds at which the hammer strikes."""
    end: Floats
    """Seconds at which the damper falls: the key and the pedal are up, or the string is struck anew."""
    pitch: Ints
    velocity: Ints


def performance(piece: Piece) -> Performance:
    """Return the strokes of a piece; raises `ScoreError` for one that is too long to be played."""
    name = piece.title or "a piece without title"
    if not piece.notes:
        raise ScoreError(f"{name}: no notes to play")
    if len(piece.notes) > MOST_STROKES:
        raise ScoreError(f"{name}: {len(piece.notes):,} notes; at most {MOST_STROKES:,} are played")
    if (length := piece.seconds(piece.end)) > MOST_SECONDS:
        raise ScoreError(
            f"{name}: lasts {length:,.0f} s; at most {MOST_SECONDS:,.0f} are played, so cut it"
        )
    notes = np.array([note[:4] for note in piece.notes], np.int64)
    start, pitch, velocity = notes[:, 0], notes[:, 2], notes[:, 3]
    order = np.lexsort((pitch, start))
    start, up, pitch, velocity = (
        each[order] for each in (start, start + notes[:, 1], pitch, velocity)
    )
    # parts that strike one string at once are one stroke, as hard as the hardest, held by the longest
    first = np.flatnonzero(np.diff(start, prepend=-1) | np.diff(pitch, prepend=-1))
    start, pitch = start[first], pitch[first]
    up, velocity = np.maximum.reduceat(up, first), np.maximum.reduceat(velocity, first)
    end = _until_struck_again(start, _held(up, piece), pitch)
    struck, let_go, damped = seconds(piece, np.stack([start, up, end]))
    return Performance(struck, np.minimum(damped, let_go + MOST_PEDAL_SECONDS), pitch, velocity)


def seconds(piece: Piece, ticks: Ints) -> Floats:
    """Return the seconds at which ticks (...) are played, as `Piece.seconds` does."""
    changes = np.array([tempo.tick for tempo in piece.tempos])
    rates = np.array([tempo.microseconds for tempo in piece.tempos]) / (TICKS_PER_QUARTER * 1e6)
    before = np.concatenate([[0.0], np.cumsum(np.diff(changes) * rates[:-1])])
    at = np.searchsorted(changes, ticks, side="right") - 1
    found: Floats = before[at] + (ticks - changes[at]) * rates[at]
    return found


def _held(end: Ints, piece: Piece) -> Ints:
    """Return when strings are let go: where the pedal is down, when it next goes up."""
    if not piece.pedals:
        return end
    ticks = np.array([pedal.tick for pedal in piece.pedals])
    down = np.array([pedal.down for pedal in piece.pedals])
    last = max(int(end.max()), int(ticks[-1]))
    # any change lifts the pedal, a press while it is down too
    lifted = np.append(ticks[1:], last)
    at = np.searchsorted(ticks, end, side="right") - 1
    held = (at >= 0) & down[at]
    # what ends at the very tick of a press is let go before it
    held &= ~((at >= 0) & (ticks[at] == end))
    kept: Ints = np.where(held, np.maximum(lifted[at], end), end)
    return kept


def _until_struck_again(start: Ints, end: Ints, pitch: Ints) -> Ints:
    """Cut strings where they are struck again."""
    cut = end.copy()
    order = np.lexsort((start, pitch))
    same = (np.diff(pitch[order]) == 0) & (np.diff(start[order]) > 0)
    earlier, later = order[:-1][same], order[1:][same]
    cut[earlier] = np.minimum(cut[earlier], start[later])
    return cut

"""The bars of a piece as musicians number them, and where whole bars follow each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from hocket.errors import ScoreError
from hocket.music.piece import Key, Meter, Piece, Tempo

_C = TypeVar("_C", Meter, Tempo, Key)


def numbered_bars(piece: Piece) -> tuple[range, ...]:
    """Return the bars as ranges of ticks, bar 1 first: an upbeat before it has no number."""
    bars, meters = piece.bars(), piece.meters
    if len(bars) < 2 or len(meters) < 2:
        return bars
    upbeat = meters[1].tick == bars[0].stop and len(bars[0]) < piece.main_meter.bar_ticks
    return bars[1:] if upbeat else bars


def cut(piece: Piece, bars: range) -> Piece:
    """Return some bars of a piece, by their numbers, moved to begin at tick 0.

    Notes that begin before them are left out, those that sound on are cut; metre, tempo, key and pedal
    are what they were there. Raises `ScoreError` for bars that are not there.
    """
    numbered = numbered_bars(piece)
    if bars.start < 1 or not bars or bars[-1] > len(numbered):
        raise ScoreError(
            f"{piece.title or 'a piece without title'}: bars {bars.start}-{bars.stop - 1} are not "
            f"there; it has bars 1 to {len(numbered)}"
        )
    begin, end = numbered[bars.start - 1].start, numbered[bars[-1] - 1].stop
    pedals = [pedal for pedal in piece.pedals if begin < pedal.tick < end]
    before = [pedal for pedal in piece.pedals if pedal.tick <= begin]
    return Piece.of(
        piece.excerpt(range(begin, end)),
        parts=piece.parts,
        meters=_since(piece.meters, begin, end),
        tempos=_since(piece.tempos, begin, end),
        keys=_since(piece.keys, begin, end),
        title=piece.title,
        pedals=[
            pedal._replace(tick=max(pedal.tick - begin, 0)) for pedal in (*before[-1:], *pedals)
        ],
    )


def _since(changes: Iterable[_C], begin: int, end: int) -> list[_C]:
    """Return changes from a tick on, the one in force there first."""
    moved = [c._replace(tick=max(c.tick - begin, 0)) for c in changes if c.tick < end]
    return list({change.tick: change for change in moved}.values())


def whole_bar_runs(piece: Piece) -> list[range]:
    """Return stretches of ticks in which bars of the main metre follow each other without a break.

    Bars of another metre and bars cut short by a change of metre lie outside.
    """
    length = piece.main_meter.bar_ticks
    runs: list[range] = []
    for bar in numbered_bars(piece):
        if len(bar) != length:
            continue
        if runs and runs[-1].stop == bar.start:
            runs[-1] = range(runs[-1].start, bar.stop)
        else:
            runs.append(range(bar.start, bar.stop))
    return runs

"""The bars of a piece as musicians number them, and where whole bars follow each other."""

from __future__ import annotations

from hocket.music.piece import Piece


def numbered_bars(piece: Piece) -> tuple[range, ...]:
    """Return the bars as ranges of ticks, bar 1 first: an upbeat before it has no number."""
    bars, meters = piece.bars(), piece.meters
    if len(bars) < 2 or len(meters) < 2:
        return bars
    upbeat = meters[1].tick == bars[0].stop and len(bars[0]) < piece.main_meter.bar_ticks
    return bars[1:] if upbeat else bars


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

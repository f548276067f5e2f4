"""Themes to hockets: practice pieces in which bars of the themes take turns.

Two themes alone teach a network to go on with whichever it hears; then a mix is a label that nothing
obeys. In a hocket the theme changes at a bar line, in one key and metre, and the network sees from the
mix which theme comes next: so it learns to cross over when the mix says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hocket.music import Meter, Note, Piece
from hocket.music.bars import whole_bar_runs

BARS = 24
"""Length of a hocket."""
LONGEST_TURN = 4
"""A turn lasts 1 to this many bars."""


def hockets(
    themes: Sequence[Piece],
    held_out: Sequence[Sequence[range]],
    count: int,
    random: np.random.Generator,
) -> Iterator[tuple[Piece, list[tuple[int, int]]]]:
    """Yield `count` pieces from themes that agree in key, each with its turns.

    A turn is (tick, number of the theme): which theme is heard from when on.

    A turn is a stretch of whole bars of a theme that touches no held-out range of ticks. The metre is
    that of the first theme. None are made where a theme has no such bar to give.
    """
    if len(themes) < 2:
        return
    meter = themes[0].main_meter
    free = [_free_starts(theme, meter, away) for theme, away in zip(themes, held_out, strict=True)]
    if not all(free):
        return
    for _ in range(count):
        notes: list[Note] = []
        turns: list[tuple[int, int]] = []
        now, current = 0, int(random.integers(len(themes)))
        while now < BARS * meter.bar_ticks:
            begin, most = free[current][random.integers(len(free[current]))]
            bars = min(int(random.integers(1, LONGEST_TURN + 1)), most)
            stretch = range(begin, begin + bars * meter.bar_ticks)
            turns.append((now, current))
            excerpt = themes[current].excerpt(stretch)
            notes.extend(note._replace(start=note.start + now) for note in excerpt)
            now += len(stretch)
            current = (current + int(random.integers(1, len(themes)))) % len(themes)
        yield Piece.of(notes, meters=[meter]), turns


def _free_starts(theme: Piece, meter: Meter, away: Sequence[range]) -> list[tuple[int, int]]:
    """Return (tick, bars): where a turn may begin, and how many bars of the metre it may last."""
    own, starts = theme.main_meter.bar_ticks, []
    for run in whole_bar_runs(theme):
        for begin in range(run.start, run.stop, own):
            stop = min((held.start for held in away if held.stop > begin), default=run.stop)
            bars = (min(stop, run.stop) - begin) // meter.bar_ticks
            if bars > 0:
                starts.append((begin, bars))
    return starts

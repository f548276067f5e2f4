"""Themes to hockets: practice pieces in which bars of the themes take turns.

Two themes alone teach a network to go on with whichever it hears; then a mix is a label that nothing
obeys. In a hocket the theme changes at a bar line, in one key and metre, and the network sees from the
mix which theme comes next: so it learns to cross over when the mix says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hocket.music import Note, Piece

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

    A turn is a stretch of a theme from one of its bar lines on that touches no held-out range of ticks.
    The metre is that of the first theme. None are made where a theme has no bar to give.
    """
    if len(themes) < 2:
        return
    starts = [
        [(bar.start, theme.end) for bar in theme.bars() if bar.start + bar.stop < 2 * theme.end]
        for theme in themes
    ]
    meter = themes[0].main_meter
    shortest = [[range(begin, begin + meter.bar_ticks) for begin, _ in each] for each in starts]
    if not all(
        any(not _touches(stretch, away) for stretch in each)
        for each, away in zip(shortest, held_out, strict=True)
    ):
        return  # a theme so short that its held-out bars leave no whole bar free
    for _ in range(count):
        notes: list[Note] = []
        turns: list[tuple[int, int]] = []
        now, current = 0, int(random.integers(len(themes)))
        while now < BARS * meter.bar_ticks:
            begin, end = starts[current][random.integers(len(starts[current]))]
            bars = min(
                int(random.integers(1, LONGEST_TURN + 1)), -(-(end - begin) // meter.bar_ticks)
            )
            stretch = range(begin, begin + bars * meter.bar_ticks)
            if not _touches(stretch, held_out[current]):
                turns.append((now, current))
                excerpt = themes[current].excerpt(stretch)
                notes.extend(note._replace(start=note.start + now) for note in excerpt)
                now += len(stretch)
                current = (current + int(random.integers(1, len(themes)))) % len(themes)
        yield Piece.of(notes, meters=[meter]), turns


def _touches(stretch: range, away: Sequence[range]) -> bool:
    return any(held.start < stretch.stop and stretch.start < held.stop for held in away)

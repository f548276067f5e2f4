"""Bars of a piece beside bars: those of its themes, and its own.

Surprising decision: both pictures count notes in shared runs, as all measures do, in any transposition.
Nothing is tuned for the eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.tracing import trace
from hocket.music import Piece
from hocket.music.bars import numbered_bars
from hocket.pictures.style import FAINT, INK, clean, figure, frame, saved, theme_colours, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 400
"""Of a piece, and of a theme, that are drawn."""
_LEAST_RUN = 4


def bars_matrix(piece: Piece, themes: Mapping[str, Sequence[Piece]], *, kind: str = "png") -> bytes:
    """Return which bars of its themes each bar of a piece shares runs with: bars across, theirs up.

    A cell is the darker, the more notes of the bar stand in runs of four or more that begin in that bar
    of the theme. Of a theme of several pieces all stand one above the other.
    """
    counts = shared_bars(piece, themes)
    heights = [max(len(rows), 4) for rows in counts.values()]
    total = min(max(sum(heights) * 0.035, 3.0), 9.0)
    made = figure(9.0, total + 1.2)
    stack = made.subplots(
        len(counts), 1, squeeze=False, sharex=True, height_ratios=[h**0.5 for h in heights]
    )[:, 0]
    for axes, (name, rows), colour in zip(
        stack, counts.items(), theme_colours(len(counts)), strict=True
    ):
        _matrix(axes, rows, colour)
        axes.set_ylabel(f"bars of\n{clean(name, 24)}", color=INK, parse_math=False)
    stack[-1].set_xlabel("bar", color=INK)
    title(made, "Bars of the themes that each bar shares runs with")
    return saved(made, kind)


def self_similarity(piece: Piece, *, form: str = "", kind: str = "png") -> bytes:
    """Return which bars of a piece are alike: a cell is the share of a bar's notes that the other has.

    What is compared are each note's place in its bar and its interval to the bar's lowest note, so a
    transposed bar is alike. `form` is written above, as in AABA.
    """
    alike = likeness(piece)
    made = figure(6.6, 6.2)
    axes = made.subplots()
    frame(axes)
    shades = axes.imshow(
        alike, cmap="cividis_r", vmin=0, vmax=1, origin="lower", extent=_extent(*alike.shape)
    )
    axes.set_xlabel("bar", color=INK)
    axes.set_ylabel("bar", color=INK)
    made.colorbar(shades, ax=axes, label="share of notes alike", shrink=0.8)
    sections = "" if form in ("", "through") else f", {form}"
    title(made, f"Bars that are alike{sections}")
    return saved(made, kind)


def shared_bars(
    piece: Piece, themes: Mapping[str, Sequence[Piece]]
) -> dict[str, NDArray[np.int64]]:
    """Return for each theme (its bars, bars of the piece): notes in runs of four that both have."""
    traced = trace(piece, themes)
    starts = [bar.start for bar in numbered_bars(piece)][:MOST_BARS]
    found = {}
    for theme, pieces in themes.items():
        lengths = [len(numbered_bars(each)) for each in pieces]
        before = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.zeros((min(int(before[-1]), MOST_BARS) or 1, max(len(starts), 1)), np.int64)
        for quote in traced.quotes.get(theme, ()):
            if len(quote.notes) < _LEAST_RUN:
                continue
            at = int(before[quote.source.piece]) + max(quote.source.bar - 1, 0)
            for place in quote.notes:
                start = piece.notes[int(traced.kept[place])].start
                bar = int(np.searchsorted(starts, start, side="right")) - 1
                if 0 <= bar < rows.shape[1] and at < rows.shape[0]:
                    rows[at, bar] += 1
        found[theme] = rows
    return found


def likeness(piece: Piece) -> NDArray[np.float64]:
    """Return (bars, bars): the notes that two bars have alike, over those of the larger one."""
    bars = numbered_bars(piece)[:MOST_BARS]
    sets: list[set[tuple[int, int]]] = []
    for bar in bars:
        own = [note for note in piece.notes if bar.start <= note.start < bar.stop]
        low = min((note.pitch for note in own), default=0)
        sets.append({(note.start - bar.start, note.pitch - low) for note in own})
    alike = np.zeros((max(len(sets), 1), max(len(sets), 1)))
    for i, one in enumerate(sets):
        for j, other in enumerate(sets):
            most = max(len(one), len(other))
            alike[i, j] = len(one & other) / most if most else float(i == j)
    return alike


def _matrix(axes: Axes, rows: NDArray[np.int64], colour: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    frame(axes)
    shades = LinearSegmentedColormap.from_list("theme", ["#f6f6f4", colour, "#101010"])
    axes.imshow(
        rows,
        cmap=shades,
        vmin=0,
        vmax=max(int(rows.max(initial=0)), 1) * 1.25,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=_extent(*rows.shape),
    )
    axes.grid(color=FAINT, linewidth=0.2, alpha=0.5)


def _extent(up: int, across: int) -> tuple[float, float, float, float]:
    return (0.5, across + 0.5, 0.5, up + 0.5)

"""Bars of a piece beside bars: those of its themes, and its own.

Surprising decision: both pictures count notes, as all measures do, in any transposition; nothing is
tuned for the eye but the shades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.likeness import likeness
from hocket.analysis.provenance import BOTH, NEW, Origins, origins
from hocket.analysis.shared import shared_bars
from hocket.music import Piece
from hocket.music.bars import numbered_bars
from hocket.pictures.style import (
    BOTH_COLOUR,
    FAINT,
    INK,
    NEW_COLOUR,
    SMALL,
    THEME_COLOURS,
    USUAL,
    WIDTH,
    clean,
    drawn,
    figure,
    frame,
    legend,
    saved,
    theme_colours,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

MOST_BARS = 400
"""Of a piece, and of a theme, that are drawn; a picture says so where there are more."""
_PAPER = "#f7f7f5"


@drawn
def bars_matrix(piece: Piece, themes: Mapping[str, Sequence[Piece]], *, kind: str = "png") -> bytes:
    """Return which bars of its themes each bar of a piece shares runs with: bars across, theirs up.

    A cell is the darker, the more notes of the bar stand in runs of four or more that are also in that
    bar of the theme (`analysis.shared`). Above stands which share of each bar's notes is of which
    theme. Of a theme of several pieces all stand one above the other, with lines between.
    """
    from matplotlib.ticker import MaxNLocator

    shared = shared_bars(piece, themes)
    counts = {name: rows[:MOST_BARS, :MOST_BARS] for name, rows in shared.items()}
    across = min(max(len(numbered_bars(piece)), 1), MOST_BARS)
    heights = [max(len(rows), 16) ** 0.75 for rows in counts.values()]
    made = figure(WIDTH, 2.3 + min(max(sum(heights) * 0.07, 2.6), 7.0))
    room = sum(heights) * 0.16 or 1.0
    stack = made.subplots(
        1 + len(counts), 1, squeeze=False, sharex=True, height_ratios=[room, *heights]
    )[:, 0]
    colours = theme_colours(len(counts))
    most = max([1, *(int(rows.max()) for rows in counts.values())])
    found = origins(piece, themes)
    _shares(
        stack[0], _shares_of_bars(piece, found)[:, :across], [*colours, BOTH_COLOUR, NEW_COLOUR]
    )
    for axes, (name, rows), colour in zip(stack[1:], counts.items(), colours, strict=True):
        frame(axes)
        shades = axes.imshow(
            rows,
            cmap=_shades(colour, 0.12),
            vmin=0,
            vmax=most,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=_extent(*rows.shape),
        )
        _lines(axes, rows.shape[1], "x")
        _lines(axes, rows.shape[0], "y")
        ends = np.cumsum([max(len(numbered_bars(each)), 1) for each in themes[name]])[:-1]
        axes.hlines(ends[ends < len(rows)] + 0.5, 0.5, across + 0.5, INK, linewidth=0.8)
        axes.set_ylabel(f"bars of\n{clean(name, 22)}", color=INK, fontsize=SMALL, parse_math=False)
        bar = made.colorbar(shades, ax=axes, pad=0.012, fraction=0.025, aspect=18)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=SMALL, colors=INK, length=2)
        bar.ax.yaxis.set_major_locator(MaxNLocator(5 if len(rows) >= 40 else 1, integer=True))
    stack[-1].set_xlabel("bar", color=INK, fontsize=USUAL)
    cut = any(max(rows.shape) > MOST_BARS for rows in shared.values())
    title(made, "Notes that bars share with bars of the themes" + _first_bars(cut))
    words = [*themes, "several themes" if len(themes) > 2 else BOTH, NEW]
    entries = list(zip(words, [*colours, BOTH_COLOUR, NEW_COLOUR], strict=True))
    if len(themes) < 2:
        del entries[-2]  # one theme cannot be several
    legend(made, entries)
    return saved(made, kind)


@drawn
def self_similarity(piece: Piece, *, form: str = "", kind: str = "png") -> bytes:
    """Return which bars of a piece are alike: a cell is the share of a bar's notes that the other has.

    They are compared in the transposition in which they agree most (`analysis.likeness`). The letters
    of a `form` such as AABA, of sections of equal length, the last of which takes what is left, stand
    beside the bars.
    """
    alike = likeness(piece, MOST_BARS)
    made = figure(7.2, 6.6)
    axes = made.subplots()
    frame(axes)
    shades = axes.imshow(
        alike,
        cmap=_shades(THEME_COLOURS[0], 0.35),
        vmin=0,
        vmax=1,
        origin="lower",
        interpolation="nearest",
        extent=_extent(*alike.shape),
    )
    for way in "xy":
        _lines(axes, len(alike), way)
    if form and form != "through":
        _sections(axes, form, len(alike))
    axes.set_xlabel("bar", color=INK, fontsize=USUAL)
    axes.set_ylabel("bar", color=INK, fontsize=USUAL)
    bar = made.colorbar(shades, ax=axes, shrink=0.85, pad=0.02, aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, length=2)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    bar.set_label("notes that two bars have alike", color=INK, fontsize=USUAL)
    title(made, "Bars that are alike" + _first_bars(len(numbered_bars(piece)) > MOST_BARS))
    return saved(made, kind)


def _first_bars(cut: bool) -> str:
    return f" (the first {MOST_BARS} bars)" if cut else ""


def _shares_of_bars(piece: Piece, found: Origins) -> NDArray[np.float64]:
    """Return which share of each bar's notes has each code of `Origins`, (H + 2, bars)."""
    starts = [bar.start for bar in numbered_bars(piece)]
    counts = np.zeros((len(found.names) + 2, max(len(starts), 1)))
    onsets = np.array([piece.notes[note].start for note in found.distinct.tolist()], np.int64)
    bars = np.maximum(np.searchsorted(starts, onsets, side="right") - 1, 0)
    np.add.at(counts, (found.codes[found.distinct], bars), 1)
    return np.asarray(counts / np.maximum(counts.sum(0), 1), np.float64)


def _shares(axes: Axes, shares: NDArray[np.float64], colours: Sequence[str]) -> None:
    frame(axes)
    bars = np.arange(1, shares.shape[1] + 1)
    floor = np.zeros(shares.shape[1])
    for share, colour in zip(shares, colours, strict=True):
        axes.bar(bars, share, width=0.86, bottom=floor, color=colour, linewidth=0)
        floor += share
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1], ["0 %", "100 %"])
    axes.set_ylabel("notes", color=INK, fontsize=USUAL)
    axes.tick_params(axis="x", length=0)


def _sections(axes: Axes, form: str, bars: int) -> None:
    """Write the letters above and to the right of the bars, with a line between two sections."""
    each = max(bars // len(form), 1)
    for number, letter in enumerate(form):
        begin = number * each
        end = bars if number == len(form) - 1 else begin + each
        if begin >= bars:
            return
        how: dict[str, Any] = {
            "ha": "center",
            "va": "center",
            "color": INK,
            "weight": "bold",
            "fontsize": USUAL,
        }
        middle, shown = (begin + end + 1) / 2, clean(letter, 1)
        text = axes.get_xaxis_transform(), axes.get_yaxis_transform()
        axes.text(middle, 1.025, shown, transform=text[0], parse_math=False, **how)
        axes.text(1.022, middle, shown, transform=text[1], parse_math=False, **how)
        if number:
            axes.axvline(begin + 0.5, color=INK, linewidth=0.9)
            axes.axhline(begin + 0.5, color=INK, linewidth=0.9)


def _lines(axes: Axes, bars: int, way: str) -> None:
    """Number bars as phrases begin, 1, 5, 9 or 1, 9, 17 …, and draw a faint line there."""
    step = 4
    while bars / step > (16 if way == "x" else 9):
        step *= 2
    numbers = range(1, bars + 1, step)
    if way == "x":
        axes.set_xticks(numbers)
    else:
        axes.set_yticks(numbers)
    for number in numbers[1:]:
        line = axes.axvline if way == "x" else axes.axhline
        line(number - 0.5, color=FAINT, linewidth=0.4, alpha=0.5)


def _shades(colour: str, light_at: float) -> Colormap:
    """Return shades from paper over a light tone of a colour, at a share of the way, to a dark one."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    red, green, blue = to_rgb(colour)
    dark = (red * 0.35, green * 0.35, blue * 0.35)
    light = (0.55 + 0.45 * red, 0.55 + 0.45 * green, 0.55 + 0.45 * blue)
    tones: list[tuple[float, str | tuple[float, float, float]]] = [
        (0.0, _PAPER),
        (light_at, light),
        (0.7, colour),
        (1.0, dark),
    ]
    return LinearSegmentedColormap.from_list("shades", tones)


def _extent(up: int, across: int) -> tuple[float, float, float, float]:
    return (0.5, across + 0.5, 0.5, up + 0.5)

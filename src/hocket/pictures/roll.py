"""A piece to its piano roll: bars across, pitches up, a note's colour for the theme it comes from.

Surprising decision: the mix stands above each row on the same bars, so that one sees what was asked
for beside what came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hocket.analysis.provenance import BOTH, NEW, Origins
from hocket.music.piece import Note, Piece
from hocket.music.pitch import name
from hocket.pictures.style import (
    BOTH_COLOUR,
    INK,
    NEW_COLOUR,
    SMALL,
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
    from matplotlib.figure import Figure

BARS_PER_ROW = 16
MOST_LINES = 160
"""Bar lines that are drawn in a row: where there are more, every second, fourth, … alone."""
MOST_ROWS = 8
LEAST_WIDTH, LEAST_HEIGHT = 0.018, 0.042  # of a drawn note, in inches
_MIX_HEIGHT = 0.35
"""Inches."""

Weights = Sequence[Sequence[float]]


@drawn
def roll(
    piece: Piece,
    origins: Origins | None = None,
    *,
    mix: Weights | None = None,
    text: str | None = None,
    kind: str = "png",
) -> bytes:
    """Return a piano roll of the piece, bars across and pitches up, in rows of 16 bars.

    With `origins` (of this very piece) each note has the colour of the theme it quotes, of several
    themes, or of none, and the legend says how large each share is; without it, the colour of its
    part. `mix` (bars, M), the weights of the themes in each bar, is drawn above. A piece of more than
    128 bars gets longer rows, so the picture never grows past eight. `text` replaces the piece's title.
    """
    if origins is None:
        parts = len(piece.parts)
        codes = [note.part for note in piece.notes]
        names = [part.name or f"Part {i + 1}" for i, part in enumerate(piece.parts)]
        colours = theme_colours(parts)
        entries = list(zip(names, colours, strict=True)) if parts > 1 else []
    else:
        codes = origins.codes.tolist()
        colours = theme_colours(len(origins.names))
        colours += [BOTH_COLOUR, NEW_COLOUR]
        words = [*origins.names, "several themes" if len(origins.names) > 2 else BOTH, NEW]
        entries = [
            (f"{clean(word, 30)}  {share:.0%}", colour)
            for word, colour, share in zip(words, colours, origins.shares, strict=True)
        ]
        if len(origins.names) < 2:
            del entries[-2]  # one theme cannot be several
    heading = piece.title if text is None else text
    return saved(_roll(piece, codes, colours, entries, heading, mix), kind)


def _roll(
    piece: Piece,
    codes: Sequence[int],
    colours: Sequence[str],
    entries: Sequence[tuple[str, str]],
    heading: str,
    mix: Weights | None,
) -> Figure:
    bars = piece.bars() or (range(piece.meters[0].bar_ticks),)
    per_row = max(BARS_PER_ROW, -(-len(bars) // MOST_ROWS))
    rows = [bars[first : first + per_row] for first in range(0, len(bars), per_row)]
    width = WIDTH if per_row == BARS_PER_ROW else 16.0
    row_height = 2.6 if len(rows) <= 2 else 2.0
    above = _MIX_HEIGHT if mix is not None and len(mix) else 0.0
    made = figure(width, 1.0 + (row_height + above) * len(rows))
    pitches = _pitch_range(piece.notes)
    widest = max(row[-1].stop - row[0].start for row in rows)
    least = widest * LEAST_WIDTH / width, len(pitches) * LEAST_HEIGHT / row_height
    ratios = [row_height] if not above else [above, row_height]
    stack = made.subplots(
        len(rows) * len(ratios), 1, squeeze=False, height_ratios=ratios * len(rows)
    )[:, 0]
    for index, (axes, row) in enumerate(
        zip(stack[len(ratios) - 1 :: len(ratios)], rows, strict=True)
    ):
        frame(axes)
        _grid(axes, row, index * per_row, pitches)
        _draw(axes, row, piece.notes, codes, colours, least)
        right = row[0].start + widest
        axes.axvspan(row[-1].stop, right, color="white", linewidth=0, zorder=2)
        axes.spines["bottom"].set_bounds(row[0].start, row[-1].stop)
        axes.set_xlim(row[0].start, right)
        axes.set_ylim(pitches.start - 0.5, pitches.stop - 0.5)
        if above and mix is not None:
            asked = mix[index * per_row : index * per_row + len(row)]
            _mix(stack[2 * index], row, asked, colours, right, named=index == 0)
    stack[-1].set_xlabel("bar", color=INK, fontsize=USUAL)
    title(made, heading)
    if entries:
        legend(made, entries)
    return made


def _mix(
    axes: Axes,
    bars: Sequence[range],
    mix: Weights,
    colours: Sequence[str],
    right: int,
    *,
    named: bool,
) -> None:
    """Draw the weights of the themes in each bar, one above the other."""
    floor = [0.0] * len(mix)
    for theme in range(len(mix[0]) if mix else 0):
        weights = [bar[theme] for bar in mix]
        axes.bar(
            [bar.start for bar in bars[: len(mix)]],
            weights,
            width=[len(bar) for bar in bars[: len(mix)]],
            bottom=floor,
            align="edge",
            color=colours[theme],
            linewidth=0,
        )
        floor = [low + weight for low, weight in zip(floor, weights, strict=True)]
    axes.set_xlim(bars[0].start, right)
    axes.set_ylim(0, 1)
    axes.set_axis_off()
    if named:
        axes.text(
            -0.004,
            0.5,
            "mix",
            transform=axes.transAxes,
            ha="right",
            va="center",
            color=INK,
            fontsize=SMALL,
        )


def _draw(
    axes: Axes,
    bars: Sequence[range],
    notes: Sequence[Note],
    codes: Sequence[int],
    colours: Sequence[str],
    least: tuple[float, float],
) -> None:
    """Draw what sounds within these bars; a note over the end of a row goes on in the next.

    A note is drawn at least `least` (ticks, semitones) large, so that none is too small to see.
    """
    from matplotlib.collections import PolyCollection

    start, stop = bars[0].start, bars[-1].stop
    half = max(0.42, least[1] / 2)
    boxes: dict[int, list[list[tuple[float, float]]]] = {}
    for note, code in zip(notes, codes, strict=True):
        left, right = max(note.start, start), min(note.end, stop)
        if left < right:
            # A hair short, so that a repeated note is seen as two.
            end = max(right - least[0] / 3, left + least[0])
            low, high = note.pitch - half, note.pitch + half
            boxes.setdefault(code, []).append([(left, low), (end, low), (end, high), (left, high)])
    for code in sorted(boxes, reverse=True):  # new notes below, themes on top
        colour = colours[code % len(colours)]
        notes_drawn = PolyCollection(boxes[code], facecolors=colour, linewidths=0, zorder=3)
        axes.add_collection(notes_drawn, autolim=False)


def _grid(axes: Axes, bars: Sequence[range], first: int, pitches: range) -> None:
    """Draw bar lines with their numbers, a line at every C, and darker bands for black keys."""
    every = max(1, round(len(bars) / 16))
    starts = [bar.start for bar in bars]
    axes.set_xticks(
        starts[::every], [str(first + i + 1) for i in range(0, len(bars), every)], ha="left"
    )
    axes.tick_params(axis="x", length=0, pad=3)
    lines = [*starts[1 :: max(1, len(starts) // MOST_LINES)], bars[-1].stop]
    axes.vlines(lines, pitches.start - 0.5, pitches.stop - 0.5, "#c4c4c4", linewidth=0.7, zorder=1)
    for pitch in pitches:
        if pitch % 12 in (1, 3, 6, 8, 10):
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#f4f4f4", linewidth=0, zorder=0)
    octaves = [pitch for pitch in pitches if pitch % 12 == 0]
    for pitch in octaves:
        axes.axhline(pitch - 0.5, color="#d9d9d9", linewidth=0.7, zorder=1)
    axes.set_yticks(octaves, [name(pitch) for pitch in octaves])


def _pitch_range(notes: Sequence[Note]) -> range:
    """Return the pitches the rows show: those of the notes, at least two octaves."""
    if not notes:
        return range(48, 73)
    low, high = min(note.pitch for note in notes) - 1, max(note.pitch for note in notes) + 2
    missing = max(0, 25 - (high - low))
    return range(low - missing // 2, high + missing - missing // 2)

"""Pieces and training curves to PNG pictures, as bytes.

Surprising decision: matplotlib is used without pyplot, on a bare Figure with the Agg backend, so
that nothing global changes and any thread may draw; and no time or version is written into the
file, so that the same piece gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from hocket.analysis.provenance import BOTH, NEW, Origins
from hocket.music.piece import Note, Piece
from hocket.music.pitch import name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, "Color Universal Design" (2008): told apart by colour-blind readers as well.
THEME_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
BOTH_COLOUR = "#3C3C3C"  # colour says which theme; what is no single theme is dark or light
BEST_COLOUR = "#D55E00"
NEW_COLOUR = "#B8B8B8"
INK, FAINT = "#222222", "#8a8a8a"

BARS_PER_ROW = 16
MOST_ROWS = 8
MOST_TEXT = 100
LEAST_WIDTH, LEAST_HEIGHT = 0.018, 0.042  # of a drawn note, in inches
DPI = 130


def roll_png(piece: Piece, origins: Origins | None = None, *, title: str | None = None) -> bytes:
    """Return a piano roll of the piece, bars across and pitches up, in rows of 16 bars.

    With `origins` (of this very piece) each note has the colour of the theme it quotes, of several
    themes, or of none, and the legend says how large each share is; without it, the colour of its
    part. A piece of more than 128 bars gets longer rows, so the picture never grows past eight.
    `title` replaces the piece's own.
    """
    if origins is None:
        parts = len(piece.parts)
        codes = [note.part for note in piece.notes]
        names = [part.name or f"Part {i + 1}" for i, part in enumerate(piece.parts)]
        colours = [THEME_COLOURS[i % len(THEME_COLOURS)] for i in range(parts)]
        entries = list(zip(names, colours, strict=True)) if parts > 1 else []
    else:
        codes = origins.codes.tolist()
        colours = [THEME_COLOURS[i % len(THEME_COLOURS)] for i in range(len(origins.names))]
        colours += [BOTH_COLOUR, NEW_COLOUR]
        words = [*origins.names, "several themes" if len(origins.names) > 2 else BOTH, NEW]
        entries = [
            (f"{_clean(word, 30)}  {share:.0%}", colour)
            for word, colour, share in zip(words, colours, origins.shares, strict=True)
        ]
        if len(origins.names) < 2:
            del entries[-2]  # one theme cannot be several
    return _png(_roll(piece, codes, colours, entries, piece.title if title is None else title))


def curve_png(
    history: Iterable[tuple[int, float, float | None]], *, title: str = "Training"
) -> bytes:
    """Return the loss over the steps of a training run, with the best held-out step marked.

    `history` has (step, loss, held-out loss or None where it was not measured), losses in nats per
    event. Losses that are not finite leave a gap.
    """
    rows = sorted(history, key=lambda row: row[0])
    train = [(step, loss) for step, loss, _ in rows]
    held = [(step, loss) for step, _, loss in rows if loss is not None]
    figure = _figure(7.2, 4.0)
    axes = figure.subplots()
    _frame(axes)
    _curve(axes, train, "training", FAINT)
    _curve(axes, held, "held out", THEME_COLOURS[0])
    finite = [(loss, step) for step, loss in held or train if math.isfinite(loss)]
    if finite:
        loss, step = min(finite)
        axes.axvline(step, color=FAINT, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
        best = f"best: {loss:.3f} at step {step:,}"
        axes.plot([step], [loss], "o", color=BEST_COLOUR, markersize=8, zorder=5, label=best)
        axes.legend(frameon=False, loc="upper right", fontsize=9.5)
    else:
        axes.text(0.5, 0.5, "nothing measured yet", ha="center", transform=axes.transAxes)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats per event)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.margins(y=0.12)
    _title(figure, title)
    return _png(figure)


def _roll(
    piece: Piece,
    codes: Sequence[int],
    colours: Sequence[str],
    entries: Sequence[tuple[str, str]],
    title: str,
) -> Figure:
    bars = piece.bars() or (range(piece.meters[0].bar_ticks),)
    per_row = max(BARS_PER_ROW, -(-len(bars) // MOST_ROWS))
    rows = [bars[first : first + per_row] for first in range(0, len(bars), per_row)]
    width = 12.0 if per_row == BARS_PER_ROW else 16.0
    row_height = 2.8 if len(rows) <= 2 else 2.0
    figure = _figure(width, 1.0 + row_height * len(rows))
    pitches = _pitch_range(piece.notes)
    widest = max(row[-1].stop - row[0].start for row in rows)
    least = widest * LEAST_WIDTH / width, len(pitches) * LEAST_HEIGHT / row_height
    stack = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for index, (axes, row) in enumerate(zip(stack, rows, strict=True)):
        _frame(axes)
        _grid(axes, row, index * per_row, pitches)
        _draw(axes, row, piece.notes, codes, colours, least)
        right = row[0].start + widest
        axes.axvspan(row[-1].stop, right, color="white", linewidth=0, zorder=2)
        axes.spines["bottom"].set_bounds(row[0].start, row[-1].stop)
        axes.set_xlim(row[0].start, right)
        axes.set_ylim(pitches.start - 0.5, pitches.stop - 0.5)
    stack[-1].set_xlabel("bar", color=INK)
    _title(figure, title)
    if entries:
        _legend(figure, entries)
    return figure


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
        starts,
        [str(first + i + 1) if i % every == 0 else "" for i in range(len(bars))],
        ha="left",
    )
    axes.tick_params(axis="x", length=0, pad=3)
    for start in [*starts[1:], bars[-1].stop]:
        axes.axvline(start, color="#c4c4c4", linewidth=0.7, zorder=1)
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


def _curve(axes: Axes, points: Sequence[tuple[int, float]], label: str, colour: str) -> None:
    if points:
        steps = [step for step, _ in points]
        losses = [loss if math.isfinite(loss) else math.nan for _, loss in points]
        marker = "o" if len(points) <= 40 else ""
        axes.plot(
            steps, losses, color=colour, linewidth=1.8, label=label, marker=marker, markersize=3.5
        )


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _frame(axes: Axes) -> None:
    axes.set_facecolor("white")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)


def _title(figure: Figure, title: str) -> None:
    shown = _clean(title, MOST_TEXT)
    if shown:
        figure.suptitle(
            shown, x=0.012, ha="left", fontsize=13, fontweight="bold", color=INK, parse_math=False
        )


def _legend(figure: Figure, entries: Sequence[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    legend = figure.legend(
        handles=[Patch(facecolor=colour) for _, colour in entries],
        labels=[f"{i}" for i in range(len(entries))],
        loc="outside lower left",
        ncols=min(len(entries), 5),
        frameon=False,
        fontsize=10,
        handlelength=1.2,
    )
    # Set afterwards: a name may begin with an underscore, which matplotlib would hide, or hold a $.
    for text, (entry, _) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(_clean(entry, MOST_TEXT))


def _clean(text: str, most: int) -> str:
    """Return text on one line, cut to `most` characters, with `?` for what the font cannot draw."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    line = "".join(c if ord(c) in known else "?" for c in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def _png(figure: Figure) -> bytes:
    target = BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()

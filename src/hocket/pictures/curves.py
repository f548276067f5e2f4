"""A training run to its curves: loss, held-out loss, and how much the network would quote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from hocket.pictures.style import (
    BEST_COLOUR,
    FAINT,
    INK,
    SMALL,
    THEME_COLOURS,
    USUAL,
    drawn,
    figure,
    frame,
    saved,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Looked(Protocol):
    """What was seen at a step of training; losses in nats an event."""

    @property
    def step(self) -> int:
        """The step."""

    @property
    def loss(self) -> float:
        """Mean loss since the look before."""

    @property
    def held_out(self) -> float | None:
        """Loss on held-out bars, None where it was not measured."""

    @property
    def quote(self) -> float | None:
        """Notes in a row that the network would quote, None where nobody asked."""


@drawn
def curve(
    history: Sequence[Looked],
    *,
    text: str = "Training",
    best_step: int | None = None,
    most_quoted: float | None = None,
    kind: str = "png",
) -> bytes:
    """Return the losses over the steps of a training run, and below them what it would quote.

    The best step is marked: `best_step`, whose weights were kept, or else the one with the least
    held-out loss. `most_quoted` are the notes from which on learning stops. Losses that are not finite
    leave a gap.
    """
    rows = sorted(history, key=lambda row: row.step)
    quotes = [(row.step, row.quote) for row in rows if row.quote is not None]
    made = figure(7.2, 5.4 if quotes else 4.0)
    if quotes:
        above, below = made.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    else:
        above = below = made.subplots()
    best = _losses(above, rows, best_step)
    if quotes:
        _quotes(below, quotes, best, most_quoted)
    below.set_xlabel("step", color=INK, fontsize=USUAL)
    below.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    title(made, text)
    return saved(made, kind)


def _losses(axes: Axes, rows: Sequence[Looked], best_step: int | None) -> int | None:
    """Draw the losses; return the step that is marked as the best."""
    train = [(row.step, row.loss) for row in rows]
    held = [(row.step, row.held_out) for row in rows if row.held_out is not None]
    frame(axes)
    _line(axes, train, "on what is learned", FAINT)
    _line(axes, held, "on bars kept from it", THEME_COLOURS[0])
    axes.set_ylabel("loss (nats per event)", color=INK, fontsize=USUAL)
    axes.margins(y=0.12)
    finite = [(loss, step) for step, loss in held or train if math.isfinite(loss)]
    if not finite:
        axes.text(0.5, 0.5, "nothing measured yet", ha="center", transform=axes.transAxes)
        return None
    kept = [pair for pair in finite if pair[1] == best_step]
    loss, step = min(kept or finite)
    axes.axvline(step, color=FAINT, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
    best = f"best: {loss:.3f} at step {step:,}"
    axes.plot([step], [loss], "o", color=BEST_COLOUR, markersize=8, zorder=5, label=best)
    # Above the lines, which may go anywhere inside.
    axes.legend(
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(-0.015, 1.0),
        borderaxespad=0.2,
        ncols=3,
        fontsize=SMALL,
        handlelength=1.6,
        columnspacing=1.4,
    )
    return step


def _quotes(
    axes: Axes, quotes: Sequence[tuple[int, float]], best: int | None, most: float | None
) -> None:
    frame(axes)
    if best is not None:
        axes.axvline(best, color=FAINT, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
    if most is not None and math.isfinite(most):
        axes.axhline(most, color=BEST_COLOUR, linewidth=1.0, linestyle=(0, (5, 3)), zorder=1)
        axes.text(
            0.995,
            most,
            "learning stops",
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="bottom",
            fontsize=SMALL,
            color=BEST_COLOUR,
        )
    _line(axes, quotes, "", THEME_COLOURS[3])
    axes.set_ylabel("notes it would\nquote in a row", color=INK, fontsize=USUAL)
    axes.margins(y=0.2)
    axes.set_ylim(bottom=0)


def _line(axes: Axes, points: Sequence[tuple[int, float]], label: str, colour: str) -> None:
    """Draw points with lines between; without a label it has none in a legend."""
    if points:
        steps = [step for step, _ in points]
        losses = [loss if math.isfinite(loss) else math.nan for _, loss in points]
        marker = "o" if len(points) <= 40 else ""
        axes.plot(
            steps,
            losses,
            color=colour,
            linewidth=1.8,
            label=label or "_",
            marker=marker,
            markersize=3.5,
        )

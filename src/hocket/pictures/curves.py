"""A training run to its curves: loss, held-out loss, and how much the network would quote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from hocket.pictures.style import (
    BEST_COLOUR,
    FAINT,
    INK,
    THEME_COLOURS,
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


def curve(history: Sequence[Looked], *, text: str = "Training", kind: str = "png") -> bytes:
    """Return the losses over the steps of a training run, and below them what it would quote.

    The best held-out step is marked; losses that are not finite leave a gap.
    """
    rows = sorted(history, key=lambda row: row.step)
    quotes = [(row.step, row.quote) for row in rows if row.quote is not None]
    made = figure(7.2, 5.6 if quotes else 4.0)
    if quotes:
        above, below = made.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    else:
        above = below = made.subplots()
    _losses(above, rows)
    if quotes:
        frame(below)
        _line(below, quotes, "", THEME_COLOURS[3])
        below.set_ylabel("notes it would\nquote in a row", color=INK)
        below.margins(y=0.2)
    below.set_xlabel("step", color=INK)
    below.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    title(made, text)
    return saved(made, kind)


def _losses(axes: Axes, rows: Sequence[Looked]) -> None:
    train = [(row.step, row.loss) for row in rows]
    held = [(row.step, row.held_out) for row in rows if row.held_out is not None]
    frame(axes)
    _line(axes, train, "training", FAINT)
    _line(axes, held, "held out", THEME_COLOURS[0])
    finite = [(loss, step) for step, loss in held or train if math.isfinite(loss)]
    if finite:
        loss, step = min(finite)
        axes.axvline(step, color=FAINT, linewidth=0.8, linestyle=(0, (3, 3)), zorder=1)
        best = f"best: {loss:.3f} at step {step:,}"
        axes.plot([step], [loss], "o", color=BEST_COLOUR, markersize=8, zorder=5, label=best)
        axes.legend(frameon=False, loc="upper right", fontsize=9.5)
    else:
        axes.text(0.5, 0.5, "nothing measured yet", ha="center", transform=axes.transAxes)
    axes.set_ylabel("loss (nats per event)", color=INK)
    axes.margins(y=0.12)


def _line(axes: Axes, points: Sequence[tuple[int, float]], label: str, colour: str) -> None:
    if points:
        steps = [step for step, _ in points]
        losses = [loss if math.isfinite(loss) else math.nan for _, loss in points]
        marker = "o" if len(points) <= 40 else ""
        axes.plot(
            steps, losses, color=colour, linewidth=1.8, label=label, marker=marker, markersize=3.5
        )

"""A network's weights to a picture and a table of what it is made of.

Two views of one network: as it learns, windows of T events in B sequences; and as it writes, one event
after the other with the state handed on. Surprising decision: every number is read off the arrays
themselves, none off the settings, so the picture cannot show what the file does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.model.changes import LEFT, changed
from hocket.model.theme import ThemeFile
from hocket.model.weights import Weights
from hocket.pictures.style import FAINT, INK, THEME_COLOURS, figure, saved, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INPUTS = {
    "event": "the last event",
    "sounding": "pitches that sound",
    "place": "place in beat and bar, part, loudness, pedal, how well memory matches",
    "recalled": "events that memory recalls",
    "theme": "the mix of the themes",
}


class Layer(NamedTuple):
    """A layer: what it is, the shapes of its arrays, how many numbers, and what a theme adds."""

    name: str
    what: str
    shapes: tuple[tuple[int, ...], ...]
    out: int
    """Numbers that come out of it for each event."""
    parameters: int
    rank: int
    """Of the changes that a theme makes to it; 0 for none."""
    added: int
    """Numbers in these."""


class Shapes(NamedTuple):
    """What a network is made of, in the order of its data."""

    inputs: tuple[Layer, ...]
    lstms: tuple[Layer, ...]
    output: Layer
    dropout: float
    theme: str
    """The title of the theme whose changes are counted; empty for none."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All of them."""
        return (*self.inputs, *self.lstms, self.output)

    @property
    def parameters(self) -> int:
        """Numbers in all arrays."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def added(self) -> int:
        """Numbers in the changes of the theme."""
        return sum(layer.added for layer in self.layers)


def shapes_of(weights: Weights, theme: ThemeFile | None = None) -> Shapes:
    """Return what weights are made of, and what a theme file adds to them."""
    arrays = weights.arrays
    changes: Mapping[str, NDArray[Any]] = {} if theme is None else theme.changes
    inputs = []
    for prefix, what in _INPUTS.items():
        own = {name: array for name, array in arrays.items() if name.split(".")[0] == prefix}
        if own:
            columns = prefix in ("sounding", "theme")
            out = sum(array.shape[0] if columns else array.shape[1] for array in own.values())
            inputs.append(_layer(prefix, what, own, out, changes))
    lstms = []
    for number in range(sum(name.endswith("weight_hh_l0") for name in arrays)):
        own = {n: a for n, a in arrays.items() if n.startswith(f"lstms.{number}.")}
        width = own[f"lstms.{number}.weight_hh_l0"].shape[1]
        lstms.append(_layer(f"LSTM {number + 1}", f"{width} units", own, width, changes))
    own = {name: array for name, array in arrays.items() if name.startswith("output.")}
    events = own["output.weight"].shape[0]
    output = _layer("output", f"a chance for each of {events} events", own, events, changes)
    return Shapes(
        tuple(inputs), tuple(lstms), output, weights.model.dropout, theme.title if theme else ""
    )


def _layer(
    name: str,
    what: str,
    arrays: Mapping[str, NDArray[np.float32]],
    out: int,
    changes: Mapping[str, NDArray[Any]],
) -> Layer:
    ranks, added = [0], 0
    for own in arrays:
        key = own.replace(".", "-")
        mine = [array for change, array in changes.items() if change.partition("_")[2] == key]
        added += sum(array.size for array in mine) if changed(own) else 0
        if LEFT + key in changes:
            ranks.append(changes[LEFT + key].shape[1])
    shapes = tuple(array.shape for array in arrays.values() if array.ndim > 1)
    return Layer(
        name, what, shapes, out, sum(array.size for array in arrays.values()), max(ranks), added
    )


def network_text(shapes: Shapes) -> str:
    """Return the layers as a table, a line each."""
    rows = [("layer", "arrays", "out", "parameters", "theme adds", "what")]
    for layer in shapes.layers:
        arrays = _several(layer.shapes)
        added = f"{layer.added:,} (rank {layer.rank})" if layer.rank else ""
        rows.append(
            (layer.name, arrays, f"{layer.out}", f"{layer.parameters:,}", added, layer.what)
        )
    total = f"{shapes.added:,}" if shapes.theme else ""
    rows.append(("all", "", "", f"{shapes.parameters:,}", total, shapes.theme))
    if not shapes.theme:
        rows = [(*row[:4], row[5]) for row in rows]  # type: ignore[misc]
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in (2, 3) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, wide, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _several(shapes: tuple[tuple[int, ...], ...]) -> str:
    """Return shapes in words; of many small tables how many there are."""
    if len(shapes) > 2:
        return f"{len(shapes)} tables x {shapes[0][1]}"
    return ", ".join(" x ".join(map(str, shape)) for shape in shapes)


def network(shapes: Shapes, *, kind: str = "png") -> bytes:
    """Return the network drawn: on the left as it learns, on the right as it writes."""
    rows = len(shapes.lstms) + 3
    made = figure(11.5, 1.5 + 1.35 * rows)
    left, right = made.subplots(1, 2)
    for axes, heading, learning in (
        (left, "learning: B sequences of T events", True),
        (right, "writing: one event after the other", False),
    ):
        _view(axes, shapes, learning)
        axes.set_title(heading, fontsize=11, color=INK, pad=4)
    added = f"; {shapes.theme} changes {shapes.added:,} more" if shapes.theme else ""
    title(made, f"The network: {shapes.parameters:,} parameters{added}")
    return saved(made, kind)


def _view(axes: Axes, shapes: Shapes, learning: bool) -> None:
    """Draw one view from the inputs, below, to the chances of the next event, above."""
    lead = "B, T, " if learning else ""
    joined = sum(layer.out for layer in shapes.inputs)
    axes.set_xlim(0, 10)
    axes.set_axis_off()
    width = 9.4 / len(shapes.inputs)
    for place, layer in enumerate(shapes.inputs):
        low = _source(layer)
        text = f"{layer.name}\n{low} → {layer.out}"
        _box(axes, 0.3 + place * width, 0, width - 0.15, 0.8, text, THEME_COLOURS[4])
        _arrow(axes, 0.3 + place * width + width / 2, 0.8, 1.25)
    y = 1.25
    _box(axes, 0.3, y, 9.25, 0.5, f"side by side ({lead}{joined})", "#e8e8e4")
    y += 0.5
    for layer in shapes.lstms:
        _arrow(axes, 5, y, y + 0.5)
        y += 0.5
        rank = f", theme: rank {layer.rank}" if layer.rank else ""
        (rows, into), (_, width_) = layer.shapes[1], layer.shapes[0]
        weights = f"{rows} × {into} and {rows} × {width_}{rank}"
        text = f"{layer.name}  ({lead}{layer.out})\n{weights}"
        _box(axes, 2.2, y, 5.6, 0.85, text, THEME_COLOURS[0], white=True)
        if learning and shapes.dropout:
            note = f"dropout {shapes.dropout:g}\nbehind it"
            axes.text(8.1, y + 0.42, note, fontsize=8.5, va="center", color=FAINT)
        if not learning:
            _loop(axes, y, f"state: h, c\n2 × {layer.out}")
        y += 0.85
    _arrow(axes, 5, y, y + 0.5)
    y += 0.5
    rank = f", theme: rank {shapes.output.rank}" if shapes.output.rank else ""
    events, into = shapes.output.shapes[0]
    text = f"output  {events} × {into}{rank}\nsoftmax ({lead}{events})"
    _box(axes, 2.2, y, 5.6, 0.85, text, THEME_COLOURS[2], white=True)
    _arrow(axes, 5, y + 0.85, y + 1.35)
    after = (
        "cross-entropy with the event that came"
        if learning
        else "rules and chance choose the event"
    )
    axes.text(5, y + 1.45, after, ha="center", va="bottom", fontsize=9.5, color=INK)
    axes.set_ylim(-0.2, y + 1.9)


def _source(layer: Layer) -> str:
    """Return what enters an input: how many values, or tables of them."""
    if layer.name in ("sounding", "theme"):
        return str(layer.shapes[0][1])
    if len(layer.shapes) > 1:
        return f"{len(layer.shapes)} tables"
    return f"1 of {layer.shapes[0][0]}"


def _box(
    axes: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    text: str,
    colour: str,
    *,
    white: bool = False,
) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=colour,
            edgecolor="none",
            alpha=0.9,
        )
    )
    axes.text(
        x + width / 2,
        y + height / 2,
        text,
        ha="center",
        va="center",
        fontsize=9,
        color="white" if white else INK,
        linespacing=1.5,
    )


def _arrow(axes: Axes, x: float, low: float, high: float) -> None:
    axes.annotate(
        "", (x, high), (x, low), arrowprops={"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.0}
    )


def _loop(axes: Axes, y: float, text: str) -> None:
    """Draw the state that goes from one event to the next."""
    axes.annotate(
        "",
        (7.8, y + 0.2),
        (7.8, y + 0.7),
        arrowprops={
            "arrowstyle": "-|>",
            "color": THEME_COLOURS[5],
            "linewidth": 1.3,
            "connectionstyle": "arc3,rad=-1.6",
        },
    )
    axes.text(8.75, y + 0.44, text, fontsize=8.5, va="center", color=THEME_COLOURS[5])

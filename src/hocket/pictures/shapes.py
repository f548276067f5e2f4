"""A network's weights to a list of its layers, and to a table of them.

Surprising decision: every number but the dropout is read off the arrays themselves, none off the
settings, so nothing is told that the file does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.model.changes import LEFT, changed
from hocket.model.theme import ThemeFile
from hocket.model.weights import Weights

_INPUTS = {
    "event": "the last event",
    "sounding": "pitches that sound",
    "place": "place in beat and bar, part, loudness, pedal, how well memory matches",
    "recalled": "events that memory recalls",
    "theme": "the mix of the themes",
}
_LINEAR = ("sounding", "theme")
"""Inputs that are products; the others are tables, a row for each choice."""


class Layer(NamedTuple):
    """A layer: what it is, the shapes of its arrays, how many numbers, and what a theme adds."""

    name: str
    what: str
    shapes: tuple[tuple[int, ...], ...]
    """Of matrices out by in, of tables choices by out; of an LSTM that of the input comes first."""
    out: int
    """Numbers that come out of it for each event."""
    parameters: int
    rank: int
    """Of the changes that a theme makes to it; 0 for none."""
    added: int
    """Numbers in these."""

    @property
    def source(self) -> str:
        """What enters an input, in words: how many values, one of how many, or how many tables."""
        if self.name in _LINEAR:
            return f"{self.shapes[0][1]} values"
        if len(self.shapes) > 1:
            return f"{len(self.shapes)} tables"
        return f"1 of {self.shapes[0][0]}"


class Shapes(NamedTuple):
    """What a network is made of, in the order of its data."""

    inputs: tuple[Layer, ...]
    lstms: tuple[Layer, ...]
    output: Layer
    dropout: float
    """As it was learned with: weights do not tell."""
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
            side = 0 if prefix in _LINEAR else 1
            out = sum(array.shape[side] for array in own.values())
            inputs.append(_layer(prefix, what, own, out, changes))
    lstms = []
    for number in range(sum(name.endswith("weight_hh_l0") for name in arrays)):
        # The order of a file is that of the alphabet, of a network just learned that of torch.
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        own = {f"lstms.{number}.{name}": arrays[f"lstms.{number}.{name}"] for name in names}
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
    head = ["layer", "arrays", "out", "parameters", "theme adds", "what"]
    rows = [head]
    for layer in shapes.layers:
        added = f"{layer.added:,} (rank {layer.rank})" if layer.rank else ""
        arrays, size = _several(layer.shapes), f"{layer.parameters:,}"
        rows.append([layer.name, arrays, f"{layer.out}", size, added, layer.what])
    title = " ".join(shapes.theme.split())
    rows.append(["all", "", "", f"{shapes.parameters:,}", f"{shapes.added:,}", title])
    if not shapes.theme:
        rows = [[*row[:4], row[5]] for row in rows]
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

"""A network's shapes to a picture of it in two views.

On the left as it learns: windows of T events in B sequences, which hand their state on to the next
window. On the right as it writes: one event after the other, the state handed on, and the event that
was chosen heard next. Data goes up, as in most papers. Surprising decision: text is dark on tints of
the colours; white on them would be hard to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hocket.model.weights import Weights
from hocket.pictures.shapes import Layer, Shapes, shapes_of
from hocket.pictures.style import (
    BEST_COLOUR,
    FAINT,
    INK,
    SMALL,
    THEME_COLOURS,
    USUAL,
    WIDTH,
    clean,
    drawn,
    figure,
    saved,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INPUT, _LSTM, _OUTPUT, _PLAIN = THEME_COLOURS[4], THEME_COLOURS[0], THEME_COLOURS[2], "#b0b0ac"
# Places and sizes in a view that is 10 wide: of lines of text high, as many as there are rows of boxes.
_LEFT, _RIGHT = 2.15, 7.85
_LINE, _GAP = 0.34, 0.42


@drawn
def network(shown: Shapes | Weights, *, kind: str = "png") -> bytes:
    """Return a network drawn with the shapes of its arrays: as it learns, and as it writes."""
    shapes = shapes_of(shown) if isinstance(shown, Weights) else shown
    made = figure(WIDTH, 1.0)
    left, right = made.subplots(1, 2)
    heights = [_view(left, shapes, learning=True), _view(right, shapes, learning=False)]
    for axes, heading in (
        (left, "learning: B sequences, T events"),
        (right, "writing: event by event"),
    ):
        axes.set_ylim(-0.75, max(heights))
        axes.set_title(heading, fontsize=USUAL, color=INK, pad=2)
    made.set_figheight(0.85 + 0.52 * (max(heights) + 0.75))
    added = f"; {clean(shapes.theme, 28)} adds {shapes.added:,}" if shapes.theme else ""
    title(made, f"The network: {shapes.parameters:,} parameters{added}")
    return saved(made, kind)


def _view(axes: Axes, shapes: Shapes, *, learning: bool) -> float:
    """Draw one view, the inputs below and the chances of the next event above; return its height."""
    lead = "B, T, " if learning else ""
    axes.set_xlim(-0.2, 10.2)
    axes.set_axis_off()
    y = _inputs(axes, shapes)
    joined = sum(layer.out for layer in shapes.inputs)
    y = _box(axes, (0.1, 9.9), y, [f"side by side  ({lead}{joined})"], _PLAIN)
    for layer in shapes.lstms:
        y = _up(axes, y)
        entering, own = (f"{rows} × {columns}" for rows, columns in layer.shapes)
        lines = [f"{layer.name}  ({lead}{layer.out})", f"in {entering}, own {own}"]
        top = _box(axes, (_LEFT, _RIGHT), y, lines, _LSTM, _adds(layer))
        _state(axes, (y + top) / 2, layer.out, learning=learning)
        y = top
        if learning and shapes.dropout:
            y = _up(axes, y, 0.5)
            y = _box(axes, (3.4, 6.6), y, [f"dropout {shapes.dropout:g}"], _PLAIN, plain=True)
    y = _up(axes, y)
    rows, columns = shapes.output.shapes[0]
    lines = [f"output, softmax  ({lead}{shapes.output.out})", f"{rows} × {columns} and a bias"]
    y = _up(axes, _box(axes, (_LEFT, _RIGHT), y, lines, _OUTPUT, _adds(shapes.output)))
    end = "loss: cross-entropy with what came" if learning else "rules and chance choose the event"
    axes.text(5, y + 0.05, end, ha="center", va="bottom", fontsize=SMALL, color=INK)
    if not learning:
        _heard_next(axes, y + 0.25, 0.1 + 9.8 / len(shapes.inputs) / 2)
    return y + 0.5


def _inputs(axes: Axes, shapes: Shapes) -> float:
    width = 9.8 / len(shapes.inputs)
    top = 0.0
    for place, layer in enumerate(shapes.inputs):
        left = 0.1 + place * width
        lines = [layer.name, layer.source, f"→ {layer.out}"]
        top = _box(axes, (left + 0.06, left + width - 0.06), 0, lines, _INPUT)
        end = _up(axes, top, at=left + width / 2)
    return end


def _adds(layer: Layer) -> str:
    return f"theme: rank {layer.rank}, {layer.added:,} numbers" if layer.rank else ""


def _box(
    axes: Axes,
    across: tuple[float, float],
    low: float,
    lines: list[str],
    colour: str,
    theme: str = "",
    *,
    plain: bool = False,
) -> float:
    """Draw a box with lines of text, the first one bold, and what a theme adds; return its top."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    high = low + 0.3 + _LINE * (len(lines) + bool(theme))
    tint = tuple(0.78 + 0.22 * part for part in to_rgb(colour))
    box = FancyBboxPatch(
        (across[0], low),
        across[1] - across[0],
        high - low,
        boxstyle="round,pad=0,rounding_size=0.1",
        facecolor=tint,
        edgecolor=colour,
        linewidth=1.0,
        zorder=2,
    )
    axes.add_patch(box)
    how: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 3}
    for number, line in enumerate([*lines, *([theme] if theme else [])]):
        bold = number == 0 and not plain
        axes.text(
            (across[0] + across[1]) / 2,
            high - 0.15 - _LINE * (number + 0.5),
            line,
            color="#a63c00" if theme and number == len(lines) else INK,
            fontsize=SMALL,
            fontweight="bold" if bold else "normal",
            **how,
        )
    return high


def _up(axes: Axes, low: float, share: float = 1.0, at: float = 5.0) -> float:
    """Draw an arrow upwards; return where it ends."""
    _arrow(axes, (at, low), (at, low + _GAP * share), FAINT)
    return low + _GAP * share


def _arrow(
    axes: Axes,
    begin: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    dashed: bool = False,
) -> None:
    axes.annotate(
        "",
        end,
        begin,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 1.1,
            "linestyle": "--" if dashed else "-",
            "shrinkA": 0,
            "shrinkB": 1,
            "mutation_scale": 9,
        },
    )


def _state(axes: Axes, y: float, width: int, *, learning: bool) -> None:
    """Draw the state that comes in and goes out."""
    size = f"B, {width}" if learning else f"{width}"
    how: dict[str, Any] = {
        "ha": "center",
        "fontsize": SMALL,
        "color": "#a63c00",
        "linespacing": 1.25,
    }
    for begin, end in ((0.1, _LEFT), (_RIGHT, 9.9)):
        _arrow(axes, (begin, y), (end, y), BEST_COLOUR, dashed=learning)
        axes.text((begin + end) / 2, y + 0.08, f"h, c\n{size}", va="bottom", **how)
    step = "window" if learning else "event"
    axes.text((0.1 + _LEFT) / 2, y - 0.1, f"last {step}", va="top", **how)
    axes.text((_RIGHT + 9.9) / 2, y - 0.1, f"next {step}", va="top", **how)


def _heard_next(axes: Axes, top: float, event: float) -> None:
    """Draw the way of the event that was chosen back to where events come in."""
    axes.plot(
        [7.65, 10.15, 10.15, event, event], [top, top, -0.4, -0.4, -0.3], color=FAINT, linewidth=1.1
    )
    _arrow(axes, (event, -0.4), (event, 0), FAINT)
    axes.text(5.6, -0.45, "heard next", ha="center", va="top", fontsize=SMALL, color=INK)

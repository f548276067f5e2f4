"""Pages as SVG to PDF and PNG, drawn by matplotlib: no system library, and no font but its own.

What is read is what verovio writes: groups, glyphs by reference, paths, polygons, ellipses and text.
Surprising decision: text becomes outlines, so that a page looks the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, fromstring

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Outline

PAGE_INCHES = (210 / 25.4, 297 / 25.4)
UNITS_PER_PAGE = (21_000, 29_700)
POINTS_PER_UNIT = 72 * PAGE_INCHES[0] / UNITS_PER_PAGE[0]
DPI = 200
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
_COMMAND = re.compile(r"([MmLlHhVvCcSsQqTtZz])([^MmLlHhVvCcSsQqTtZz]*)")
_TRANSFORM = re.compile(r"(translate|scale)\(([^)]*)\)")
_SPACE = 32.0
"""Of a text of size 100."""
_TEXT_BOLD, _TEXT_ITALIC = ("tempo",), ("mNum", "dir", "dynam")

Matrix = NDArray[np.float64]


class _Mark(NamedTuple):
    """Something to be drawn: an outline in page units, filled or stroked."""

    outline: Outline
    colour: str
    width: float | None
    """Of the stroke, in page units; None where it is filled."""


def pdf(pages: Sequence[str], title: str) -> bytes:
    """Return pages as one PDF file; the same for the same pages."""
    from matplotlib.backends.backend_pdf import PdfPages

    target = BytesIO()
    known = {"Title": title, "Creator": "hocket", "CreationDate": None, "Producer": None}
    with PdfPages(target, metadata=known) as file:
        for page in pages:
            file.savefig(_figure(page))
    return target.getvalue()


def png(page: str, dpi: int = DPI) -> bytes:
    """Return a page as PNG."""
    target = BytesIO()
    _figure(page).savefig(target, format="png", dpi=dpi, metadata={"Software": None})
    return target.getvalue()


def _figure(page: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    figure = Figure(figsize=PAGE_INCHES, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, UNITS_PER_PAGE[0])
    axes.set_ylim(UNITS_PER_PAGE[1], 0)
    axes.set_axis_off()
    groups: dict[tuple[str, float | None], list[Outline]] = {}
    for mark in _marks(fromstring(page)):
        groups.setdefault((mark.colour, mark.width), []).append(mark.outline)
    for (colour, width), outlines in groups.items():
        if width is None:
            drawn = PathCollection(outlines, facecolors=colour, linewidths=0)
        else:
            points = width * POINTS_PER_UNIT
            drawn = PathCollection(
                outlines,
                facecolors="none",
                edgecolors=colour,
                linewidths=points,
                capstyle="projecting",
            )
        drawn.set_clip_on(False)
        drawn.set_snap(False)  # or thin lines are moved onto each other
        axes.add_collection(drawn, autolim=False)
    return figure


def _marks(root: Element) -> Iterator[_Mark]:
    """Yield what a page shows."""
    glyphs = {}
    for element in root.iter():
        if _tag(element) == "g" and element.get("id", "").startswith("E"):
            path = next((child for child in element if _tag(child) == "path"), None)
            if path is not None:
                glyphs[element.get("id")] = path.get("d", "")
    inner = next(element for element in root.iter() if element.get("class") == "definition-scale")
    yield from _drawn(inner, np.eye(3), "black", "", glyphs)


def _drawn(
    element: Element, matrix: Matrix, colour: str, kind: str, glyphs: dict[str | None, str]
) -> Iterator[_Mark]:
    tag = _tag(element)
    if tag in ("defs", "style", "desc", "title") or "placeholder" in element.get("class", ""):
        return
    matrix = matrix @ _matrix(element.get("transform", ""))
    given = element.get("color") or element.get("fill")
    if given and given not in ("none", "currentColor"):
        colour = given
    kind = element.get("class", "").split(" ")[0] if tag == "g" else kind
    if tag == "use":
        name = (element.get("href") or "").removeprefix("#")
        flipped = matrix @ np.diag([1.0, -1.0, 1.0])
        yield _Mark(_moved(_outline(glyphs.get(name, "")), flipped), colour, None)
    elif tag == "path":
        outline = _moved(_outline(element.get("d", "")), matrix)
        width = element.get("stroke-width")
        if element.get("fill") != "none":
            yield _Mark(outline, colour, None)
        if width is not None:
            yield _Mark(outline, colour, float(width.removesuffix("px")))
    elif tag in ("polygon", "polyline"):
        points = _numbers(element.get("points", "")).reshape(-1, 2)
        yield _Mark(_moved(_polygon(points), matrix), colour, None)
    elif tag == "rect":
        x, y, w, h = (float(element.get(name, 0)) for name in ("x", "y", "width", "height"))
        corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
        yield _Mark(_moved(_polygon(corners), matrix), colour, None)
    elif tag == "ellipse":
        yield _Mark(_moved(_ellipse(element), matrix), colour, None)
    elif tag == "text":
        yield from _text(element, matrix, colour, kind)
        return
    for child in element:
        yield from _drawn(child, matrix, colour, kind, glyphs)


def _text(element: Element, matrix: Matrix, colour: str, kind: str) -> Iterator[_Mark]:
    """Yield a text's outlines: pieces one behind the other, from or about where it stands."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    x, y = float(element.get("x", 0)), float(element.get("y", 0))
    anchor = element.get("text-anchor", "start")
    pieces: list[tuple[Outline | None, float, float]] = []
    weight = "bold" if kind in _TEXT_BOLD else "normal"
    font = FontProperties(
        family="DejaVu Serif",
        weight=weight,
        style="italic" if kind in _TEXT_ITALIC else "normal",
    )
    for span in element.iter():
        x, y = float(span.get("x", x)), float(span.get("y", y))
        anchor = span.get("text-anchor", anchor)
        words = span.text if _tag(span) == "tspan" else None
        size = float(span.get("font-size", "0px").removesuffix("px"))
        if not words or not size:
            continue
        # `TextPath` swallows space at the ends; DejaVu's space is about a third of its size
        shown, scale = words.replace("\xa0", " "), size / 100
        before = _SPACE * (len(shown) - len(shown.lstrip()))
        after = _SPACE * (len(shown) - len(shown.rstrip())) if shown.strip() else 0.0
        outline: Outline | None = None
        wide = 0.0
        if shown.strip():
            outline = TextPath((0, 0), _known(shown.strip()), size=100, prop=font, usetex=False)
            wide = float(outline.get_extents().x1) if len(outline.vertices) else 0.0
            outline = _moved(outline, np.array([[1, 0, before], [0, 1, 0], [0, 0, 1]]))
        pieces.append((outline, scale, (before + wide + after) * scale))
    total = sum(advance for _, _, advance in pieces)
    at = x - total * {"middle": 0.5, "end": 1.0}.get(anchor, 0.0)
    for outline, scale, advance in pieces:
        if outline is not None:
            place = np.array([[scale, 0, at], [0, -scale, y], [0, 0, 1]])
            yield _Mark(_moved(outline, matrix @ place), colour, None)
        at += advance


def _known(text: str) -> str:
    """Return a text with nothing that matplotlib would take for mathematics."""
    return text.replace("$", r"\$")


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _matrix(text: str) -> Matrix:
    matrix = np.eye(3)
    for name, values in _TRANSFORM.findall(text):
        numbers = _numbers(values)
        step = np.eye(3)
        if name == "translate":
            step[:2, 2] = numbers if len(numbers) == 2 else (numbers[0], 0)
        else:
            step[0, 0], step[1, 1] = numbers[0], numbers[-1]
        matrix = matrix @ step
    return matrix


def _numbers(text: str) -> NDArray[np.float64]:
    return np.array([float(number) for number in _NUMBER.findall(text)])


def _moved(outline: Outline, matrix: Matrix) -> Outline:
    from matplotlib.path import Path as Outline

    points = np.asarray(outline.vertices, np.float64) @ matrix[:2, :2].T + matrix[:2, 2]
    return Outline(points, outline.codes)


def _polygon(points: NDArray[np.float64]) -> Outline:
    from matplotlib.path import Path as Outline

    return Outline(np.concatenate([points, points[:1]]), closed=True)


def _ellipse(element: Element) -> Outline:
    from matplotlib.path import Path as Outline

    cx, cy, rx, ry = (float(element.get(name, 0)) for name in ("cx", "cy", "rx", "ry"))
    circle = Outline.unit_circle()
    return _moved(circle, np.array([[rx, 0, cx], [0, ry, cy], [0, 0, 1]]))


@cache
def _outline(text: str) -> Outline:
    """Return the outline of SVG path data."""
    from matplotlib.path import Path as Outline

    points: list[tuple[float, float]] = []
    codes: list[np.uint8] = []
    at = start = handle = np.zeros(2)
    before = ""
    for command, values in _COMMAND.findall(text):
        numbers, kind = _numbers(values), command.upper()
        relative = command.islower()
        if kind == "Z":
            points.append((float(start[0]), float(start[1])))
            codes.append(Outline.CLOSEPOLY)
            at = start
            before = kind
            continue
        size = {"H": 1, "V": 1, "C": 6, "S": 4, "Q": 4}.get(kind, 2)
        for step, row in enumerate(numbers.reshape(-1, size)):
            if kind in "HV":
                axis = 0 if kind == "H" else 1
                ends = at.copy()
                ends[axis] = row[0] + (at[axis] if relative else 0)
                new = [ends]
            else:
                new = [pair + at if relative else pair for pair in row.reshape(-1, 2)]
            if kind == "S":
                new.insert(0, 2 * at - handle if before in ("C", "S") else at)
            if kind == "M" and step == 0:
                codes.append(Outline.MOVETO)
                start = new[0]
            else:
                codes += [
                    {2: Outline.CURVE3, 3: Outline.CURVE4}.get(len(new), Outline.LINETO)
                ] * len(new)
            points += [(float(p[0]), float(p[1])) for p in new]
            handle = new[-2] if len(new) > 1 else new[-1]
            at = new[-1]
            before = kind
    return Outline(np.array(points).reshape(-1, 2), codes or None)

"""The one look of all pictures: colours, frames, titles and legends, and how they become bytes.

The same piece gives the same bytes: no pyplot, a bare Figure, and no time or version in the file.
Surprising decision: one picture is drawn at a time (`drawn`). What matplotlib draws with are settings
that all threads share, a notebook's own among them; so they are matplotlib's defaults for as long as a
picture of ours takes, and then again what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from io import BytesIO
from threading import RLock
from typing import TYPE_CHECKING, ParamSpec

from hocket.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hocket.analysis.provenance import Origins

# Okabe and Ito, "Color Universal Design" (2008): told apart by colour-blind readers as well.
THEME_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
BOTH_COLOUR = "#3C3C3C"  # colour says which theme; what is no single theme is dark or light
BEST_COLOUR = "#D55E00"
NEW_COLOUR = "#B8B8B8"
INK, FAINT = "#222222", "#8a8a8a"
MOST_TEXT = 100
_PER_INCH = 7.8
"""Characters of a title that have room in an inch."""
DPI = 130
KINDS = ("png", "svg")
WIDTH = 9.6
"""Inches of a wide picture: shrunk to 700 pixels, its smallest text is still some nine pixels high."""
SMALL, USUAL = 9.5, 10.5
"""Sizes of text, in points."""

_P = ParamSpec("_P")
_ONE_AT_A_TIME = RLock()


def drawn(draw: Callable[_P, bytes]) -> Callable[_P, bytes]:
    """Let a function draw by matplotlib's own settings, whatever the user's are, in any thread."""

    @wraps(draw)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> bytes:
        import matplotlib

        with _ONE_AT_A_TIME, matplotlib.rc_context():
            matplotlib.rcdefaults()
            # ids in an SVG come of a salt that is drawn by chance, unless it is given
            matplotlib.rcParams["svg.hashsalt"] = "hocket"
            return draw(*args, **kwargs)

    return alone


def theme_colours(themes: int) -> list[str]:
    """Return a colour for each of so many themes."""
    return [THEME_COLOURS[i % len(THEME_COLOURS)] for i in range(themes)]


def ink(origins: Origins) -> list[str | None]:
    """Return for each note the colour of its head in a score: a theme's, or None for black."""
    colours = theme_colours(len(origins.names))
    return [colours[code] if code < len(colours) else None for code in origins.codes.tolist()]


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(made)
    return made


def frame(axes: Axes) -> None:
    """Give axes a left and a lower edge, both faint."""
    axes.set_facecolor("white")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=SMALL)


def title(figure: Figure, text: str) -> None:
    """Put a title on a figure, cut where it is too long."""
    shown = clean(text, int(figure.get_figwidth() * _PER_INCH))
    if shown:
        figure.suptitle(
            shown, x=0.012, ha="left", fontsize=13, fontweight="bold", color=INK, parse_math=False
        )


def legend(figure: Figure, entries: Sequence[tuple[str, str]]) -> None:
    """Put a legend of names and colours below a figure."""
    from matplotlib.patches import Patch

    made = figure.legend(
        handles=[Patch(facecolor=colour) for _, colour in entries],
        labels=[f"{i}" for i in range(len(entries))],
        loc="outside lower left",
        ncols=min(len(entries), 5),
        frameon=False,
        fontsize=USUAL,
        handlelength=1.2,
    )
    # Set afterwards: a name may begin with an underscore, which matplotlib would hide, or hold a $.
    for text, (entry, _) in zip(made.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(clean(entry, MOST_TEXT))


def clean(text: str, most: int) -> str:
    """Return text on one line, cut to `most` characters, with `?` for what the font cannot draw."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    line = "".join(c if ord(c) in known else "?" for c in " ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"


def saved(figure: Figure, kind: str) -> bytes:
    """Return a figure as `png` or `svg`; raises `ConfigError` for another kind."""
    if kind not in KINDS:
        raise ConfigError(f"{kind!r}: pictures are {' or '.join(KINDS)}")
    target = BytesIO()
    none = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(target, format=kind, metadata=none)
    return target.getvalue()

"""Measures to what a person or a program reads: a table, its legend, plain dictionaries, medians.

Surprising decision: numbers are rounded here and only for the table; JSON keeps them exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from statistics import median
from typing import TYPE_CHECKING, Any

from hocket.analysis.chance import chance
from hocket.analysis.metrics import Measures

if TYPE_CHECKING:
    from rich.table import Table

# Heading, and how a number is shown; `share` becomes one column per theme.
_COLUMNS = {
    "notes": "{:d}",
    "cover16": "{:.2f}",
    "longest": "{:d}",
    "known": "{:.2f}",
    "share": "{:.2f}",
    "switches": "{:.1f}",
    "in_key": "{:.2f}",
    "stuck": "{:d}",
}
"""What the table shows, under the measures' own names; JSON has all of them."""


def table(rows: Mapping[str, Measures], notes: float | None = None) -> Table:
    """Return a table for the terminal, one row per piece and, for several, one of medians.

    If it is said how many `notes` the themes have on average, a last row tells what pieces have of such
    themes by chance.

    A theme's share stands under the theme's name.

    Names are shown as they are, never as markup. A theme that a row was not measured
    against is left blank there.
    """
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    themes = _themes(list(rows.values()))
    result = Table(header_style="bold", box=SIMPLE, pad_edge=False, padding=(0, 0, 0, 1))
    result.add_column("piece", overflow="fold", min_width=7)
    for column in _COLUMNS:
        for head in themes if column == "share" else [column]:
            result.add_column(Text(head), justify="right", no_wrap=True)
    found = {piece: as_json(measures) for piece, measures in rows.items()}
    if len(rows) > 1:
        found["median"] = medians(list(rows.values()))
    if notes is not None:
        found["chance"] = {name: level.median for name, level in chance(notes).items()}
    for piece, values in found.items():
        cells = [Text(piece)]
        for column, shown in _COLUMNS.items():
            value = values.get(column, {} if column == "share" else None)
            if value is None:
                cells.append(Text(""))
                continue
            if column == "share":
                cells += [Text(shown.format(value[t]) if t in value else "") for t in themes]
            else:
                cells.append(Text(shown.format(round(value) if shown == "{:d}" else value)))
        if piece in ("median", "chance"):
            result.add_section()
        result.add_row(*cells)
    return result


def legend() -> str:
    """Return what each column of the table means, in plain words, a line each."""
    says = {item.name: item.metadata["says"] for item in fields(Measures)}
    heads = {column: "A, B, …" if column == "share" else column for column in _COLUMNS}
    lines = [f"{heads[column]:<9} {says[column]}" for column in _COLUMNS]
    return "\n".join(
        [*lines, "chance    the median of pieces that have nothing to do with such themes"]
    )


def as_json(measures: Measures) -> dict[str, Any]:
    """Return the measures as plain values for JSON: fields in their order, themes by name."""
    result = {item.name: getattr(measures, item.name) for item in fields(Measures)}
    result["share"] = dict(sorted(measures.share.items()))
    return result


def medians(measures: Sequence[Measures]) -> dict[str, Any]:
    """Return the median of every measure, in the shape of `as_json`; no pieces give an empty one.

    `weaker` is the median of the share of each piece's weaker theme.

    The median of a theme's share is over the pieces that were measured against that theme.
    """
    if not measures:
        return {}
    result: dict[str, Any] = {}
    for item in fields(Measures):
        if item.name == "share":
            result["share"] = {
                theme: median(m.share[theme] for m in measures if theme in m.share)
                for theme in sorted(_themes(measures))
            }
        else:
            result[item.name] = median(getattr(m, item.name) for m in measures)
    result["weaker"] = median(min(m.share.values(), default=0.0) for m in measures)
    return result


def _themes(measures: Sequence[Measures]) -> list[str]:
    """Return every theme once, in the order met."""
    return list(dict.fromkeys(theme for m in measures for theme in m.share))

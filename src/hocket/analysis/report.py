"""Measures to what a person or a program reads: a table, its legend, plain dictionaries, medians.

Surprising decision: numbers are rounded here and only for the table; JSON keeps them exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from statistics import median
from typing import TYPE_CHECKING, Any

from hocket.analysis.metrics import Measures

if TYPE_CHECKING:
    from rich.table import Table

# Heading, and how a number is shown; `share` becomes one column per theme.
_COLUMNS = {
    "notes": ("notes", "{:d}"),
    "bars": ("bars", "{:d}"),
    "cover16": ("quoted", "{:.0%}"),
    "longest": ("longest\nquote", "{:d}"),
    "known": ("known", "{:.0%}"),
    "share": ("", "{:.0%}"),
    "switches": ("switches", "{:.1f}"),
    "in_key": ("in key", "{:.0%}"),
    "longest_note_quarters": ("longest\nnote", "{:.1f}"),
    "stuck": ("stuck", "{:d}"),
    "repetition16": ("repeats", "{:.0%}"),
    "polyphony": ("voices", "{:d}"),
}


def table(rows: Mapping[str, Measures]) -> Table:
    """Return a table for the terminal, one row per piece.

    Names are shown as they are, never as markup. A theme that a row was not measured
    against is left blank there.
    """
    from rich.table import Table
    from rich.text import Text

    themes = _themes(list(rows.values()))
    result = Table(header_style="bold", pad_edge=False)
    result.add_column("piece", overflow="fold")
    for column, (heading, _) in _COLUMNS.items():
        for head in themes if column == "share" else [heading]:
            result.add_column(Text(head), justify="right")
    for piece, measures in rows.items():
        cells = [Text(piece)]
        for column, (_, shown) in _COLUMNS.items():
            value = getattr(measures, column)
            if column == "share":
                cells += [Text(shown.format(value[t]) if t in value else "") for t in themes]
            else:
                cells.append(Text(shown.format(value)))
        result.add_row(*cells)
    return result


def legend() -> str:
    """Return what each column of the table means, in plain words, a line each."""
    lines = []
    for item in fields(Measures):
        heading = _COLUMNS[item.name][0].replace("\n", " ") or "(theme)"
        lines.append(f"{heading:<14}{item.metadata['says']}")
    return "\n".join(lines)


def as_json(measures: Measures) -> dict[str, Any]:
    """Return the measures as plain values for JSON: fields in their order, themes by name."""
    result = {item.name: getattr(measures, item.name) for item in fields(Measures)}
    result["share"] = dict(sorted(measures.share.items()))
    return result


def medians(measures: Sequence[Measures]) -> dict[str, Any]:
    """Return the median of every measure, in the shape of `as_json`; no pieces give an empty one.

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
    return result


def _themes(measures: Sequence[Measures]) -> list[str]:
    """Return every theme once, in the order met."""
    return list(dict.fromkeys(theme for m in measures for theme in m.share))

"""A piece and its themes to what people and programs read of its quotes: a map of notes, a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hocket.analysis.provenance import Theme, origins
from hocket.analysis.tracing import VIEWS, Quote, trace
from hocket.music import Piece
from hocket.music.bars import numbered_bars

COLUMNS = ("start", "pitch", "origin", "theme", "bar", "semitones", "notes")
"""Of the map: when a note begins, in ticks of 24 to the quarter, and its pitch; a theme, "both" or
"new"; then of the longest quote that it stands in, if that has four notes or more, the theme, the bar
there that the quote begins in, how much higher it is here, and how many notes it has (0: none)."""


def note_map(piece: Piece, themes: Mapping[str, Theme]) -> dict[str, Any]:
    """Return where each note of a piece comes from, unisons once, as plain values for JSON."""
    traced, labels = trace(piece, themes), origins(piece, themes).labels
    longest: list[Quote | None] = [None] * len(traced.kept)
    for quote in (quote for quotes in traced.quotes.values() for quote in quotes):
        for place in quote.notes:
            known = longest[place]
            if known is None or len(known.notes) < len(quote.notes):
                longest[place] = quote
    rows = []
    for index, found in zip(traced.kept.tolist(), longest, strict=True):
        note, source = piece.notes[index], ("", 0, 0, 0)
        if found is not None:
            theme, _, bar, semitones = found.source
            source = (theme, bar, semitones, len(found.notes))
        rows.append([note.start, note.pitch, labels[index], *source])
    return {"columns": list(COLUMNS), "notes": rows}


def longest_quotes(
    piece: Piece, themes: Mapping[str, Theme], most: int = 3
) -> dict[str, list[dict[str, Any]]]:
    """Return the longest quotes of a piece in each view, at most so many, as plain values for JSON.

    Of quotes that overlap only the longest is told.
    """
    starts = [bar.start for bar in numbered_bars(piece)]
    told: dict[str, list[dict[str, Any]]] = {}
    for view in VIEWS:
        found = trace(piece, themes, view)
        every = [quote for quotes in found.quotes.values() for quote in quotes]
        taken: set[int] = set()
        told[view] = []
        for quote in sorted(every, key=lambda q: (-len(q.notes), q.notes.start)):
            if len(told[view]) == most or taken & set(quote.notes):
                continue
            taken |= set(quote.notes)
            ends = [piece.notes[found.kept[n]].start for n in (quote.notes[0], quote.notes[-1])]
            first, last = np.searchsorted(starts, ends, side="right").tolist()
            told[view].append(
                {"first_bar": first, "last_bar": last, "notes": len(quote.notes)}
                | quote.source._asdict()
            )
    return told


def in_words(view: str, quote: Mapping[str, Any]) -> str:
    """Return a line about a quote of `longest_quotes`."""
    bars = f"bar {quote['first_bar']}"
    if quote["last_bar"] > quote["first_bar"]:
        bars = f"bars {quote['first_bar']}-{quote['last_bar']}"
    moved = abs(quote["semitones"])
    where = f"{moved} semitone{'s' * (moved != 1)} {'up' if quote['semitones'] > 0 else 'down'}"
    piece = f", piece {quote['piece'] + 1}" if quote["piece"] else ""
    return (
        f"{view} {bars}: {quote['notes']} notes of {quote['theme']}{piece}, from its bar "
        f"{quote['bar']}{', ' + where if moved else ''}"
    )

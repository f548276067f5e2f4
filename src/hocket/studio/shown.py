"""A piece to what the page draws of it: notes in seconds, bars, and facts in plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hocket import runs
from hocket.analysis.provenance import origins
from hocket.music import Piece
from hocket.music.bars import numbered_bars
from hocket.music.pitch import estimate_key, key_name
from hocket.page.contents import drawn, load_report
from hocket.page.recipe import command
from hocket.page.words import in_words
from hocket.reports import take_name
from hocket.scores.files import make_folder, write_text
from hocket.scores.midi import read_midi
from hocket.sources import Theme

MOST_NOTES = 40_000
"""Of a theme that is drawn whole."""


def piece_shown(piece: Piece) -> dict[str, Any]:
    """Return a theme as the page draws it, up to `MOST_NOTES`."""
    return drawn(piece, [0] * min(len(piece.notes), MOST_NOTES), {})


def facts(piece: Piece) -> dict[str, Any]:
    """Return what a musician wants to know of a piece before it is learned."""
    return {
        "title": piece.title,
        "notes": len(piece.notes),
        "bars": len(numbered_bars(piece)),
        "metre": str(piece.main_meter),
        "key": key_name(estimate_key(piece.notes)),
        "bpm": round(60e6 / piece.main_tempo.microseconds, 1),
        "seconds": round(piece.seconds(piece.end), 1),
        "parts": [part.name for part in piece.parts],
    }


def write_takes(run: Path, made: Path) -> list[dict[str, Any]]:
    """Write what the page draws of each take of a run into the folder `made`; return what to list.

    Raises `CheckpointError` where the run cannot be read.
    """
    config, themes = runs.load_settings(run)
    report, listed = load_report(run), []
    sources = [report["themes"][letter].get("source") or f"{letter}.mid" for letter in themes]
    for entry in report["takes"]:
        number = int(entry["file"].rpartition("-")[2].removesuffix(".mid"))
        piece = read_midi(
            (run / entry["file"]).read_bytes(), entry["file"], pedal=False, notated=True
        )[0]
        shown = _take_shown(piece, themes, entry)
        write_text(make_folder(made) / f"{take_name(number)}.json", json.dumps(shown))
        listed.append(
            {
                "number": number,
                "seed": entry["seed"],
                "form": entry["form"],
                "words": in_words(entry, report["themes"], report["chance"]),
                "shares": shown["shares"],
                "seconds": round(piece.seconds(piece.end), 1),
                "score": round(sum(entry["score"].values()), 4) if entry["score"] else None,
                "recipe": command(sources, config, entry),
            }
        )
    return listed


def _take_shown(
    piece: Piece, themes: Mapping[str, Theme], entry: Mapping[str, Any]
) -> dict[str, Any]:
    traced = origins(piece, runs.named(themes))
    shares = [round(float(share), 4) for share in traced.shares]
    return drawn(piece, traced.codes.tolist(), entry) | {"shares": shares}

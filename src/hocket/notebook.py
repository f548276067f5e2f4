"""Pieces, takes and runs to what a notebook shows of them: a piano roll, and a player below it.

Surprising decision: `Piece` finds this module by its name when a notebook asks (`_repr_html_`), since
music knows nothing of sound. Where nothing can be played, the roll stands alone and says why.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from hocket.errors import HocketError
from hocket.music.roll import roll_svg

if TYPE_CHECKING:
    from hocket.music import Piece
    from hocket.runs import Run

MOST_SECONDS = 300.0
"""Of a player; a longer piece would make the notebook large."""
KBPS = 64


def shown(piece: Piece, colours: Sequence[str] | None = None) -> str:
    """Return a piece as HTML: its roll, in `colours` (N) if given, and a player."""
    return f"<div>{roll_svg(piece, colours)}\n{_player(piece)}</div>"


def run_shown(run: Run) -> str:
    """Return the takes of a run as HTML, their notes coloured by the theme they come from."""
    from hocket.analysis.provenance import origins
    from hocket.pictures.style import BOTH_COLOUR, NEW_COLOUR, theme_colours
    from hocket.runs import named

    themes = named(run.themes)
    colours = [*theme_colours(len(themes)), BOTH_COLOUR, NEW_COLOUR]
    legend = " ".join(
        f'<span style="color:{colour}">■</span> {escape(name)}'
        for name, colour in zip([*themes, "several", "new"], colours, strict=True)
    )
    rows = [f"<p>{legend}</p>"]
    for take in run.takes:
        codes = origins(take.piece, themes).codes.tolist()
        rows.append(shown(take.piece, [colours[code] for code in codes]))
    return "\n".join(rows)


def _player(piece: Piece) -> str:
    from hocket.audio import audio_bytes, render

    if not piece.notes:
        return ""
    if (seconds := piece.seconds(piece.end)) > MOST_SECONDS:
        return (
            f"<p>{seconds:,.0f} s, too long for a player here; use hocket.write(piece, 'x.mp3')</p>"
        )
    try:
        sound = audio_bytes(render(piece), "mp3", kbps=KBPS)
    except HocketError as error:
        return f"<p>no player: {escape(str(error))}</p>"
    data = base64.b64encode(sound).decode()
    return f'<audio controls preload="metadata" src="data:audio/mpeg;base64,{data}"></audio>'

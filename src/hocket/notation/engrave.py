"""A piece to pages as SVG, engraved by verovio from our MusicXML.

Surprising decision: the note of a tempo mark, which verovio sets in a music font, becomes a path, so
that a page needs no font but a serif one. A head keeps the id of its note: `n0` for the first.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hocket.errors import ScoreError
from hocket.music import Piece
from hocket.notation.writing import musicxml

TIMEOUT_SECONDS = 60
MOST_NOTES = 20_000
"""Of a piece that is engraved; some 40 pages."""
UNITS_PER_EM = 1000
_SPACE = 90.0
"""Units of a space between two signs of the music font."""
_MUSIC_TEXT = re.compile(
    r'<text([^>]*)>((?:(?!</text>).)*?)<tspan font-family="Leipzig" font-size="(\d+)px">'
    r"([^<]*)</tspan>(.*?)</text>",
    re.DOTALL,
)
_PLACE = re.compile(r'([xy])="(-?\d+)"')


def engrave_svg(
    piece: Piece, *, colours: Sequence[str | None] | None = None, screen: bool = False
) -> list[str]:
    """Return the pages of a piece as SVG; the same for the same piece.

    Pages are A4 with the title; for a `screen` without title and margins, as high as they need to be.
    `colours` is as in `musicxml`. Raises `ScoreError` for a piece too long to be engraved.
    """
    name = piece.title or "a piece without title"
    if len(piece.notes) > MOST_NOTES:
        raise ScoreError(
            f"{name}: {len(piece.notes):,} notes; at most {MOST_NOTES:,} are engraved, so cut it or "
            "write .musicxml"
        )
    xml = musicxml(piece, colours=colours)
    program = str(Path(__file__).with_name("engraver.py"))
    command = [sys.executable, "-P", program, *(["screen"] if screen else [])]
    try:
        done = subprocess.run(command, input=xml, capture_output=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise ScoreError(
            f"{name}: not engraved in {TIMEOUT_SECONDS} seconds; cut it, or write .musicxml"
        ) from None
    if done.returncode:
        raise ScoreError(f"{name}: verovio cannot engrave this piece; write .musicxml instead")
    return [_tidied(page) for page in json.loads(done.stdout)]


def _tidied(page: str) -> str:
    """Return a page without the space between its elements, its music text as paths."""
    page = re.sub(r">\s+<", "><", page)
    page = re.sub(r"<desc>.*?</desc>", "", page)
    return _MUSIC_TEXT.sub(_drawn, page) + "\n"


def _drawn(found: re.Match[str]) -> str:
    """Return a text whose first part is in the music font as paths, and the rest behind them."""
    attributes, before, size, signs, after = found.groups()
    place = {name: int(value) for name, value in _PLACE.findall(attributes)}
    scale, at = int(size) / UNITS_PER_EM, float(place.get("x", 0))
    paths = []
    for sign in signs:
        path, advance = glyph(sign)
        if path:
            paths.append(
                f'<path transform="translate({at:.0f},{place.get("y", 0)}) scale({scale},{-scale})" '
                f'd="{path}"/>'
            )
        at += advance * scale
    moved = re.sub(r'\bx="-?\d+"', f'x="{at:.0f}"', attributes)
    return "".join(paths) + f"<text{moved}>{before}{after}</text>"


@cache
def glyph(sign: str) -> tuple[str, float]:
    """Return the path of a sign of verovio's music font, y upwards, and how far it reaches."""
    found = find_spec("verovio")
    assert found is not None
    assert found.origin is not None
    data, code = Path(found.origin).parent / "data", f"{ord(sign):04X}"
    font = (data / "Leipzig.xml").read_text(encoding="utf-8")
    advance = re.search(rf'c="{code}"[^>]*h-a-x="([\d.]+)"', font)
    file = data / "Leipzig" / f"{code}.xml"
    path = re.search(r' d="([^"]+)"', file.read_text(encoding="utf-8")) if file.exists() else None
    return path[1] if path else "", float(advance[1]) if advance else _SPACE

"""What a user names to Pieces: files, demo themes and Pieces as they are, lettered A, B, …"""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hocket.errors import ConfigError, ScoreError
from hocket.reporter import Reporter

if TYPE_CHECKING:
    from hocket.music import Piece

LETTERS = string.ascii_uppercase
LEAST_NOTES = 16
LEAST_BARS = 4


def demo_themes() -> dict[str, Path]:
    """Return the themes that ship with hocket, by name."""
    folder = Path(__file__).parent / "assets" / "themes"
    return {file.stem: file for file in sorted(folder.glob("*.abc"))}


def read_theme(source: str | Path | Piece, pedal: bool, reporter: Reporter) -> Piece:
    """Read a theme and refuse one that is too short to be learned."""
    piece = read_source(source, pedal, reporter)
    if len(piece.notes) < LEAST_NOTES or len(piece.bars()) < LEAST_BARS:
        notes, bars = len(piece.notes), len(piece.bars())
        raise ScoreError(
            f"{piece.title or source}: only {notes} note{'s' * (notes != 1)} in {bars} "
            f"bar{'s' * (bars != 1)}; a theme needs at least {LEAST_NOTES} in {LEAST_BARS}"
        )
    return piece


def read_source(source: str | Path | Piece, pedal: bool, reporter: Reporter) -> Piece:
    from hocket.music import Piece
    from hocket.scores import read_with_remarks

    if isinstance(source, Piece):
        return source
    path = Path(source)
    if str(source).startswith("demo:"):
        name = str(source).removeprefix("demo:")
        demos = demo_themes()
        found = [file for stem, file in demos.items() if name in stem]
        if len(found) != 1:
            raise ScoreError(f"{source}: no single demo theme; there are: {', '.join(demos)}")
        path = found[0]
    piece, remarks = read_with_remarks(path, pedal=pedal)
    for remark in remarks:
        reporter.remark(f"{path.name}: {remark}")
    return piece


def lettered(themes: Sequence[Piece]) -> dict[str, Piece]:
    """Give the themes the letters A, B, …; the same music twice is refused."""
    from hocket.tokens import simplify

    simple = [simplify(theme) for theme in themes]
    for i, theme in enumerate(simple):
        if theme in simple[:i]:
            first, second = LETTERS[simple.index(theme)], LETTERS[i]
            raise ConfigError(f"themes {first} and {second} hold the same notes; give another one")
    return dict(zip(LETTERS, themes, strict=False))

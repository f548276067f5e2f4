"""Pieces to scores: hands, voices, values and spelling to MusicXML, and pages engraved from it.

    Piece -> staves -> voices -> values -> MusicXML -> verovio -> SVG -> PDF, PNG

Surprising decision: the score is written here and only engraved by verovio. What makes a page readable,
who plays what with which hand and how it is spelt, is music, and no library at hand did it well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hocket.errors import ConfigError
from hocket.music import Piece
from hocket.notation.engrave import engrave_svg
from hocket.notation.writing import musicxml
from hocket.scores.files import atomic_write

__all__ = ["engrave_pdf", "engrave_png", "engrave_svg", "musicxml", "write_score"]

KINDS = (".musicxml", ".svg", ".pdf", ".png")


def engrave_pdf(piece: Piece, *, colours: Sequence[str | None] | None = None) -> bytes:
    """Return a piece as PDF, A4; see `engrave_svg`."""
    from hocket.notation.printing import pdf

    return pdf(engrave_svg(piece, colours=colours), piece.title)


def engrave_png(piece: Piece, *, colours: Sequence[str | None] | None = None) -> list[bytes]:
    """Return the pages of a piece as PNG, A4 at 200 dots an inch; see `engrave_svg`."""
    from hocket.notation.printing import png

    return [png(page) for page in engrave_svg(piece, colours=colours)]


def write_score(
    piece: Piece, path: str | Path, *, colours: Sequence[str | None] | None = None
) -> list[Path]:
    """Write a piece as .musicxml, .pdf, or pages as .svg or .png, and return the files written.

    The pages of a piece that needs several are `name-1.svg` and so on. `colours` is as in `musicxml`.
    Raises `ConfigError` for another suffix, `ScoreError` for a piece too long.
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in KINDS:
        raise ConfigError(
            f"{path}: a score is written as {', '.join(KINDS)}; give a name that ends so"
        )
    if kind == ".musicxml":
        pages = [musicxml(piece, colours=colours)]
    elif kind == ".pdf":
        pages = [engrave_pdf(piece, colours=colours)]
    elif kind == ".png":
        pages = engrave_png(piece, colours=colours)
    else:
        pages = [page.encode() for page in engrave_svg(piece, colours=colours)]
    several = len(pages) > 1
    files = [
        file.with_name(f"{file.stem}-{number}{file.suffix}") if several else file
        for number in range(1, len(pages) + 1)
    ]
    for target, page in zip(files, pages, strict=True):
        atomic_write(target, page)
    return files

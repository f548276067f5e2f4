"""What a user names to Pieces: files, demo themes and Pieces, lettered A, B, …

Surprising decision: a theme is reduced, once and here, to what the grammar can say and MIDI can keep.
So what is learned is what a run saves, and a run that goes on reads just that.
"""

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
    """Read a theme as it can be learned; raises `ScoreError` if too little is left of it."""
    piece = learnable(read_source(source, pedal, reporter))
    if len(piece.notes) < LEAST_NOTES or len(piece.bars()) < LEAST_BARS:
        notes, bars = len(piece.notes), len(piece.bars())
        raise ScoreError(
            f"{piece.title or 'a theme without title'}: only {notes} note{'s' * (notes != 1)} in "
            f"{bars} bar{'s' * (bars != 1)}; a theme needs at least {LEAST_NOTES} in {LEAST_BARS}"
        )
    return piece


def learnable(piece: Piece) -> Piece:
    """Return what the grammar can say of a piece on the hybrid grid, with its title, tempos and keys.

    Writing the result to MIDI and reading it back gives the same; so does doing this twice. Raises
    `ScoreError` for what MIDI has no room for.
    """
    from hocket.music import Piece
    from hocket.music.columns import Columns
    from hocket.music.grid import snap_changes
    from hocket.scores import printable
    from hocket.scores.midi import midi_bytes, read_midi
    from hocket.tokens.encoding import keepable

    if not piece.notes:
        return piece
    said = keepable(Columns.of_one_part(piece)).piece()
    saved = Piece.of(
        said.notes,
        meters=said.meters,
        tempos=snap_changes(piece.tempos),
        keys=snap_changes(piece.keys),
        title=printable(piece.title),
    )
    return read_midi(midi_bytes(saved), saved.title, pedal=False, notated=True)[0]


def read_source(source: str | Path | Piece, pedal: bool, reporter: Reporter) -> Piece:
    """Return a piece as it is, or read one from a file or the demo themes.

    Remarks on what was left out go to the reporter. Raises `ScoreError`.
    """
    from hocket.music import Piece
    from hocket.scores import read_with_remarks

    if isinstance(source, Piece):
        for note in source.notes:
            if not 0 <= note.part < len(source.parts):
                name = source.title or "a piece without title"
                raise ScoreError(
                    f"{name}: {note} is in no part, of {len(source.parts)}; add its Part"
                )
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

"""What a user names to themes: files, folders, demo themes, learned themes and Pieces, lettered A, B, …

Surprising decision: a piece is reduced, once and here, to what the grammar can say and MIDI can keep.
So what is learned is what a run saves, and a run that goes on reads just that.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hocket.errors import ConfigError, HocketError, ScoreError
from hocket.reporter import Reporter

if TYPE_CHECKING:
    from hocket.model.theme import ThemeFile
    from hocket.music import Piece

LETTERS = string.ascii_uppercase
LEAST_NOTES = 16
LEAST_BARS = 4
MOST_PIECES = 200
"""Of a theme."""
THEME_SUFFIX = ".theme"

Source: TypeAlias = "str | Path | Piece"
"""A file, `demo:NAME`, or a Piece."""


@dataclass(frozen=True, eq=False)
class Theme:
    """A theme as it can be learned: what it is called, its pieces, and what was learned of it."""

    title: str
    pieces: tuple[Piece, ...]
    learned: ThemeFile | None = None
    source: str = ""
    """How the user named it, without folders: what is shared tells nothing of a machine."""

    @property
    def piece(self) -> Piece:
        """The first piece, under the theme's title: the one that openings are made of."""
        return replace(self.pieces[0], title=self.title)


def demo_themes() -> dict[str, Path]:
    """Return the themes that ship with hocket, by name."""
    folder = Path(__file__).parent / "assets" / "themes"
    return {file.stem: file for file in sorted(folder.glob("*.abc"))}


def read_theme(
    source: Source | Theme | Iterable[Source], pedal: bool, reporter: Reporter, title: str = ""
) -> Theme:
    """Read a theme: a piece, a folder of score files, a theme file, or several of the first two.

    A `Theme` is one already.

    Without a title it has that of its first piece. A file of several that cannot be used is left out,
    and said so; raises `ScoreError` where it is the only one, or too little is left.
    """
    from hocket.music import Piece

    if isinstance(source, Theme):
        return replace(source, title=title or source.title)
    if isinstance(source, (str, Path)) and str(source).endswith(THEME_SUFFIX):
        return replace(saved_theme(Path(source), title), source=_called([source]))
    given = [source] if isinstance(source, (str, Path, Piece)) else list(source)
    sources = [each for one in given for each in _files(one)]
    if len(sources) > MOST_PIECES:
        raise ConfigError(f"{title or given[0]}: {len(sources)} files; a theme takes {MOST_PIECES}")
    if len(sources) == 1:
        piece = read_piece(sources[0], pedal, reporter)
        return Theme(title or piece.title, (piece,), source=_called(given))
    pieces = []
    for each in sources:
        try:
            pieces.append(read_piece(each, pedal, reporter))
        except ScoreError as error:
            reporter.remark(f"left out: {error}")
    if not pieces:
        raise ScoreError(f"{title or given[0]}: none of {len(sources)} files can be used")
    name = Path(given[0]).resolve().name if isinstance(given[0], (str, Path)) else pieces[0].title
    return Theme(title or name, tuple(pieces), source=_called(given))


def _called(given: Sequence[Source]) -> str:
    """Return how a theme was named on the command line; empty for one that is no file or several."""
    if len(given) != 1 or not isinstance(given[0], (str, Path)):
        return ""
    from hocket.scores import printable

    source = str(given[0])
    return printable(source if source.startswith("demo:") else Path(source).resolve().name)


def saved_theme(file: Path, title: str = "") -> Theme:
    """Return what a theme file holds; raises `CheckpointError` if it is none."""
    from hocket.errors import CheckpointError
    from hocket.model.theme import load
    from hocket.scores.midi import read_midi

    learned = load(file)
    try:
        pieces = tuple(
            learnable(read_midi(midi, file.name, pedal=False, notated=True)[0])
            for midi in learned.pieces
        )
    except HocketError as error:
        raise CheckpointError(
            f"{file}: no theme that can be used ({error}); learn it again"
        ) from None
    return Theme(title or learned.title, pieces, learned)


def _files(source: Source) -> list[Source]:
    """Return the score files below a folder, in order of their names; anything else is itself."""
    from hocket.scores import SUFFIXES

    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        return [source]
    below = sorted(Path(source).rglob("*"))
    files: list[Source] = [
        file for file in below if file.suffix.lower() in SUFFIXES and file.name[0] != "."
    ]
    if not files:
        raise ScoreError(f"{source}: no score files in this folder")
    return files


def read_against(source: Source, pedal: bool, reporter: Reporter) -> Theme:
    """Return a theme to check against: unlike one to be learned, it may be short."""
    if isinstance(source, (str, Path)) and (
        str(source).endswith(THEME_SUFFIX) or Path(source).is_dir()
    ):
        return read_theme(source, pedal, reporter)
    piece = read_source(source, pedal, reporter)
    return Theme(piece.title, (piece,))


def read_piece(source: Source, pedal: bool, reporter: Reporter) -> Piece:
    """Read a piece as it can be learned; raises `ScoreError` if too little is left of it."""
    return read_kept(source, pedal, reporter)[0]


def read_kept(source: Source, pedal: bool, reporter: Reporter) -> tuple[Piece, bytes]:
    """Read a piece as it can be learned, and return it with the MIDI file that it is kept as."""
    given = read_source(source, pedal, reporter)
    if remark := merging(given):
        reporter.remark(f"{given.title or 'a theme without title'}: {remark}")
    piece, content = _kept(given)
    if len(piece.notes) < LEAST_NOTES or len(piece.bars()) < LEAST_BARS:
        notes, bars = len(piece.notes), len(piece.bars())
        raise ScoreError(
            f"{piece.title or 'a theme without title'}: only {notes} note{'s' * (notes != 1)} in "
            f"{bars} bar{'s' * (bars != 1)}; a theme needs at least {LEAST_NOTES} in {LEAST_BARS}"
        )
    return piece, content


def merging(piece: Piece) -> str:
    """Return what becomes of the parts of a piece that has too many; empty if it has not."""
    from hocket.music.columns import Columns
    from hocket.music.parts import at_most

    return at_most(Columns.of(piece))[1]


def learnable(piece: Piece) -> Piece:
    """Return what the grammar can say of a piece on the hybrid grid, with its title, tempos and keys.

    Writing the result to MIDI and reading it back gives the same; so does doing this twice. Raises
    `ScoreError` for what MIDI has no room for.
    """
    return _kept(piece)[0]


def _kept(piece: Piece) -> tuple[Piece, bytes]:
    from hocket.music import Piece
    from hocket.music.columns import Columns
    from hocket.music.grid import snap_changes
    from hocket.scores import printable
    from hocket.scores.midi import midi_bytes, read_midi
    from hocket.tokens.encoding import keepable

    if not piece.notes:
        return piece, midi_bytes(piece)
    said = keepable(Columns.of(piece)).piece()
    saved = Piece.of(
        said.notes,
        parts=[part._replace(name=printable(part.name)) for part in said.parts],
        meters=said.meters,
        tempos=snap_changes(piece.tempos),
        keys=snap_changes(piece.keys),
        title=printable(piece.title),
        pedals=said.pedals,
    )
    content = midi_bytes(saved)
    return read_midi(content, saved.title, pedal=False, notated=True)[0], content


def read_source(source: Source, pedal: bool, reporter: Reporter) -> Piece:
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


def lettered(themes: Sequence[Theme]) -> dict[str, Theme]:
    """Give the themes the letters A, B, …; the same music twice is refused."""
    from hocket.tokens import simplify

    simple = [[simplify(piece) for piece in theme.pieces] for theme in themes]
    for i, theme in enumerate(simple):
        if theme in simple[:i]:
            first, second = LETTERS[simple.index(theme)], LETTERS[i]
            raise ConfigError(f"themes {first} and {second} hold the same notes; give another one")
    return dict(zip(LETTERS, themes, strict=False))


def firsts(themes: Mapping[str, Theme]) -> dict[str, Piece]:
    """Return the first piece of each theme by letter."""
    return {letter: theme.piece for letter, theme in themes.items()}


def wholes(themes: Mapping[str, Theme]) -> dict[str, Sequence[Piece]]:
    """Return all pieces of each theme by letter."""
    return {letter: theme.pieces for letter, theme in themes.items()}

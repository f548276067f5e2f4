"""Score files <-> Piece: MIDI, MusicXML and ABC, told apart by what is in them.

Surprising decision: the readers are imported inside functions. symusic and verovio take longer to
load than many a command takes to run, and `import hocket.scores` must cost next to nothing.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hocket.errors import ScoreError, ScoreWarning
from hocket.music.piece import Piece
from hocket.scores.files import atomic_write, beginning, read_bytes

if TYPE_CHECKING:
    from hocket.music.columns import Columns

MAX_BYTES = 32 * 2**20  # of any file; MIDI has a smaller limit of its own
MOST_CHARACTERS = 500  # of a title or a remark
_MOST_SAID = 1_000  # characters of an error
READABLE = ".mid, .midi, .musicxml, .xml, .mxl or .abc"
WRITABLE = (".mid", ".midi")

_MIDI_SUFFIXES = {".mid", ".midi", ".rmi", ".kar"}
_XML_SUFFIXES = {".musicxml", ".xml", ".mxl"}
SUFFIXES = {*_MIDI_SUFFIXES, *_XML_SUFFIXES, ".abc"}
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


class Reading(NamedTuple):
    """What a file gave: the `piece`, and `remarks` on what was left out or changed."""

    piece: Piece
    remarks: tuple[str, ...]


def read_with_remarks(path: str | os.PathLike[str], *, pedal: bool = False) -> Reading:
    """Return the piece in a score file, and remarks on what was left out or changed.

    The kind of file is told by its content, then by its suffix. With `pedal` the sustain pedal
    lengthens the notes of a MIDI file, instead of being kept. A piece without a title gets the name
    of its file. Raises ScoreError for anything that cannot be read as music.
    """
    return read_bytes_with_remarks(read_bytes(path, MAX_BYTES), path, pedal=pedal)


def read_bytes_with_remarks(
    data: bytes, name: str | os.PathLike[str], *, pedal: bool = False
) -> Reading:
    """Return the piece in the bytes of a score file with a name; see `read_with_remarks`."""
    file = Path(name)
    with _printable_errors():
        piece, remarks = _parsed(data, file, pedal)
    title = printable(piece.title)
    title = title if title.strip() else printable(file.stem)
    parts = tuple(part._replace(name=printable(part.name)) for part in piece.parts)
    return Reading(
        replace(piece, title=title, parts=parts), tuple(printable(each) for each in remarks)
    )


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Let errors quote a file, or its name, in a line that any terminal can show."""
    try:
        yield
    except ScoreError as error:
        raise ScoreError(printable(str(error), _MOST_SAID)) from error


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text from a file, or the name of one, such that any terminal and file can hold it.

    What does not print, as an escape sequence's first character, goes; a byte that is no UTF-8
    becomes `?`; what is longer than `most` is cut.
    """
    known = text.encode("utf-8", "replace").decode()
    return "".join(c for c in map(_space, known) if c.isprintable())[:most]


def _space(character: str) -> str:
    return " " if character.isspace() else character


def read(path: str | os.PathLike[str], *, pedal: bool = False) -> Piece:
    """Return the piece in a score file; what was left out or changed is warned of (ScoreWarning).

    See `read_with_remarks` for `pedal`, the title and the errors.
    """
    piece, remarks = read_with_remarks(path, pedal=pedal)
    for remark in remarks:
        warnings.warn(f"{Path(path).name}: {remark}", ScoreWarning, stacklevel=2)
    return piece


def write(piece: Piece, path: str | os.PathLike[str]) -> None:
    """Write the piece in the format that the suffix of `path` names, whole or not at all.

    Raises ScoreError for a suffix that cannot be written and where the writing fails.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITABLE:
        raise ScoreError(
            f"{path}: cannot write {suffix or 'a file without suffix'}; "
            f"give a name that ends in {' or '.join(WRITABLE)}"
        )
    from hocket.scores.midi import midi_bytes

    atomic_write(path, midi_bytes(piece))


def read_columns(path: str | os.PathLike[str], *, pedal: bool = False) -> Columns:
    """Return the notes in a score file as columns, without remarks: for many files.

    The kinds, `pedal` and the errors are those of `read_with_remarks`; the title may be missing.
    """
    file = Path(path)
    data = read_bytes(path, MAX_BYTES)
    from hocket.music.columns import Columns

    with _printable_errors():
        if _kind(data, file) == "midi":
            from hocket.scores.midi import read_columns as read_midi_columns

            return read_midi_columns(data, file.name, pedal=pedal)
        return Columns.of(_parsed(data, file, pedal)[0])


def _kind(data: bytes, file: Path) -> str:
    suffix = file.suffix.lower()
    head = data[:256].lstrip()
    if data.startswith(b"MThd") or (data.startswith(b"RIFF") and data[8:12] == b"RMID"):
        return "midi"
    if data.startswith(b"PK\x03\x04") or head.startswith(_XML_STARTS):
        return "musicxml"
    if suffix in _MIDI_SUFFIXES:
        return "midi"
    if suffix in _XML_SUFFIXES:
        return "musicxml"
    if suffix == ".abc":
        return "abc"
    raise ScoreError(
        f"{file.name}: not a score (starts with {beginning(data)}); "
        f"give a file that ends in {READABLE}"
    )


def _parsed(data: bytes, file: Path, pedal: bool) -> tuple[Piece, tuple[str, ...]]:
    kind = _kind(data, file)
    if kind == "midi":
        from hocket.scores.midi import read_midi

        return read_midi(data, file.name, pedal=pedal)
    if kind == "musicxml":
        from hocket.scores.musicxml import read_musicxml

        return read_musicxml(data, file.name)
    from hocket.scores.abc import read_abc

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # ABC before 2.1 was Latin-1
        text = data.decode("latin-1")
    return read_abc(text, file.name)

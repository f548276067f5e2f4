"""Bytes <-> files, whole or not at all.

Surprising decision: every file is written under a temporary name beside its target, flushed to the
disk and then renamed, so that a full disk or a crash never leaves half a take under a whole name.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hocket.errors import ScoreError

_BINARY = getattr(os, "O_BINARY", 0)  # of Windows
_ELSEWHERE = "choose another folder with -o"
_WRITE_FAILURES = {
    errno.ENOSPC: f"no space left on device; free some space or {_ELSEWHERE}",
    errno.EDQUOT: f"disk quota exceeded; free some space or {_ELSEWHERE}",
    errno.EACCES: f"permission denied; {_ELSEWHERE}",
    errno.EPERM: f"permission denied; {_ELSEWHERE}",
    errno.EROFS: f"the disk is read-only; {_ELSEWHERE}",
    errno.ENOENT: f"the folder does not exist; make it first or {_ELSEWHERE}",
    errno.ENOTDIR: f"the folder is a file; {_ELSEWHERE}",
    errno.EISDIR: "that is a folder; give a file name",
    errno.ENAMETOOLONG: "the file name is too long; shorten it",
}
_READ_FAILURES = {
    errno.ENOENT: "no such file; check the path",
    errno.ENOTDIR: "no such file; check the path",
    errno.EISDIR: "that is a folder; give a file in it",
    errno.EACCES: "permission denied; make the file readable",
    errno.EPERM: "permission denied; make the file readable",
    errno.ENAMETOOLONG: "the file name is too long; check the path",
}
# First bytes of files that people hand over by mistake (or under a wrong suffix).
_BEGINNINGS = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"ID3": "MP3 audio",
    b"\xff\xfb": "MP3 audio",
    b"OggS": "Ogg audio",
    b"fLaC": "FLAC audio",
    b"MThd": "a MIDI header",
    b"\x1f\x8b": "a gzip archive",
}


def read_bytes(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the content of a file of at most `limit` bytes.

    Raises ScoreError where it is missing, a folder, not readable or larger.
    """
    try:
        # Not blocking: a pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        try:
            kind = os.fstat(descriptor).st_mode
            if stat.S_ISDIR(kind):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(kind):
                raise ScoreError(f"{path}: not a regular file; copy it to one first")
            data = b"".join(_pieces(descriptor, limit + 1))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ScoreError(f"{path}: cannot read: {_reason(error, _READ_FAILURES)}") from error
    except ValueError as error:  # a null character in the name
        raise ScoreError(f"{path!r}: cannot read: {error}; check the path") from error
    if len(data) > limit:
        raise ScoreError(
            f"{path}: larger than {limit / 2**20:g} MiB; give a single piece of music as notes"
        )
    return data


def _pieces(descriptor: int, most: int) -> Iterator[bytes]:
    while most > 0 and (piece := os.read(descriptor, min(most, 2**20))):
        most -= len(piece)
        yield piece


@contextmanager
def replacing(path: str | os.PathLike[str], *, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the place of `path` when the block ends well.

    On any failure nothing is left behind and what stood at `path` stays. Without `sync` it may take
    seconds until it is on the disk. Raises ScoreError where the file cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Not tempfile: its files are private to the user, whatever the umask says.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            temporary.replace(target)
            if sync:
                sync_folder(target.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ScoreError(f"{path}: cannot write: {_reason(error, _WRITE_FAILURES)}") from error


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk as well, where the system can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def atomic_write(path: str | os.PathLike[str], data: bytes, *, sync: bool = True) -> None:
    """Write `data` to `path`, whole or not at all, as `replacing` does."""
    with replacing(path, sync=sync) as file:
        file.write(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all; raises ScoreError where that fails."""
    atomic_write(path, text.encode())


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder, and those above it, if it is not there; raises ScoreError where that fails."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScoreError(f"{path}: cannot be made: {_reason(error, _WRITE_FAILURES)}") from error
    return folder


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a file; raises ScoreError where that fails."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise ScoreError(f"{path}: cannot remove: {_reason(error, _WRITE_FAILURES)}") from error


def beginning(data: bytes) -> str:
    """Return in words what `data` starts with, for messages about a wrong kind of file."""
    if not data:
        return "nothing: the file is empty"
    for start, words in _BEGINNINGS.items():
        if data.startswith(start):
            return words
    if data.startswith(b"RIFF"):
        return f"RIFF {data[8:12].decode('latin-1').strip()!r}"
    head = data[:12]
    if head.isascii() and head.decode("ascii").replace("\n", " ").isprintable():
        return repr(head.decode("ascii"))
    return f"bytes {head[:4].hex(' ')}"


def _reason(error: OSError, known: dict[int, str]) -> str:
    words = known.get(error.errno or 0)
    return words or (error.strerror or str(error)).lower()

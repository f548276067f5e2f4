"""Folders of score files -> a prepared corpus on disk (see `library` for what it holds).

    files, in one order -> parts of 128 files each, made side by side -> ids.npy and the rest

Surprising decision: a part is a file of its own, and whole or not there. So whenever this is killed,
the same command goes on with the parts that are missing, and what comes out is the same bytes: they
do not depend on who made which part when. No more than one part is ever held in memory.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tomli_w

from hocket.corpus import library
from hocket.corpus.library import Library, load_library, read_toml
from hocket.corpus.workers import Job, make_parts
from hocket.errors import CheckpointError, ConfigError, ScoreError
from hocket.processor import cores
from hocket.scores import READABLE, SUFFIXES, printable
from hocket.scores.files import make_folder, remove, replacing, write_text
from hocket.tokens.vocab import VOCAB

FILES_A_PART = 128
FORMAT = 1
"""Counts up when what is read from a file changes, or how it is kept."""

UNFINISHED_FOLDER = "unfinished"
_PLAN_FILE = "plan.toml"
_DIFFERENCES = {
    "format": "by another version of hocket",
    "vocabulary": "for another vocabulary",
    "pedal": "with another --pedal",
    "files": "from other files",
    "files_sha256": "from other files",
}


class Source(NamedTuple):
    """A score file: its `name`, from that of the folder given on, and where it is."""

    name: str
    path: str


def ingest(
    folders: Sequence[Path],
    out: Path,
    *,
    pedal: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = lambda text: None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Library:
    """Read all score files below the folders and leave a corpus in `out`; return it, opened.

    `workers` processes read (by default one for each core). `on_progress` hears how many files of
    how many are done. What an earlier call left unfinished is gone on with; a finished corpus of
    the same files and settings is returned as it is; any other there is refused with `ConfigError`,
    or goes with `overwrite`. Raises `ScoreError` where there is nothing to read or no way to write.
    """
    files, sizes = found(folders)
    listing = hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        listing.update(f"{size} {file.name}\n".encode("utf-8", "surrogateescape"))
    plan = {
        "format": FORMAT,
        "vocabulary": VOCAB.fingerprint,
        "pedal": pedal,
        "files": len(files),
        "files_sha256": listing.hexdigest(),
    }
    unfinished = out / UNFINISHED_FOLDER
    if _is_finished(out, plan, overwrite):
        _clear(unfinished)
        done = load_library(out)
        say(f"{out}: already prepared from these files; nothing to do")
        return done
    make_folder(unfinished)
    write_text(unfinished / _PLAN_FILE, tomli_w.dumps(plan))
    # Named after the plan, so that a worker of a killed command cannot bring in what is not wanted.
    stem = hashlib.sha256(tomli_w.dumps(plan).encode()).hexdigest()[:8]
    jobs = [
        Job(
            unfinished / f"{stem}-{first // FILES_A_PART:06d}.safetensors",
            [file.path for file in files[first : first + FILES_A_PART]],
        )
        for first in range(0, len(files), FILES_A_PART)
    ]
    missing = [job for job in jobs if not job.part.exists()]
    before = len(files) - sum(len(job.files) for job in missing)
    if before:
        say(f"{out}: going on after {before} of {len(files)} files")
    make_parts(
        missing,
        pedal=pedal,
        workers=min(workers or cores(), len(missing)),
        on_progress=lambda count: on_progress(before + count, len(files)),
    )
    on_progress(len(files), len(files))
    _put_together([job.part for job in jobs], files, plan, out)
    _clear(unfinished)
    return load_library(out, check_ids=False)


def found(folders: Sequence[Path]) -> tuple[list[Source], list[int]]:
    """Return the score files below the folders, in order of their names, and their sizes in bytes.

    Hidden files and folders are passed over, and so are links to folders. Raises `ConfigError` for
    folders that overlap or have one name, `ScoreError` where there is no such file.
    """
    homes = [folder.resolve() for folder in folders]
    for place, home in enumerate(homes):
        if not home.is_dir():
            raise ScoreError(f"{folders[place]}: no such folder; give one with score files in it")
        for other in homes[:place]:
            if home == other or home in other.parents or other in home.parents:
                raise ConfigError(f"{home}: lies in or around {other}; leave one of them out")
            if home.name == other.name:
                raise ConfigError(f"{home} and {other} have one name; rename one of them")
    files = sorted(_below(homes))
    if not files:
        raise ScoreError(f"{', '.join(map(str, folders))}: no files there that end in {READABLE}")
    return [file for file, _ in files], [size for _, size in files]


def _below(homes: Sequence[Path]) -> Iterator[tuple[Source, int]]:
    def unreadable(error: OSError) -> None:
        raise ScoreError(f"{error.filename}: cannot be looked into ({error.strerror})") from error

    for home in homes:
        above = len(str(home.parent / "_")) - 1
        for folder, inner, names in os.walk(home, onerror=unreadable):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                    yield Source(str(path)[above:].replace(os.sep, "/"), str(path)), _size(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a link to nowhere, which its reader will say
        return -1


def _is_finished(out: Path, plan: dict[str, Any], overwrite: bool) -> bool:
    """Whether `out` holds what the plan asks for; makes room for it where it does not.

    Raises `ConfigError` for another corpus there, finished or not, unless it may be overwritten.
    """
    begun_file = out / UNFINISHED_FOLDER / _PLAN_FILE
    ours = [out / name for name in library.FILES if (out / name).exists()]
    if overwrite:
        for file in ours:
            remove(file)
        if not begun_file.exists() or begun_file.read_bytes() != tomli_w.dumps(plan).encode():
            _clear(begun_file.parent)
        return False
    finished, begun = read_toml(out / library.CORPUS_FILE), read_toml(begun_file)
    there = finished or begun
    if there is None:
        if ours:
            raise ConfigError(f"{ours[0]}: in the way; move it elsewhere, or say --overwrite")
        return False
    for key, words in _DIFFERENCES.items():
        if there.get(key) != plan[key]:
            raise ConfigError(
                f"{out}: holds a corpus prepared {words}; choose another folder with -o, or say "
                "--overwrite"
            )
    return finished is not None


def _clear(unfinished: Path) -> None:
    """Remove the parts and the plan, and the folder if nothing else is in it."""
    for pattern in (_PLAN_FILE, "*.safetensors", ".*.part"):
        for file in unfinished.glob(pattern):
            remove(file)
    with suppress(OSError):
        unfinished.rmdir()


def _put_together(
    parts: Sequence[Path], files: Sequence[Source], plan: dict[str, Any], out: Path
) -> None:
    """Write the corpus from its parts, one part at a time."""
    bounds, dropped = [np.zeros(1, np.int64)], 0
    with _text(out / library.NAMES_FILE) as names, _text(out / library.DROPPED_FILE) as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(("file", "why"))
        for number, path in enumerate(parts):
            first = number * FILES_A_PART
            with _opened(path) as part:
                kept, lengths = part.get_tensor("kept"), part.get_tensor("lengths")
                reasons = json.loads(part.metadata()["dropped"])
            names.writelines(f"{printable(files[first + k].name)}\n" for k in kept.tolist())
            for lost, why in reasons.items():
                rows.writerow((printable(files[first + int(lost)].name), printable(why)))
            bounds.append(bounds[-1][-1] + np.cumsum(lengths))
            dropped += len(reasons)
    every_bound = np.concatenate(bounds)
    if dropped == len(files):
        raise ScoreError(
            f"{out}: not one of {dropped} files could be used; see {library.DROPPED_FILE} there"
        )
    with replacing(out / library.BOUNDS_FILE) as file:
        _npy_header(file, library.BOUNDS_TYPE, len(every_bound))
        file.write(every_bound.astype(library.BOUNDS_TYPE).tobytes())
    digest = hashlib.sha256()
    with replacing(out / library.IDS_FILE) as file:
        _npy_header(file, library.IDS_TYPE, int(every_bound[-1]))
        for path in parts:
            with _opened(path) as part:
                data = part.get_tensor("ids").astype(library.IDS_TYPE).tobytes()
            file.write(data)
            digest.update(data)
    counts = {
        "pieces": len(every_bound) - 1,
        "events": int(every_bound[-1]),
        "dropped": dropped,
        "ids_sha256": digest.hexdigest(),
    }
    write_text(out / library.CORPUS_FILE, tomli_w.dumps({**plan, **counts}))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as part:
            yield part
    except (SafetensorError, FileNotFoundError) as error:
        raise CheckpointError(
            f"{path}: missing or torn ({error}); remove it if it is there and prepare again"
        ) from error


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOWrapper]:
    with replacing(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()  # flushes; the file is closed by who opened it


def _npy_header(file: BinaryIO, kind: np.dtype[Any], count: int) -> None:
    header = {"descr": kind.str, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)

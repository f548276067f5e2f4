"""Folders of score files -> a prepared corpus on disk (see `library` for what it holds).

    files, in one order -> parts of 128 files each, made side by side -> ids.npy and the rest

Surprising decision: a part is a file of its own, and whole or not there. So whenever this is killed,
the same command goes on with the parts that are missing, and what comes out is the same bytes: they
do not depend on who made which part when. No more than one part is ever held in memory. Behind
`torchrun` each rank makes every so-manieth part, and the first one lists the files and puts together.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tomli_w

from hocket import locks
from hocket.corpus import library
from hocket.corpus.library import Library, load_library, read_toml
from hocket.corpus.workers import Job, make_parts
from hocket.errors import CheckpointError, ConfigError, ScoreError
from hocket.processor import cores
from hocket.scores import READABLE, SUFFIXES, printable
from hocket.scores.files import make_folder, remove, replacing, write_text
from hocket.team import ALONE, Team
from hocket.tokens.vocab import VOCAB

FILES_A_PART = 128
FORMAT = 1
"""Counts up when what is read from a file changes, or how it is kept."""

UNFINISHED_FOLDER = "unfinished"
LOCK_FILE = "prepare.lock"
_PLAN_FILE = "plan.toml"
_DIFFERENCES = {
    "format": "by another version of hocket",
    "vocabulary": "for another vocabulary",
    "pedal": "with another --pedal",
    "files": "from other files",
    "files_sha256": "from other files",
}


class Sources(NamedTuple):
    """Score files by name, from that of the folder given on, and what stands before those folders."""

    names: list[str]
    above: dict[str, str]
    """By the name of a folder given."""


def ingest(
    folders: Sequence[Path],
    out: Path,
    *,
    pedal: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    team: Team = ALONE,
    say: Callable[[str], None] = lambda text: None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Library:
    """Read all score files below the folders and leave a corpus in `out`; return it, opened.

    `workers` processes read (by default one for each core) in each rank of the `team`, of which the
    first has to see what all of them write. `on_progress` hears how many files of how many are done,
    of this rank's share. What an earlier call left unfinished is gone on with; a finished corpus of
    the same files and settings is returned as it is; any other there is refused with `ConfigError`,
    or goes with `overwrite`. Raises `ScoreError` where there is nothing to read or no way to write.
    """
    with ExitStack() as held:
        if team.rank == 0:
            held.enter_context(locks.held(make_folder(out) / LOCK_FILE, "prepares"))
        if team.size == 1:
            plan, files = _planned(folders, out, pedal, overwrite)
        else:
            told = team.from_first(
                lambda: json.dumps(_planned(folders, out, pedal, overwrite)).encode()
            )
            plan, listed = json.loads(told)
            files = Sources(*listed)
        if plan is not None:
            _make(files, plan, out, team, workers or cores(), say, on_progress)
        if team.rank == 0:
            if plan is None:
                say(f"{out}: already prepared from these files; nothing to do")
            _clear(out / UNFINISHED_FOLDER)
        team.wait()
        return load_library(out, check_ids=plan is None)


def _planned(
    folders: Sequence[Path], out: Path, pedal: bool, overwrite: bool
) -> tuple[dict[str, Any] | None, Sources]:
    """Return the plan, or None where it is done, and the files, and make room."""
    files, digest = found(folders)
    plan = {
        "format": FORMAT,
        "vocabulary": VOCAB.fingerprint,
        "pedal": pedal,
        "files": len(files.names),
        "files_sha256": digest,
    }
    if _is_finished(out, plan, overwrite):
        return None, files
    write_text(make_folder(out / UNFINISHED_FOLDER) / _PLAN_FILE, tomli_w.dumps(plan))
    return plan, files


def _make(
    files: Sources,
    plan: dict[str, Any],
    out: Path,
    team: Team,
    workers: int,
    say: Callable[[str], None],
    on_progress: Callable[[int, int], None],
) -> None:
    """Make this rank's share of the parts; the first one puts all of them together."""
    unfinished, total = out / UNFINISHED_FOLDER, len(files.names)
    # Named after the plan, so that a worker of a killed command cannot bring in what is not wanted.
    stem = hashlib.sha256(tomli_w.dumps(plan).encode()).hexdigest()[:8]
    jobs = [
        Job(
            unfinished / f"{stem}-{first // FILES_A_PART:06d}.safetensors",
            files.names[first : first + FILES_A_PART],
            files.above,
        )
        for first in range(0, total, FILES_A_PART)
    ]
    missing = [job for job in jobs if not job.part.exists()]
    before = total - sum(len(job.files) for job in missing)
    if before:
        say(f"{out}: going on after {before} of {total} files")
    team.wait()  # now all have seen the same parts
    missing = missing[team.rank :: team.size]
    share = before + sum(len(job.files) for job in missing)
    if team.size > 1:
        say(f"{team.size} processes read {total} files; this shows the first one's share")
    make_parts(
        missing,
        pedal=plan["pedal"],
        workers=min(workers, len(missing)),
        on_progress=lambda count: on_progress(before + count, share),
    )
    on_progress(share, share)
    team.wait()
    if team.rank == 0:
        _put_together([job.part for job in jobs], files.names, plan, out)
    team.wait()


def found(folders: Sequence[Path]) -> tuple[Sources, str]:
    """Return the score files below the folders, in order, and a sha256 of their names and sizes.

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
    listing = hashlib.sha256()
    for name, size in files:
        listing.update(f"{size} {name}\n".encode("utf-8", "surrogateescape"))
    above = {home.name: str(home.parent) for home in homes}
    return Sources([name for name, _ in files], above), listing.hexdigest()


def _below(homes: Sequence[Path]) -> Iterator[tuple[str, int]]:
    def unreadable(error: OSError) -> None:
        raise ScoreError(f"{error.filename}: cannot be looked into ({error.strerror})") from error

    for home in homes:
        above = len(str(home.parent / "_")) - 1
        for folder, inner, names in os.walk(home, onerror=unreadable):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for name in names:
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122
                    path = os.path.join(folder, name)  # noqa: PTH118 - a million of them
                    yield path[above:].replace(os.sep, "/"), _size(path)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
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
    parts: Sequence[Path], files: Sequence[str], plan: dict[str, Any], out: Path
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
            names.writelines(f"{printable(files[first + k])}\n" for k in kept.tolist())
            for lost, why in reasons.items():
                rows.writerow((printable(files[first + int(lost)]), printable(why)))
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
            f"{path}: missing or torn ({error}); remove it if it is there and prepare again, on "
            "storage that all machines share if there are several"
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

"""Short work in child processes: uploads are read, and takes become sound, scores and zips.

Surprising decision: what is made of a take has a process of its own each time, forked from one that has
loaded what it needs, with a bound on its time. Uploads, of which there may be many and which are
nobody's friends, go to `readers`. Answers come as JSON, never as pickle.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hocket.errors import ConfigError, ScoreError
from hocket.reporter import Silent
from hocket.studio.readers import MOST_ANSWER, READ_SECONDS, LostError, Readers, end

MAKE_SECONDS = 180.0
KINDS = ("mid", "musicxml", "mp3", "svg", "pdf")
"""What a take is downloaded as."""


class Desk:
    """Does work, one process each; `work` may be called from any thread."""

    def __init__(self) -> None:
        here = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context(
            "forkserver" if "forkserver" in here else "spawn"
        )
        if "forkserver" in here:
            self._context.set_forkserver_preload(["hocket.studio.loaded"])

        self._readers = Readers(self._context, partial(_done, "read"))

    def read(self, *values: Any) -> dict[str, Any]:
        """Read a theme, as `read_theme` does; raises `ScoreError` or `ConfigError`."""
        try:
            answer = self._readers.ask(*values)
        except TimeoutError:
            raise _too_long(values, READ_SECONDS) from None
        except LostError:
            raise _crashed(values) from None
        return _checked(answer)

    def work(self, name: str, *values: Any) -> dict[str, Any]:
        """Do the work of `_WORK` that has a name; raises `ScoreError` or `ConfigError`."""
        mine, theirs = self._context.Pipe(duplex=False)
        child = self._context.Process(target=_child, args=(theirs, name, values), daemon=True)
        child.start()
        theirs.close()
        try:
            if not mine.poll(MAKE_SECONDS):
                raise _too_long(values, MAKE_SECONDS)
            try:
                answer: dict[str, Any] = json.loads(mine.recv_bytes(MOST_ANSWER))
            except (EOFError, OSError, ValueError):
                raise _crashed(values) from None
        finally:
            end(child)
            mine.close()
        return _checked(answer)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise (ConfigError if answer["kind"] == "ConfigError" else ScoreError)(answer["error"])
    return answer


def _too_long(values: tuple[Any, ...], seconds: float) -> ScoreError:
    return ScoreError(
        f"{_called(values)}: took more than {seconds:.0f} s; cut the file, or save it anew"
    )


def _crashed(values: tuple[Any, ...]) -> ScoreError:
    return ScoreError(
        f"{_called(values)}: cannot be worked on (it took too much memory or crashed its "
        "reader); save it anew"
    )


def _called(values: tuple[Any, ...]) -> str:
    """Return what a piece of work is about: its second value, for people."""
    return str(values[1])


def _child(answer: Connection[Any, Any], name: str, values: tuple[Any, ...]) -> None:
    if hasattr(os, "setsid"):
        os.setsid()
    answer.send_bytes(json.dumps(_done(name, *values)).encode())
    answer.close()


def _done(name: str, *values: Any) -> dict[str, Any]:
    """Return what a piece of work gives, or what went wrong with it."""
    from hocket.errors import HocketError
    from hocket.scores import printable

    try:
        return _WORK[name](*values)
    except HocketError as error:
        kind = "ConfigError" if isinstance(error, ConfigError) else "ScoreError"
        return {"error": printable(str(error), 500), "kind": kind}
    except MemoryError:
        return {"error": f"{_called(values)}: too much for memory; cut it", "kind": "ScoreError"}


def read_theme(folder: str, name: str, source: str, bars: str) -> dict[str, Any]:
    """Read the upload in a theme's folder, or a demo theme, and keep the piece.

    `bars` such as `5-20` keeps these alone. What is kept has the content's digest in its name.
    """
    import hashlib

    from hocket.exports import range_of
    from hocket.music import bars as of_music
    from hocket.scores.files import atomic_write
    from hocket.sources import read_kept, read_source
    from hocket.studio.shown import MOST_NOTES, facts

    home, heard = Path(folder), _Remarks()
    given = read_source(source, False, heard) if source else _uploaded(home, name, heard)
    whole = len(of_music.numbered_bars(given))
    if bars:
        given = of_music.cut(given, range_of(bars))
    piece, content = read_kept(given, False, heard)
    digest = hashlib.sha256(content).hexdigest()[:16]
    # Not yet on the disk for certain: whoever asked has it synced before the theme is in the store.
    atomic_write(home / f"{digest}.mid", content, sync=False)
    if len(piece.notes) > MOST_NOTES:
        heard.remark(f"only its first {MOST_NOTES:,} notes are drawn; all are learned")
    info = facts(piece) | {"remarks": heard.told[:20], "whole": whole}
    return {"digest": digest, "info": info}


class _Remarks(Silent):
    """A reporter that keeps what was left out."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def remark(self, text: str) -> None:
        """Keep it."""
        self.told.append(text)


def _uploaded(home: Path, name: str, heard: Any) -> Any:
    """Read an upload under the name that its owner gave it: the kind may hang on its ending."""
    from hocket.scores import read_bytes_with_remarks

    piece, remarks = read_bytes_with_remarks((home / "upload").read_bytes(), name)
    for remark in remarks:
        heard.remark(remark)
    return piece


def shown(target: str, name: str, piece: str) -> dict[str, Any]:
    """Write what the page draws of a theme."""
    from hocket.scores.files import write_text
    from hocket.scores.midi import read_midi
    from hocket.studio.shown import piece_shown

    kept = read_midi(Path(piece).read_bytes(), name, pedal=False, notated=True)[0]
    write_text(target, json.dumps(piece_shown(kept)))
    return {}


def export(target: str, name: str, take: str, themes: list[str]) -> dict[str, Any]:
    """Make a file of a piece; its kind is that of `target`. `themes` colour the heads."""
    from hocket import exports

    if target.endswith(".mp3"):
        exports.render(take, out=target)
    else:
        exports.engrave(take, out=target, against=themes)
    return {}


def exported(done: str, name: str, take: str, target: str, themes: list[str]) -> dict[str, Any]:
    """Make a file, or several pages, of a piece, and then an empty one that says that all are there."""
    export(target, name, take, themes)
    Path(done).touch()
    return {}


def engraved(target: str, name: str, take: str, run: str) -> dict[str, Any]:
    """Write a piece's score for the screen as JSON, a list of pages; of a run's take in colours."""
    from hocket import runs
    from hocket.analysis.provenance import origins
    from hocket.notation import engrave_svg
    from hocket.pictures.style import ink
    from hocket.scores import read
    from hocket.scores.files import write_text

    piece, heads = read(take), None
    if run:
        heads = ink(origins(piece, runs.named(runs.load_settings(Path(run))[1])))
    write_text(target, json.dumps(engrave_svg(piece, colours=heads, screen=True)))
    return {}


def zipped(target: str, name: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Pack files, by the names they shall have, into a zip; the same for the same files."""
    from hocket.scores.files import replacing

    with replacing(target) as stream, zipfile.ZipFile(stream, "w") as archive:
        for inner, path in files.items():
            how = zipfile.ZIP_STORED if inner.endswith(".mp3") else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(inner), Path(path).read_bytes(), how)
    return {}


def reasons(take: str, name: str, bar: int) -> dict[str, Any]:
    """Return why the notes of a bar of a take are there."""
    from dataclasses import asdict

    from hocket.workflows import why

    return {"reasons": [asdict(reason) for reason in why(take, bar=bar)]}


_WORK: dict[str, Callable[..., dict[str, Any]]] = {
    "read": read_theme,
    "shown": shown,
    "export": export,
    "exported": exported,
    "engraved": engraved,
    "zip": zipped,
    "why": reasons,
}

"""A program: paths of hostile files on standard input -> what a reader makes of each, as JSON.

    python hostile_child.py hocket|symusic|mido|pretty_midi|music21

`verdicts.py` runs it and replaces it when it dies. What is not hocket's runs in a Python of its own,
which need not have hocket, so nothing of hocket is imported for it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SAFETY_BYTES = 8 << 30  # of address space: so that a bomb kills this process and not the machine
_WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
_REACHES = {"socket.connect", "socket.getaddrinfo", "os.system", "os.exec", "os.posix_spawn"}

Counts = Callable[[str, str], int | None]
"""From a path and the kind of reader to a number of notes."""


def hocket() -> tuple[Counts, tuple[type[Exception], ...]]:
    """Return hocket's readers, warmed up, and its one kind of error."""
    from hocket import config, scores
    from hocket.errors import HocketError
    from hocket.model import theme, weights
    from hocket.music.piece import Piece
    from hocket.scores.midi import midi_bytes
    from hocket.tokens import VOCAB

    def count(path: str, reader: str) -> int | None:
        if reader == "score":
            piece, _ = scores.read_with_remarks(path)
            sane(piece)
            return len(piece.notes)
        if reader == "theme":
            theme.load(Path(path))
        elif reader == "weights":
            weights.load(Path(path), VOCAB.fingerprint)
        else:  # as the command line does it
            try:
                text = Path(path).read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise HocketError(str(error)) from None
            config.loads(text, path)
        return None

    def sane(piece: Piece) -> None:
        assert all(
            0 <= n.pitch <= 127 and 1 <= n.velocity <= 127 and n.start >= 0 and n.duration > 0
            for n in piece.notes
        )
        assert list(piece.notes) == sorted(piece.notes)
        assert all(0 <= note.part < len(piece.parts) for note in piece.notes)
        assert all(0 < tempo.microseconds < 1 << 24 for tempo in piece.tempos)
        names = [piece.title, *(part.name for part in piece.parts)]
        assert all(name.isprintable() and len(name) <= 500 for name in names)
        midi_bytes(piece) if len(piece.notes) < 1000 else None

    return count, (HocketError,)


def symusic() -> tuple[Counts, tuple[type[Exception], ...]]:
    """Return symusic's reader."""
    from symusic import Score

    def count(path: str, _: str) -> int:
        return sum(len(track.notes) for track in Score(path).tracks if not track.is_drum)

    return count, ()


def mido() -> tuple[Counts, tuple[type[Exception], ...]]:
    """Return mido's reader, with note-ons and note-offs made pairs of."""
    from mido import MidiFile

    def count(path: str, _: str) -> int:
        found = 0
        for track in MidiFile(path).tracks:
            sounding: dict[tuple[int, int], int] = {}
            for event in track:
                if event.type not in ("note_on", "note_off") or event.channel == 9:
                    continue
                key = event.channel, event.note
                if event.type == "note_on" and event.velocity:
                    sounding[key] = sounding.get(key, 0) + 1
                elif sounding.get(key):
                    sounding[key] -= 1
                    found += 1
        return found

    return count, ()


def pretty_midi() -> tuple[Counts, tuple[type[Exception], ...]]:
    """Return pretty_midi's reader."""
    from pretty_midi import PrettyMIDI

    def count(path: str, _: str) -> int:
        return sum(len(i.notes) for i in PrettyMIDI(path).instruments if not i.is_drum)

    return count, ()


def music21() -> tuple[Counts, tuple[type[Exception], ...]]:
    """Return music21's reader."""
    from music21 import converter

    def count(path: str, _: str) -> int:
        stream = converter.parse(path, format="midi", forceSource=True, storePickle=False)
        return sum(len(n.pitches) for n in stream.flatten().notes if hasattr(n, "pitches"))

    return count, ()


@contextmanager
def watched() -> Iterator[list[str]]:
    """Note what is written, and whom this process turns to, while the block runs."""
    found: list[str] = []
    _watchers.append(found)
    try:
        yield found
    finally:
        _watchers.remove(found)


_watchers: list[list[str]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watchers:
        return
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    if event == "open":
        if isinstance(arguments[0], int) or not (arguments[2] or 0) & writes:
            return
    elif event not in _WRITES | _REACHES:
        return
    if "__pycache__" in str(arguments[0]):  # what hocket compiles is kept beside its source
        return
    for found in _watchers:
        found.append(f"{event} {arguments[:1]!r}"[:200])


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) << 10
    return 0


def _worked() -> float:
    """Return the seconds of the processor that this process and its children have had."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _judged(count: Counts, errors: tuple[type[Exception], ...], path: str, reader: str) -> Any:
    """Return how one file ends: read, refused (by an error of the library's) or raised."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, grown = _memory("VmRSS"), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began, worked = time.perf_counter(), _worked()
    notes, ended, said = None, "read", ""
    with watched() as written:
        try:
            notes = count(path, reader)
        except errors as error:
            ended, said = "refused", str(error)
        except BaseException as error:
            ended, said = "raised", f"{type(error).__name__}: {error}"
    seconds, worked = time.perf_counter() - began, _worked() - worked
    beside = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = max(_memory("VmHWM") - before, 0) + (beside << 10 if beside > grown else 0)
    return {
        "ended": ended, "notes": notes, "said": said[:300], "seconds": seconds, "cpu_seconds": worked,
        "bytes": peak,
        "written": written,
    }  # fmt: skip


def main() -> int:
    """Answer one line for each line."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    makers = {"hocket": hocket, "symusic": symusic, "mido": mido, "pretty_midi": pretty_midi}
    count, errors = (makers | {"music21": music21})[sys.argv[1]]()
    resource.setrlimit(resource.RLIMIT_AS, (SAFETY_BYTES, SAFETY_BYTES))
    sys.addaudithook(_audit)
    for path, reader in ((path, "score") for path in sys.argv[2:]):  # to warm up
        _judged(count, errors, path, reader)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        path, reader = json.loads(line)
        print(json.dumps(_judged(count, errors, path, reader)), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

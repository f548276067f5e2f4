"""A process that takes jobs from the store and does them: learn, seeds, fuse.

    python -m hocket.studio.worker FOLDER NAME

It ends when its standard input does, which is when the server that started it dies. Surprising
decision: a fusion is made by the same workflow as `hocket fuse`, in a folder of its own, from themes
that carry what was learned of them; so page and command write the same bytes.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import workflows
from hocket.config import RunConfig, replaced
from hocket.errors import HocketError
from hocket.locks import Lock
from hocket.processor import trim
from hocket.scores import printable
from hocket.scores.files import make_folder
from hocket.scores.midi import read_midi
from hocket.sources import Theme, saved_theme
from hocket.studio.documents import trimmed_name
from hocket.studio.store import Store

if TYPE_CHECKING:
    from hocket.training import Progress

BEAT_SECONDS = 0.4
"""Between two looks at what is wished, and two tellings of how far it is."""
MOST_POINTS = 400
"""Of a curve that is told."""
POLITE = 10
"""How much more the server and the user's own programs count than a worker."""


class StoppedError(Exception):
    """Somebody wished the job to stop."""


class LostError(Exception):
    """The job belongs to somebody else now."""


class Work:
    """One job, and the reporter of the workflow that does it."""

    def __init__(self, store: Store, owner: str, job: Mapping[str, Any]) -> None:
        self.store, self.owner, self.job = store, owner, job
        self.progress: dict[str, Any] = {"stage": "starting", "curves": {}}
        if job["kind"] in ("learn", "fuse"):
            self.progress["curves"] = dict(job["progress"].get("curves", {}))
        self.theme, self.takes = "", list[dict[str, Any]]()
        self._lost = self._stop = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._done.wait(BEAT_SECONDS):
            self._tell()

    def _tell(self) -> None:
        try:
            wish = self.store.beat(self.job["id"], self.owner, self.progress)
        except sqlite3.OperationalError:  # a full disk, say: a later beat may pass
            return
        self._lost |= wish is None
        self._stop |= wish == "stop"

    def close(self) -> None:
        """Tell the last of it, and stop telling."""
        self._done.set()
        self._thread.join()
        self._tell()

    def _go_on(self) -> None:
        if self._lost:
            raise LostError
        if self._stop:
            raise StoppedError

    def _set(self, **values: Any) -> None:
        self.progress = {**self.progress, **values}

    # what a workflow reports

    def say(self, text: str) -> None:
        """Show a line."""
        self._set(said=printable(text))
        self._go_on()

    def remark(self, text: str) -> None:
        """Show a line."""
        self.say(text)

    def learning(self, progress: Progress) -> None:
        """Add a point to the curve of the theme that is learned."""
        if self._lost:
            raise LostError
        points = [p for p in self.progress["curves"].get(self.theme, []) if p[0] < progress.step]
        held = None if progress.held_out is None else round(progress.held_out, 4)
        points = [*points, [progress.step, round(progress.loss, 4), held]][-MOST_POINTS:]
        self._set(
            stage="learning",
            theme=self.theme,
            step=progress.step,
            of=progress.max_steps,
            seconds_left=round(progress.seconds_left, 1),
            events_per_second=round(progress.events_per_second),
            curves={**self.progress["curves"], self.theme: points},
        )

    def writing(self, bars: float, of: int) -> None:
        """Tell how far the takes are."""
        self._set(stage="writing", step=round(bars, 1), of=of)
        self._go_on()

    def wrote(self, folder: Path) -> None:
        """List the takes, which can be seen and heard from now on."""
        from hocket.studio import shown

        self.takes = shown.write_takes(folder, self.store.made_folder(self.job["id"]))
        self.store.update("jobs", self.job["id"], result={"takes": self.takes})
        self._set(stage="page")

    def preparing(self, files: int, of: int) -> None:
        """Ignore it: no corpus is prepared here."""

    def should_stop(self) -> bool:
        """Whether learning should stop and keep what it has."""
        return self._stop or self._lost

    # the kinds of job

    def learn(self) -> dict[str, Any]:
        """Learn the themes of the job that are not learned yet, one after the other."""
        for key in self.job["args"]["themes"]:
            self._learned(key)
        return {}

    def seeds(self) -> dict[str, Any]:
        """Write the ranked openings."""
        themes = [self._learned(key) for key in self.job["args"]["themes"]]
        self._set(stage="seeds")
        folder = self.store.seeds_folder(self.job["id"])
        found = workflows.seeds(*themes, out=folder, reporter=self, **self.job["args"]["knobs"])
        return {"seeds": [opening.told() for opening in found]}

    def fuse(self) -> dict[str, Any]:
        """Fuse the themes, learning first what is not learned."""
        args = self.job["args"]
        themes = [self._learned(key) for key in args["themes"]]
        self._set(stage="writing", step=0, of=1)
        run = self.store.run_folder(self.job["id"])
        make_folder(run.parent)
        workflows.fuse(*themes, out=run, overwrite=True, reporter=self, **args["knobs"])
        self._go_on()
        return {"takes": self.takes}

    def _learned(self, key: str) -> Theme:
        """Return a theme with what is learned of it, learning it first where that is to be done."""
        row = self.store.row("themes", key, deleted=True)
        folder = self.store.theme_folder(key)
        piece = read_midi(
            (folder / f"{row['digest']}.mid").read_bytes(), row["name"], pedal=False, notated=True
        )[0]
        learning, wanted = self._of_learning()
        mark = "" if not learning else "-" + _mark(learning)
        file = folder / f"{row['digest']}{mark}.theme"
        theme = Theme(
            piece.title, (piece,), source=trimmed_name(row) if row["bars"] else row["source"]
        )
        if not file.exists():
            self.theme = key
            self._go_on()
            learned = workflows.learn(theme, out=file, config=wanted, reporter=self)
            if learned.learned is None:
                raise LostError if self._lost else StoppedError
        self.store.update("themes", key, learned=1)
        return replace(theme, learned=saved_theme(file).learned)

    def _of_learning(self) -> tuple[dict[str, Any], RunConfig]:
        """Return the job's knobs of learning, and the settings with them."""
        import dataclasses

        from hocket.config import TrainingConfig

        names = {field.name for field in dataclasses.fields(TrainingConfig)} | {"rng"}
        usual = RunConfig()
        given = {k: v for k, v in self.job["args"]["knobs"].items() if k in names}
        config = replaced(usual, given)
        return (given if config != usual else {}), config


def _mark(knobs: Mapping[str, Any]) -> str:
    import hashlib
    import json

    return hashlib.sha256(json.dumps(knobs, sort_keys=True).encode()).hexdigest()[:8]


def main(folder: str, owner: str) -> int:
    """Do jobs until standard input ends."""
    store = Store(Path(folder))
    lock = Lock(store.inside("workers", owner))
    if not lock.take():
        return 1
    if hasattr(os, "nice"):
        os.nice(POLITE)
    threading.Thread(target=_end_with_server, daemon=True).start()
    while True:
        job = store.claim(owner)
        if job is None:
            time.sleep(0.2)
        else:
            _do(store, owner, job)
            trim()


def _do(store: Store, owner: str, job: Mapping[str, Any]) -> None:
    work = Work(store, owner, job)
    state, error, result = "failed", "", None
    try:
        result = {"learn": work.learn, "seeds": work.seeds, "fuse": work.fuse}[job["kind"]]()
        state = "done"
    except StoppedError:
        state = "stopped"
    except LostError:
        return
    except (HocketError, OSError) as problem:
        error = printable(str(problem), 500)
    except Exception as problem:  # our own mistake: the next job is done all the same
        import traceback

        traceback.print_exc()
        error = printable(f"a defect of hocket's: {problem!r}", 500)
    finally:
        work.close()
    store.finish(job["id"], owner, state, error=error, result=result)


def _end_with_server() -> None:
    """End at once where the server is gone: the kernel closes the other end of the pipe then."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))

"""Projects, themes, jobs and takes in SQLite, with their files beside it in one folder.

    studio.db                       everything but files; WAL, every commit on disk before it is told
    themes/ID/                      upload; DIGEST.mid, .json, .mp3 of it, and .theme once learned
    fusions/ID/run/                 what `hocket fuse` writes
    fusions/ID/made/                what was made of it for the page: sound, score, zip
    seeds/ID/                       openings to hear

Surprising decision: a job belongs to whoever holds a lock on the worker's file. The kernel frees it
the moment a worker dies, however it dies, so that no job waits for a lease to run out.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hocket.errors import ConfigError, HocketError
from hocket.scores.files import make_folder

MOST_ATTEMPTS = 3
"""Deaths of a worker under one job; then the job is given up."""
LEASE_SECONDS = 20.0
KEPT_SECONDS = 24 * 3600.0
"""That what was deleted can be brought back."""
MOST_PROJECTS, MOST_THEMES, MOST_WAITING = 1000, 16, 32

_TABLES = """
create table if not exists projects(
  id text primary key, name text not null, created real not null, deleted real);
create table if not exists themes(
  id text primary key, project text not null references projects(id), name text not null,
  source text not null, info text not null, bars text not null default '',
  digest text not null default '', learned integer not null default 0,
  created real not null, deleted real);
create table if not exists jobs(
  id text primary key, project text not null references projects(id), kind text not null,
  args text not null, state text not null, wish text not null default '', owner text,
  lease real not null default 0, attempts integer not null default 0,
  progress text not null default '{}', result text not null default '{}',
  error text not null default '', created real not null, deleted real);
create table if not exists takes(
  fusion text not null references jobs(id), number integer not null,
  favourite integer not null default 0, deleted real, primary key(fusion, number));
create index if not exists themes_of on themes(project);
create index if not exists jobs_of on jobs(project);
"""


class MissingError(HocketError):
    """Nothing has that id, or it was deleted."""


class Store:
    """The one place where the studio keeps things; safe to share by threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder)
        self.file = folder / "studio.db"
        self._own = threading.local()
        with self.writing() as base:
            for statement in _TABLES.split(";"):
                base.execute(statement)

    @property
    def base(self) -> sqlite3.Connection:
        """The connection of the calling thread."""
        found: sqlite3.Connection | None = getattr(self._own, "base", None)
        if found is None:
            try:
                found = sqlite3.connect(self.file, timeout=20, isolation_level=None)
                found.row_factory = sqlite3.Row
                found.execute("pragma journal_mode=wal")
                found.execute("pragma synchronous=full")
                found.execute("pragma foreign_keys=on")
            except sqlite3.DatabaseError as error:
                raise ConfigError(
                    f"{self.file}: no database of the studio ({error}); move it away, or choose "
                    "another folder with --data"
                ) from None
            self._own.base = found
        return found

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Change things, all or nothing, one writer at a time."""
        base = self.base
        base.execute("begin immediate")
        try:
            yield base
            base.execute("commit")
        except BaseException:
            if base.in_transaction:  # a full disk has ended it already
                base.execute("rollback")
            raise

    def rows(self, words: str, *values: Any) -> list[dict[str, Any]]:
        """Return what a query finds."""
        return [_plain(row) for row in self.base.execute(words, values)]

    def row(self, table: str, key: str, *, deleted: bool = False) -> dict[str, Any]:
        """Return a row by its id; raises `MissingError`."""
        found = self.rows(f"select * from {table} where id=?", key)
        if not found or (found[0]["deleted"] is not None and not deleted):
            raise MissingError(f"no {table.removesuffix('s')} has the id {key!r}; reload the page")
        return found[0]

    def changed(self) -> int:
        """Return a number that differs once another connection has written."""
        return int(self.base.execute("pragma data_version").fetchone()[0])

    # projects and themes

    def add_project(self, name: str) -> str:
        """Make a project and return its id."""
        key = new_id()
        with self.writing() as base:
            here = "select count(*) from projects where deleted is null"
            if base.execute(here).fetchone()[0] >= MOST_PROJECTS:
                raise ConfigError(f"{MOST_PROJECTS} projects are kept; delete some first")
            base.execute("insert into projects values(?,?,?,null)", (key, name, time.time()))
        return key

    def add_theme(
        self, project: str, key: str, name: str, source: str, info: Mapping[str, Any], digest: str
    ) -> None:
        """Keep a theme whose files are there."""
        with self.writing() as base:
            self.row("projects", project)
            here = "select count(*) from themes where project=? and deleted is null"
            if base.execute(here, (project,)).fetchone()[0] >= MOST_THEMES:
                raise ConfigError(f"a project has at most {MOST_THEMES} themes; remove one first")
            base.execute(
                "insert into themes(id,project,name,source,info,digest,created) "
                "values(?,?,?,?,?,?,?)",
                (key, project, name, source, json.dumps(info), digest, time.time()),
            )

    def themes(self, project: str) -> list[dict[str, Any]]:
        """Return the themes of a project, in the order in which they came."""
        return self.rows(
            "select * from themes where project=? and deleted is null order by created, id", project
        )

    def update(self, table: str, key: str, **values: Any) -> None:
        """Change fields of a row; raises `MissingError`."""
        self.row(table, key, deleted=True)
        fields = ",".join(f"{name}=?" for name in values)
        stored = [json.dumps(v) if isinstance(v, (dict, list)) else v for v in values.values()]
        with self.writing() as base:
            base.execute(f"update {table} set {fields} where id=?", (*stored, key))

    def mark_take(self, fusion: str, number: int, **values: Any) -> None:
        """Note that a take is a favourite, or deleted."""
        self.row("jobs", fusion)
        with self.writing() as base:
            base.execute("insert or ignore into takes(fusion,number) values(?,?)", (fusion, number))
            for name, value in values.items():
                base.execute(
                    f"update takes set {name}=? where fusion=? and number=?",
                    (value, fusion, number),
                )

    # jobs

    def add_job(self, project: str, kind: str, args: Mapping[str, Any]) -> str:
        """Put a job at the end of the queue and return its id."""
        key = new_id()
        with self.writing() as base:
            self.row("projects", project)
            waiting = "select count(*) from jobs where state in ('queued','running')"
            if base.execute(waiting).fetchone()[0] >= MOST_WAITING:
                raise ConfigError(f"{MOST_WAITING} jobs are waiting; let some end first")
            base.execute(
                "insert into jobs(id,project,kind,args,state,created) values(?,?,?,?,'queued',?)",
                (key, project, kind, json.dumps(args), time.time()),
            )
        return key

    def claim(self, owner: str) -> dict[str, Any] | None:
        """Take the job that has waited longest; None if none waits."""
        with self.writing() as base:
            found = self.rows(
                "select * from jobs where state='queued' and deleted is null "
                "order by created, rowid limit 1"
            )
            if not found:
                return None
            base.execute(
                "update jobs set state='running', owner=?, lease=?, wish='', error='' where id=?",
                (owner, time.time() + LEASE_SECONDS, found[0]["id"]),
            )
        return found[0]

    def beat(self, key: str, owner: str, progress: Mapping[str, Any] | None = None) -> str | None:
        """Prolong a lease, tell how far a job is; return what is wished of it, None if it is lost."""
        with self.writing() as base:
            found = self.rows("select wish from jobs where id=? and owner=?", key, owner)
            if not found:
                return None
            until = time.time() + LEASE_SECONDS
            base.execute("update jobs set lease=? where id=?", (until, key))
            if progress is not None:
                base.execute("update jobs set progress=? where id=?", (json.dumps(progress), key))
        return str(found[0]["wish"])

    def finish(
        self,
        key: str,
        owner: str,
        state: str,
        *,
        error: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a job; only its present owner can. Return whether that was so."""
        with self.writing() as base:
            done = base.execute(
                "update jobs set state=?, owner=null, error=?, result=coalesce(?,result) "
                "where id=? and owner=? and state='running'",
                (state, error, json.dumps(result) if result is not None else None, key, owner),
            )
        return done.rowcount == 1

    def give_back(self, owner: str, *, died: bool) -> None:
        """Put an owner's job back into the queue; after `MOST_ATTEMPTS` deaths it is given up.

        One that was asked to stop is stopped. `died` says that the worker died under it while the
        server lived; when the server goes down the job has done nothing wrong.
        """
        with self.writing() as base:
            base.execute(
                "update jobs set attempts=attempts+?, owner=null, state=case "
                "when attempts+? >= ? then 'failed' when wish='stop' then 'stopped' "
                "else 'queued' end, error=case "
                "when attempts+? >= ? then ? else error end where owner=? and state='running'",
                (
                    int(died),
                    int(died),
                    MOST_ATTEMPTS,
                    int(died),
                    MOST_ATTEMPTS,
                    f"its worker died {MOST_ATTEMPTS} times, perhaps for want of memory; given up",
                    owner,
                ),
            )

    def owners(self) -> list[str]:
        """Return who holds jobs, alive or not."""
        return [
            row["owner"] for row in self.rows("select distinct owner from jobs where owner<>''")
        ]

    def open_jobs(self, project: str) -> list[str]:
        """Return the jobs of a project that wait or are being done."""
        words = "select id from jobs where project=? and state in ('queued','running')"
        return [row["id"] for row in self.rows(words, project)]

    def wish_to_stop(self, key: str) -> None:
        """Ask a job to stop; one that waits is stopped at once."""
        self.row("jobs", key)
        with self.writing() as base:
            base.execute("update jobs set wish='stop' where id=? and state='running'", (key,))
            base.execute("update jobs set state='stopped' where id=? and state='queued'", (key,))

    def queue_again(self, key: str) -> None:
        """Let a job go on that was stopped or failed; raises `ConfigError` for another."""
        self.row("jobs", key)
        with self.writing() as base:
            done = base.execute(
                "update jobs set state='queued', wish='', error='', attempts=0 "
                "where id=? and state in ('stopped','failed')",
                (key,),
            )
        if not done.rowcount:
            raise ConfigError("this job was not stopped; there is nothing to go on with")

    def more_like(self, fusion: str, number: int) -> str:
        """Queue a fusion that starts like a take, with other chance; return its id."""
        row = self.row("jobs", fusion)
        takes = {take["number"]: take for take in row["result"].get("takes", [])}
        if number not in takes:
            raise MissingError(f"no take {number} here; reload the page")
        args, like = row["args"], takes[number]
        knobs = args["knobs"] | {"seed": like["seed"], "form": like["form"]}
        others = self.rows("select args from jobs where project=? and kind='fuse'", row["project"])
        rng = 1 + max(int(other["args"]["knobs"].get("rng", 1)) for other in others)
        return self.add_job(row["project"], "fuse", {**args, "knobs": knobs | {"rng": rng}})

    def deleted_takes(self, fusion: str) -> set[int]:
        """Return the numbers of takes that were deleted."""
        words = "select number from takes where fusion=? and deleted is not null"
        return {row["number"] for row in self.rows(words, fusion)}

    # folders

    def theme_folder(self, key: str) -> Path:
        """Return where a theme's files are."""
        return self.inside("themes", key)

    def run_folder(self, fusion: str) -> Path:
        """Return where a fusion's run is."""
        return self.inside("fusions", fusion, "run")

    def made_folder(self, fusion: str) -> Path:
        """Return where what is made of a fusion for the page is."""
        return self.inside("fusions", fusion, "made")

    def seeds_folder(self, job: str) -> Path:
        """Return where openings to hear are."""
        return self.inside("seeds", job)

    def inside(self, *names: str) -> Path:
        """Return a path below the folder; raises `MissingError` for symlinks, and names elsewhere."""
        path = self.folder
        for name in names:
            if not name or name in (".", "..") or any(c in name for c in "/\\\0:"):
                raise MissingError(f"nothing is called {name!r}")
            path = path / name
            if path.is_symlink():
                raise MissingError(f"{name} is a symbolic link; nothing is read through these")
        return path

    def remove_theme_folder(self, key: str) -> None:
        """Remove the files of a theme that is not kept."""
        self._remove("themes", key)

    def purge(self) -> None:
        """Remove for good what was deleted a day ago."""
        before = time.time() - KEPT_SECONDS
        gone = self.rows("select id from projects where deleted<?", before)
        for project in [row["id"] for row in gone]:
            for theme in self.rows("select id from themes where project=?", project):
                self._remove("themes", theme["id"])
            for job in self.rows("select id from jobs where project=?", project):
                self._remove("fusions", job["id"])
                self._remove("seeds", job["id"])
            with self.writing() as base:
                base.execute(
                    "delete from takes where fusion in (select id from jobs where project=?)",
                    (project,),
                )
                for table in ("themes", "jobs"):
                    base.execute(f"delete from {table} where project=?", (project,))
                base.execute("delete from projects where id=?", (project,))
        for theme in self.rows("select id from themes where deleted<?", before):
            self._remove("themes", theme["id"])
            with self.writing() as base:
                base.execute("delete from themes where id=?", (theme["id"],))
        known = {row["id"] for row in self.rows("select id from themes")}
        for folder in self._below("themes"):  # uploads that a kill left half done
            if folder.name not in known:
                self._remove("themes", folder.name)

    def _below(self, name: str) -> Sequence[Path]:
        home = self.folder / name
        return sorted(home.iterdir()) if home.is_dir() else []

    def _remove(self, *names: str) -> None:
        path = self.inside(*names)
        if path.exists():
            shutil.rmtree(path, ignore_errors=True)


def new_id() -> str:
    """Return an id that nobody guesses."""
    return secrets.token_hex(8)


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    found = dict(row)
    for name in ("info", "args", "progress", "result"):
        if name in found:
            found[name] = json.loads(found[name])
    return found

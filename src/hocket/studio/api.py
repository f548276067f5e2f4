"""Everything that the page does, as `/api/…`: typed requests in, JSON and files out.

Surprising decision: a project is told whole, as one document, and streamed anew whenever it changes;
so a page that was closed, or a server that was killed, needs nothing but to be asked again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, File, Request, UploadFile
from fastapi import Path as InPath
from fastapi.responses import FileResponse, Response, StreamingResponse

from hocket.errors import ConfigError, ScoreError
from hocket.reports import take_name
from hocket.scores import printable
from hocket.sources import LETTERS, demo_themes
from hocket.studio import asked
from hocket.studio.desk import KINDS, Desk
from hocket.studio.documents import document
from hocket.studio.hub import Hub
from hocket.studio.safety import MOST_UPLOAD
from hocket.studio.store import MissingError, Store, new_id

Id = Annotated[str, InPath(pattern="^[0-9a-f]{16}$")]
Number = Annotated[int, InPath(ge=1, le=100_000)]
MEDIA = {
    "mid": "audio/midi",
    "musicxml": "application/vnd.recordare.musicxml+xml",
    "mp3": "audio/mpeg",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "html": "text/html",
    "json": "application/json",
}
Reply = dict[str, Any]


class Studio:
    """What requests work with."""

    def __init__(self, store: Store, desk: Desk, hub: Hub) -> None:
        self.store, self.desk, self.hub = store, desk, hub
        self._reading, self._making = CapacityLimiter(2), CapacityLimiter(2)
        self._made: dict[str, asyncio.Lock] = {}

    async def do(self, work: Callable[..., Any], *values: Any) -> Any:
        """Do something with the store, away from the loop."""
        return await to_thread.run_sync(partial(work, *values))

    async def read(self, *values: Any) -> dict[str, Any]:
        """Read a theme at the desk."""
        return await to_thread.run_sync(
            partial(self.desk.work, "read", *values), limiter=self._reading
        )

    async def made(self, target: Path, work: str, *values: Any) -> Path:
        """Return a file, made at the desk if it is not there yet; once, however many ask."""
        lock = self._made.setdefault(str(target), asyncio.Lock())
        async with lock:
            if not target.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                call = partial(self.desk.work, work, str(target), *values)
                await to_thread.run_sync(call, limiter=self._making)
        self._made.pop(str(target), None)
        return target


def routes(studio: Studio) -> APIRouter:
    """Return the routes of the API."""
    told: dict[int | str, dict[str, Any]] = {
        status: {"model": asked.Problem, "description": words}
        for status, words in asked.PROBLEMS.items()
    }
    api, store = APIRouter(prefix="/api", responses=told), studio.store

    @api.get("/settings", tags=["settings"])
    async def settings() -> Reply:
        """Return the knobs with their bounds and help, and the demo themes."""
        return {"knobs": asked.told(), "demos": list(demo_themes()), "kinds": list(KINDS)}

    @api.get("/projects", tags=["projects"])
    async def projects() -> Reply:
        """List the projects, the newest first."""
        found = await studio.do(
            store.rows,
            "select p.id, p.name, p.created, (select count(*) from themes t where t.project=p.id "
            "and t.deleted is null) as themes from projects p where deleted is null "
            "order by created desc",
        )
        return {"projects": found}

    @api.post("/projects", status_code=201, tags=["projects"])
    async def add_project(wanted: asked.ProjectName) -> Reply:
        """Make a project."""
        return {"id": await studio.do(store.add_project, printable(wanted.name))}

    @api.get("/projects/{project}", tags=["projects"])
    async def show_project(project: Id) -> Reply:
        """Return all there is of a project."""
        found: Reply = await studio.do(document, store, project)
        return found

    @api.get("/projects/{project}/events", tags=["projects"])
    async def events(project: Id, request: Request) -> StreamingResponse:
        """Stream the project as server-sent events, each time it changes."""
        await studio.do(store.row, "projects", project)

        async def lines() -> AsyncIterator[bytes]:
            with studio.hub.listening(project) as heard:
                while not studio.hub.closing and not await request.is_disconnected():
                    try:
                        text = await asyncio.wait_for(heard.get(), 10)
                    except TimeoutError:
                        yield b": still here\n\n"
                        continue
                    yield f"data: {text}\n\n".encode()

        return StreamingResponse(
            lines(), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    @api.patch("/projects/{project}", tags=["projects"])
    async def rename_project(project: Id, wanted: asked.ProjectName) -> Reply:
        """Rename a project."""
        await studio.do(store.row, "projects", project)
        await studio.do(partial(store.update, name=printable(wanted.name)), "projects", project)
        return {}

    @api.delete("/projects/{project}", tags=["projects"])
    async def delete_project(project: Id) -> Reply:
        """Delete a project; for a day it can be restored. Its jobs are stopped."""
        for job in await studio.do(store.open_jobs, project):
            await studio.do(store.wish_to_stop, job)
        return await _delete(studio, "projects", project)

    @api.post("/projects/{project}/restore", tags=["projects"])
    async def restore_project(project: Id) -> Reply:
        """Bring a deleted project back."""
        return await _restore(studio, "projects", project)

    # themes

    @api.post("/projects/{project}/themes", status_code=201, tags=["themes"])
    async def add_theme(project: Id, file: Annotated[UploadFile, File()]) -> Reply:
        """Add a theme: a MIDI, MusicXML or ABC file of at most 16 MB."""
        await studio.do(store.row, "projects", project)
        content = await file.read(MOST_UPLOAD + 1)
        name = printable(Path((file.filename or "theme").replace("\\", "/")).name, 120)
        if len(content) > MOST_UPLOAD:
            raise ScoreError(f"{name}: larger than 16 MB; give a single piece of music as notes")
        key = new_id()
        home = store.theme_folder(key)
        await studio.do(_keep, home, content)
        return await _add(studio, project, key, name or "theme", "")

    @api.post("/projects/{project}/demo", status_code=201, tags=["themes"])
    async def add_demo(project: Id, wanted: asked.Demo) -> Reply:
        """Add a theme that ships with hocket."""
        await studio.do(store.row, "projects", project)
        if wanted.demo not in demo_themes():
            raise ConfigError(f"no demo theme is called {wanted.demo!r}")
        key = new_id()
        await studio.do(partial(store.theme_folder(key).mkdir, parents=True))
        return await _add(studio, project, key, wanted.demo, f"demo:{wanted.demo}")

    @api.patch("/themes/{theme}", tags=["themes"])
    async def change_theme(theme: Id, wanted: asked.ThemeChange) -> Reply:
        """Trim a theme to some of its bars; empty gives all again."""
        row = await studio.do(store.row, "themes", theme)
        if wanted.bars is None:
            return {}
        source = row["source"] if row["source"].startswith("demo:") else ""
        home = str(store.theme_folder(theme))
        read = await studio.read(home, row["name"], source, wanted.bars)
        learned = int((store.theme_folder(theme) / f"{read['digest']}.theme").exists())
        change = partial(
            store.update,
            info=read["info"],
            digest=read["digest"],
            bars=wanted.bars,
            learned=learned,
        )
        await studio.do(change, "themes", theme)
        return read["info"]  # type: ignore[no-any-return]

    @api.delete("/themes/{theme}", tags=["themes"])
    async def delete_theme(theme: Id) -> Reply:
        """Remove a theme from its project; for a day it can be restored."""
        return await _delete(studio, "themes", theme)

    @api.post("/themes/{theme}/restore", tags=["themes"])
    async def restore_theme(theme: Id) -> Reply:
        """Bring a removed theme back."""
        return await _restore(studio, "themes", theme)

    @api.get("/themes/{theme}/shown", tags=["themes"])
    async def show_theme(theme: Id) -> Response:
        """Return a theme's notes in seconds, and its bars."""
        row = await studio.do(store.row, "themes", theme)
        return _file(store.theme_folder(theme) / f"{row['digest']}.json")

    @api.get("/themes/{theme}/sound", tags=["themes"])
    async def hear_theme(theme: Id) -> Response:
        """Return a theme as MP3."""
        row = await studio.do(store.row, "themes", theme)
        home = store.theme_folder(theme)
        piece, target = home / f"{row['digest']}.mid", home / f"{row['digest']}.mp3"
        return _file(await studio.made(target, "export", row["name"], str(piece), []))

    # jobs

    @api.post("/projects/{project}/learn", status_code=202, tags=["jobs"])
    async def learn(project: Id, wanted: asked.Knobs) -> Reply:  # type: ignore[valid-type]
        """Learn the themes of a project that are not learned yet."""
        return await _queue(studio, project, "learn", asked.checked(wanted), least=1)

    @api.post("/projects/{project}/seeds", status_code=202, tags=["jobs"])
    async def seeds(project: Id, wanted: asked.Knobs) -> Reply:  # type: ignore[valid-type]
        """Rank the openings that takes would start from, and write them to be heard."""
        return await _queue(studio, project, "seeds", asked.checked(wanted))

    @api.post("/projects/{project}/fuse", status_code=202, tags=["jobs"])
    async def fuse(project: Id, wanted: asked.Knobs) -> Reply:  # type: ignore[valid-type]
        """Write takes that fuse the themes, learning first what is not learned."""
        return await _queue(studio, project, "fuse", asked.checked(wanted))

    @api.get("/jobs/{job}", tags=["jobs"])
    async def show_job(job: Id) -> Reply:
        """Return how far a job is."""
        row: Reply = await studio.do(store.row, "jobs", job)
        return {key: row[key] for key in ("id", "kind", "state", "progress", "result", "error")}

    @api.post("/jobs/{job}/stop", tags=["jobs"])
    async def stop(job: Id) -> Reply:
        """Stop a job; what was learned is kept."""
        await studio.do(store.wish_to_stop, job)
        return {}

    @api.post("/jobs/{job}/resume", tags=["jobs"])
    async def resume(job: Id) -> Reply:
        """Go on with a job that was stopped or failed."""
        await studio.do(store.queue_again, job)
        return {}

    @api.delete("/jobs/{job}", tags=["jobs"])
    async def delete_job(job: Id) -> Reply:
        """Delete a fusion with all its takes; for a day it can be restored."""
        await studio.do(store.wish_to_stop, job)
        return await _delete(studio, "jobs", job)

    @api.post("/jobs/{job}/restore", tags=["jobs"])
    async def restore_job(job: Id) -> Reply:
        """Bring a deleted fusion back."""
        return await _restore(studio, "jobs", job)

    @api.get("/seeds/{job}/{number}/sound", tags=["jobs"])
    async def hear_seed(job: Id, number: Number) -> Response:
        """Return an opening as MP3."""
        await studio.do(store.row, "jobs", job)
        home = store.seeds_folder(job)
        piece = _there(home / f"seed-{number:02d}.mid")
        target = home / f"seed-{number:02d}.mp3"
        return _file(await studio.made(target, "export", piece.stem, str(piece), []))

    # takes

    async def take_of(fusion: str, number: int) -> Path:
        await studio.do(store.row, "jobs", fusion)
        return _there(store.run_folder(fusion) / f"{take_name(number)}.mid")

    @api.get("/fusions/{fusion}/takes/{number}/shown", tags=["takes"])
    async def show_take(fusion: Id, number: Number) -> Response:
        """Return a take's notes in seconds with where each comes from, its bars and its mix."""
        await take_of(fusion, number)
        return _file(store.made_folder(fusion) / f"{take_name(number)}.json")

    @api.get("/fusions/{fusion}/takes/{number}/score", tags=["takes"])
    async def score(fusion: Id, number: Number) -> Response:
        """Return the pages of a take's score as SVG, in a JSON list."""
        take = await take_of(fusion, number)
        target = store.made_folder(fusion) / f"{take_name(number)}.pages.json"
        made = await studio.made(
            target, "engraved", take.stem, str(take), str(store.run_folder(fusion))
        )
        return _file(made)

    @api.get("/fusions/{fusion}/takes/{number}/why", tags=["takes"])
    async def why(fusion: Id, number: Number, bar: int) -> Reply:
        """Return why the notes of a bar are there: the likeliest others, and each theme's vote."""
        take = await take_of(fusion, number)
        call = partial(studio.desk.work, "why", str(take), take.stem, bar)
        found: Reply = await to_thread.run_sync(call)
        return found

    @api.get("/fusions/{fusion}/takes/{number}/file/{kind}", tags=["takes"])
    async def download(fusion: Id, number: Number, kind: str) -> Response:
        """Return a take as a file: mid, musicxml, mp3, svg, pdf, or all of them in a zip."""
        take = await take_of(fusion, number)
        if kind == "zip":
            files = await _files(studio, fusion, take)
            target = store.made_folder(fusion) / f"{take.stem}.zip"
            made = await studio.made(target, "zip", take.stem, files)
            return _file(made, f"{take.stem}.zip")
        if kind not in KINDS:
            raise MissingError(f"takes are not written as {kind!r}; there are {', '.join(KINDS)}")
        paths = await _exported(studio, fusion, take, kind)
        if len(paths) > 1:
            files = {path.name: str(path) for path in paths}
            target = store.made_folder(fusion) / f"{take.stem}.{kind}.zip"
            made = await studio.made(target, "zip", take.stem, files)
            return _file(made, f"{take.stem}-{kind}.zip")
        return _file(paths[0], paths[0].name)

    @api.patch("/fusions/{fusion}/takes/{number}", tags=["takes"])
    async def change_take(fusion: Id, number: Number, wanted: asked.TakeChange) -> Reply:
        """Mark a take as a favourite, or not."""
        await take_of(fusion, number)
        mark = partial(store.mark_take, favourite=int(wanted.favourite))
        await studio.do(mark, fusion, number)
        return {}

    @api.delete("/fusions/{fusion}/takes/{number}", tags=["takes"])
    async def delete_take(fusion: Id, number: Number) -> Reply:
        """Take a take off the list; it can be restored."""
        await take_of(fusion, number)
        await studio.do(partial(store.mark_take, deleted=store.now()), fusion, number)
        return {}

    @api.post("/fusions/{fusion}/takes/{number}/restore", tags=["takes"])
    async def restore_take(fusion: Id, number: Number) -> Reply:
        """Bring a take back."""
        await take_of(fusion, number)
        await studio.do(partial(store.mark_take, deleted=None), fusion, number)
        return {}

    @api.post("/fusions/{fusion}/takes/{number}/more", status_code=202, tags=["takes"])
    async def more(fusion: Id, number: Number) -> Reply:
        """Write more like a take: from its opening, in its form, with other chance."""
        await take_of(fusion, number)
        key: str = await studio.do(store.more_like, fusion, number)
        return {"id": key}

    @api.get("/fusions/{fusion}/zip", tags=["takes"])
    async def everything(fusion: Id) -> Response:
        """Return all takes that are not deleted, as all kinds of file, in a zip."""
        row = await studio.do(store.row, "jobs", fusion)
        gone = await studio.do(store.deleted_takes, fusion)
        files: dict[str, str] = {}
        for take in row["result"].get("takes", []):
            if take["number"] not in gone:
                files |= await _files(studio, fusion, await take_of(fusion, take["number"]))
        run = store.run_folder(fusion)
        files |= {n: str(run / n) for n in ("index.html", "report.json") if (run / n).is_file()}
        if not files:
            raise MissingError("no takes here yet")
        target = store.made_folder(fusion) / "all.zip"
        await studio.do(target.unlink, True)
        return _file(await studio.made(target, "zip", "all takes", files), "hocket-takes.zip")

    @api.get("/fusions/{fusion}/page", tags=["takes"])
    async def shared(fusion: Id) -> Response:
        """Return the page to share: one file, no network."""
        await studio.do(store.row, "jobs", fusion)
        return _file(_there(store.run_folder(fusion) / "index.html"), "hocket.html")

    @api.get("/fusions/{fusion}/report", tags=["takes"])
    async def report(fusion: Id) -> Response:
        """Return recipe and measures of every take."""
        await studio.do(store.row, "jobs", fusion)
        return _file(_there(store.run_folder(fusion) / "report.json"), "report.json")

    return api


async def _files(studio: Studio, fusion: str, take: Path) -> dict[str, str]:
    found = [path for kind in KINDS for path in await _exported(studio, fusion, take, kind)]
    return {path.name: str(path) for path in found}


async def _exported(studio: Studio, fusion: str, take: Path, kind: str) -> list[Path]:
    """Return a take as a kind of file; several where pages are files."""
    if kind == "mid":
        return [take]
    made = studio.store.made_folder(fusion)
    done = made / f".{take.stem}.{kind}.done"
    if not done.is_file():
        target = made / f"{take.stem}.{kind}"
        lettered = sorted((studio.store.run_folder(fusion) / "themes").glob("?.theme"))
        colours = [str(f) for f in lettered] if kind in ("svg", "pdf") else []
        if not target.is_file():
            await studio.made(done, "exported", take.stem, str(take), str(target), colours)
    single = made / f"{take.stem}.{kind}"
    return [single] if single.is_file() else sorted(made.glob(f"{take.stem}-*.{kind}"))


async def _add(studio: Studio, project: str, key: str, name: str, source: str) -> Reply:
    """Read a theme and keep it; nothing is kept of one that cannot be read."""
    store, home = studio.store, studio.store.theme_folder(key)
    try:
        read = await studio.read(str(home), name, source, "")
        await studio.do(
            store.add_theme, project, key, name, source or name, read["info"], read["digest"]
        )
    except BaseException:
        await studio.do(store.remove_theme_folder, key)
        raise
    return {"id": key, **read["info"]}


async def _queue(
    studio: Studio, project: str, kind: str, knobs: dict[str, Any], least: int = 2
) -> Reply:
    themes = [row["id"] for row in await studio.do(studio.store.themes, project)]
    if len(themes) < least:
        await studio.do(studio.store.row, "projects", project)
        raise ConfigError(f"{len(themes)} themes here; add {least - len(themes)} more first")
    asks = {"themes": themes[: len(LETTERS)], "knobs": knobs}
    return {"id": await studio.do(studio.store.add_job, project, kind, asks)}


async def _delete(studio: Studio, table: str, key: str) -> Reply:
    await studio.do(studio.store.row, table, key)
    await studio.do(partial(studio.store.update, deleted=studio.store.now()), table, key)
    return {}


async def _restore(studio: Studio, table: str, key: str) -> Reply:
    await studio.do(partial(studio.store.update, deleted=None), table, key)
    return {}


def _keep(home: Path, content: bytes) -> None:
    from hocket.scores.files import atomic_write

    home.mkdir(parents=True)
    atomic_write(home / "upload", content)


def _there(path: Path) -> Path:
    if path.is_symlink() or not path.is_file():
        raise MissingError(f"{path.name} is not there; reload the page")
    return path


def _file(path: Path, name: str = "") -> Response:
    """Return a file; with a name, to be saved under it and never shown as a page of ours."""
    headers = {"cache-control": "private, max-age=3600" if path.suffix == ".mp3" else "no-store"}
    if name:
        headers["content-disposition"] = f'attachment; filename="{name}"'
    kind = MEDIA.get(path.suffix[1:], "application/octet-stream")
    return FileResponse(_there(path), media_type=kind, headers=headers)


def as_text(value: Any) -> str:
    """Return JSON in one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

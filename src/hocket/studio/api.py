"""Everything that the page does, as `/api/…`: typed requests in, JSON and files out.

Surprising decision: a project is told whole, as one document, and streamed anew whenever it changes;
so a page that was closed, or a server that was killed, needs nothing but to be asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, UploadFile
from fastapi.responses import Response, StreamingResponse

from hocket.errors import ConfigError, ScoreError
from hocket.scores import printable
from hocket.scores.files import atomic_write
from hocket.sources import LETTERS, demo_themes
from hocket.studio import asked
from hocket.studio.desk import KINDS
from hocket.studio.documents import document
from hocket.studio.replies import Id, Number, Reply, Studio, deleted, file_of, restored, there
from hocket.studio.safety import MOST_UPLOAD
from hocket.studio.store import new_id
from hocket.studio.takes import add_takes


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

        return StreamingResponse(lines(), media_type="text/event-stream")

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
        return await deleted(studio, "projects", project)

    @api.post("/projects/{project}/restore", tags=["projects"])
    async def restore_project(project: Id) -> Reply:
        """Bring a deleted project back."""
        return await restored(studio, "projects", project)

    # themes

    @api.post("/projects/{project}/themes", status_code=201, tags=["themes"])
    async def add_theme(project: Id, file: Annotated[UploadFile, File()]) -> Reply:
        """Add a theme: a MIDI, MusicXML or ABC file of at most 16 MB."""
        content = await file.read(MOST_UPLOAD + 1)
        name = printable(Path((file.filename or "theme").replace("\\", "/")).name, 120)
        if len(content) > MOST_UPLOAD:
            raise ScoreError(f"{name}: larger than 16 MB; give a single piece of music as notes")
        added: Reply = await studio.read(_added, studio, project, name or "theme", "", content)
        return added

    @api.post("/projects/{project}/demo", status_code=201, tags=["themes"])
    async def add_demo(project: Id, wanted: asked.Demo) -> Reply:
        """Add a theme that ships with hocket."""
        if wanted.demo not in demo_themes():
            raise ConfigError(f"no demo theme is called {wanted.demo!r}")
        name = wanted.demo
        added: Reply = await studio.read(_added, studio, project, name, f"demo:{name}", None)
        return added

    @api.patch("/themes/{theme}", tags=["themes"])
    async def change_theme(theme: Id, wanted: asked.ThemeChange) -> Reply:
        """Trim a theme to some of its bars; empty gives all again."""
        row = await studio.do(store.row, "themes", theme)
        home = store.theme_folder(theme)
        source = "" if (home / "upload").exists() else row["source"]  # a demo theme has no upload
        read = await studio.read(_read, studio, home, row["name"], source, wanted.bars)
        learned = int((home / f"{read['digest']}.theme").exists())
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
        return await deleted(studio, "themes", theme)

    @api.post("/themes/{theme}/restore", tags=["themes"])
    async def restore_theme(theme: Id) -> Reply:
        """Bring a removed theme back."""
        return await restored(studio, "themes", theme)

    @api.get("/themes/{theme}/shown", tags=["themes"])
    async def show_theme(theme: Id) -> Response:
        """Return a theme's notes in seconds, and its bars."""
        row = await studio.do(store.row, "themes", theme)
        home = store.theme_folder(theme)
        piece, target = home / f"{row['digest']}.mid", home / f"{row['digest']}.json"
        return file_of(await studio.made(target, "shown", row["name"], str(piece)))

    @api.get("/themes/{theme}/sound", tags=["themes"])
    async def hear_theme(theme: Id) -> Response:
        """Return a theme as MP3."""
        row = await studio.do(store.row, "themes", theme)
        home = store.theme_folder(theme)
        piece, target = home / f"{row['digest']}.mid", home / f"{row['digest']}.mp3"
        return file_of(await studio.made(target, "export", row["name"], str(piece), []))

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
        return await deleted(studio, "jobs", job)

    @api.post("/jobs/{job}/restore", tags=["jobs"])
    async def restore_job(job: Id) -> Reply:
        """Bring a deleted fusion back."""
        return await restored(studio, "jobs", job)

    @api.get("/seeds/{job}/{number}/sound", tags=["jobs"])
    async def hear_seed(job: Id, number: Number) -> Response:
        """Return an opening as MP3."""
        await studio.do(store.row, "jobs", job)
        home = store.seeds_folder(job)
        piece = there(home / f"seed-{number:02d}.mid")
        target = home / f"seed-{number:02d}.mp3"
        return file_of(await studio.made(target, "export", piece.stem, str(piece), []))

    add_takes(api, studio)
    return api


def _added(studio: Studio, project: str, name: str, source: str, content: bytes | None) -> Reply:
    """Read a theme and keep it; nothing is kept of one that cannot be read."""
    store, key = studio.store, new_id()
    store.row("projects", project)
    home = store.theme_folder(key)
    home.mkdir(parents=True)
    try:
        if content is not None:
            atomic_write(home / "upload", content, sync=False)
        read = _read(studio, home, name, source, "")
        store.add_theme(project, key, name, source or name, read["info"], read["digest"])
    except BaseException:
        store.remove_theme_folder(key)
        raise
    return {"id": key, **read["info"]}


def _read(studio: Studio, home: Path, name: str, source: str, bars: str) -> dict[str, Any]:
    """Read a theme in its folder; what is there is on the disk when this returns."""
    read = studio.desk.read(str(home), name, source, bars)
    studio.disk.sync([home])
    return read


async def _queue(
    studio: Studio, project: str, kind: str, knobs: dict[str, Any], least: int = 2
) -> Reply:
    themes = [row["id"] for row in await studio.do(studio.store.themes, project)]
    if len(themes) < least:
        await studio.do(studio.store.row, "projects", project)
        raise ConfigError(f"{len(themes)} themes here; add {least - len(themes)} more first")
    asks = {"themes": themes[: len(LETTERS)], "knobs": knobs}
    return {"id": await studio.do(studio.store.add_job, project, kind, asks)}

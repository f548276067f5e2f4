"""The routes of takes: shown, explained, marked, and taken home as files."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import Response

from hocket.reports import take_name
from hocket.studio import asked
from hocket.studio.desk import KINDS
from hocket.studio.replies import Id, Number, Reply, Studio, file_of, there
from hocket.studio.store import MissingError


def add_takes(api: APIRouter, studio: Studio) -> None:
    """Add the routes of takes to the API."""
    store = studio.store

    async def take_of(fusion: str, number: int) -> Path:
        await studio.do(store.row, "jobs", fusion)
        return there(store.run_folder(fusion) / f"{take_name(number)}.mid")

    @api.get("/fusions/{fusion}/takes/{number}/shown", tags=["takes"])
    async def show_take(fusion: Id, number: Number) -> Response:
        """Return a take's notes in seconds with where each comes from, its bars and its mix."""
        await take_of(fusion, number)
        return file_of(store.made_folder(fusion) / f"{take_name(number)}.json")

    @api.get("/fusions/{fusion}/takes/{number}/score", tags=["takes"])
    async def score(fusion: Id, number: Number) -> Response:
        """Return the pages of a take's score as SVG, in a JSON list."""
        take = await take_of(fusion, number)
        target = store.made_folder(fusion) / f"{take_name(number)}.pages.json"
        made = await studio.made(
            target, "engraved", take.stem, str(take), str(store.run_folder(fusion))
        )
        return file_of(made)

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
            return file_of(made, f"{take.stem}.zip")
        if kind not in KINDS:
            raise MissingError(f"takes are not written as {kind!r}; there are {', '.join(KINDS)}")
        paths = await _exported(studio, fusion, take, kind)
        if len(paths) > 1:
            files = {path.name: str(path) for path in paths}
            target = store.made_folder(fusion) / f"{take.stem}.{kind}.zip"
            made = await studio.made(target, "zip", take.stem, files)
            return file_of(made, f"{take.stem}-{kind}.zip")
        return file_of(paths[0], paths[0].name)

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
        await studio.do(partial(store.mark_take, deleted=time.time()), fusion, number)
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
        return file_of(await studio.made(target, "zip", "all takes", files), "hocket-takes.zip")

    @api.get("/fusions/{fusion}/page", tags=["takes"])
    async def shared(fusion: Id) -> Response:
        """Return the page to share: one file, no network."""
        await studio.do(store.row, "jobs", fusion)
        return file_of(there(store.run_folder(fusion) / "index.html"), "hocket.html")

    @api.get("/fusions/{fusion}/report", tags=["takes"])
    async def report(fusion: Id) -> Response:
        """Return recipe and measures of every take."""
        await studio.do(store.row, "jobs", fusion)
        return file_of(there(store.run_folder(fusion) / "report.json"), "report.json")


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

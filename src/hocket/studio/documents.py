"""A project in the store to the document that the page draws."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from hocket.sources import LETTERS
from hocket.studio.store import Store

MOST_JOBS = 60
"""That a project's document lists; older ones are kept."""


def document(store: Store, project: str) -> dict[str, Any]:
    """Return all there is of a project; raises `MissingError`."""
    row = store.row("projects", project)
    themes = store.themes(project)
    marks: dict[tuple[str, int], dict[str, Any]] = {
        (mark["fusion"], mark["number"]): mark
        for mark in store.rows(
            "select takes.* from takes join jobs on jobs.id=fusion where project=?", project
        )
    }
    jobs = store.rows(
        "select * from jobs where project=? and deleted is null order by created desc limit ?",
        project,
        MOST_JOBS,
    )
    queue = store.rows("select id from jobs where state='queued' order by created")
    waiting = [each["id"] for each in queue]
    every = store.rows("select * from themes where project=?", project)
    sources = {each["id"]: each for each in every}
    return {
        "id": row["id"],
        "name": row["name"],
        "themes": [
            {
                "id": theme["id"],
                "letter": LETTERS[place],
                "name": theme["name"],
                "source": theme["source"],
                "kept": theme["bars"],
                "learned": bool(theme["learned"]),
                "digest": theme["digest"],
                **theme["info"],
            }
            for place, theme in enumerate(themes)
        ],
        "jobs": [
            {
                "id": job["id"],
                "kind": job["kind"],
                "state": job["state"],
                "wish": job["wish"],
                "before": waiting.index(job["id"]) if job["id"] in waiting else 0,
                "progress": job["progress"],
                "error": job["error"],
                "created": job["created"],
                "knobs": job["args"]["knobs"],
                "titles": [
                    sources[key]["info"]["title"] for key in job["args"]["themes"] if key in sources
                ],
                "seeds": job["result"].get("seeds", []),
                "page": (store.run_folder(job["id"]) / "index.html").is_file(),
                "takes": [
                    take
                    | {
                        "favourite": bool(mark.get("favourite")),
                        "deleted": mark.get("deleted") is not None,
                        "recipe": _recipe(take["recipe"], job, sources),
                    }
                    for take in job["result"].get("takes", [])
                    for mark in [marks.get((job["id"], take["number"]), {})]
                ],
            }
            for job in jobs
        ],
    }


def trimmed_name(theme: dict[str, Any]) -> str:
    """Return what a trimmed theme is called on a command line."""
    stem = re.sub(r"[^\w.-]+", "-", Path(theme["source"].removeprefix("demo:")).stem) or "theme"
    return f"{stem}-{theme['bars']}.mid"


def _recipe(command: str, job: dict[str, Any], sources: dict[str, dict[str, Any]]) -> str:
    """Return the command with those before it that trim themes."""
    trims = [
        shlex.join(
            ["hocket", "cut", theme["source"], "--bars", theme["bars"], "-o", trimmed_name(theme)]
        )
        for key in job["args"]["themes"]
        if (theme := sources.get(key)) and theme["bars"] and trimmed_name(theme) in command
    ]
    return " && ".join([*trims, command])

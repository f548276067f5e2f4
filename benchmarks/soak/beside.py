"""Uploads to a studio that learns at the same time: how many, how soon, and what learning pays for it.

    python benchmarks/soak/beside.py --minutes 10 --out FILE

Clients upload a theme of some hundred notes as fast as they are answered, or at a rate; after every
16, the most a project holds, they delete the project and make another. Learning is a job of the
studio, whose steps are counted before, during and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import hocket
from hocket.scores.midi import midi_bytes
from soak.processes import resident
from soak.telling import told
from studio.served import Served

LONG = {"max_steps": 5000, "check_every": 5000, "patience": 1000, "minutes": 30, "batch": 64}
THEMES = 16
"""That a project holds."""


class Client:
    """A connection that is kept open; HTTP by hand: a library would cost more than the server."""

    def __init__(self, studio: Served, content: bytes) -> None:
        self._studio = studio
        token = studio.client.headers["X-Hocket-Token"]
        self._head = (
            f"Host: 127.0.0.1:{studio.port}\r\nX-Hocket-Token: {token}\r\n"
            f"Origin: {studio.address}\r\n"
        )
        self._body = (
            b'--soak\r\nContent-Disposition: form-data; name="file"; filename="theme.mid"\r\n'
            b"Content-Type: audio/midi\r\n\r\n" + content + b"\r\n--soak--\r\n"
        )

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._studio.port)

    def close(self) -> None:
        """Leave."""
        self._writer.close()

    async def ask(self, method: str, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        self._writer.write(
            f"{method} /api{path} HTTP/1.1\r\n{self._head}Content-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = next(
            int(line.split(":")[1])
            for line in head.lower().splitlines()
            if line.startswith("content-length")
        )
        return int(head.split()[1]), await self._reader.readexactly(length)

    async def project(self) -> str:
        """Make a project; return its id."""
        status, body = await self.ask("POST", "/projects", "application/json", b'{"name": "Soak"}')
        if status != 201:
            raise RuntimeError(f"{status} {body[:200]!r}")
        return str(json.loads(body)["id"])

    async def upload(self, project: str) -> int:
        """Upload a theme; return the status."""
        path, kind = f"/projects/{project}/themes", "multipart/form-data; boundary=soak"
        return (await self.ask("POST", path, kind, self._body))[0]

    async def delete(self, project: str) -> None:
        """Delete a project."""
        await self.ask("DELETE", f"/projects/{project}", "application/json", b"{}")


async def upload_until(
    studio: Served, content: bytes, until: float, every: float, found: dict[str, Any]
) -> None:
    """Upload until a time, one each so many seconds at most."""
    client, project, count = Client(studio, content), "", 0
    await client.open()
    due = time.monotonic()
    while time.monotonic() < until:
        try:
            if count % THEMES == 0:
                if project:
                    await client.delete(project)
                project = await client.project()
            due = max(due + every, time.monotonic() - 1.0)
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            began = time.perf_counter()
            status = await client.upload(project)
            found["seconds"].append(time.perf_counter() - began)
            count += 1
            if status != 201:
                found["errors"].append(str(status))
        except (OSError, RuntimeError, ValueError, EOFError) as error:
            found["errors"].append(repr(error))
            client.close()
            await client.open()
            project, count = "", 0
    client.close()


def steps(studio: Served, job: str) -> int:
    """Return how many steps a job has learned."""
    return int(studio.job(job)["progress"].get("step") or 0)


def rate_of_learning(studio: Served, job: str, seconds: float) -> float:
    """Return steps a second, of a job left alone."""
    first, began = steps(studio, job), time.monotonic()
    time.sleep(seconds)
    return (steps(studio, job) - first) / (time.monotonic() - began)


def soaked(minutes: float, clients: int, rate: float) -> dict[str, Any]:
    """Upload beside learning; return the figures. A rate of 0 is as fast as it goes."""
    content = midi_bytes(hocket.cut("demo:elise", bars="1-16"))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        studio = Served(Path(folder))
        stack.callback(studio.close)
        project = studio.project()
        studio.post(f"/projects/{project}/demo", {"demo": studio.get("/settings")["demos"][0]})
        job = studio.post(f"/projects/{project}/learn", LONG)["id"]
        while steps(studio, job) < 5:
            time.sleep(0.2)
        found: dict[str, Any] = {"seconds": [], "errors": []}

        async def load(seconds: float) -> None:
            until, every = time.monotonic() + seconds, clients / rate if rate else 0.0
            await asyncio.gather(
                *(upload_until(studio, content, until, every, found) for _ in range(clients))
            )

        asyncio.run(load(5.0))  # what is loaded at first use
        quiet = [rate_of_learning(studio, job, max(min(60.0 * minutes, 30.0), 5.0))]
        found["seconds"].clear()
        before, first, began = resident(studio.process.pid), steps(studio, job), time.monotonic()
        asyncio.run(load(60.0 * minutes))
        seconds = time.monotonic() - began
        beside = (steps(studio, job) - first) / seconds
        after = resident(studio.process.pid)
        quiet.append(rate_of_learning(studio, job, max(min(60.0 * minutes, 30.0), 5.0)))
    waits = sorted(found["seconds"])
    alone = statistics.mean(quiet)
    return {
        "machine": platform.processor() or platform.machine(),
        "clients": clients,
        "minutes": minutes,
        "notes_of_a_theme": len(hocket.cut("demo:elise", bars="1-16").notes),
        "uploads": len(waits),
        "uploads_per_second": round(len(waits) / seconds, 1),
        "wait_ms": {
            "median": round(1000 * statistics.median(waits), 1),
            "p95": round(1000 * waits[int(0.95 * len(waits))], 1),
            "most": round(1000 * waits[-1], 1),
        },
        "errors": len(found["errors"]),
        "first_errors": found["errors"][:3],
        "server_mb_before": round(before, 1),
        "server_mb_after": round(after, 1),
        "learning_steps_per_second_alone": [round(value, 2) for value in quiet],
        "learning_steps_per_second_beside": round(beside, 2),
        "learning_slowed_by": round(1 - beside / alone, 3),
    }


def met(found: dict[str, Any]) -> bool:
    """Whether the bars are met."""
    return bool(
        found["uploads_per_second"] >= 150
        and found["wait_ms"]["p95"] <= 100
        and not found["errors"]
        and found["server_mb_after"] - found["server_mb_before"] <= 20
        and found["learning_slowed_by"] <= 0.25
    )


def main() -> int:
    """Print the figures; return 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=float, default=155.0, help="uploads a second; 0: no limit")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = soaked(options.minutes, options.clients, options.rate)
    return told(found, options.out, met=met(found))


if __name__ == "__main__":
    sys.exit(main())

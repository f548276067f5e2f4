"""How fast the studio answers 50 clients that poll and listen while 4 jobs run.

    python benchmarks/studio/load.py --out benchmarks/results/studio-load.json

Each client holds a stream of its project and reads the project, a theme and the settings in turn, with
a short pause. Figures are of all reads; memory is the server's alone, before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from served import Served

LONG = {"max_steps": 5000, "check_every": 1000, "patience": 1000, "minutes": 30}


def resident_mb(process: int) -> float:
    """Return the memory that a process holds."""
    text = Path(f"/proc/{process}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


async def one_client(
    studio: Served, project: str, theme: str, until: float, found: dict[str, Any]
) -> None:
    """Poll and listen until a time."""
    chance = random.Random(project + str(id(found)))
    limits = httpx.Limits(max_connections=4)
    async with httpx.AsyncClient(base_url=studio.address, timeout=30, limits=limits) as client:
        listening = asyncio.create_task(_listen(client, project, until, found))
        while time.monotonic() < until:
            path = chance.choice([f"projects/{project}", f"themes/{theme}/shown", "settings"])
            began = time.perf_counter()
            try:
                answer = await client.get(f"/api/{path}")
                found["reads"].append(time.perf_counter() - began)
                if answer.status_code != 200:
                    found["errors"].append(f"{path}: {answer.status_code}")
            except httpx.HTTPError as error:
                found["errors"].append(f"{path}: {error!r}")
            await asyncio.sleep(chance.uniform(0.2, 0.8))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(
    client: httpx.AsyncClient, project: str, until: float, found: dict[str, Any]
) -> None:
    try:
        async with client.stream("GET", f"/api/projects/{project}/events") as stream:
            async for line in stream.aiter_lines():
                found["events"] += line.startswith("data: ")
    except httpx.HTTPError as error:
        if time.monotonic() < until:
            found["errors"].append(f"stream: {error!r}")


async def _all(
    studio: Served, projects: list[tuple[str, str]], clients: int, seconds: float
) -> dict[str, Any]:
    found: dict[str, Any] = {"reads": [], "events": 0, "errors": []}
    until = time.monotonic() + seconds
    tasks = (one_client(studio, *projects[i % len(projects)], until, found) for i in range(clients))
    await asyncio.gather(*tasks)
    return found


def main() -> None:
    """Print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Served(Path(folder), 0, "--jobs", str(options.jobs))
        projects, jobs = [], []
        for _ in range(options.jobs):
            project = studio.project()
            for demo in studio.get("/settings")["demos"]:
                theme = studio.post(f"/projects/{project}/demo", {"demo": demo})["id"]
            projects.append((project, theme))
            jobs.append(studio.post(f"/projects/{project}/learn", LONG)["id"])
        while not all(studio.job(job)["progress"].get("step") for job in jobs):
            time.sleep(0.5)
        quiet = asyncio.run(_all(studio, projects, 2, 5))
        before = resident_mb(studio.process.pid)
        found = asyncio.run(_all(studio, projects, options.clients, options.seconds))
        after = resident_mb(studio.process.pid)
        running = sum(studio.job(job)["state"] == "running" for job in jobs)
        studio.close()
    reads = sorted(found["reads"])
    told = {
        "clients": options.clients,
        "jobs_running": running,
        "seconds": options.seconds,
        "reads": len(reads),
        "events": found["events"],
        "errors": len(found["errors"]),
        "first_errors": found["errors"][:3],
        "read_ms": {
            "median": round(1000 * statistics.median(reads), 1),
            "p95": round(1000 * reads[int(0.95 * len(reads))], 1),
            "p99": round(1000 * reads[int(0.99 * len(reads))], 1),
            "most": round(1000 * reads[-1], 1),
            "median_of_two_clients": round(1000 * statistics.median(quiet["reads"]), 1),
        },
        "server_mb": {"before": round(before, 1), "after": round(after, 1)},
        "machine": platform.processor() or platform.machine(),
    }
    print(json.dumps(told, indent=2))
    if options.out:
        options.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

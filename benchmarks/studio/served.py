"""A studio in a process of its own, and a client that behaves as its page does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

START_SECONDS, JOB_SECONDS = 60.0, 240.0
FEW: dict[str, Any] = {"max_steps": 4, "check_every": 2}
"""Knobs of learning that takes a moment."""
SMALL: dict[str, Any] = {"takes": 2, "keep": 2, "bars": 8, "candidates": 8, "seeds": 2}
"""Knobs of a fusion that takes a moment."""


class Served:
    """A studio that can be killed and started again on the same folder."""

    def __init__(self, data: Path, port: int = 0, *options: str) -> None:
        self.data, self.port, self.options = data, port, options
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "hocket",
            "studio",
            "--no-browser",
            "--data",
            str(self.data),
        ]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        found = None
        while found is None:
            line = self.process.stdout.readline()
            assert line, f"the studio ended with {self.process.wait()}"
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        self.port = int(found[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.address, timeout=60)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                page = self.client.get("/").text
                break
            except httpx.TransportError:
                assert time.monotonic() < end, "no answer"
                time.sleep(0.05)
        token = re.search(r'hocket-token" content="([^"]+)"', page)
        assert token is not None
        self.client.headers.update({"X-Hocket-Token": token[1], "Origin": self.address})

    def kill(self) -> None:
        """End it as a power cut would."""
        self.client.close()
        self.process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        self.process.wait()

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.client.post(f"/api{path}", json={} if body is None else body, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api{path}")
        assert answer.is_success, answer.text
        return answer.json()

    def project(self, *files: Path) -> str:
        """Make a project with themes and return its id."""
        key: str = self.post("/projects", {"name": "Both"})["id"]
        for file in files:
            self.upload(key, file.name, file.read_bytes())
        return key

    def upload(self, project: str, name: str, content: bytes) -> Any:
        answer = self.client.post(
            f"/api/projects/{project}/themes", files={"file": (name, content)}
        )
        assert answer.is_success, answer.text
        return answer.json()

    def job(self, key: str) -> dict[str, Any]:
        return self.get(f"/jobs/{key}")  # type: ignore[no-any-return]

    def ended(self, key: str, state: str = "done") -> dict[str, Any]:
        """Wait for a job to end, and return it."""
        end = time.monotonic() + JOB_SECONDS
        while (job := self.job(key))["state"] in ("queued", "running"):
            assert time.monotonic() < end, job
            time.sleep(0.1)
        assert job["state"] == state, job
        return job

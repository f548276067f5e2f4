"""Web attacks on a served studio: none is accepted, and those who attack would notice if one were."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from hocket.studio.server import app_of
from hocket.studio.store import Store
from soak import attacks
from soak.attacks import CANARY, Answer, Attack, Scene
from studio.served import Served

ENOUGH = 80


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return attacks.played(tmp_path_factory.mktemp("attacked"))


def test_none_of_the_attacks_is_accepted(found: dict[str, Any]) -> None:
    tried = found["attacks"]
    assert len({(each["group"], each["name"]) for each in tried}) == len(tried) >= ENOUGH
    assert [each for each in tried if each["accepted"]] == []


def test_the_same_done_rightly_is_let_in(found: dict[str, Any]) -> None:
    assert [name for name, let_in in found["controls"].items() if not let_in] == []
    assert found["controls left no trace"]


def test_what_is_asked_of_the_attacks_is_among_them(found: dict[str, Any]) -> None:
    groups = {each["group"] for each in found["attacks"]}
    assert groups >= {"Host", "Origin", "method", "traversal", "upload", "zip", "form", "smuggling"}
    ways = {
        each["name"].split(" at ")[0] for each in found["attacks"] if each["group"] == "traversal"
    }
    assert len(ways) >= 6


class Unguarded(Served):
    """The application served by itself, as if its guard had been forgotten."""

    def start(self) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        token = "t" * 32
        headers = {"X-Hocket-Token": token, "Origin": self.address}
        self.client = httpx.Client(base_url=self.address, timeout=60, headers=headers)
        settings: Any = uvicorn.Config(app_of(Store(self.data), token, None), log_level="critical")
        self.server = uvicorn.Server(settings)
        run = {"sockets": [listening]}
        self.thread = threading.Thread(target=self.server.run, kwargs=run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)

    def close(self) -> None:
        self.client.close()
        self.server.should_exit = True
        self.thread.join(20)


@pytest.fixture(scope="module")
def unguarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("unguarded"), serving=Unguarded)
    yield scene
    scene.close()


def test_without_the_guard_the_attacks_are_noticed(unguarded: Scene) -> None:
    accepted: dict[str, int] = {}
    for group in (attacks.names, attacks.origins, attacks.methods):
        for attack in group(unguarded):
            if attacks.verdict(unguarded, attack, unguarded.send(attack.sent, 0.5)):
                accepted[attack.group] = accepted.get(attack.group, 0) + 1
    assert accepted["Host"] >= 20
    assert accepted["Origin"] >= 15
    assert accepted["Sec-Fetch-Site"] == 10
    assert accepted["token"] == 8
    assert accepted["method"] >= 10


OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"\r\n"


@pytest.mark.parametrize(
    ("judge", "raw"),
    [
        (attacks.refused, PLAIN),
        (attacks.refused, b"HTTP/1.1 307 Temporary Redirect\r\n\r\n"),
        (attacks.refused, b"HTTP/1.1 403 Forbidden\r\n\r\n" + PLAIN),
        (attacks.harmless, OK + b"content-type: text/html\r\n\r\n<p>"),
        (attacks.harmless, OK + b"content-type: image/svg+xml\r\n\r\n<svg/>"),
        (attacks.attached, OK + b"content-disposition: inline\r\n\r\n"),
        (attacks.bounded, OK + b"\r\n" + bytes(2**17)),
    ],
)
def test_judges_see_what_is_accepted(judge: attacks.Judge, raw: bytes) -> None:
    assert judge(Answer(raw))
    assert not judge(Answer(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    assert attacks.refused(Answer(b"", late=True))


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN + CANARY.encode(),
        PLAIN + b"root:x:0:0",
        b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
        OK + b"access-control-allow-origin: *\r\n\r\n",
        OK + b"location: http://evil.example/\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
    ],
)
def test_what_no_answer_may_have_is_seen(unguarded: Scene, raw: bytes) -> None:
    attack = Attack("", "", b"", attacks.harmless)
    assert attacks.exposed(unguarded, attack, Answer(raw))


def test_changes_are_seen(unguarded: Scene) -> None:
    before = unguarded.state()
    assert unguarded.state() == before
    unguarded.studio.client.post("/api/projects", json={"name": "another"})
    (unguarded.home / "written").touch()
    after = unguarded.state()
    moved = {key for key in before | after if before.get(key) != after.get(key)}
    assert moved == {"projects", "written"}


SOCKET = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    told = "Host: 127.0.0.1:%s\\r\\nX-Forwarded-For: 10.0.0.1\\r\\n" % sys.argv[1]
    line.sendall(f"GET / HTTP/1.1\\r\\n{told}\\r\\n".encode())
    print(line.recv(12).decode())
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="only root can act as another user"
)
def test_another_user_gets_by_no_word_of_a_proxy(tmp_path: Path) -> None:
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    studio = Served(tmp_path / "studio")
    try:
        command = [python, "-c", SOCKET, str(studio.port)]
        done = subprocess.run(command, user=65534, cwd="/", capture_output=True, text=True)
    finally:
        studio.close()
    if "Permission" in done.stderr or "No module" in done.stderr:
        pytest.skip(f"another user cannot run Python here: {done.stderr[-80:]}")
    assert done.stdout.strip() == "HTTP/1.1 403"

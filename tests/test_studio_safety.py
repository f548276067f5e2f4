"""What the studio refuses: other names, other sites, other methods, other paths, other bodies."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hocket.errors import ConfigError
from hocket.locks import Lock
from hocket.studio import peers
from hocket.studio.safety import MOST_JSON, Guard, names_of
from hocket.studio.server import app_of, serve
from hocket.studio.store import MissingError, Store
from studio.served import Served

TOKEN, HOST = "t" * 32, "127.0.0.1:4625"
OURS = {"X-Hocket-Token": TOKEN, "Origin": f"http://{HOST}"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def client(store: Store) -> Iterator[TestClient]:
    guard = Guard(app_of(store, TOKEN, None), names_of("127.0.0.1", 4625), TOKEN)
    with TestClient(guard, base_url=f"http://{HOST}", raise_server_exceptions=False) as found:
        yield found


def count(store: Store) -> int:
    return int(store.rows("select count(*) as n from projects")[0]["n"])


def test_the_page_itself_is_let_in(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert TOKEN in page.text
    made = client.post("/api/projects", json={"name": "mine"}, headers=OURS)
    assert made.status_code == 201
    for host in ("localhost:4625", "LOCALHOST:4625", "[::1]:4625"):
        assert client.get("/", headers={"Host": host}).status_code == 200


HOSTS = (
    "evil.example",
    "evil.example:4625",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.0.0.1:46250",
    "127.0.0.1:4625.evil.example",
    "evil.example@127.0.0.1:4625",
    "127.1:4625",
    "0.0.0.0:4625",
    "2130706433:4625",
    "localhost.:4625",
    "localhost",
    "[::ffff:127.0.0.1]:4625",
    "",
)
ORIGINS = (
    "null",
    "http://evil.example",
    "http://127.0.0.1",
    "http://127.0.0.1:4626",
    "https://127.0.0.1:4625",
    "http://localhost.evil.example:4625",
    "http://127.0.0.1:4625.evil.example",
    "file://",
    "",
)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/", "/api/projects", "/static/main.js"])
def test_another_name_is_refused(client: TestClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert TOKEN not in answer.text


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_another_origin_is_refused(
    client: TestClient, store: Store, origin: str, method: str
) -> None:
    before = count(store)
    headers = OURS | {"Origin": origin}
    answer = client.request(method, "/api/projects", json={"name": "x"}, headers=headers)
    assert answer.status_code == 403
    assert count(store) == before


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "nonsense"])
@pytest.mark.parametrize("path", ["/", "/api/settings"])
def test_what_another_site_fetches_is_refused(client: TestClient, site: str, path: str) -> None:
    assert client.get(path, headers={"Sec-Fetch-Site": site}).status_code == 403


METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL", "post")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("left_out", ["X-Hocket-Token", "Origin", "both"])
def test_nothing_is_changed_without_token_and_origin(
    client: TestClient, store: Store, method: str, left_out: str
) -> None:
    before = count(store)
    headers = {k: v for k, v in OURS.items() if left_out not in (k, "both")}
    answer = client.request(method, "/api/projects", json={"name": "x"}, headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert count(store) == before


def test_another_token_is_refused(client: TestClient) -> None:
    for token in ("", TOKEN[:-1], TOKEN + "t", "T" * 32):
        headers = OURS | {"X-Hocket-Token": token}
        assert client.post("/api/projects", json={"name": "x"}, headers=headers).status_code == 403
    double = [*OURS.items(), ("X-Hocket-Token", TOKEN)]
    assert client.post("/api/projects", json={"name": "x"}, headers=double).status_code == 403


KINDS = ("text/plain", "application/x-www-form-urlencoded", "application/xml", "", "text/json")


@pytest.mark.parametrize("kind", KINDS)
def test_only_json_and_files_are_taken(client: TestClient, kind: str) -> None:
    headers = OURS | {"Content-Type": kind}
    answer = client.post("/api/projects", content=b'{"name": "x"}', headers=headers)
    assert answer.status_code == 415


ENCODED = ("..%2f", "%2e%2e%2f", "%2e%2e/", "..%5c", "..%252f", "%c0%ae%c0%ae/", "..%00/", "....//")
PLACES = (
    "/static/{}studio.db",
    "/static/{}{}{}{}etc/passwd",
    "/api/themes/{}{}studio.db/shown",
    "/api/fusions/{}{}x/takes/1/shown",
    "/api/seeds/{}{}/1/sound",
    "/{}{}{}etc/passwd",
)


@pytest.mark.parametrize(("way", "place"), list(itertools.product(ENCODED, PLACES)))
def test_no_path_leads_out(client: TestClient, way: str, place: str) -> None:
    answer = client.get(place.format(*[way] * place.count("{}")))
    assert answer.status_code in (400, 404, 422)
    assert "root:" not in answer.text
    assert "SQLite" not in answer.text


def test_names_in_the_store_lead_nowhere_else(tmp_path: Path) -> None:
    store = Store(tmp_path / "studio")
    for name in ("..", ".", "", "a/b", "a\\b", "a\0", "C:x"):
        with pytest.raises(MissingError):
            store.theme_folder(name)
    (tmp_path / "secret").mkdir()
    (store.folder / "themes").mkdir()
    (store.folder / "themes" / "0123456789abcdef").symlink_to(tmp_path / "secret")
    with pytest.raises(MissingError, match="symbolic link"):
        store.theme_folder("0123456789abcdef")


def test_large_bodies_are_cut_off(client: TestClient) -> None:
    body = b'{"name": "' + b"x" * MOST_JSON + b'"}'
    headers = OURS | {"Content-Type": "application/json"}
    assert client.post("/api/projects", content=body, headers=headers).status_code == 413
    chunks = iter([b"x" * 60_000] * 3)
    assert client.post("/api/projects", content=chunks, headers=headers).status_code == 413


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for path in ("/", "/static/main.js", "/api/projects", "/api/nothing", "/api/openapi.json"):
        answer = client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in answer.headers
    assert client.get("/", headers={"Host": "evil.example"}).headers["x-frame-options"] == "DENY"


HOSTILE = '<img src=x onerror=alert(1)>\x1b[31m../../etc/passwd"; rm -rf.mid'


def test_names_of_files_are_data(client: TestClient, theme_files: list[Path]) -> None:
    project = client.post("/api/projects", json={"name": HOSTILE}, headers=OURS).json()["id"]
    content = theme_files[0].read_bytes()
    path = f"/api/projects/{project}/themes"
    made = client.post(path, files={"file": (HOSTILE, content)}, headers=OURS)
    assert made.status_code == 201, made.text
    told = client.get(f"/api/projects/{project}")
    assert told.headers["content-type"] == "application/json"
    name = told.json()["themes"][0]["name"]
    assert "/" not in name
    assert "\x1b" not in told.json()["name"]


BAD = {
    "x.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "x.html": b"<html><script>alert(1)</script></html>",
    "x.mid": b"\xff\xd8\xff\xe0 a JPEG",
    "empty.mid": b"",
    "torn.mid": b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\xff\xff\xff\xff",
    "x.mxl": b"PK\x03\x04 torn",
    "bomb.musicxml": b'<!DOCTYPE a [<!ENTITY b "bb">]><score-partwise>&b;</score-partwise>',
    "x.exe": b"MZ",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_line_and_leaves_nothing(
    client: TestClient, store: Store, name: str
) -> None:
    project = client.post("/api/projects", json={"name": "bad"}, headers=OURS).json()["id"]
    made = client.post(
        f"/api/projects/{project}/themes", files={"file": (name, BAD[name])}, headers=OURS
    )
    assert made.status_code == 400
    assert made.json()["error"].startswith(name)
    assert "\n" not in made.json()["error"]
    assert client.get(f"/api/projects/{project}").json()["themes"] == []
    known = {row["id"] for row in store.rows("select id from themes")}
    assert {folder.name for folder in (store.folder / "themes").iterdir()} <= known


def test_a_password_is_asked_for_each_time(tmp_path: Path) -> None:
    app: Any = app_of(Store(tmp_path / "s"), TOKEN, None)
    guard = Guard(app, names_of("127.0.0.1", 4625), TOKEN, "correct horse")
    with TestClient(guard, base_url=f"http://{HOST}") as client:
        assert client.get("/").status_code == 401
        assert client.get("/", auth=("me", "wrong")).status_code == 401
        assert client.get("/", headers={"Authorization": "Basic !!!"}).status_code == 401
        assert client.get("/", auth=("me", "correct horse")).status_code == 200


def test_others_are_served_only_with_a_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="set a password"):
        serve(host="192.168.1.5", data=tmp_path, browser=False)
    with pytest.raises(ConfigError, match="name one address"):
        serve(host="0.0.0.0", password="correct horse", data=tmp_path, browser=False)
    assert names_of("192.168.1.5", 80) == {"192.168.1.5:80"}


def test_two_studios_do_not_share_a_folder(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "server.lock")
    assert lock.take()
    with pytest.raises(ConfigError, match="another studio"):
        serve(port=0, data=tmp_path, browser=False)
    lock.free()


SOCKET = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    line.sendall(f"GET / HTTP/1.1\\r\\nHost: 127.0.0.1:{sys.argv[1]}\\r\\n\\r\\n".encode())
    print(line.recv(12).decode())
"""


def test_sockets_are_told_by_their_owners() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = server.getsockname()
        with socket.create_connection(ours) as line:
            theirs = line.getsockname()
            owner = peers.owner_of(theirs, ours)
        if owner is None:
            pytest.skip("this system does not tell whose a socket is")
        assert owner == os.getuid()
    assert peers.owner_of(("127.0.0.1", 1), ("127.0.0.1", 2)) is None
    assert not peers.is_foreign(("testclient", 50000), ("testserver", 80))
    assert not peers.is_foreign(None, None)


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="only root can act as another user"
)
def test_another_user_of_the_machine_is_refused(tmp_path: Path) -> None:
    studio = Served(tmp_path / "studio")
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    said = {}
    for user in (0, 65534):
        command = [python, "-c", SOCKET, str(studio.port)]
        done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True)
        said[user] = done.stdout.strip() or done.stderr
    studio.close()
    if "Permission" in said[65534] or "No module" in said[65534]:
        pytest.skip(f"another user cannot run Python here: {said[65534][-80:]}")
    assert said == {0: "HTTP/1.1 200", 65534: "HTTP/1.1 403"}

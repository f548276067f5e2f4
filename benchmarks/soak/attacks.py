"""Attacks on a served studio as web pages, rebound names and hostile files make them.

    python benchmarks/soak/attacks.py --out attacks.json

Each goes out as bytes on a socket, since clients tidy up what they send. It is accepted if its judge
says so, if an answer lacks the headers that protect pages, if something comes back that is none of its
business (the token, a file from elsewhere), or if rows or files differ after it, but for themes that
may be taken. The same requests done rightly go along as controls: these have to be let in.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hocket.music import Note, Piece
from hocket.scores.midi import midi_bytes
from hocket.studio.safety import HEADERS, MOST_JSON, MOST_UPLOAD
from hocket.studio.store import Store, new_id
from studio.served import Served

PATIENCE = 10.0
"""Seconds in which an answer is to be there."""
CANARY = "canary-0d6c1f"
"""Stands in a file beside the studio's folder, and may come back nowhere."""
STRAY = "stray-0d6c1f"
"""Stands in names of files that are to be written where they have no business."""
DISPOSABLE = b"Invalid HTTP request received."
"""What uvicorn says to what is no HTTP, before the studio sees it."""


class Answer(NamedTuple):
    """What came back: all bytes, the seconds it took, and whether waiting was given up."""

    raw: bytes
    seconds: float = 0.0
    late: bool = False

    @property
    def statuses(self) -> list[int]:
        """The statuses of all answers on the connection."""
        return [int(found) for found in re.findall(rb"HTTP/1\.[01] ([2-5]\d\d)", self.raw)]

    @property
    def body(self) -> bytes:
        """What follows the first head."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the first answer."""
        head = self.raw.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")[0]
        lines = head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


Judge = Callable[[Answer], str]
Headers = dict[str, Any]


class Attack(NamedTuple):
    """Bytes to send, and what tells why they were accepted; empty if they were not."""

    group: str
    name: str
    sent: bytes
    judge: Judge


def refused(answer: Answer) -> str:
    """Accepted is whatever is answered with success or somewhere else to go."""
    if answer.late:
        return "waits for more"
    return next((f"answered {status}" for status in answer.statuses if status < 400), "")


def harmless(answer: Answer) -> str:
    """May be answered: what counts is what comes back, and that nothing is changed."""
    kind = answer.headers.get("content-type", "")
    if ("html" in kind and b"hocket-token" not in answer.body) or "script" in kind or "xml" in kind:
        return f"served as {kind}"
    return "waits for more" if answer.late else ""


def attached(answer: Answer) -> str:
    """May be answered with something to be saved, never with something to be shown."""
    kept = answer.headers.get("content-disposition", "").startswith("attachment;")
    return "" if kept or not answer.statuses or answer.statuses[0] >= 400 else "shown as a page"


def bounded(answer: Answer) -> str:
    """May be answered, soon and shortly."""
    return "" if len(answer.raw) < 2**16 and answer.seconds < 2 else "makes much of little"


@dataclass
class Scene:
    """A served studio with a project, two themes and a fusion, and what lies beside its folder."""

    home: Path
    serving: Callable[[Path], Served] = Served
    fetched: list[bytes] = field(default_factory=list)
    ours: set[str] = field(default_factory=set)
    """Ids of themes that were taken, and removed again."""

    def __post_init__(self) -> None:
        self.secret = self.home / "secret.txt"
        self.secret.write_text(CANARY)
        self.data = self.home / "studio"
        self.studio = self.serving(self.data)
        self.port = self.studio.port
        self.host = f"127.0.0.1:{self.port}"
        self.token = self.studio.client.headers["X-Hocket-Token"]
        self.midi = midi_bytes(Piece.of([Note(24 * i, 24, 60 + i % 12) for i in range(32)]))
        self.project = self.studio.post("/projects", {"name": "ours"})["id"]
        self.themes = [self.studio.upload(self.project, "a.mid", self.midi)["id"] for _ in "ab"]
        for theme in self.themes:  # drawn when it is first asked for, and kept
            self.studio.get(f"/themes/{theme}/shown")
        self.fusion = self._fusion()
        self.bait = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._wait_for_fetches, daemon=True).start()

    def _fusion(self) -> str:
        """Put a fusion that is done into the store, as a worker does."""
        store, key = Store(self.data), new_id()
        result = json.dumps({"takes": [{"number": 1, "recipe": "", "seed": "", "form": ""}]})
        args = json.dumps({"themes": self.themes, "knobs": {}})
        with store.writing() as base:
            base.execute(
                "insert into jobs(id,project,kind,args,state,result,created) values(?,?,?,?,?,?,?)",
                (key, self.project, "fuse", args, "done", result, time.time()),
            )
        run, made = store.run_folder(key), store.made_folder(key)
        run.mkdir(parents=True)
        made.mkdir()
        (run / "take-01.mid").write_bytes(self.midi)
        (run / "take-02.mid").symlink_to(self.secret)
        (run / "index.html").write_text("<script>1</script>")
        (run / "report.json").write_text("{}")
        (made / "take-01.json").write_text("{}")
        for kind in ("svg", "musicxml"):
            (made / f"take-01.{kind}").write_text("<svg/>")
            (made / f".take-01.{kind}.done").touch()
        return key

    def _wait_for_fetches(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.bait.accept()
                self.fetched.append(b"somebody came")
                line.close()

    def request(self, line: str, *more: str, body: bytes = b"", **changed: str | None) -> bytes:
        """Return a request as the page makes it, but for headers changed, or left out (None)."""
        headers: dict[str, str | None] = {"host": self.host, "connection": "close"}
        if not line.startswith(("GET ", "HEAD ")):
            headers |= {"origin": f"http://{self.host}", "x-hocket-token": self.token}
        if body:
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        given = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        line = line if line.endswith(("HTTP/1.0", "HTTP/1.1")) else f"{line} HTTP/1.1"
        return "\r\n".join([line, *given, *more, "", ""]).encode() + body

    def upload(self, name: str, content: bytes, *more: str, **changed: str | None) -> bytes:
        """Return an upload as the page makes it."""
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        body = head.encode() + "".join(f"{each}\r\n" for each in more).encode() + b"\r\n"
        kind = {"content_type": "multipart/form-data; boundary=b"} | changed
        line = f"POST /api/projects/{self.project}/themes"
        return self.request(line, body=body + content + b"\r\n--b--\r\n", **kind)

    def send(self, sent: bytes, patience: float = PATIENCE) -> Answer:
        """Send bytes and return all that comes until the other end closes."""
        began, found = time.monotonic(), b""
        with socket.create_connection(("127.0.0.1", self.port), patience) as line:
            with suppress(OSError):
                line.sendall(sent)
            try:
                while part := line.recv(2**16):
                    found += part
                    line.settimeout(max(began + patience - time.monotonic(), 0.01))
            except TimeoutError:
                return Answer(found, time.monotonic() - began, late=True)
            except OSError:
                pass  # reset by a server that read no further
        return Answer(found, time.monotonic() - began)

    def state(self) -> dict[str, str]:
        """Return all rows and files but those of themes that were taken rightly, as digests."""
        found = {}
        with closing(sqlite3.connect(f"file:{self.data / 'studio.db'}?mode=ro", uri=True)) as base:
            for table in ("projects", "themes", "jobs", "takes"):
                rows = [
                    row for row in base.execute(f"select * from {table}") if row[0] not in self.ours
                ]
                found[table] = repr(rows)
        for file in self.home.rglob("*"):
            inner = file.relative_to(self.home).parts
            if not self.ours & set(inner) and not file.name.startswith("studio.db"):
                content = file.read_bytes() if file.is_file() else b""
                found["/".join(inner)] = hashlib.sha256(content).hexdigest()
        for folder in (Path("/"), Path.cwd(), Path(tempfile.gettempdir())):
            found |= {str(file): "stray" for file in folder.glob(f"*{STRAY}*")}
        return found

    def removed(self, answer: Answer) -> str:
        """Remove a theme that was taken; return what it shows that is none of its business."""
        try:
            key = json.loads(answer.body)["id"]
        except (ValueError, KeyError, TypeError):
            return ""
        folder = self.data / "themes" / key
        if not folder.is_dir():
            return ""
        self.ours.add(key)
        shown = self.studio.client.get(f"/api/themes/{key}/shown").text
        told = self.studio.client.get(f"/api/projects/{self.project}").text
        self.studio.client.delete(f"/api/themes/{key}").raise_for_status()
        kinds = {file.name: file.suffix for file in folder.rglob("*") if file.name != "upload"}
        strange = [name for name, kind in kinds.items() if kind not in (".mid", ".json")]
        if CANARY in shown + told:
            return "shows a file from elsewhere"
        return f"leaves {strange}" if strange else ""

    def close(self) -> None:
        """End it all."""
        self.bait.close()
        self.studio.close()


def exposed(scene: Scene, attack: Attack, answer: Answer) -> str:
    """Return what no answer to an attack may have, whatever it is; empty if there is nothing."""
    text, headers = answer.raw.decode("latin-1"), answer.headers
    if CANARY in text or "root:x:" in text or "SQLite format" in text:
        return "a file from elsewhere"
    if scene.token in text and attack.judge is not harmless:
        return "the token"
    if any(status >= 500 for status in answer.statuses):
        return f"broke with {answer.statuses[-1]}"
    if scene.fetched:
        return "something was fetched"
    for name in ("access-control-allow-origin", "set-cookie", "x-evil", "server"):
        if name in headers:
            return f"the header {name}"
    if not headers.get("location", f"http://{scene.host}/").startswith(f"http://{scene.host}/"):
        return "leads elsewhere"
    bare = DISPOSABLE in answer.body and headers["content-type"].startswith("text/plain")
    missing = [name for name in HEADERS if name not in headers]
    return f"without {missing[0]}" if answer.statuses and missing and not bare else ""


def verdict(scene: Scene, attack: Attack, answer: Answer) -> str:
    """Return why an attack was accepted; empty if it was not."""
    left = scene.removed(answer)
    return attack.judge(answer) or exposed(scene, attack, answer) or left


def names(scene: Scene) -> Iterator[Attack]:
    """Hosts that are not ours, among them names that an attacker points here."""
    port = scene.port
    numbers = ("127.1", "0.0.0.0", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.2")
    v6 = ("[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::1%25lo]", "::1")
    rebound = ("evil.example", "localtest.me", "127.0.0.1.nip.io", "localhost.evil.example")
    dotted = ("localhost.", "127.0.0.1.", "evil@127.0.0.1", "localhost#", "127.0.0.1, evil", "*")
    for name in (*numbers, *v6, *rebound, *dotted):
        yield Attack("Host", name, scene.request("GET /", host=f"{name}:{port}"), refused)
    for name in ("127.0.0.1", "localhost:80", f"localhost:{port}0", f"localhost:{port}:{port}", ""):
        yield Attack("Host", f"port of {name!r}", scene.request("GET /", host=name), refused)
    for line in (f"Host: {scene.host}", "Host: evil.example", "X-A: b\nHost: evil"):
        yield Attack("Host", f"and {line[-16:]!r}", scene.request("GET /", line), refused)
    folded = scene.request("GET /", f"Host: {scene.host}", " evil.example", host=None)
    yield Attack("Host", "folded", folded, refused)
    yield Attack("Host", "none", scene.request("GET /", host=None), refused)
    yield Attack("Host", "none, HTTP/1.0", scene.request("GET / HTTP/1.0", host=None), refused)
    spaced = scene.request("GET /", f"Host : {scene.host}", host=None)
    yield Attack("Host", "space before the colon", spaced, refused)
    for start in ("http://evil.example", f"http://{scene.host}", "https://evil.example:443"):
        yield Attack("Host", f"line with {start}", scene.request(f"GET {start}/"), refused)
    for name in ("X-Forwarded-Host", "X-Original-Host", "Forwarded"):
        line = f"{name}: {'host=' * (name == 'Forwarded')}{scene.host}"
        rebinding = scene.request("GET /", line, host=f"evil.example:{port}")
        yield Attack("Host", f"ours in {name}", rebinding, refused)
    for line in ("X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 127.0.0.1, 10.0.0.1"):
        yield Attack("client", line, scene.request("GET /", line), refused)


def origins(scene: Scene) -> Iterator[Attack]:
    """Other sites that ask, or that let a visitor's browser ask."""
    add = f"PATCH /api/projects/{scene.project}"
    name, host = b'{"name": "theirs"}', scene.host
    listed = ("null", "", "http://evil.example", f"https://{host}", "http://127.0.0.1", "file://")
    alike = (
        f"http://{host}.evil.example",
        f"http://evil.{host}",
        f"http://{host}0",
        f"http://{host}/",
    )
    for origin in (
        *listed,
        *alike,
        f"http://evil@{host}",
        f"http://{host} http://evil.example",
        "*",
    ):
        changing = scene.request(add, body=name, origin=origin)
        yield Attack("Origin", f"changing from {origin!r}", changing, refused)
    for origin in ("null", "http://evil.example"):
        yield Attack(
            "Origin", f"reading from {origin}", scene.request("GET /", origin=origin), refused
        )
    twice = scene.request(add, f"Origin: http://{host}", body=name)
    yield Attack("Origin", "twice", twice, refused)
    yield Attack("Origin", "none", scene.request(add, body=name, origin=None), refused)
    referred = scene.request(add, f"Referer: http://{host}/", body=name, origin=None)
    yield Attack("Origin", "none, but a Referer", referred, refused)
    stream = f"GET /api/projects/{scene.project}/events"
    for origin in ("null", "http://evil.example"):
        listening = scene.request(stream, origin=origin, accept="text/event-stream")
        yield Attack("Origin", f"listening from {origin}", listening, refused)
    upgrade: Headers = {"connection": "Upgrade, close", "upgrade": "websocket"}
    upgrade |= {"sec_websocket_version": "13", "sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    socketed = scene.request(stream, origin="http://evil.example", **upgrade)
    yield Attack("Origin", "a websocket from elsewhere", socketed, refused)
    for site in ("cross-site", "same-site", "Cross-Site", "same-origin, cross-site", ""):
        fetched = scene.request("GET /", sec_fetch_site=site)
        yield Attack("Sec-Fetch-Site", f"reading, {site!r}", fetched, refused)
        changing = scene.request(add, body=name, sec_fetch_site=site)
        yield Attack("Sec-Fetch-Site", f"changing, {site!r}", changing, refused)
    for line in ("X-Hocket-Token: ", f"X-Hocket-Token: {scene.token}x", f"X-Hocket-Token: {'t' * 32}",
                 f"Cookie: X-Hocket-Token={scene.token}", f"Authorization: Bearer {scene.token}",
                 "X-Hocket-Token: \xff"):  # fmt: skip
        sent = scene.request(add, line, body=name, x_hocket_token=None)
        yield Attack("token", line.replace(scene.token, "TOKEN")[:60], sent, refused)
    twice = scene.request(add, f"X-Hocket-Token: {scene.token}", body=name)
    yield Attack("token", "twice", twice, refused)
    asked = scene.request(f"{add}?token={scene.token}", body=name, x_hocket_token=None)
    yield Attack("token", "in the address", asked, refused)


def methods(scene: Scene) -> Iterator[Attack]:
    """Methods that do not belong to a route, that are hidden, or that ask for leave."""
    place = f"/api/projects/{scene.project}"
    bare: Headers = {"origin": None, "x_hocket_token": None}
    for method in (
        "POST",
        "PUT",
        "DELETE",
        "PATCH",
        "TRACE",
        "OPTIONS",
        "PROPFIND",
        "delete",
        "get",
    ):
        yield Attack(
            "method", f"{method}, no token", scene.request(f"{method} {place}", **bare), refused
        )
    for method in ("PUT", "TRACE", "OPTIONS", "PROPFIND", "MKCOL", "post"):
        yield Attack(
            "method", f"{method}, all right else", scene.request(f"{method} {place}"), refused
        )
    for target in ("evil.example:443", "127.0.0.1:22"):
        yield Attack("method", f"CONNECT {target}", scene.request(f"CONNECT {target}"), refused)
    wants = {"access_control_request_method": "DELETE", "access_control_request_headers": "*"}
    for name, more in (
        ("", {}),
        ("private network", {"access_control_request_private_network": "true"}),
    ):
        for origin in ("http://evil.example", "null"):
            asked = scene.request(f"OPTIONS {place}", **bare | wants | more | {"origin": origin})
            yield Attack("method", f"preflight {name} from {origin}", asked, refused)
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        hidden = scene.request(f"GET {place}", f"{name}: DELETE")
        yield Attack("method", f"GET with {name}", hidden, harmless)
        hidden = scene.request(f"POST {place}", f"{name}: DELETE", **bare)
        yield Attack("method", f"POST with {name}", hidden, refused)
    for word in ("_method=DELETE", "callback=alert", f"name=x&x_hocket_token={scene.token}"):
        asked = scene.request(f"GET {place}?{word}")
        yield Attack("method", f"GET with {word[:16]}", asked, harmless)


WAYS = {
    "plain": "../",
    "percent": "%2e%2e%2f",
    "twice percent": "%252e%252e%252f",
    "backslash": "..\\",
    "backslash percent": "..%5c",
    "overlong": "%c0%ae%c0%ae%c0%af",
    "full width": "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
    "nested": "....//",
    "null byte": "..%00/",
    "path parameter": "..;/",
}


def paths(scene: Scene) -> Iterator[Attack]:
    """Ways out of the folder, to a file beside it that any of them would show."""
    takes = f"/api/fusions/{scene.fusion}/takes"
    file = f"{takes}/1/file/"
    places = {
        "static files": "/static/{0}{0}{0}{0}secret.txt",
        "a kind of file": file + "{0}{0}{0}{0}secret.txt",
        "an id": "/api/themes/{0}{0}{0}secret.txt/shown",
        "the root": "/{0}{0}{0}{0}{0}{0}etc/passwd",
    }
    for (way, dots), (place, path) in ((a, b) for a in WAYS.items() for b in places.items()):
        sent = scene.request(f"GET {path.format(dots)}")
        yield Attack("traversal", f"{way} at {place}", sent, refused)
    secret = str(scene.secret)
    listed = (f"/static/{secret}", "/static//etc/passwd", f"/static/{secret.replace('/', '%2f')}",
              f"/{secret}", "//etc/passwd", "/static/main.js%00.html", "/static/C:%5cwin.ini",
              f"{file}{secret}", f"{file}svg%00", "/static/.%2fmain.js", "/studio.db", "/static/",
              "/static/__init__.py", "/static/index.html", "/static/" + "a" * 30_000,
              f"/api/projects/{'0' * 16}", "/api/projects/%27%20or%201=1--", "/api/seeds/../1/sound",
              f"{takes}/2/file/mid", f"{takes}/2/shown", f"{takes}/-1/shown", f"{takes}/0/shown",
              f"{takes}/{'9' * 400}/shown", f"{takes}/1/why?bar=1e9", "*", "/.git/config")  # fmt: skip
    for path in listed:
        shown = path.replace(secret, "SECRET").replace(takes, "TAKES")[:40]
        yield Attack("path", shown, scene.request(f"GET {path}"), refused)
    yield Attack("path", "file:", scene.request(f"GET file://{secret}"), refused)
    cut = "%0d%0aX-Evil:%201"
    for path in (f"/static/a{cut}", f"{file}mid{cut}", "/api/x%0aX-Evil:1", f"/{cut}",
                 "//evil.example/%2e%2e", "/\\evil.example/api/projects/"):  # fmt: skip
        yield Attack("headers", f"by {path[-24:]}", scene.request(f"GET {path}"), refused)
    yield Attack("headers", "a redirect", scene.request("GET /api/projects/"), harmless)
    for kind in ("svg", "musicxml", "mid"):
        yield Attack("active", f"{kind} shown", scene.request(f"GET {file}{kind}"), attached)
    for path in ("page", "report"):
        page = scene.request(f"GET /api/fusions/{scene.fusion}/{path}")
        yield Attack("active", f"{path} shown", page, attached)


def framing(scene: Scene) -> Iterator[Attack]:
    """Bodies whose length is told falsely, twice or in two ways, and too large ones."""
    line, name = "POST /api/projects", b'{"name": "theirs"}'
    inner = scene.request("GET /api/projects")
    chunked: Headers = {"transfer_encoding": "chunked", "content_type": "application/json"}
    one = b"%x\r\n%s\r\n0\r\n\r\n" % (len(name), name)
    for told in ("-1", "+18", "18, 19", "0x12", "1_8", "9" * 5000, "1 8", "\x0b18"):
        sent = scene.request(line, body=name, content_length=told)
        yield Attack("length", told[:20], sent, refused)
    for more in ("Content-Length: 5", "Content-Length: 0"):
        yield Attack("length", f"and {more}", scene.request(line, more, body=name), refused)
    for more in ("Content-Length: 6", "Content-Length: 1000"):
        sent = scene.request(line, more, **chunked) + one + inner
        yield Attack("smuggling", f"chunked and {more}", sent, refused)
    for coding in ("chunked, identity", "identity", "gzip, chunked", "xchunked", "\x0bchunked"):
        sent = scene.request(line, **chunked | {"transfer_encoding": coding}) + one
        yield Attack("smuggling", f"coding {coding!r}", sent, refused)
    sent = scene.request(line, "Transfer-Encoding: identity", **chunked) + one + inner
    yield Attack("smuggling", "coding twice", sent, refused)
    sent = scene.request(line, "Transfer-Encoding : chunked", content_length="0") + one + inner
    yield Attack("smuggling", "space before the colon", sent, refused)
    sent = scene.request(f"{line} HTTP/1.0", **chunked) + one
    yield Attack("smuggling", "chunked, HTTP/1.0", sent, refused)
    for size in (b"-5", b"0x5", b"f" * 30, b"5;" + b"a" * 70_000, b"\n5"):
        sent = scene.request(line, **chunked) + size + b"\r\n" + name
        yield Attack("smuggling", f"chunk of {size[:8]!r}", sent, refused)
    first = scene.request("GET /", host="evil.example", connection="keep-alive")
    second = scene.request("GET /", host="evil.example")
    yield Attack("smuggling", "refused, then another", first + second, refused)
    large = b" " * (MOST_JSON + 1) + name
    parts = b"".join(b"1000\r\n" + b" " * 4096 + b"\r\n" for _ in range(40)) + one
    mine: Headers = {"content_type": "multipart/form-data; boundary=b"}
    for kind, sent in {
        "JSON": scene.request(line, body=large),
        "chunks": scene.request(line, **chunked) + parts,
        "declared": scene.request(line, content_length=str(10**10), content_type="application/json"),
        "declared file": scene.request(line, content_length=str(2 * MOST_UPLOAD), **mine),
        "expected": scene.request(line, content_length=str(10**10), expect="100-continue",
                                  content_type="application/json"),
        "file": scene.upload("a.mid", scene.midi + bytes(MOST_UPLOAD)),
        "head": scene.request("GET /", *[f"X-{i}: {'a' * 900}" for i in range(100)]),
        "line": scene.request(f"GET /?{'a' * 70_000}"),
    }.items():  # fmt: skip
        yield Attack("size", kind, sent, refused)
    for told in (",".join(f"{i}-{i}" for i in range(3000)), "0-" + ",0-" * 9000, "-" + "9" * 5000,
                 "5-1", "0-18446744073709551615," * 99):  # fmt: skip
        shown = scene.request(f"GET /api/themes/{scene.themes[0]}/shown", range=f"bytes={told}")
        yield Attack("ranges", told[:20], shown, bounded)
    for word, sent in {"HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/0.9": b"GET /\r\n\r\n",
                       "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
                       "noise": bytes(range(256)) * 8 + b"\r\n\r\n"}.items():  # fmt: skip
        yield Attack("protocol", word, sent, refused)


def forms(scene: Scene) -> Iterator[Attack]:
    """Forms that any page can post, and such as no page does."""
    line, place = "POST /api/projects", f"/api/projects/{scene.project}"
    bare: Headers = {"origin": None, "x_hocket_token": None}
    form = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n'
    posts = {"application/x-www-form-urlencoded": b"name=theirs", "text/plain": b'{"name": "x"}',
             "multipart/form-data; boundary=b": form}  # fmt: skip
    for kind, body in posts.items():
        posted = scene.request(line, body=body, content_type=kind, **bare)
        yield Attack("form", f"{kind}, no token", posted, refused)
        yield Attack("form", kind, scene.request(line, body=body, content_type=kind), refused)
        posted = scene.request(line, body=body, content_type=kind, **bare | {"origin": "null"})
        yield Attack("form", f"{kind}, Origin null", posted, refused)
    for called in (None, "", "text/json", "application/json-p", "application/xml", "image/svg+xml"):
        sent = scene.request(line, body=b'{"name": "x"}', content_type=called)
        yield Attack("form", f"JSON as {called!r}", sent, refused)
    yield Attack("form", "upload, no token", scene.upload("a.mid", scene.midi, **bare), refused)
    many = b"".join(form.removesuffix(b"--b--\r\n") for _ in range(3000)) + b"--b--\r\n"
    endless = form.replace(b"\r\n\r\n", b"\r\nX: %s\r\n\r\n" % bytes(99_999))
    for word, body, boundary in (
        ("3000 parts", many, "; boundary=b"),
        ("no boundary", form, ""),
        ("other boundary", form, "; boundary=c"),
        ("endless boundary", form, f"; boundary={'b' * 9000}"),
        ("part with an endless head", endless, "; boundary=b"),
        ("no end", form[:40], "; boundary=b"),
    ):
        kind = f"multipart/form-data{boundary}"
        sent = scene.request(f"POST {place}/themes", body=body, content_type=kind)
        yield Attack("form", word, sent, refused)


def values(scene: Scene) -> Iterator[Attack]:
    """JSON that means harm."""
    line, place = "POST /api/projects", f"/api/projects/{scene.project}"
    for word, body in {
        "deep": b"[" * 30_000 + b"]" * 30_000,
        "deep in a name": b'{"name": ' + b'{"a":' * 9000 + b"1" + b"}" * 9001,
        "half a character": b'{"name": "x", "\\ud800": 1}',
        "half a character as a name": b'{"name": "\\ud800"}',
        "no UTF-8": b'{"name": "\xff\xfe"}',
        "prototype": b'{"name": "x", "__proto__": {"admin": true}}',
        "constructor": b'{"name": "x", "constructor": {"prototype": {}}}',
        "more fields": b'{"name": "x", "id": "0", "deleted": null}',
        "a list": b'["x"]',
        "null": b"null",
        "a number as a name": b'{"name": 1}',
        "a long name": b'{"name": "%s"}' % (b"x" * 121),
        "two values": b'{"name": "x"}{"name": "y"}',
        "zipped": b"\x1f\x8b\x08\0\0\0\0\0\0\3",
    }.items():
        yield Attack("JSON", word, scene.request(line, body=body), refused)
    for said in ('{"rng": %s}' % ("9" * 5000), '{"rng": 1e999}', '{"mix": NaN}', '{"temperature": NaN}',
                 '{"temperature": -Infinity}', '{"takes": 1e6}', '{"takes": true}', '{"takes": 257}',
                 '{"bars": -1}', '{"base": "/etc"}', '{"device": "cuda"}', '{"start": "nothing"}',
                 '{"out": "/"}', '{"takes": "$(id)"}', '{"minutes": 1e308}'):  # fmt: skip
        sent = scene.request(f"POST {place}/fuse", body=said.encode())
        yield Attack("JSON", f"fuse {said[:28]}", sent, refused)
    for demo in ("../../../secret", str(scene.secret), "demo:elise", "elise\\u0000", "http://x"):
        sent = scene.request(f"POST {place}/demo", body=b'{"demo": "%s"}' % demo.encode())
        yield Attack("JSON", f"demo {demo.replace(str(scene.home), '')}", sent, refused)
    for bars in ("1-99999", "0-0", "9-2", "1-2; ls", "1-2\\n", "٣-٤"):
        body = f'{{"bars": "{bars}"}}'.encode()
        sent = scene.request(f"PATCH /api/themes/{scene.themes[0]}", body=body)
        yield Attack("JSON", f"bars {bars}", sent, refused)


SCORE = """<?xml version="1.0"?>%s<score-partwise version="4.0"><work><work-title>%s</work-title></work>
<part-list><score-part id="P1"><part-name>P</part-name></score-part></part-list><part id="P1">%s</part>
</score-partwise>"""
NOTE = (
    "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration>"
    "<type>quarter</type></note>"
)
MEASURES = "".join(
    f'<measure number="{i}"><attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4'
    f"</beat-type></time></attributes>{NOTE * 4}</measure>"
    for i in range(1, 9)
)


def archive(**files: str | bytes) -> bytes:
    """Return a zip of files by their names; `container` is what META-INF points to."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def files(scene: Scene) -> Iterator[Attack]:
    """Uploads that are no music, that point elsewhere, or whose names do."""
    script = b"<script>alert(1)</script>"
    for name, content in {
        "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg">' + script + b"</svg>",
        "svg.mid": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "a.html": b"<!doctype html><html>" + script + b"</html>",
        "html.musicxml": b"<html>" + script + b"</html>",
        "a.js": b"alert(1)",
        "a.exe": b"MZ" + bytes(99),
        "<img src=x onerror=alert(1)>.mid": b"none",
        "a.theme": b"\x08\0\0\0\0\0\0\0{}      ",
        "pickle.mid": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
    }.items():
        yield Attack("upload", name, scene.upload(name, content), refused)
    up = "../" * 6
    for name in (f"{up}{STRAY}.mid", f"/tmp/{STRAY}.mid", f"..\\..\\{STRAY}.mid", f"{STRAY}\0.mid",
                 "..", "/", ".", "a" * 4000 + ".mid", "<script>alert(1)</script>.mid", "con.mid",
                 "%2e%2e%2fa.mid", "a.html", "studio.db", "'; drop table themes; --.mid"):  # fmt: skip
        shown = name.replace(STRAY, "X")[:40]
        yield Attack("file name", shown, scene.upload(name, scene.midi), harmless)
    typed = scene.upload("a.mid", scene.midi + script, "Content-Type: text/html", "X-Evil: 1")
    yield Attack("upload", "MIDI that is HTML too", typed, harmless)
    bait = f"http://127.0.0.1:{scene.bait.getsockname()[1]}/"
    bombs = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 9))
    entity = "<!DOCTYPE score-partwise [%s]>"
    for word, head, title in (
        ("entity of a file", entity % f'<!ENTITY x SYSTEM "file://{scene.secret}">', "&x;"),
        ("entity of an address", entity % f'<!ENTITY x SYSTEM "{bait}">', "&x;"),
        ("parameter entity", entity % f'<!ENTITY % x SYSTEM "{bait}"> %x;', "x"),
        ("a billion laughs", entity % f'<!ENTITY e0 "ha">{bombs}', "&e8;"),
        ("one long entity", entity % f'<!ENTITY e "{"a" * 90_000}">', "&e;" * 9000),
        ("DTD at an address", f'<!DOCTYPE score-partwise SYSTEM "{bait}">', "x"),
        ("DTD of a file", f'<!DOCTYPE score-partwise SYSTEM "file://{scene.secret}">', "x"),
        ("style at an address", f'<?xml-stylesheet type="text/xsl" href="{bait}"?>', "x"),
        ("XInclude", "", f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="{scene.secret}" '
         'parse="text"/>'),
        ("script in a title", "", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("deep", "", "<a>" * 99_999 + "</a>" * 99_999),
    ):  # fmt: skip
        content = (SCORE % (head, title, MEASURES)).encode()
        judge = refused if "entit" in word or "laughs" in word or word == "deep" else harmless
        yield Attack("XML", word, scene.upload("a.musicxml", content), judge)
    score = SCORE % ("", "x", MEASURES)
    point = '<container><rootfiles><rootfile full-path="%s"/></rootfiles></container>'
    slips = {"up": up, "far up": up * 4, "backslash": "..\\" * 6, "absolute": "/tmp/"}
    for word, way in slips.items():
        slip = {f"{way}{STRAY}.xml": score, "META-INF/container.xml": point % f"{way}{STRAY}.xml"}
        yield Attack("zip", f"slip {word}", scene.upload("a.mxl", archive(**slip)), harmless)
    for word, where in (
        ("file", str(scene.secret)),
        ("address", bait),
        ("parent", "../../../secret.txt"),
    ):
        led = archive(**{"META-INF/container.xml": point % where})
        yield Attack("zip", f"container leads to a {word}", scene.upload("a.mxl", led), refused)
    link = zipfile.ZipInfo("a.xml")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr(link, str(scene.secret))
    yield Attack("zip", "symbolic link", scene.upload("a.mxl", stream.getvalue()), refused)
    for word, content in {
        "bomb": archive(**{"a.xml": score + " " * 80 * 2**20}),
        "2000 files": archive(**{f"{i}.xml": score for i in range(2000)}),
        "zip in a zip": archive(**{"a.mxl": archive(**{"a.xml": score})}),
        "torn": archive(**{"a.xml": score})[:-30],
        "HTML": archive(**{"a.html": script, "a.svg": script}),
        "XML that points elsewhere": archive(
            **{"a.xml": SCORE % (entity % f'<!ENTITY x SYSTEM "{bait}">', "&x;", MEASURES)}
        ),
    }.items():
        yield Attack("zip", word, scene.upload("a.mxl", content), refused)


def attacks(scene: Scene) -> list[Attack]:
    """Return all of them."""
    groups = (names, origins, methods, paths, framing, forms, values, files)
    return [attack for group in groups for attack in group(scene)]


def controls(scene: Scene) -> dict[str, bytes]:
    """Return the same requests done rightly, which change nothing that stays."""
    file, place = f"/api/fusions/{scene.fusion}/takes/1", f"/api/projects/{scene.project}"
    body = b'{"name": "ours"}'
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    chunked: Headers = {"transfer_encoding": "chunked", "content_type": "application/json"}
    score = SCORE % ("", "x", MEASURES)
    return {
        "page": scene.request("GET /"),
        "page, by name": scene.request("GET /", host=f"localhost:{scene.port}"),
        "page, told by the browser": scene.request("GET /", sec_fetch_site="none"),
        "static file": scene.request("GET /static/main.js"),
        "head": scene.request("HEAD /api/projects/" + scene.project).replace(b"HEAD", b"GET"),
        "renaming": scene.request(f"PATCH {place}", body=body),
        "renaming, from the page": scene.request(
            f"PATCH {place}", body=body, sec_fetch_site="same-origin"
        ),
        "renaming, in chunks": scene.request(f"PATCH {place}", **chunked) + chunks,
        "stream": scene.request(f"GET {place}/events", origin=f"http://{scene.host}"),
        "theme": scene.request(f"GET /api/themes/{scene.themes[0]}/shown"),
        "part of a theme": scene.request(
            f"GET /api/themes/{scene.themes[0]}/shown", range="bytes=0-9"
        ),
        "take": scene.request(f"GET {file}/shown"),
        "take as a file": scene.request(f"GET {file}/file/mid"),
        "MIDI": scene.upload("a.mid", scene.midi),
        "MusicXML": scene.upload("a.musicxml", score.encode()),
        "MXL": scene.upload("a.mxl", archive(**{"a.xml": score})),
    }


def played(home: Path) -> dict[str, Any]:
    """Attack a studio that is served for it; return what became of each attack and control."""
    scene, results = Scene(home), []
    try:
        before = scene.state()
        for attack in attacks(scene):
            answer = scene.send(attack.sent)
            why = verdict(scene, attack, answer)
            after = scene.state()
            moved = [key for key in before | after if before.get(key) != after.get(key)]
            why = why or (f"changed {', '.join(moved[:3])}" if moved else "")
            before, scene.fetched[:] = after, []
            status = answer.statuses[0] if answer.statuses else 0
            told = {"group": attack.group, "name": attack.name, "status": status, "accepted": why}
            results.append(told | {"seconds": round(answer.seconds, 3)})
        let_in = {}
        for name, sent in controls(scene).items():
            answer = scene.send(sent, 1.0 if name == "stream" else PATIENCE)
            let_in[name] = bool(answer.statuses) and answer.statuses[0] < 300
            scene.removed(answer)
        same = scene.state() == before
    finally:
        scene.close()
    return {"attacks": results, "controls": let_in, "controls left no trace": same}


def main() -> None:
    """Print a table, and what was accepted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="file for the results, JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        found = played(Path(home))
    accepted = [each for each in found["attacks"] if each["accepted"]]
    of, got = (Counter(each["group"] for each in some) for some in (found["attacks"], accepted))
    print(f"{'attack':<16}{'tried':>6}{'accepted':>10}")
    for group, number in {**of, "all": of.total()}.items():
        print(f"{group:<16}{number:>6}{got[group] if group != 'all' else len(accepted):>10}")
    for each in accepted:
        print(f"ACCEPTED {each['group']}, {each['name']}: {each['accepted']} ({each['status']})")
    shut = [name for name, let_in in found["controls"].items() if not let_in]
    print(
        f"done rightly: {len(found['controls']) - len(shut)} of {len(found['controls'])} let in",
        *shut,
    )
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

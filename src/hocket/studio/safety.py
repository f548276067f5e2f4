"""Who may ask the server for what: checked before anything else sees a request.

Surprising decision: the names under which the server answers are an exact list, made of the address
and port that it is bound to. A page elsewhere that makes its own name point here (DNS rebinding) is
refused by its Host, one that posts across sites by its Origin and for want of the token.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from hocket.studio.peers import is_foreign

MOST_UPLOAD = 16 * 2**20
MOST_FORM = MOST_UPLOAD + 64 * 2**10
"""Of a multipart body with one file."""
MOST_JSON = 64 * 2**10
MOST_HEAD = 32 * 2**10
"""Of the path and all headers of a request."""
TOO_LARGE = "too large: a file may have 16 MB"
TOKEN_HEADER = b"x-hocket-token"
READING = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def names_of(host: str, port: int) -> frozenset[str]:
    """Return the Host headers that a server bound to an address answers to."""
    shown = f"[{host}]" if ":" in host else host
    loopback = {"127.0.0.1", "localhost", "[::1]"} if is_loopback(host) else {shown}
    return frozenset(f"{name}:{port}" for name in loopback)


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach an address."""
    return host in ("127.0.0.1", "localhost", "::1")


class TooLargeError(Exception):
    """A body is larger than is read."""


class Guard:
    """An ASGI layer that refuses what is not ours."""

    def __init__(self, app: App, hosts: Iterable[str], token: str, password: str = "") -> None:
        self.app, self.token = app, token.encode()
        self.hosts = frozenset(host.encode() for host in hosts)
        self.origins = frozenset(b"http://" + host for host in self.hosts)
        self.password = password.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        body = _Body(scope, receive)

        async def answer(message: MutableMapping[str, Any]) -> None:
            if body.refused:
                return
            if message["type"] == "http.response.start":
                if body.too_large:  # whatever the application made of a body that was cut off
                    body.refused = True
                    await _refuse(send, 413, TOO_LARGE)
                    return
                message["headers"] = _with_ours(message.get("headers", []))
            await send(message)

        if refusal := misframed(scope) or self.refusal(scope):
            await _refuse(send, *refusal)
            return
        try:
            await self.app(scope, body.read, answer)
        except TooLargeError:
            if not body.refused:
                await _refuse(send, 413, TOO_LARGE)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the words with which a request is refused; None if it is not."""
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value)
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return 421, "this server does not answer to that name; open the address it printed"
        if any(v not in (b"same-origin", b"none") for v in headers.get(b"sec-fetch-site", [])):
            return 403, "asked by another site; open the studio's own address"
        origins = headers.get(b"origin", [])
        if any(origin not in self.origins for origin in origins):
            return 403, "asked by another site; open the studio's own address"
        if not self.password and b"x-forwarded-for" in headers:  # uvicorn would take its word
            return 403, "asked through a proxy; set a password to be asked by others"
        if not self.password and is_foreign(scope.get("client"), scope.get("server")):
            return 403, "this studio is another user's; start your own, or let them set a password"
        if self.password and not self._knows(headers.get(b"authorization", [])):
            return 401, "a password is needed"
        if scope["method"] in READING:
            return None
        if len(origins) != 1:
            return 403, "without Origin nothing is changed; send that of the studio's page"
        tokens = headers.get(TOKEN_HEADER, [])
        if len(tokens) != 1 or not hmac.compare_digest(tokens[0], self.token):
            return 403, "the studio was started anew; reload the page"
        kind = headers.get(b"content-type", [b""])[0].split(b";")[0].strip().lower()
        has_body = headers.get(b"content-length", [b"0"])[0] != b"0"
        has_body |= b"transfer-encoding" in headers
        if has_body and kind not in (b"application/json", b"multipart/form-data"):
            return 415, "send JSON, or a file as multipart/form-data"
        if int(headers.get(b"content-length", [b"0"])[0]) > _most(scope):
            return 413, TOO_LARGE
        return None

    def _knows(self, given: list[bytes]) -> bool:
        if len(given) != 1 or not given[0].lower().startswith(b"basic "):
            return False
        try:
            said = base64.b64decode(given[0][6:], validate=True)
        except ValueError:
            return False
        return hmac.compare_digest(said.partition(b":")[2], self.password)


def misframed(scope: Scope) -> tuple[int, str] | None:
    """Return how a request is refused that servers might read in two ways, or that never ends."""
    names = [name.lower() for name, _ in scope["headers"]]
    if b"transfer-encoding" in names and (
        b"content-length" in names or scope.get("http_version") == "1.0"
    ):
        return 400, "a body has one length"
    path = len(scope.get("raw_path") or b"") + len(scope.get("query_string", b""))
    if path + sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEAD:
        return 431, "the headers are too large"
    return None


def _most(scope: Scope) -> int:
    """Return how large the body of a request may be."""
    kinds = [value for name, value in scope["headers"] if name.lower() == b"content-type"]
    form = bool(kinds) and kinds[0].lower().startswith(b"multipart/form-data")
    return MOST_FORM if form else MOST_JSON


class _Body:
    """What reads a body up to what its kind may have."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._left, self._receive = _most(scope), receive
        self.too_large = self.refused = False

    async def read(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.too_large = True
            raise TooLargeError
        return message


def _with_ours(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers of an answer with those that every answer has."""
    given = list(headers)
    known = {name for name, _ in given}
    ours = ((name.encode(), value.encode()) for name, value in HEADERS.items())
    return [*given, *((name, value) for name, value in ours if name not in known)]


async def _refuse(send: Send, status: int, words: str) -> None:
    body = json.dumps({"error": words}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status in (400, 413, 431):  # what follows is not to be read as another request
        headers.append((b"connection", b"close"))
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="hocket studio", charset="UTF-8"'))
    headers = _with_ours(headers)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""The server: routes, the page's files, and what starts and ends with it."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sqlite3
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from hocket import __version__
from hocket.errors import ConfigError, HocketError
from hocket.locks import Lock
from hocket.scores import printable
from hocket.studio.api import routes
from hocket.studio.desk import Desk
from hocket.studio.documents import document
from hocket.studio.hub import Hub
from hocket.studio.keeper import Keeper
from hocket.studio.replies import Studio
from hocket.studio.safety import Guard, is_loopback, names_of
from hocket.studio.store import MissingError, Store

PORT = 4625
"""HOCK on a telephone."""
_KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


def data_folder() -> Path:
    """Return where the studio keeps projects, in the user's data folder."""
    import platformdirs

    return Path(platformdirs.user_data_dir("hocket", appauthor=False)) / "studio"


def app_of(store: Store, token: str, keeper: Keeper | None) -> FastAPI:
    """Return the application, without the guard before it."""
    desk, hub = Desk(), Hub(store, document)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(store.purge)
        looking = asyncio.create_task(hub.run())
        if keeper:
            keeper.start()
        try:
            yield
        finally:
            hub.closing = True
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            if keeper:
                await asyncio.to_thread(keeper.stop)

    app = FastAPI(
        title="hocket studio",
        version=__version__,
        description="Everything that the studio's page does. Every method but GET and HEAD needs the "
        "header X-Hocket-Token, as in the page, and an Origin of the server's own.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=life,
    )
    app.include_router(routes(Studio(store, desk, hub)))
    _errors(app)
    _files(app, token)
    return app


def _errors(app: FastAPI) -> None:
    @app.exception_handler(HocketError)
    async def _ours(_: Request, error: HocketError) -> JSONResponse:
        status = 404 if isinstance(error, MissingError) else 400
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.Error)
    async def _disk(_: Request, error: Exception) -> JSONResponse:
        words = f"cannot be kept or read on this disk: {error}; free some space, then try again"
        return JSONResponse({"error": printable(words)}, 507)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse({"error": f"{where}: {first['msg']}"[:500]}, 422)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


def _files(app: FastAPI, token: str) -> None:
    """Serve the page and its files, by a list made at start: no path of a request is opened."""
    home = resources.files("hocket.studio") / "static"
    page = (home / "index.html").read_text(encoding="utf-8").replace("TOKEN", token)
    found = {
        file.name: (file.read_bytes(), _KINDS[Path(file.name).suffix])
        for file in home.iterdir()
        if Path(file.name).suffix in _KINDS
    }
    shared = resources.files("hocket.page")
    for name in ("paint.js", "page.css"):
        found[name] = ((shared / name).read_bytes(), _KINDS[Path(name).suffix])

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def index() -> Response:
        return Response(page, media_type="text/html")

    @app.api_route("/static/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in found:
            raise MissingError("no such file")
        content, kind = found[name]
        return Response(content, headers={"content-type": kind, "cache-control": "no-cache"})


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    data: str | Path | None = None,
    password: str = "",
    jobs: int = 1,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the studio until interrupted. Raises `ConfigError` where it cannot be.

    An address that others reach needs a `password`. `jobs` are done at the same time; `port` 0 takes a
    free one.
    """
    if not is_loopback(host) and not password:
        raise ConfigError(
            f"--host {host}: others could use this; set a password with --password-file FILE"
        )
    if host in ("0.0.0.0", "::", ""):
        raise ConfigError(f"--host {host}: name one address of this machine, such as 192.168.1.5")
    store = Store(data_folder() if data is None else Path(data))
    lock = Lock(store.folder / "server.lock")
    if not lock.take():
        raise ConfigError(
            f"{store.folder}: another studio serves these projects; use it, or choose another folder "
            "with --data"
        )
    try:
        listening = _bound(host, port)
        number = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        app = app_of(store, token, Keeper(store, jobs))
        guard = Guard(app, names_of(host, number), token, password)
        address = f"http://{f'[{host}]' if ':' in host else host}:{number}/"
        say(f"hocket studio: {address}  (Ctrl-C ends it; projects are in {store.folder})")
        settings: Any = uvicorn.Config(
            guard,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # they would say who asks, and nothing stands before us
            lifespan="on",
            ws="none",
            limit_concurrency=512,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
        if browser:
            _open_later(address)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[listening])
    finally:
        lock.free()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"port {port} of {host}: {reason}; choose another with --port") from None
    return listening


def _open_later(address: str) -> None:
    import threading

    threading.Timer(0.6, webbrowser.open, [address]).start()

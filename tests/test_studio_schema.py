"""The API as its OpenAPI document says, asked with whatever schemathesis thinks of."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hocket.studio.safety import Guard
from hocket.studio.server import app_of
from hocket.studio.store import Store

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
schemathesis.checks.load_all_checks()
CHECKS = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "response_schema_conformance",
        "content_type_conformance",
    )
]
TOKEN = "t" * 32
_FOLDER = tempfile.TemporaryDirectory(prefix="hocket-schema-")
_STORE = Store(Path(_FOLDER.name) / "studio")
_APP: Any = app_of(_STORE, TOKEN, None)
GUARD = Guard(_APP, ["localhost", "testserver"], TOKEN)
HEADERS = {"X-Hocket-Token": TOKEN, "Origin": "http://localhost", "Host": "localhost"}
schema = schemathesis.openapi.from_asgi("/api/openapi.json", GUARD, headers=HEADERS)


def test_the_document_knows_every_route() -> None:
    paths = _APP.openapi()["paths"]
    assert len(paths) >= 25
    assert all(path.startswith("/api/") for path in paths)
    knobs = _APP.openapi()["components"]["schemas"]["Knobs"]["properties"]
    assert {"temperature", "mix", "seed", "rng"} <= set(knobs)
    assert all(knob["description"] for knob in knobs.values())


@schema.exclude(path_regex="events").parametrize()  # type: ignore[untyped-decorator]
@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_whatever_is_asked_is_answered_as_documented(case: Any) -> None:
    with _STORE.writing() as base:  # a queue that nobody empties must not fill up
        base.execute("delete from jobs")
    response = case.call(headers=HEADERS)
    assert response.status_code < 500, response.text
    case.validate_response(response, checks=CHECKS)

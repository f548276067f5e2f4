"""Corpora and runs at addresses: what is there is what would be here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import platformdirs
import pytest

import hocket
from hocket import workflows
from hocket.config import RunConfig
from hocket.errors import ConfigError
from hocket.remote import Folder, is_remote
from hocket.runs import CHECKPOINT_FILES
from soak.learner import CONFIG
from soak.preparing import digest
from soak.training import corpus_in


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))


@pytest.fixture
def short() -> RunConfig:
    return hocket.config.replaced(CONFIG, {"max_steps": 6, "check_every": 3, "save_every": 0.0})


def test_what_is_an_address() -> None:
    assert is_remote("s3://bucket/run")
    assert is_remote("file:///tmp/run")
    for path in ("run", "/tmp/run", r"C:\run", Path("s3://bucket")):
        assert not is_remote(path)


def test_a_corpus_and_a_run_at_addresses_are_those_here(tmp_path: Path, short: RunConfig) -> None:
    here = corpus_in(tmp_path)
    there, run = f"file://{tmp_path}/away/corpus", f"file://{tmp_path}/away/run"
    hocket.prepare(tmp_path / "scores", out=there, workers=1)
    assert digest(tmp_path / "away/corpus") == digest(here)
    expected = workflows.train(here, out=tmp_path / "alone", config=short)
    found = workflows.train(there, out=run, config=short)
    assert found.fingerprint == expected.fingerprint
    left = {file.name for file in (tmp_path / "away/run").iterdir()}
    assert {"weights.safetensors", "engine.onnx", CHECKPOINT_FILES[0]} <= left


def test_a_run_goes_on_from_what_is_there_on_another_machine(
    tmp_path: Path, short: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, run = corpus_in(tmp_path), f"file://{tmp_path}/away/run"
    expected = workflows.train(corpus, out=tmp_path / "alone", config=short)
    workflows.train(corpus, out=run, config=short, minutes=0.0)  # a step, and its time is up
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path / "other"))
    steps: list[int] = []

    class Heard(hocket.reporter.Silent):
        def learning(self, progress: Any) -> None:
            steps.append(progress.step)

    found = workflows.train(corpus, out=run, config=short, reporter=Heard())
    assert steps == [2, 3, 4, 5, 6]
    assert found.fingerprint == expected.fingerprint


def test_what_cannot_be_reached_is_said_in_one_line(tmp_path: Path, short: RunConfig) -> None:
    for address, words in (
        ("nothing://x/y", "cannot be reached from here: Protocol not known: nothing"),
        ("file:///nowhere/at/all", "no finished corpus there; make one with `hocket prepare`"),
    ):
        with pytest.raises(ConfigError) as caught:
            workflows.train(address, out=tmp_path / "run", config=short)
        assert str(caught.value) == f"{address}: {words}"


def test_what_cannot_be_sent_is_kept_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder("memory://bucket/run", "runs")
    folder.here.mkdir(parents=True)
    (folder.here / "x").write_bytes(b"content")
    folder.send(["x"])
    assert fsspec.filesystem("memory").cat_file("/bucket/run/x") == b"content"
    assert (folder.content("x"), folder.content("y")) == (b"content", b"")

    def fails(*_: Any, **__: Any) -> None:
        raise TimeoutError("nobody answers")

    monkeypatch.setattr(type(folder._store), "put_file", fails)
    monkeypatch.setattr(type(folder._store), "get_file", fails)
    with pytest.raises(ConfigError, match=r"run/x: cannot be sent: nobody answers; it is kept in"):
        folder.send(["x"])
    with pytest.raises(ConfigError, match=r"run/x: cannot be fetched: nobody answers"):
        folder.fetch(["x"])
    assert [file.name for file in folder.here.iterdir()] == ["x"]

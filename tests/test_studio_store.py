"""The queue: no job is lost, none is done twice, and what kills its worker is given up."""

from __future__ import annotations

import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import hocket
from hocket.errors import ConfigError, ScoreError
from hocket.studio import desk, disk, readers
from hocket.studio.keeper import Keeper
from hocket.studio.store import KEPT_SECONDS, MOST_ATTEMPTS, MOST_WAITING, MissingError, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "studio")


@pytest.fixture
def project(store: Store) -> str:
    return store.add_project("p")


def state(store: Store, job: str) -> str:
    return str(store.row("jobs", job)["state"])


def test_jobs_are_done_in_order_by_one_owner_each(store: Store, project: str) -> None:
    jobs = [store.add_job(project, "learn", {"n": n}) for n in range(20)]

    def work(owner: str) -> list[str]:
        own = Store(store.folder)
        done = []
        while job := own.claim(owner):
            assert own.beat(job["id"], owner, {"step": 1}) == ""
            assert own.finish(job["id"], owner, "done")
            done.append(job["id"])
        return done

    with ThreadPoolExecutor(4) as threads:
        found = [job for done in threads.map(work, "abcd") for job in done]
    assert sorted(found) == sorted(jobs)
    assert {state(store, job) for job in jobs} == {"done"}


def test_only_the_present_owner_ends_a_job(store: Store, project: str) -> None:
    job = store.add_job(project, "learn", {})
    assert store.claim("first")
    store.give_back("first", died=True)
    assert store.claim("second")
    assert store.beat(job, "first") is None
    assert not store.finish(job, "first", "done")
    assert state(store, job) == "running"
    assert store.finish(job, "second", "done", result={"takes": []})
    assert not store.finish(job, "second", "failed")
    assert state(store, job) == "done"


def test_a_job_that_kills_its_workers_is_given_up(store: Store, project: str) -> None:
    job = store.add_job(project, "learn", {})
    for number in range(MOST_ATTEMPTS):
        assert store.claim(f"w{number}")
        store.give_back(f"w{number}", died=True)
    assert state(store, job) == "failed"
    assert "given up" in store.row("jobs", job)["error"]
    store.queue_again(job)
    assert store.row("jobs", job)["attempts"] == 0


def test_servers_that_die_count_against_no_job(store: Store, project: str) -> None:
    job = store.add_job(project, "learn", {})
    for number in range(20):
        assert store.claim(f"w{number}")
        Keeper(store, 0).look()  # a new server finds that nobody holds the worker's lock
        assert state(store, job) == "queued"


def test_stopping_and_going_on(store: Store, project: str) -> None:
    waiting, running = store.add_job(project, "learn", {}), store.add_job(project, "fuse", {})
    store.wish_to_stop(waiting)
    assert state(store, waiting) == "stopped"
    claimed = store.claim("w")
    assert claimed is not None
    assert claimed["id"] == running
    store.wish_to_stop(running)
    assert store.beat(running, "w") == "stop"
    store.finish(running, "w", "stopped")
    store.queue_again(running)
    assert store.claim("w")
    assert store.beat(running, "w") == ""
    with pytest.raises(ConfigError):
        store.queue_again(running)


def test_the_queue_is_bounded(store: Store, project: str) -> None:
    for _ in range(MOST_WAITING):
        store.add_job(project, "learn", {})
    with pytest.raises(ConfigError, match="are waiting"):
        store.add_job(project, "learn", {})


def test_what_was_deleted_can_come_back_for_a_day(store: Store, project: str) -> None:
    store.theme_folder("0123456789abcdef").mkdir(parents=True)
    store.add_theme(project, "0123456789abcdef", "n", "s", {"a": 1}, "d")
    store.update("projects", project, deleted=time.time())
    with pytest.raises(MissingError):
        store.row("projects", project)
    store.purge()
    store.update("projects", project, deleted=None)
    assert store.themes(project)[0]["info"] == {"a": 1}
    store.update("projects", project, deleted=time.time() - KEPT_SECONDS - 1)
    store.purge()
    with pytest.raises(MissingError):
        store.update("projects", project, deleted=None)
    assert not store.theme_folder("0123456789abcdef").exists()


def test_uploads_left_half_done_are_cleared_away(store: Store) -> None:
    store.theme_folder("fedcba9876543210").mkdir(parents=True)
    store.purge()
    assert not store.theme_folder("fedcba9876543210").exists()


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "studio.db").write_bytes(b"not a database" * 100)
    with pytest.raises(ConfigError, match="no database of the studio"):
        Store(tmp_path)


def test_all_else_works_without_the_studio(tmp_path: Path) -> None:
    package = Path(hocket.__file__).parent
    skipped = shutil.ignore_patterns("studio", "__pycache__")
    shutil.copytree(package, tmp_path / "hocket", ignore=skipped)
    out = tmp_path / "part.mid"
    for words in (["--help"], ["cut", "demo:elise", "--bars", "1-4", "-o", str(out)]):
        done = subprocess.run(
            [sys.executable, "-m", "hocket", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "studio" not in done.stdout
    assert out.exists()


def test_a_file_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "READ_SECONDS", 0.0)
    monkeypatch.setattr(readers, "READ_SECONDS", 0.0)
    at_work = desk.Desk()
    with pytest.raises(ScoreError, match=r"^x.mid: took more than 0 s"):
        at_work.read(str(tmp_path), "x.mid", "demo:elise", "")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(readers, "READ_SECONDS", 60.0)
    assert at_work.read(str(tmp_path), "x.mid", "demo:elise", "")["info"]["notes"] > 100


def test_a_reader_that_dies_is_replaced_and_one_that_lives_reads_on(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    pool = readers.Readers(context, _worked)
    first = pool.ask("pid")["pid"]
    assert pool.ask("pid")["pid"] == first
    for deed in ("crash", "hog"):
        with pytest.raises(readers.LostError):
            pool.ask(deed)
        second = pool.ask("pid")["pid"]
        assert second != first
        first = second
    pool.ask("grow")
    assert pool.ask("pid")["pid"] != first


_held: list[bytes] = []


def _worked(deed: str) -> dict[str, Any]:
    if deed == "crash":
        os.kill(os.getpid(), 9)
    if deed == "hog":
        _held.append(b"x" * (readers.MEMORY_BYTES + 2**20))
    if deed == "grow":
        _held.append(b"x" * (readers.MOST_GROWTH + 2**20))
    return {"pid": os.getpid()}


def test_those_who_wait_for_the_disk_share_a_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, opened = disk.Disk(tmp_path), []
    began, go = threading.Event(), threading.Event()
    real = os.open

    def slow(*values: Any) -> int:
        opened.append(values)
        began.set()
        assert go.wait(20)
        return real(*values)

    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(os, "open", slow)
    first = threading.Thread(target=shared.sync, args=([tmp_path],))
    first.start()
    assert began.wait(20)
    others = [threading.Thread(target=shared.sync, args=([tmp_path],)) for _ in range(5)]
    for thread in others:
        thread.start()
    while shared._asked < 6:
        time.sleep(0.01)
    go.set()
    for thread in (first, *others):
        thread.join()
    assert len(opened) == 2

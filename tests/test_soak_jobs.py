"""Kills of workers and servers lose no job and end none twice; what is counted tells if they did."""

from __future__ import annotations

import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hocket.locks import Lock
from hocket.processor import trim
from hocket.studio.keeper import SLEPT_SECONDS, Keeper
from hocket.studio.store import LEASE_SECONDS, MOST_ATTEMPTS, Store
from hocket.studio.worker import Work
from soak import generation, jobs
from soak.jobs_account import account


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "studio")


@pytest.fixture
def job(store: Store) -> str:
    return store.add_job(store.add_project("p"), "seeds", {})


def state(store: Store, key: str) -> str:
    return str(store.row("jobs", key)["state"])


@pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")
def test_kills_lose_no_job_and_end_none_twice(tmp_path: Path) -> None:
    out = tmp_path / "jobs.json"
    words = "--jobs 60 --kills 6 --server-kills 1 --poison 1 --hangs 0 --patience 120 --out"
    done = subprocess.run(
        [sys.executable, jobs.__file__, *words.split(), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert '"worker_kills": 6' in out.read_text(encoding="utf-8")


def told_of(store: Store, wanted: Sequence[str], log: str) -> dict[str, Any]:
    return account(store, jobs=wanted, poison=[], real=[], killed=[], log=log.splitlines())


def test_the_account_sees_what_was_lost_or_ended_twice(store: Store) -> None:
    store.base.executescript(jobs.NOTED)
    project = store.add_project("p")
    keys = [store.add_job(project, "seeds", {"seconds": 0}) for _ in range(2)]
    log = "".join(f"did {key}\nended {key}\n" for key in keys)
    assert store.claim("w")
    assert store.finish(keys[0], "w", "done")
    told = told_of(store, keys, log)
    assert (told["well"], told["lost"], told["ended_twice"]) == (False, 1, 0)
    assert store.claim("w")
    assert store.finish(keys[1], "w", "done")
    assert told_of(store, keys, log)["well"]
    assert not told_of(store, keys, log + f"ended {keys[0]}\n")["well"]
    assert not told_of(store, keys, "")["well"]
    store.update("jobs", keys[1], attempts=1)
    assert told_of(store, keys, log)["strange"] == [f"{keys[1]}: 1 attempts, 0 deaths"]
    store.update("jobs", keys[1], attempts=0, state="running", owner="thief")
    store.update("jobs", keys[1], state="done", owner=None)
    told = told_of(store, keys, log)
    assert told["ended_twice"] == 1
    assert any("after it was done" in fault for fault in told["strange"])
    store.base.execute("delete from jobs where id=?", (keys[0],))
    assert told_of(store, keys[:1], log)["lost"] == 1


def test_every_connection_waits_for_the_disk(store: Store) -> None:
    for each in (store, Store(store.folder)):
        found = [
            each.base.execute(f"pragma {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        assert found == ["wal", 2, 1]
    other = sqlite3.connect(store.file, timeout=0, isolation_level=None)
    with store.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("begin immediate")


def test_a_commit_that_fails_leaves_the_store_usable(store: Store, job: str) -> None:
    def orphaned() -> None:
        with store.writing() as base:
            base.execute("pragma defer_foreign_keys=on")
            base.execute("update jobs set project='none'")

    with pytest.raises(sqlite3.IntegrityError):  # told when it is committed
        orphaned()
    assert store.claim("w")


def test_a_wish_to_stop_outlives_the_worker(store: Store, job: str) -> None:
    for died in (True, False):
        assert store.claim("w")
        store.wish_to_stop(job)
        store.give_back("w", died=died)
        assert state(store, job) == "stopped"
        store.queue_again(job)
    assert state(store, job) == "queued"


def test_a_death_is_counted_though_the_disk_was_full_just_then(
    store: Store, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(store, 0)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    keeper.workers["w"] = gone
    assert store.claim("w")
    with monkeypatch.context() as full:
        full.setattr(store, "give_back", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keeper.look()
    keeper.look()
    assert store.row("jobs", job)["attempts"] == 1


def test_a_beat_that_fails_is_not_the_last(
    store: Store, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = store.claim("w")
    assert claimed is not None
    full = sqlite3.OperationalError("database or disk is full")
    answers: list[Any] = [full, full, "stop"]

    def beat(*_: object) -> Any:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(store, "beat", beat)
    monkeypatch.setattr("hocket.studio.worker.BEAT_SECONDS", 0.01)
    work, until = Work(store, "w", claimed), time.monotonic() + 10
    while not work.should_stop() and time.monotonic() < until:
        time.sleep(0.01)
    assert work.should_stop()
    work.close()


def test_workers_that_hang_lose_their_job_but_not_after_the_machine_slept(
    store: Store, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)
    kept = Keeper(store, 0)
    hanging = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    kept.workers["w"] = hanging
    assert store.claim("w")

    def look_for(seconds: float) -> None:
        nonlocal now
        for _ in range(round(seconds)):
            now += 1
            kept.look()

    look_for(5)
    now += 8 * 3600  # asleep, and the worker has not beaten yet
    look_for(LEASE_SECONDS - 1)
    assert hanging.poll() is None
    assert SLEPT_SECONDS < LEASE_SECONDS
    look_for(2)
    hanging.wait(10)
    look_for(1)
    assert (state(store, job), store.row("jobs", job)["attempts"]) == ("queued", 1)
    lock = Lock(store.inside("workers", "old"))  # a worker of an earlier server, alive but hanging
    assert lock.take()
    assert store.claim("old")
    look_for(LEASE_SECONDS)
    assert state(store, job) == "running"
    look_for(LEASE_SECONDS + 2)
    assert (state(store, job), store.row("jobs", job)["attempts"]) == ("queued", 1)
    assert not store.finish(job, "old", "done")
    lock.free()
    assert MOST_ATTEMPTS == 3


@pytest.mark.skipif("glibc" not in platform.libc_ver(), reason="others hand it back, or cannot")
def test_freed_memory_is_handed_back() -> None:
    trim()
    before = generation.resident_mb()
    pieces = [b"x" * 100_000 for _ in range(2000)]  # 200 MB, and small ones between that stay
    kept = [bytes(1000) + piece[:1] for piece in pieces]
    full = generation.resident_mb()
    del pieces
    trim()
    assert full > before + 150
    assert generation.resident_mb() < before + 80
    assert len(kept) == 2000


def test_memory_is_judged_after_warming_up() -> None:
    def of(*mb: float) -> dict[str, Any]:
        series = [
            generation.Sample(30.0 * number, number, each, 9, 1)
            for number, each in enumerate([*[50.0] * 10, *mb], 1)
        ]
        warm = sum(not generation.is_warm(one, 5) for one in series)
        assert warm == 9
        return generation.verdict(series, warm)

    assert of(100)["within"] is None
    assert of(*[100.0] * 40)["within"]
    assert of(*[100.0] * 30, *[104.0] * 12)["change_percent"] == 4
    assert not of(*[100.0] * 30, *[106.0] * 12)["within"]
    assert not of(*[100.0] * 30, *[94.0] * 12)["within"]
    knobs = [str(generation.knobs_of(number, 1) | {"rng": 0}) for number in range(100)]
    assert len(set(knobs)) > 50
    assert generation.resident_mb() > 10

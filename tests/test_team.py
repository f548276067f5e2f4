"""Several processes behind torchrun: what they tell each other, and that they change no bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import hocket
from hocket import locks, team
from hocket.cli import INTERRUPTED
from hocket.errors import ConfigError
from soak.preparing import digest as corpus_digest
from soak.processes import is_dead, until
from soak.training import LEARNER, Job, corpus_in

SPEAKS = """
import os
import sys
import torch
from hocket import team

with team.joined() as ranks:
    mine = [torch.full((2, 3), 1.5 + ranks.rank), torch.arange(4.0)]
    ranks.sum_flat(mine)
    assert mine[0].eq(1.5 * ranks.size + sum(range(ranks.size))).all(), mine
    assert mine[1].tolist() == [ranks.size * value for value in range(4)]
    assert ranks.sums(1.0, ranks.rank) == [ranks.size, sum(range(ranks.size))]
    assert ranks.from_first(lambda: b"said by %d" % ranks.rank) == b"said by 0"
    assert ranks.from_first(lambda: b"") == b""
    assert [one.item() for one in ranks.gathered(torch.tensor(ranks.rank))] == [0, 1, 2]
    seen = []
    squares = ranks.dealt(lambda part: [seen.append(x) or x * x for x in part], list(range(7)))
    assert squares == [0, 1, 4, 9, 16, 25, 36]
    assert seen == list(range(ranks.rank, 7, 3))
    rows = ranks.gathered(torch.tensor([ranks.share(12).start, ranks.share(12).stop]))
    assert [row.tolist() for row in rows] == [[0, 4], [4, 8], [8, 12]]
    ranks.wait()
    if len(sys.argv) > 1 and ranks.rank == 1:
        sys.exit(7)
    ranks.wait()
    os.write(1, b"fine %d" % ranks.rank + bytes([10]))  # at once
"""


def torchrun(*words: str, ranks: int = 2) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, "--nproc-per-node", str(ranks), *words],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=False,
    )


def test_what_ranks_tell_each_other(tmp_path: Path) -> None:
    (tmp_path / "speaks.py").write_text(SPEAKS)
    done = torchrun(str(tmp_path / "speaks.py"), ranks=3)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split("\n")) == ["", "fine 0", "fine 1", "fine 2"]


def test_a_rank_that_ends_is_told_of_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "speaks.py").write_text(SPEAKS)
    done = torchrun(str(tmp_path / "speaks.py"), "ends", ranks=3)
    assert done.returncode != 0
    assert "another process of the team has ended" in done.stderr
    assert "fine" not in done.stdout


def test_a_process_alone_is_a_team_of_one() -> None:
    with team.joined() as ranks:
        assert (ranks.rank, ranks.size, ranks.share(7)) == (0, 1, range(7))
        assert ranks.sums(3.0, True) == [3.0, 1.0]
        assert ranks.from_first(lambda: b"x") == b"x"
        assert ranks.dealt(lambda part: [x + 1 for x in part], [1, 2]) == [2, 3]
    assert team.is_first({"RANK": "3"})  # not torchrun's: nobody else is there
    ranked = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    assert not team.is_first({**ranked, "RANK": "3"})
    assert (team.size(ranked), team.processes_here(ranked), team.processes_here({})) == (4, 2, 1)


def test_ranks_learn_what_one_process_learns(tmp_path: Path) -> None:
    """Two ranks add two numbers, in whatever order: so the bits are those of two shards."""
    corpus = corpus_in(tmp_path)
    knobs = ["max_steps=12", "check_every=6", "shards=2"]
    alone = Job(corpus, tmp_path / "alone", 1, 0, knobs).undisturbed()
    assert Job(corpus, tmp_path / "two", 1, 2, knobs).undisturbed() == alone
    words = [LEARNER, corpus, tmp_path / "five", tmp_path / "log", "max_steps=2"]
    done = torchrun(*map(str, words), ranks=5)
    assert done.returncode != 0
    assert "--batch 12: cannot be dealt out evenly to 5 processes" in done.stderr
    assert not (tmp_path / "five/weights.safetensors").exists()


def test_ranks_prepare_what_one_process_prepares(tmp_path: Path) -> None:
    corpus = corpus_in(tmp_path)
    (tmp_path / "scores/broken.mid").write_bytes(b"MThd")
    hocket.prepare(tmp_path / "scores", out=tmp_path / "alone", workers=1)
    words = ["-m", "hocket", "prepare", str(tmp_path / "scores"), "-o", str(tmp_path / "two")]
    done = torchrun(*words)
    assert done.returncode == 0, done.stderr  # not 3: torchrun would take that for a failure
    assert done.stdout.count("10 pieces") == 1
    assert corpus_digest(tmp_path / "two") == corpus_digest(tmp_path / "alone")
    assert corpus_digest(tmp_path / "two") != corpus_digest(corpus)
    assert "already prepared" in torchrun(*words).stdout


def test_one_process_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    with (
        locks.held(tmp_path / "lock", "learns"),
        pytest.raises(ConfigError, match="another process learns there; wait for it or stop it"),
        locks.held(tmp_path / "lock", "learns", patience=0.2),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
    with locks.held(tmp_path / "lock", "learns"):
        assert (tmp_path / "lock").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part in this is Linux's")
def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    child = "import os, time; from hocket.team import die_with; die_with(os.getppid()); "
    child += "open('ready', 'w').write(str(os.getpid())); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path)
    ready = tmp_path / "ready"
    assert until(lambda: ready.exists() and bool(ready.read_text()), 60) is not None
    process.kill()
    process.wait()
    assert until(lambda: is_dead(int(ready.read_text())), 5.0) is not None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_hocket_train_stops_in_order_and_goes_on(how: signal.Signals, tmp_path: Path) -> None:
    corpus = corpus_in(tmp_path)
    command = [sys.executable, "-m", "hocket", "train", str(corpus), "-o", str(tmp_path / "run")]
    knobs = {"batch": 4, "window": 32, "windows": 2, "width": 32, "embedding": 8, "judged": 256}
    for name, value in {**knobs, "check-every": 5, "max-steps": 100_000, "save-every": 0}.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT)
    file = tmp_path / "run/training.previous.safetensors"  # so a step was told of
    assert until(file.exists, 120) is not None
    process.send_signal(how)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == INTERRUPTED, said
    assert "stopping after this step" in said
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"training.safetensors", "weights.safetensors"} <= names
    assert not {"training.previous.safetensors", "training.lock"} & names

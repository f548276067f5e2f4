"""Laws of a prepared corpus: one order, the same bytes however it came about, and no file stops it."""

from __future__ import annotations

import csv
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import hocket
from conftest import Watcher, files, four_four, three_four
from hocket.cli import SOME_DROPPED, main
from hocket.corpus import Library, ingest, library, load_library, workers
from hocket.errors import CheckpointError, ConfigError, ScoreError
from hocket.music import Note, Part, Piece
from hocket.music.columns import Columns
from hocket.scores import read_columns, read_with_remarks, write
from hocket.sources import learnable
from hocket.tokens import decode, encode
from hocket.tokens.encoding import encoded, keepable
from pieces import pieces

_BASE = Path(__file__).parents[1].parent / "shared" / "data" / "base.tar.xz"


@given(pieces())
def test_what_is_learned_of_a_theme_is_what_a_corpus_keeps(piece: Piece) -> None:
    kept = keepable(Columns.of(piece))
    assert kept.piece() == keepable(kept).piece() == decode(encoded(kept))
    named = replace(piece, parts=tuple(Part(f"Part {n}", n) for n in range(6)))
    assert np.array_equal(encoded(keepable(Columns.of(named))), encoded(kept))
    if len(kept):
        assert np.array_equal(encoded(kept), encode(learnable(piece)))


@given(pieces())
def test_columns_of_a_piece_say_the_piece(piece: Piece) -> None:
    """Parts that it does not name are added."""
    last = max((note.part for note in piece.notes), default=0)
    named = replace(piece, parts=(Part(),) * (last + 1))
    assert Columns.of(piece).piece() == named == Columns.of(named).piece()


def test_absurd_numbers_are_refused() -> None:
    with pytest.raises(ScoreError, match="63 bits"):
        Columns.of(Piece.of([Note(0, 24, 60, 80, 2**63)]))
    for part in (-1, 2**16, 2**40):
        with pytest.raises(ScoreError, match=f"in part {part}; number parts"):
            Columns.of(Piece.of([Note(0, 24, 60, 80, part)]))


@pytest.mark.skipif(not _BASE.exists(), reason="the base corpus is not in shared/data")
def test_the_ids_of_a_file_are_those_of_the_theme_it_would_be(tmp_path: Path) -> None:
    looked_at = 0
    with lzma.open(_BASE) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        members = (member for member in archive if member.name.endswith(".mid"))
        for member in islice(members, 40, None, 85):
            data = archive.extractfile(member)
            assert data is not None
            file = tmp_path / "piece.mid"
            file.write_bytes(data.read())
            piece = read_with_remarks(file)[0]
            assert read_columns(file).piece().notes == piece.notes
            assert np.array_equal(workers.ids_of(file), encode(learnable(piece)))
            looked_at += 1
    assert looked_at >= 40


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Nine files in three folders, of all kinds, two of which are no scores."""
    home = tmp_path / "scores"
    for name, piece in (("b/walk", four_four()), ("b/a turn", three_four()), ("c", four_four())):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        write(piece, home / f"{name}.mid")
    for number in range(3):
        write(four_four().transposed(number), home / f"a{number}.MID".lower())
    (home / "air.abc").write_text("X:1\nT:Air\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n", encoding="utf-8")
    (home / "b" / "torn.mid").write_bytes((home / "c.mid").read_bytes()[:60])
    (home / "noise.kar").write_bytes(b"no music, no music")
    (home / ".hidden.mid").write_bytes(b"")
    (home / "readme.txt").write_text("not a score", encoding="utf-8")
    return home


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files a part, so that nine files are five."""
    monkeypatch.setattr(ingest, "FILES_A_PART", 2)


def test_a_corpus_holds_each_file_in_order_and_names_the_others(
    scores: Path, tmp_path: Path
) -> None:
    corpus = hocket.prepare(scores, out=tmp_path / "corpus", workers=2)
    assert corpus.names == (
        *("scores/a0.mid", "scores/a1.mid", "scores/a2.mid", "scores/air.abc"),
        *("scores/b/a turn.mid", "scores/b/walk.mid", "scores/c.mid"),
    )
    assert len(corpus) == 7
    for number, name in enumerate(corpus.names):
        theme = learnable(read_with_remarks(tmp_path / name)[0])
        assert np.array_equal(corpus[number], encode(theme))
    assert isinstance(corpus.ids, np.memmap)
    with (tmp_path / "corpus" / "dropped.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["file"] for row in rows] == ["scores/b/torn.mid", "scores/noise.kar"]
    assert rows[0]["why"].startswith("truncated in track ")
    assert corpus.dropped == 2
    assert set(files(tmp_path / "corpus")) == set(library.FILES)


def test_any_number_of_workers_and_any_stop_give_the_same_bytes(
    scores: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    hocket.prepare(scores, out=whole, workers=1)
    for stop_after in range(1, 5):
        out = tmp_path / f"stopped after {stop_after}"

        class Stopped(Watcher):
            def preparing(self, files: int, of: int, most: int = stop_after) -> None:
                if files >= 2 * most:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            hocket.prepare(scores, out=out, workers=2, reporter=Stopped())
        with pytest.raises(CheckpointError, match="no finished corpus"):
            load_library(out)
        heard = Watcher()
        hocket.prepare(scores, out=out, workers=2, reporter=heard)
        assert files(out) == files(whole)
        assert not heard.said or heard.said[0].endswith("of 9 files")


def test_a_killed_command_goes_on(scores: Path, tmp_path: Path) -> None:
    write_many(scores, 300)
    words = [sys.executable, "-m", "hocket", "prepare", str(scores), "--workers", "2", "-o"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert subprocess.run([*words, whole], capture_output=True).returncode == SOME_DROPPED
    running = subprocess.Popen([*words, killed], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(killed.glob("unfinished/*.safetensors")) and running.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    running.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    running.wait()
    assert subprocess.run([*words, killed], capture_output=True).returncode == SOME_DROPPED
    assert files(killed) == files(whole)


def write_many(folder: Path, count: int) -> None:
    write(four_four(), folder / "one.mid")
    for number in range(count):
        shutil.copy(folder / "one.mid", folder / f"more-{number}.mid")


def test_a_finished_corpus_is_recognised_and_another_refused(scores: Path, tmp_path: Path) -> None:
    out, heard = tmp_path / "corpus", Watcher()
    first = hocket.prepare(scores, out=out, workers=1)
    before = files(out)
    again = hocket.prepare(scores, out=out, reporter=heard)
    assert heard.said == [f"{out}: already prepared from these files; nothing to do"]
    assert files(out) == before
    assert np.array_equal(again.ids, first.ids)
    with pytest.raises(ConfigError, match=r"prepared with another --pedal; .* --overwrite"):
        hocket.prepare(scores, out=out, pedal=True)
    (scores / "c.mid").unlink()
    with pytest.raises(ConfigError, match="prepared from other files"):
        hocket.prepare(scores, out=out)
    assert files(out) == before
    assert len(hocket.prepare(scores, out=out, workers=1, overwrite=True)) == 6


def test_files_of_others_are_not_written_over(scores: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.npy").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="in the way"):
        hocket.prepare(scores, out=tmp_path)
    assert (tmp_path / "ids.npy").read_bytes() == b"mine"


def test_folders_without_scores_or_one_in_another_are_refused(scores: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other" / "scores").mkdir(parents=True)
    out = tmp_path / "corpus"
    for folders, error, words in (
        ([tmp_path / "empty"], ScoreError, "no files there"),
        ([tmp_path / "nowhere"], ScoreError, "no such folder"),
        ([scores, scores / "b"], ConfigError, "in or around"),
        ([scores, tmp_path / "other" / "scores"], ConfigError, "have one name"),
    ):
        with pytest.raises(error, match=words):
            hocket.prepare(*folders, out=out)
    (tmp_path / "empty" / "a.mid").write_bytes(b"")
    with pytest.raises(ScoreError, match="not one of 1 files could be used"):
        hocket.prepare(tmp_path / "empty", out=out)


def test_a_file_that_ends_its_process_is_left_out(
    scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that crashes and one that hangs, as C++ may: a module that every process loads."""
    breaking = tmp_path / "site" / "sitecustomize.py"
    breaking.parent.mkdir()
    breaking.write_text(
        "import os, time\n"
        "from hocket.corpus import workers\n"
        "read = workers.ids_of\n"
        "def ids_of(file, *, pedal=False):\n"
        "    if file.endswith('a1.mid'): os.abort()\n"
        "    if file.endswith('c.mid'): time.sleep(600)\n"
        "    return read(file, pedal=pedal)\n"
        "workers.ids_of = ids_of\n",
        encoding="utf-8",
    )
    workers.ids_of(scores / "c.mid")  # so that no time goes into compiling
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(breaking.parent), *sys.path]))
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 12.0)
    monkeypatch.setattr(workers, "ATTEMPTS", 1)
    corpus = hocket.prepare(scores, out=tmp_path / "corpus", workers=2)
    assert {f"scores/{name}.mid" for name in ("a0", "a2", "b/walk")} <= set(corpus.names)
    assert corpus.dropped == 4
    table = (tmp_path / "corpus" / "dropped.csv").read_text(encoding="utf-8")
    assert table.count("its reader crashed or found no end") == 2


def spoilt(corpus: Library, name: str, content: bytes) -> None:
    (corpus.folder / name).write_bytes(content)


def test_a_torn_corpus_is_not_opened(scores: Path, tmp_path: Path) -> None:
    corpus = hocket.prepare(scores, out=tmp_path / "corpus", workers=1)
    good = files(corpus.folder)
    ids = good["ids.npy"]
    for name, content in (
        ("ids.npy", ids[:-2]),
        ("ids.npy", ids[:-2] + b"\x01\x00"[::-1]),
        ("ids.npy", b""),
        ("bounds.npy", ids),
        ("names.txt", good["names.txt"][:-40]),
        ("corpus.toml", b"pieces = "),
        ("corpus.toml", good["corpus.toml"].replace(b"vocabulary = ", b"vocabulary = 1 # ")),
        ("corpus.toml", good["corpus.toml"].replace(b"dropped", b"lost")),
    ):
        spoilt(corpus, name, content)
        with pytest.raises(CheckpointError, match="prepare"):
            load_library(corpus.folder)
        spoilt(corpus, name, good[name])
    assert len(load_library(corpus.folder)) == 7


def test_the_verb_says_what_there_is_and_what_was_dropped(
    scores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["prepare", str(scores), "-o", str(tmp_path / "corpus"), "--workers", "1"]
    assert main(words) == SOME_DROPPED
    assert "7 pieces" in (said := capsys.readouterr().out)
    assert "2 files could not be used: see" in said
    (scores / "b" / "torn.mid").unlink()
    assert main(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    (scores / "noise.kar").unlink()
    assert main([*words, "--overwrite"]) == 0
    assert main([*words[:-1], "0"]) == 1


def test_a_part_is_made_of_arrays_and_nothing_that_runs(scores: Path, tmp_path: Path) -> None:
    from multiprocessing.sharedctypes import RawValue

    from safetensors.numpy import load

    task = workers.Task(
        workers.Job(tmp_path / "part", ["scores/c.mid"], {"scores": str(scores.parent)}), False, {}
    )
    part = workers.part_bytes(task, RawValue("q", -1))
    assert sorted(load(part)) == ["ids", "kept", "lengths"]
    assert json.loads(part[8 : 8 + int.from_bytes(part[:8], "little")])["__metadata__"]

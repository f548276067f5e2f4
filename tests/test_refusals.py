"""What a run refuses before anything is learned or written, and what it leaves alone."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hocket
from conftest import EVERYTHING, Watcher, files, files_of
from hocket import runs
from hocket.config import RunConfig
from hocket.errors import CheckpointError, ConfigError, HocketError, ScoreError
from hocket.music import Note, Piece
from hocket.reporter import Silent
from hocket.runs import Run

# What is refused, before anything is learned or written


def test_an_earlier_run_is_not_lost_unasked(
    run_folder: Path, theme_files: list[Path], one_step: RunConfig
) -> None:
    before = files(run_folder)
    with pytest.raises(ConfigError, match="--overwrite"):
        hocket.fuse(*theme_files, out=run_folder, config=one_step)
    assert files(run_folder) == before
    hocket.fuse(*theme_files, out=run_folder, config=one_step, takes=1, overwrite=True)
    after = files(run_folder)
    assert sorted(n for n in after if n.startswith("take")) == sorted(files_of(1))
    assert after["take-01.mid"] != before["take-01.mid"]
    assert len(json.loads(after["report.json"])["takes"]) == 1


def test_a_run_that_replaces_another_leaves_nothing_of_it_behind(
    run_folder: Path, theme_files: list[Path], one_step: RunConfig
) -> None:
    class Impatient(Silent):
        def learning(self, progress: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hocket.fuse(
            *theme_files, out=run_folder, config=one_step, overwrite=True, reporter=Impatient()
        )
    left = {name.split("/")[0] for name in files(run_folder)}
    assert left - {"training.safetensors"} == {"run.toml", "themes"}


def test_takes_of_somebody_else_are_not_lost(
    theme_files: list[Path], one_step: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "take-01.mid").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="--overwrite"):
        hocket.fuse(*theme_files, out=tmp_path, config=one_step)
    assert files(tmp_path) == {"take-01.mid": b"mine"}


@pytest.mark.parametrize(
    "name", ["themes/A.mid", "themes/Z.mid", "report.json", "weights.toml", "loss.png"]
)
def test_files_of_somebody_else_are_not_lost(
    name: str, theme_files: list[Path], one_step: RunConfig, tmp_path: Path
) -> None:
    """Only what a run writes itself is replaced, and only if asked for."""
    foreign = {name: b"mine", "take-07.mid": b"mine", "themes/X.mid": b"mine", "notes.txt": b"mine"}
    (tmp_path / "themes").mkdir()
    for file, data in foreign.items():
        (tmp_path / file).write_bytes(data)
    with pytest.raises(ConfigError, match="--overwrite"):
        hocket.fuse(*theme_files, out=tmp_path, config=one_step)
    assert files(tmp_path) == foreign
    hocket.fuse(*theme_files, out=tmp_path, config=one_step, takes=1, overwrite=True)
    after = files(tmp_path)
    kept = foreign.keys() - {*EVERYTHING}
    assert {file: after[file] for file in kept} == {file: foreign[file] for file in kept}
    assert list(runs.load_settings(tmp_path)[1]) == ["A", "B"]
    # Nor does the next run take them for its own.
    hocket.fuse(*theme_files, out=tmp_path, config=one_step, takes=1, overwrite=True)
    assert (tmp_path / "themes/X.mid").read_bytes() == b"mine"


def test_a_foreign_file_that_would_become_a_theme_is_in_the_way(
    theme_files: list[Path], one_step: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "themes").mkdir()
    (tmp_path / "themes/C.mid").write_bytes(b"mine")
    with pytest.raises(ConfigError, match=r"C\.mid: in the way"):
        hocket.fuse(*theme_files, out=tmp_path, config=one_step, overwrite=True)
    assert files(tmp_path) == {"themes/C.mid": b"mine"}


def test_fewer_themes_take_the_place_of_more(
    themes: list[Piece], one_step: RunConfig, tmp_path: Path
) -> None:
    third = Piece.of([Note(18 * i, 18, 50 + i * 5 % 23) for i in range(60)])
    hocket.fuse(*themes, third, out=tmp_path, config=one_step, takes=1)
    hocket.fuse(*themes, out=tmp_path, config=one_step, takes=1, overwrite=True)
    assert sorted(f.name for f in (tmp_path / "themes").glob("*.mid")) == ["A.mid", "B.mid"]


@pytest.mark.parametrize("go_on", [hocket.resume, hocket.more])
def test_a_folder_that_cannot_be_looked_at(
    go_on: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CheckpointError, match="cannot be looked at"):
        go_on(tmp_path / ("n" * 300))

    def denied(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "exists", denied)
    with pytest.raises(CheckpointError, match="cannot be looked at"):
        go_on(tmp_path)


def test_more_takes_into_the_runs_own_folder_by_name(run_folder: Path) -> None:
    before = files(run_folder)
    hocket.more(run_folder, out=run_folder / ".." / run_folder.name, takes=1)
    after = files(run_folder)
    assert after.keys() - before.keys() == set(files_of(3))
    assert after["weights.safetensors"] == before["weights.safetensors"]


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"key": "H"}, "no key"),
        ({"seed": "A1"}, "seed"),
        ({"seed": "A:1+C:1"}, "no theme has that letter"),
        ({"seed": "A:99+B:1"}, "has only 8 bars"),
        ({"seed": "A:1-3+B:1-3", "bars": 4}, "--bars"),
        ({"bars": 2}, "--bars"),
        ({"seed_bars": 16}, "opening"),
        ({"takes": 0}, "takes"),
        ({"rng": 2**64}, "rng: .* too large"),
        ({"device": "tpu"}, "device: 'tpu' is none of cpu, cuda"),
        ({"colour": 1}, "colour"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_met_are_refused_before_learning(
    knobs: dict[str, Any],
    words: str,
    theme_files: list[Path],
    tiny: RunConfig,
    tmp_path: Path,
) -> None:
    watcher = Watcher()
    with pytest.raises(HocketError, match=words) as caught:
        hocket.fuse(*theme_files, out=tmp_path / "out", config=tiny, reporter=watcher, **knobs)
    assert "\n" not in str(caught.value)
    assert watcher.steps == []
    assert list(tmp_path.iterdir()) == []


def test_themes_that_are_none(themes: list[Piece], tiny: RunConfig) -> None:
    short = Piece.of([Note(0, 24, 60)], title="Short")
    with pytest.raises(ScoreError, match="Short: only 1 note in 1 bar; a theme needs"):
        hocket.fuse(themes[0], short, config=tiny)
    with pytest.raises(ScoreError, match=r"^a theme without title: only 1 note"):
        hocket.fuse(themes[0], replace(short, title=""), config=tiny)
    with pytest.raises(ScoreError, match=r"^a theme without title: only 0 notes"):
        hocket.fuse(themes[0], Piece.of([]), config=tiny)
    crowded = Piece.of([Note(i, 24, 30 + i) for i in range(40)], title="Crowd")
    with pytest.raises(ScoreError, match="Crowd: only 40 notes in 1 bar;"):
        hocket.fuse(themes[0], crowded, config=tiny)
    with pytest.raises(ConfigError, match="themes A and C hold the same notes"):
        hocket.fuse(*themes, replace(themes[0], title="Other"), config=tiny)
    for count in (0, 1, 17):
        with pytest.raises(ConfigError, match=f"{count} themes given"):
            hocket.fuse(*themes[:1] * count, config=tiny)


def test_check_and_tokens_take_pieces(themes: list[Piece]) -> None:
    measures = hocket.check(themes[0], against=themes)
    assert (measures.cover16, measures.known) == (1.0, 1.0)
    assert measures.share == {"A": 1.0, "B": 0.0}
    with pytest.raises(ConfigError, match="against"):
        hocket.check(themes[0], against=[])
    assert hocket.check(themes[0], against=themes[0]).share == {"A": 1.0}
    from hocket.workflows import tokens

    assert tokens(themes[0]).splitlines()[0].split()[:3] == ["1:0", "START", "METER"]

"""Verbs for parts of the work: some bars of a piece, openings to hear, themes learned with stops."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import hocket
from conftest import Watcher, files
from hocket import config as settings
from hocket.cli import main
from hocket.errors import ConfigError, ScoreError
from hocket.music import Key, Note, Pedal, Piece, Tempo
from hocket.music.bars import cut, numbered_bars
from pieces import pieces

FEW: dict[str, Any] = {"max_steps": 6, "check_every": 3, "minutes": 5.0}


@given(pieces())
def test_all_bars_are_the_piece_from_bar_1_on(piece: Piece) -> None:
    bars = numbered_bars(piece)
    if not bars:
        return
    whole = cut(piece, range(1, len(bars) + 1))
    begin = bars[0].start
    assert [(note.start + begin, *note[1:]) for note in whole.notes] == [
        tuple(note) for note in piece.notes if note.start >= begin
    ]
    each = [cut(piece, range(bar, bar + 1)) for bar in range(1, len(bars) + 1)]
    assert sum(len(one.notes) for one in each) == len(whole.notes)


def test_what_was_in_force_before_a_cut_is_so_after_it() -> None:
    notes = [Note(24 * i, 30, 60) for i in range(16)]
    piece = Piece.of(
        notes,
        tempos=[Tempo(0, 500_000), Tempo(100, 400_000)],
        keys=[Key(0, 2)],
        pedals=[Pedal(10, True), Pedal(200, False)],
    )
    part = cut(piece, range(2, 4))
    assert [note.start for note in part.notes] == [24 * i for i in range(8)]
    assert part.end == 192
    assert part.tempos == (Tempo(0, 500_000), Tempo(4, 400_000))
    assert part.keys == (Key(0, 2),)
    assert part.pedals == (Pedal(0, True), Pedal(104, False))
    with pytest.raises(ScoreError, match="it has bars 1 to 5"):
        cut(piece, range(3, 7))


def test_cut_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "part.mid"
    assert main(["cut", "demo:elise", "--bars", "3-6", "-o", str(out)]) == 0
    assert hocket.read(out).notes == hocket.cut("demo:elise", bars=range(3, 7)).notes
    assert main(["cut", "demo:elise", "--bars", "6-3", "-o", str(out)]) == 1
    assert "write them as 5-20" in capsys.readouterr().err


@pytest.fixture(scope="module")
def learned(theme_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("learned")
    found = []
    for file in theme_files:
        hocket.learn(file, out=folder / f"{file.stem}.theme", **FEW)
        found.append(folder / f"{file.stem}.theme")
    return found


def test_a_theme_stopped_and_learned_again_is_the_same(
    theme_files: list[Path], learned: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "walk.theme"
    stopped = hocket.learn(theme_files[0], out=out, reporter=Watcher(stop_after=4), **FEW)
    assert stopped.learned is None
    assert not out.exists()
    watcher = Watcher()
    theme = hocket.learn(theme_files[0], out=out, reporter=watcher, **FEW)
    assert theme.learned is not None
    assert watcher.steps == [5, 6]
    assert out.read_bytes() == learned[0].read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["walk.theme"]


def test_seeds_are_those_that_takes_start_from(learned: list[Path], tmp_path: Path) -> None:
    wanted: dict[str, Any] = {"seeds": 3, "candidates": 8, "rng": 2}
    found = hocket.seeds(*learned, out=tmp_path / "seeds", **wanted)
    run = hocket.fuse(*learned, **wanted, takes=3, keep=3, bars=8, page=False)
    assert {take.seed for take in run.takes} <= {str(opening.recipe) for opening in found}
    for number, opening in enumerate(found, 1):
        read = hocket.read(tmp_path / "seeds" / f"seed-{number:02d}.mid")
        assert [n[:3] for n in read.notes] == [n[:3] for n in opening.piece.notes]
    take = min(run.takes, key=lambda take: take.number)
    first = next(o for o in found if str(o.recipe) == take.seed)
    head = [n[:3] for n in take.piece.notes if n.start < first.length // 2]
    assert head == [n[:3] for n in first.piece.notes if n.start < first.length // 2]


def test_seeds_on_the_command_line(
    learned: list[Path], theme_files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*map(str, learned), "--seeds", "2", "--candidates", "8"]
    assert main(["seeds", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [set(each) for each in told] == [{"seed", "bars", "score", "likelihood", "distance"}] * 2
    assert main(["seeds", *words]) == 0
    assert told[0]["seed"] in capsys.readouterr().out.splitlines()[0]
    assert main(["seeds", *map(str, theme_files)]) == 1
    assert "not learned yet" in capsys.readouterr().err
    assert main(["seeds", str(learned[0])]) == 1


def test_themes_that_learn_returned_can_be_fused(
    theme_files: list[Path], learned: list[Path], tmp_path: Path
) -> None:
    from hocket.sources import Theme, saved_theme

    config = replace(
        settings.RunConfig(),
        generation=settings.GenerationConfig(takes=2, keep=1, bars=8, page=False),
    )
    given_files = hocket.fuse(*learned, out=tmp_path / "files", config=config)
    themes: list[Theme] = [replace(saved_theme(file), source=file.name) for file in learned]
    given_themes = hocket.fuse(*themes, out=tmp_path / "themes", config=config)
    assert files(tmp_path / "files") == files(tmp_path / "themes")
    assert given_files.takes[0].piece == given_themes.takes[0].piece
    with pytest.raises(ConfigError, match="2 to 16"):
        hocket.fuse(themes[0])

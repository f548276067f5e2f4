"""Themes learned on top of a base model: files that can be kept, shared and mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hocket
from conftest import TINY, Watcher, files, files_of
from hocket import config as settings
from hocket.base import base_model
from hocket.cli import main
from hocket.config import RunConfig
from hocket.errors import CheckpointError, ConfigError, ScoreError
from hocket.model.changes import merged, weakened
from hocket.model.theme import MOST_BYTES, load, to_bytes
from hocket.music import Piece
from hocket.scores import write
from hocket.sources import read_theme
from hocket.training import ASKED


@pytest.fixture(scope="module")
def base(themes: list[Piece], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a base model that knows next to nothing."""
    home = tmp_path_factory.mktemp("base")
    (home / "scores").mkdir()
    for number in range(4):
        write(themes[number % 2].transposed(number), home / "scores" / f"{number}.mid")
    hocket.prepare(home / "scores", out=home / "corpus", workers=1)
    train(home, home / "model")
    return home / "model"


def train(home: Path, out: Path, watcher: Watcher | None = None) -> None:
    tiny = settings.preset("base")
    model = replace(tiny.model, width=16, embedding=8)
    training = replace(
        tiny.training, batch=4, window=16, windows=2, check_every=4, max_steps=8, judged=256
    )
    hocket.train(
        home / "corpus",
        out=out,
        valid=["scores/3.mid"],
        config=replace(tiny, model=model, training=training),
        reporter=watcher,
    )


@pytest.fixture
def on_base(base: Path) -> RunConfig:
    """Settings of a run on top of it that takes a second."""
    training = replace(TINY.training, hockets=0.0, hocket_pieces=0, rebar=0.0, blend=0.0, rank=2)
    network = settings.ModelConfig()
    return replace(TINY, start="base", base=str(base), model=network, training=training)


def test_training_stopped_and_called_again_ends_with_the_same_bytes(base: Path) -> None:
    home, out = base.parent, base.parent / "stopped"
    watcher = Watcher(stop_after=5)
    train(home, out, watcher)
    assert watcher.steps[-1] == 5
    train(home, out)
    names = ("weights.safetensors", "engine.onnx", "engine.safetensors", "weights.toml")
    assert [(out / n).read_bytes() for n in names] == [(base / n).read_bytes() for n in names]


def test_a_base_model_is_stored_in_16_bits(base: Path) -> None:
    weights = base_model(base)
    size = sum(array.size for array in weights.arrays.values())
    assert (base / "weights.safetensors").stat().st_size < 2 * size + 4000
    for array in weights.arrays.values():
        assert (array == array.astype(np.float16)).all()


def test_a_piece_that_judges_or_is_left_out_must_be_there(base: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no 'scores/nine.mid'"):
        hocket.train(base.parent / "corpus", out=base.parent / "x", exclude=["scores/nine.mid"])


def test_a_theme_file_says_its_theme(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    theme = hocket.learn(theme_files[0], out=tmp_path / "a.theme", config=on_base)
    stored = load(tmp_path / "a.theme")
    assert (tmp_path / "a.theme").stat().st_size <= MOST_BYTES
    assert to_bytes(stored) == (tmp_path / "a.theme").read_bytes()
    assert stored.title == theme.title == "Walk"
    again = read_theme(tmp_path / "a.theme", False, Watcher())
    assert again.pieces == theme.pieces == read_theme(theme_files[0], False, Watcher()).pieces


def test_the_same_theme_learned_twice_is_the_same_file(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    for name in ("one.theme", "two.theme"):
        hocket.learn(theme_files[0], out=tmp_path / name, config=on_base)
    assert (tmp_path / "one.theme").read_bytes() == (tmp_path / "two.theme").read_bytes()


def test_learned_themes_are_mixed_without_learning(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    saved = [tmp_path / "a.theme", tmp_path / "b.theme"]
    for source, file in zip(theme_files, saved, strict=True):
        hocket.learn(source, out=file, config=on_base)
    watcher = Watcher()
    run = hocket.fuse(*saved, config=on_base, reporter=watcher)
    assert not watcher.steps
    whole = hocket.fuse(*theme_files, config=on_base)
    assert [take.piece for take in run.takes] == [take.piece for take in whole.takes]


def test_a_run_keeps_its_themes_and_more_takes_need_nothing_else(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = hocket.fuse(*theme_files, out=out, config=on_base)
    expected = {"run.toml", "report.json", "training.safetensors", "loss-A.png", "loss-B.png"}
    expected |= {f"themes/{letter}.{kind}" for letter in "AB" for kind in ("mid", "theme")}
    expected |= {*files_of(1), *files_of(2), "themes/sources.json"}
    assert set(files(out)) == expected
    more = hocket.more(out, takes=1)
    assert more.takes[0].number == 3
    assert more.takes[0].weights == run.takes[0].weights


def test_a_run_stopped_while_learning_goes_on_to_the_same_takes(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    whole = hocket.fuse(*theme_files, out=tmp_path / "whole", config=on_base)
    for stop in (3, 12):  # in the first theme, and in the second
        out = tmp_path / f"stopped-{stop}"
        stopped = hocket.fuse(
            *theme_files, out=out, config=on_base, reporter=Watcher(stop_after=stop)
        )
        assert (stopped.stopped, len(stopped.takes)) == (ASKED, 0)
        hocket.resume(out)
        for take in whole.takes:
            name = f"take-{take.number:02d}.mid"
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_folder_is_one_theme(
    themes: list[Piece], theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "walks"
    folder.mkdir()
    for number in range(3):
        write(themes[0].transposed(number), folder / f"{number}.mid")
    (folder / "broken.mid").write_bytes(b"MThd")
    with pytest.warns(hocket.errors.ScoreWarning, match=r"left out: broken\.mid"):
        run = hocket.fuse(folder, theme_files[1], titles=["Walks"], config=on_base, takes=1)
    assert [theme.title for theme in run.themes.values()] == ["Walks", "Turn"]
    assert len(run.themes["A"].pieces) == 3
    assert run.themes["A"].piece.title == "Walks"


def test_sixteen_themes_at_most(theme_files: list[Path], on_base: RunConfig) -> None:
    with pytest.raises(ConfigError, match="17 themes given"):
        hocket.fuse(*[theme_files[0]] * 17, config=on_base)


def test_more_titles_than_themes_are_refused(theme_files: list[Path], on_base: RunConfig) -> None:
    with pytest.raises(ConfigError, match="3 titles for 2 themes"):
        hocket.fuse(*theme_files, titles=["A", "B", "C"], config=on_base)


def test_a_folder_without_scores_is_refused(tmp_path: Path, on_base: RunConfig) -> None:
    with pytest.raises(ScoreError, match="no score files"):
        hocket.learn(tmp_path, out=tmp_path / "a.theme", config=on_base)


def test_a_theme_of_another_base_model_is_refused(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    hocket.learn(theme_files[0], out=tmp_path / "a.theme", config=on_base)
    stored = replace(load(tmp_path / "a.theme"), base="0" * 16)
    (tmp_path / "other.theme").write_bytes(to_bytes(stored))
    watcher = Watcher()
    run = hocket.fuse(tmp_path / "other.theme", theme_files[1], config=on_base, reporter=watcher)
    assert watcher.steps  # it has its notes with it, so it is learned again
    assert run.themes["A"].learned is not None
    assert run.themes["A"].learned.base == base_model(Path(on_base.base or "")).fingerprint


@pytest.mark.parametrize("damage", ["cut", "other", "large", "nan"])
def test_a_damaged_theme_file_is_refused(
    damage: str, theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    file = tmp_path / "a.theme"
    hocket.learn(theme_files[0], out=file, config=on_base)
    data = file.read_bytes()
    stored = load(file)
    name = next(iter(stored.changes))
    bad = dict(stored.changes) | {name: np.full_like(stored.changes[name], np.nan)}
    file.write_bytes(
        {
            "cut": data[: len(data) // 2],
            "other": b"MThd" + data,
            "large": data + bytes(MOST_BYTES),
            "nan": to_bytes(replace(stored, changes=bad)),
        }[damage]
    )
    with pytest.raises(CheckpointError, match=r"a\.theme: no theme that can be used"):
        load(file)


def test_a_rank_of_nothing_has_no_room_in_a_file(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    whole = replace(on_base, training=replace(on_base.training, rank=0))
    with pytest.raises(ConfigError, match="--rank 0"):
        hocket.learn(theme_files[0], out=tmp_path / "a.theme", config=whole)


def test_changes_are_added_to_the_weights(base: Path) -> None:
    weights = base_model(base).arrays
    name = "lstms.1.weight_hh_l0"
    rows, columns = weights[name].shape
    changes = {
        "left_lstms-1-weight_hh_l0": np.ones((rows, 1), np.float16),
        "right_lstms-1-weight_hh_l0": np.full((1, columns), 0.5, np.float16),
        "bias_output-bias": np.ones(weights["output.bias"].shape, np.float16),
    }
    after = merged(weights, changes)
    assert np.allclose(after[name], weights[name] + 0.5)
    assert np.allclose(after["output.bias"], weights["output.bias"] + 1)
    assert all(
        after[other] is weights[other] for other in weights if other not in (name, "output.bias")
    )
    with pytest.raises(CheckpointError, match="do not fit"):
        merged(weights, {"bias_output-bias": np.ones(3, np.float16)})


def test_the_command_line_learns_and_names_themes(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = tmp_path / "tiny.toml"
    toml.write_text(settings.dumps(on_base), encoding="utf-8")
    file = tmp_path / "walk.theme"
    asked = ["--config", str(toml)]
    assert main(["learn", str(theme_files[0]), "-o", str(file), "--title", "Gait", *asked]) == 0
    assert "Gait" in capsys.readouterr().out
    out = tmp_path / "out"
    both = ["--theme", f"Reel={theme_files[1]}", str(file)]
    assert main(["fuse", *both, "-o", str(out), *asked]) == 0
    said = capsys.readouterr().out
    assert "A is Reel" in said
    assert "B is Gait" in said
    assert "theme B, Gait: already learned" in said


@pytest.mark.parametrize("text", ["Bach", "=a.mid", "Bach="])
def test_a_theme_without_name_or_file_is_wrong_usage(text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fuse", "--theme", text])
    assert ended.value.code == 2


def test_a_theme_file_has_its_suffix(theme_files: list[Path], on_base: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.theme"):
        hocket.learn(theme_files[0], out="a.mid", config=on_base)


def test_settings_of_a_network_are_refused_where_the_base_model_is_used(
    theme_files: list[Path], on_base: RunConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="--width: the base model"):
        hocket.fuse(*theme_files, config=on_base, width=64)
    with pytest.raises(ConfigError, match="--width: the base model"):
        hocket.learn(theme_files[0], out=tmp_path / "a.theme", config=on_base, width=64)


def test_half_the_strength_is_half_the_change(base: Path) -> None:
    weights = base_model(base).arrays
    random = np.random.default_rng(0)
    rows, columns = weights["output.weight"].shape
    changes = {
        "left_output-weight": random.normal(size=(rows, 2)).astype(np.float32),
        "right_output-weight": random.normal(size=(2, columns)).astype(np.float32),
        "bias_output-bias": random.normal(size=(rows,)).astype(np.float32),
    }
    whole, half = (merged(weights, weakened(changes, share)) for share in (1.0, 0.5))
    for name in ("output.weight", "output.bias"):
        assert np.allclose(half[name], (whole[name] + weights[name]) / 2, atol=1e-5)

"""Whole runs, tiny ones: what is written, that it is the same each time, and how a run goes on."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hocket
from conftest import EVERYTHING, RESULTS, TAKES, Watcher, files, files_of
from hocket.analysis import measure
from hocket.config import RunConfig, loads
from hocket.errors import CheckpointError, ConfigError, HocketError
from hocket.music import Note, Piece
from hocket.runs import Run
from hocket.scores import read, write
from hocket.sources import wholes
from hocket.training import ASKED
from hocket.training.loop import OUT_OF_STEPS


@pytest.fixture(scope="module")
def twin(
    theme_files: list[Path], tiny: RunConfig, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, Watcher]:
    """The tiny run once more, in another folder, with what was said."""
    watcher = Watcher()
    folder = tmp_path_factory.mktemp("twin") / "deep" / "er"
    return hocket.fuse(*theme_files, out=folder, config=tiny, reporter=watcher), watcher


def test_exactly_the_promised_files_are_written(tiny_run: Path) -> None:
    assert sorted(files(tiny_run)) == sorted(EVERYTHING)


def test_the_same_run_gives_the_same_bytes(tiny_run: Path, twin: tuple[Run, Watcher]) -> None:
    folder = twin[0].folder
    assert folder is not None
    here, there = files(tiny_run), files(folder)
    assert here.keys() == there.keys()
    for name in RESULTS:
        assert here[name] == there[name], name


def test_another_rng_gives_other_takes(
    tiny_run: Path, theme_files: list[Path], tiny: RunConfig, tmp_path: Path
) -> None:
    hocket.fuse(*theme_files, out=tmp_path / "out", config=replace(tiny, rng=4), takes=1)
    assert (tmp_path / "out/take-01.mid").read_bytes() != (tiny_run / "take-01.mid").read_bytes()


def test_the_files_say_the_takes(
    twin: tuple[Run, Watcher], themes: list[Piece], tiny: RunConfig
) -> None:
    run, _ = twin
    assert run.folder is not None
    assert [take.place for take in run.takes] == [1, 2]
    for take, measures in zip(run.takes, run.measures, strict=True):
        piece = read(run.folder / f"take-{take.place:02d}.mid")
        for name in ("notes", "meters", "tempos", "keys", "title"):
            assert getattr(piece, name) == getattr(take.piece, name), name
        assert take.piece.meters == (themes[0].main_meter,)
        assert len(take.piece.bars()) <= tiny.generation.bars
        assert themes[1].main_tempo.microseconds < piece.main_tempo.microseconds
        assert piece.main_tempo.microseconds < themes[0].main_tempo.microseconds
        assert len(take.ids) == len(take.log_probs)
        assert measures == measure(take.piece, wholes(run.themes))
        assert take.rng == tiny.rng
        assert take.config == tiny.generation
        assert (run.folder / f"take-{take.place:02d}.png").read_bytes().startswith(b"\x89PNG")
    assert list(run.themes) == ["A", "B"]
    for letter, theme in zip("AB", themes, strict=True):
        assert read(run.folder / f"themes/{letter}.mid") == theme
        assert (run.themes[letter].title, run.themes[letter].pieces) == (theme.title, (theme,))


def test_the_report_says_what_a_take_is_made_of(tiny_run: Path, twin: tuple[Run, Watcher]) -> None:
    text = (tiny_run / "report.json").read_text(encoding="utf-8")

    def no_constant(name: str) -> object:
        raise AssertionError(f"{name} is not JSON")

    report = json.loads(text, parse_constant=no_constant)
    run, _ = twin
    assert [entry["file"] for entry in report["takes"]] == ["take-01.mid", "take-02.mid"]
    for entry, take, measures in zip(report["takes"], run.takes, run.measures, strict=True):
        assert entry["seed"] == take.seed
        assert entry["weights"] == take.weights
        assert entry["rng"] == take.rng
        assert entry["measures"]["cover16"] == measures.cover16
        assert entry["settings"]["bars"] == take.config.bars
    assert report["themes"]["A"]["title"] == "Walk"
    assert report["themes"]["B"]["metre"] == "3/4"
    assert report["hocket"] == hocket.__version__
    assert set(report["medians"]) >= {"cover16", "known", "switches", "in_key", "share"}


def test_the_settings_are_all_there(tiny_run: Path, tiny: RunConfig) -> None:
    assert loads((tiny_run / "run.toml").read_text(encoding="utf-8")) == tiny


def test_a_reporter_hears_how_it_goes(twin: tuple[Run, Watcher], tiny: RunConfig) -> None:
    run, watcher = twin
    assert watcher.steps == list(range(1, tiny.training.max_steps + 1))
    assert list(watcher.bars[-1]) == [tiny.generation.bars] * 2
    said = "\n".join(watcher.said)
    assert all(take.seed in said for take in run.takes)


def test_pieces_without_a_folder(
    themes: list[Piece], tiny: RunConfig, tiny_run: Path, tmp_path: Path
) -> None:
    """Nothing is written; the takes are those that the files gave."""
    run = hocket.fuse(*themes, config=tiny)
    assert run.folder is None
    assert list(tmp_path.iterdir()) == []
    for take in run.takes:
        assert read(tiny_run / f"take-{take.place:02d}.mid") == take.piece


def test_three_themes(themes: list[Piece], one_step: RunConfig) -> None:
    third = Piece.of([Note(18 * i, 18, 50 + i * 5 % 23) for i in range(60)])
    run = hocket.fuse(*themes, third, config=one_step, takes=1)
    assert list(run.themes) == ["A", "B", "C"]
    assert set(run.measures[0].share) == {"A", "B", "C"}
    assert sum(run.takes[0].mix) == pytest.approx(1)


@pytest.mark.parametrize(
    "knobs", [{"turns": 0}, {"mix": 1.0}, {"key": "off"}, {"key": "F#m"}], ids=str
)
def test_ways_to_write(knobs: dict[str, Any], run_folder: Path, tmp_path: Path) -> None:
    run = hocket.more(run_folder, out=tmp_path / "more", takes=1, **knobs)
    keys = run.takes[0].piece.keys
    if knobs.get("key") == "off":
        assert keys == ()
    if knobs.get("key") == "F#m":
        assert [key[1:] for key in keys] == [(3, True)]
    assert run.takes[0].piece.notes


# More takes


def test_more_takes_are_numbered_on_and_leave_the_old_ones(
    run_folder: Path, tmp_path: Path
) -> None:
    before = files(run_folder)
    run = hocket.more(run_folder)
    after = files(run_folder)
    assert [take.place for take in run.takes] == [3, 4]
    new = {*files_of(3), *files_of(4)}
    assert after.keys() - before.keys() == new
    assert {name for name in before if after[name] != before[name]} == {"report.json"}
    report = json.loads(after["report.json"])
    assert sorted(entry["number"] for entry in report["takes"]) == [1, 2, 3, 4]
    assert report["takes"][:2] == json.loads(before["report.json"])["takes"]

    # Take 3 is take 3, asked for in one go or later.
    many = hocket.more(run_folder, out=tmp_path / "many", takes=4)
    assert sorted(take.number for take in many.takes) == [1, 2, 3, 4]
    notes = {take.number: take.piece.notes for take in many.takes}
    for entry in report["takes"]:
        assert read(run_folder / entry["file"]).notes == notes[entry["number"]]


def test_more_takes_with_other_knobs(run_folder: Path) -> None:
    run = hocket.more(run_folder, takes=1, bars=7, temperature=0.5, seed="B:2+A:3")
    (take,) = run.takes
    assert (take.number, take.seed, take.config.bars) == (3, "B:2+A:3", 7)


def test_weights_that_are_gone_torn_or_for_others_are_refused(
    run_folder: Path, themes: list[Piece], tmp_path: Path
) -> None:
    before = files(run_folder)

    def refused() -> str:
        changed = files(run_folder)
        with pytest.raises(HocketError) as caught:
            hocket.more(run_folder)
        assert "\n" not in str(caught.value)
        assert files(run_folder) == changed
        for name, data in before.items():
            (run_folder / name).write_bytes(data)
        return str(caught.value)

    (run_folder / "weights.safetensors").unlink()
    assert "weights.safetensors" in refused()
    data = before["weights.safetensors"]
    (run_folder / "weights.safetensors").write_bytes(data[:-1] + b"\xff")
    assert "torn or changed" in refused()
    (run_folder / "themes/B.mid").unlink()
    assert "themes are gone" in refused()
    (run_folder / "run.toml").write_bytes(b"rng = 'one'")
    assert "run.toml" in refused()
    write(themes[0].transposed(1), run_folder / "themes/C.mid")
    assert "themes" in refused()
    (run_folder / "themes/C.mid").unlink()
    (run_folder / "run.toml").unlink()
    assert "no run there" in refused()
    with pytest.raises(CheckpointError, match="no run there"):
        hocket.more(tmp_path / "nowhere")


# Stopped and resumed


@pytest.mark.parametrize("stop_after", [1, 5])
def test_a_resumed_run_is_the_undisturbed_one(
    stop_after: int, tiny_run: Path, theme_files: list[Path], tiny: RunConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    watcher = Watcher(stop_after)
    stopped = hocket.fuse(*theme_files, out=folder, config=tiny, reporter=watcher)
    assert stopped.stopped == ASKED
    assert stopped.takes == ()
    assert watcher.steps == list(range(1, stop_after + 1))
    assert sorted(files(folder)) == sorted({*EVERYTHING} - {*TAKES, "report.json"})
    at_hand = hocket.more(folder, out=tmp_path / "at hand", takes=1)
    assert len(at_hand.takes) == 1

    rest = Watcher()
    hocket.resume(folder, reporter=rest)
    assert rest.steps == list(range(stop_after + 1, tiny.training.max_steps + 1))
    here, there = files(tiny_run), files(folder)
    assert here.keys() == there.keys()
    for name in RESULTS:
        assert here[name] == there[name], name


def test_a_run_resumes_only_what_it_was(run_folder: Path) -> None:
    data = (run_folder / "themes/B.mid").read_bytes()
    write(read(run_folder / "themes/B.mid").transposed(1), run_folder / "themes/B.mid")
    with pytest.raises(CheckpointError, match="other themes"):
        hocket.resume(run_folder)
    (run_folder / "themes/B.mid").write_bytes(data)
    (run_folder / "training.safetensors").unlink()
    with pytest.raises(CheckpointError, match="nothing to resume"):
        hocket.resume(run_folder)


def test_resuming_a_finished_run_writes_its_takes_again(run_folder: Path) -> None:
    before = files(run_folder)
    watcher = Watcher()
    hocket.resume(run_folder, reporter=watcher)
    assert watcher.steps == []
    after = files(run_folder)
    assert [name for name in RESULTS if after[name] != before[name]] == []


def test_settings_of_takes_are_kept_by_a_resumed_run(
    run_folder: Path, theme_files: list[Path], tiny: RunConfig
) -> None:
    run = hocket.resume(run_folder, takes=1, bars=7, temperature=0.5, seed="B:2+A:3", minutes=2.0)
    assert (run.takes[0].seed, run.takes[0].config.bars) == ("B:2+A:3", 7)
    kept = loads((run_folder / "run.toml").read_text(encoding="utf-8"))
    assert kept == run.config
    assert (kept.generation.takes, kept.opening.seed, kept.training.minutes) == (1, "B:2+A:3", 2)
    report = json.loads((run_folder / "report.json").read_bytes())
    assert [entry["file"] for entry in report["takes"]] == ["take-01.mid", "take-02.mid"]


@pytest.mark.parametrize(
    "knobs",
    [
        {"width": 16},
        {"sees_themes": False},
        {"memory": False},
        {"max_steps": 100},
        {"learning_rate": 0.5},
        {"device": "cpu"},
        {"pedal": True},
    ],
    ids=str,
)
def test_settings_that_can_change_nothing_are_refused(
    knobs: dict[str, Any], run_folder: Path, tmp_path: Path
) -> None:
    before = files(run_folder)
    flag = "--" + next(iter(knobs)).replace("_", "-")
    for go_on in (hocket.resume, hocket.more):
        with pytest.raises(ConfigError, match=f"^{flag}: "):
            go_on(run_folder, **knobs)
    with pytest.raises(ConfigError, match=f"^{flag}: "):
        hocket.more(run_folder, out=tmp_path / "more", **knobs)
    with pytest.raises(ConfigError, match=r"^--rng: "):
        hocket.resume(run_folder, rng=7)
    with pytest.raises(ConfigError, match=r"^--minutes: "):
        hocket.more(run_folder, minutes=1.0)
    assert files(run_folder) == before
    assert not (tmp_path / "more").exists()


def test_a_report_says_all_its_takes_and_why_learning_ended(run_folder: Path) -> None:
    before = json.loads((run_folder / "report.json").read_bytes())
    run = hocket.more(run_folder, takes=1, temperature=2.0)
    after = json.loads((run_folder / "report.json").read_bytes())
    assert after["learned"] == before["learned"]
    assert run.stopped == before["learned"]["stopped"] == OUT_OF_STEPS
    known = [entry["measures"]["known"] for entry in after["takes"]]
    assert len(known) == 3
    assert after["medians"]["known"] == statistics.median(known)
    (run_folder / "report.json").write_text('{"takes": [{"file": "take-01.mid"}]}', "utf-8")
    hocket.more(run_folder, takes=1)
    (entry,) = json.loads((run_folder / "report.json").read_bytes())["takes"]
    assert entry["number"] == 4


def test_without_held_out_bars_all_steps_are_taken(
    theme_files: list[Path], tiny: RunConfig, tmp_path: Path
) -> None:
    run = hocket.fuse(
        *theme_files, out=tmp_path, config=tiny, held_out=0.0, check_every=1, patience=1, takes=1
    )
    assert (run.held_out, run.stopped) == (None, OUT_OF_STEPS)
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["learned"] == {"held_out": None, "stopped": OUT_OF_STEPS}
    more = hocket.more(tmp_path, takes=1)
    assert (more.held_out, more.stopped) == (None, OUT_OF_STEPS)


def test_knobs_of_the_mix_that_a_network_cannot_see_are_said(
    themes: list[Piece], one_step: RunConfig
) -> None:
    blind = replace(one_step, model=replace(one_step.model, sees_themes=False))
    for knobs, heard in (({}, False), ({"mix": 0.9}, True), ({"turns": 0}, True)):
        watcher = Watcher()
        hocket.fuse(*themes, config=blind, takes=1, reporter=watcher, **knobs)
        assert any("sees_themes is off" in line for line in watcher.said) == heard
    watcher = Watcher()
    hocket.fuse(*themes, config=one_step, takes=1, turns=0, reporter=watcher)
    assert not any("sees_themes is off" in line for line in watcher.said)

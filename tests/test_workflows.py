"""Whole runs, tiny ones: what is written, that it is the same each time, and how a run goes on."""

from __future__ import annotations

import errno
import json
import shutil
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import hocket
from hocket import runs
from hocket.analysis import measure
from hocket.config import RunConfig, loads
from hocket.errors import CheckpointError, ConfigError, HocketError, ScoreError
from hocket.music import Key, Meter, Note, Part, Piece, Tempo
from hocket.reporter import Silent
from hocket.runs import Run
from hocket.scores import read, write
from hocket.scores.midi import midi_bytes, read_midi
from hocket.sources import learnable
from hocket.tokens import simplify
from hocket.training import ASKED, Progress
from hocket.training.loop import OUT_OF_STEPS

SETTLED = ("run.toml", "themes/A.mid", "themes/B.mid", "weights.safetensors", "weights.toml")
TAKES = ("take-01.mid", "take-01.png", "take-02.mid", "take-02.png")
RESULTS = (*TAKES, *SETTLED, "report.json", "loss.png")
EVERYTHING = (*RESULTS, "training.safetensors")


class Watcher(Silent):
    """Notes what it hears, and asks to stop after some step."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.said: list[str] = []
        self.steps: list[int] = []
        self.bars: list[tuple[float, int]] = []
        self._stop_after = stop_after

    def say(self, text: str) -> None:
        self.said.append(text)

    def learning(self, progress: Progress) -> None:
        self.steps.append(progress.step)

    def writing(self, bars: float, of: int) -> None:
        self.bars.append((bars, of))

    def should_stop(self) -> bool:
        return self._stop_after is not None and len(self.steps) + 1 >= self._stop_after


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture
def run_folder(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny run, to be written to."""
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


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
    assert [take.number for take in run.takes] == [1, 2]
    for take, measures in zip(run.takes, run.measures, strict=True):
        piece = read(run.folder / f"take-{take.number:02d}.mid")
        for name in ("notes", "meters", "tempos", "keys", "title"):
            assert getattr(piece, name) == getattr(take.piece, name), name
        assert take.piece.meters == (themes[0].main_meter,)
        assert len(take.piece.bars()) <= tiny.generation.bars
        assert themes[1].main_tempo.microseconds < piece.main_tempo.microseconds
        assert piece.main_tempo.microseconds < themes[0].main_tempo.microseconds
        assert len(take.ids) == len(take.log_probs)
        assert measures == measure(take.piece, run.themes)
        assert take.rng == tiny.rng
        assert take.config == tiny.generation
        assert (run.folder / f"take-{take.number:02d}.png").read_bytes().startswith(b"\x89PNG")
    assert list(run.themes) == ["A", "B"]
    assert [theme.notes for theme in run.themes.values()] == [theme.notes for theme in themes]
    for letter, theme in zip("AB", themes, strict=True):
        assert read(run.folder / f"themes/{letter}.mid") == run.themes[letter] == theme


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
        assert read(tiny_run / f"take-{take.number:02d}.mid") == take.piece


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
    assert [take.number for take in run.takes] == [3, 4]
    new = {f"take-0{n}.{kind}" for n in (3, 4) for kind in ("mid", "png")}
    assert after.keys() - before.keys() == new
    assert {name for name in before if after[name] != before[name]} == {"report.json"}
    report = json.loads(after["report.json"])
    assert [entry["number"] for entry in report["takes"]] == [1, 2, 3, 4]
    assert report["takes"][:2] == json.loads(before["report.json"])["takes"]

    # Take 3 is take 3, asked for in one go or later.
    many = hocket.more(run_folder, out=tmp_path / "many", takes=4)
    there = files(tmp_path / "many")
    assert [take.number for take in many.takes] == [1, 2, 3, 4]
    for name in (*TAKES, *new):
        assert there[name] == after[name], name


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
    with pytest.raises(CheckpointError, match="other themes, settings"):
        hocket.resume(run_folder, key="F#m")
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
    assert [entry["number"] for entry in report["takes"]] == [1, 2]


@pytest.mark.parametrize(
    "knobs",
    [
        {"width": 16},
        {"theme": False},
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
    blind = replace(one_step, model=replace(one_step.model, theme=False))
    for knobs, heard in (({}, False), ({"mix": 0.9}, True), ({"turns": 0}, True)):
        watcher = Watcher()
        hocket.fuse(*themes, config=blind, takes=1, reporter=watcher, **knobs)
        assert any("theme is off" in line for line in watcher.said) == heard
    watcher = Watcher()
    hocket.fuse(*themes, config=one_step, takes=1, turns=0, reporter=watcher)
    assert not any("theme is off" in line for line in watcher.said)


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
    assert sorted(n for n in after if n.startswith("take")) == ["take-01.mid", "take-01.png"]
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
    assert sorted(f.name for f in (tmp_path / "themes").iterdir()) == ["A.mid", "B.mid"]


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
    assert after.keys() - before.keys() == {"take-03.mid", "take-03.png"}
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


# What is learned is what is saved

_tick = st.integers(0, 300)
_rough_notes = st.lists(
    st.builds(
        Note,
        _tick,
        st.integers(1, 60),
        st.integers(58, 64) | st.integers(0, 127),
        st.integers(1, 127),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=60,
)
rough_pieces = st.builds(
    Piece.of,
    _rough_notes,
    parts=st.just((Part("Left"), Part("Right", 19))),
    meters=st.lists(
        st.builds(Meter, _tick, st.integers(1, 13), st.sampled_from([2, 4, 8, 16])), max_size=3
    ),
    tempos=st.lists(st.builds(Tempo, _tick, st.integers(200_000, 2_000_000)), max_size=3),
    keys=st.lists(st.builds(Key, _tick, st.integers(-7, 7), st.booleans()), max_size=3),
    title=st.text(max_size=12) | st.sampled_from(["Tempo Track", "\udcff\x1b[31m"]),
)
"""Off the grid, notes of one pitch inside each other, changes at one tick, odd titles."""


@given(rough_pieces)
@hypothesis_settings(max_examples=150, deadline=None)
def test_a_theme_is_what_can_be_learned_and_kept(piece: Piece) -> None:
    theme = learnable(piece)
    assert learnable(theme) == theme
    assert read_midi(midi_bytes(theme), "theme", pedal=False, notated=True)[0] == theme
    said = simplify(theme)
    assert (said.notes, said.meters) == (theme.notes, theme.meters)
    assert {note.pitch for note in theme.notes} <= {n.pitch for n in simplify(piece).notes}


@given(st.lists(rough_pieces, min_size=2, max_size=3))
@hypothesis_settings(max_examples=20, deadline=None)
def test_saved_themes_are_the_themes(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[Piece]
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    themes = dict(zip("ABC", map(learnable, pieces), strict=False))
    runs.save_settings(folder, RunConfig(), themes)
    assert runs.load_settings(folder) == (RunConfig(), themes)


def test_a_piece_on_the_grid_stays_what_it_is(themes: list[Piece]) -> None:
    assert [learnable(theme) for theme in themes] == themes


def test_rough_themes_are_resumed(themes: list[Piece], one_step: RunConfig, tmp_path: Path) -> None:
    def rough(piece: Piece) -> Piece:
        """Shift every other onset off the grid, and strike some pitches inside themselves."""
        notes = [note._replace(start=note.start + i % 2 * 5) for i, note in enumerate(piece.notes)]
        inner = [note._replace(start=note.start + 7, duration=4) for note in piece.notes[::3]]
        return replace(piece, notes=tuple(sorted(notes + inner)))

    run = hocket.fuse(*map(rough, themes), out=tmp_path, config=one_step)
    assert run.folder is not None
    before = files(tmp_path)
    assert hocket.resume(tmp_path).themes == run.themes
    assert [name for name in RESULTS if files(tmp_path)[name] != before[name]] == []


@pytest.mark.parametrize("part", [-1, 1])
def test_notes_without_a_part_are_refused(
    part: int, themes: list[Piece], tiny: RunConfig, tmp_path: Path
) -> None:
    lost = replace(themes[1], notes=tuple(note._replace(part=part) for note in themes[1].notes))
    with pytest.raises(ScoreError, match=r"Turn: .* is in no part"):
        hocket.fuse(themes[0], lost, config=tiny)
    with pytest.raises(ScoreError, match="is in no part"):
        write(lost, tmp_path / "lost.mid")


def test_a_metre_without_a_tick_is_refused() -> None:
    for meter in (Meter(0, 1, 128), Meter(0, 0, 4), Meter(0, 4, 0), Meter(0, -3, 4)):
        with pytest.raises(ScoreError, match="shorter than a tick"):
            Piece.of([Note(0, 24, 60)], meters=[meter])

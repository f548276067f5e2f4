"""The command line, in this process and in others: exit codes, one line for an error, no torch."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import files, files_of
from hocket import cli, knobs, workflows
from hocket.config import dumps, loads, replaced
from hocket.music import Note, Piece
from hocket.scores import smf, write
from hocket.scores.midi import midi_bytes

RUN_CLI = "import sys; from hocket.cli import main; sys.exit(main(sys.argv[1:]))"
NO_TORCH = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is not here")
sys.meta_path.insert(0, Blocked())
"""
CONTRACT = {"cover16", "longest", "known", "share", "in_key", "switches"}


def python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def usage_error(*arguments: str | Path) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    assert caught.value.code == 2


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that fails, and return the one line on standard error."""

    def run(*arguments: str | Path) -> str:
        assert cli.main([str(a) for a in arguments]) == 1
        said = capsys.readouterr()
        assert said.err.startswith("hocket: ")
        assert said.err.count("\n") == 1
        assert "Traceback" not in said.err
        return said.err

    return run


# Fusing


def test_fuse_shows_what_it_made(
    theme_files: list[Path],
    tiny_toml: Path,
    tiny_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert (
        cli.main(["fuse", *map(str, theme_files), "-o", str(out), "--config", str(tiny_toml)]) == 0
    )
    shown = capsys.readouterr().out
    assert "take-01" in shown
    assert "take-02" in shown
    assert "A is Walk" in shown
    assert str(out) in shown
    there, here = files(tiny_run), files(out)
    assert here.keys() == there.keys()
    for name in ("take-01.mid", "take-02.png", "report.json", "run.toml", "weights.safetensors"):
        assert here[name] == there[name]


def test_from_goes_on_numbering(
    tiny_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    before = files(run)
    assert cli.main(["fuse", "--from", str(run), "--takes", "1", "--turns", "0"]) == 0
    assert "take-03" in capsys.readouterr().out
    after = files(run)
    assert after.keys() - before.keys() == set(files_of(3))
    assert {name for name in before if before[name] != after[name]} == {"report.json"}


def test_every_knob_is_an_option(tiny_toml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["fuse", "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    for _, section in knobs.SECTIONS:
        for name in section.__dataclass_fields__:
            if name not in ("model", "training", "opening", "generation"):
                assert f"--{name.replace('_', '-')} " in shown or f"--no-{name}" in shown


def test_options_set_knobs_over_a_file(
    theme_files: list[Path], tiny_toml: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    knobs = ["--max-steps", "1", "--takes", "1", "--no-place", "--bars", "5", "--longest-note", "2"]
    themes = [str(f) for f in theme_files]
    assert cli.main(["fuse", *themes, "-o", str(out), "--config", str(tiny_toml), *knobs]) == 0
    wanted = {"max_steps": 1, "takes": 1, "place": False, "bars": 5, "longest_note": 2.0}
    tiny = loads(tiny_toml.read_text(encoding="utf-8"))
    assert loads((out / "run.toml").read_text(encoding="utf-8")) == replaced(tiny, wanted)


# Looking


def test_check_prints_json_of_the_contract(
    theme_files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    walk, turn = map(str, theme_files)
    assert cli.main(["check", walk, "--against", walk, turn, "--json"]) == 0
    said = capsys.readouterr()
    measures = json.loads(said.out)
    assert set(measures) >= CONTRACT
    assert measures["cover16"] == measures["known"] == 1
    assert measures["share"] == {"A": 1, "B": 0}
    assert said.err == ""
    assert cli.main(["check", turn, "--against", walk, turn]) == 0
    table = capsys.readouterr().out
    assert "cover16" in table
    assert "turn.mid" in table


def test_tokens_are_printed_by_instants(
    theme_files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["tokens", str(theme_files[0])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == "1:0 START METER 4/4 NOTE_ON 48 NOTE_ON 60 DUR 24"
    assert lines[-1].split()[-1] == "END"
    assert [line.split()[0] for line in lines[:5]] == ["1:0", "1:24", "1:48", "1:72", "2:0"]


# Errors


def test_themes_that_are_none(
    theme_files: list[Path], tiny_toml: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    walk = theme_files[0]
    bad = tmp_path / "bad"
    bad.mkdir()
    write(Piece.of([Note(0, 24, 60)]), bad / "one.mid")
    drums = smf.track_bytes([(0, b"\x99\x24\x50"), (9, b"\x89\x24\x00")])
    (bad / "drums.mid").write_bytes(smf.join(smf.Tracks(0, 480, (drums,))))
    (bad / "text.mid").write_text("not music", encoding="utf-8")
    (bad / "torn.mid").write_bytes(walk.read_bytes()[:-9])
    shutil.copy(walk, bad / "again.mid")
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    cases: dict[str, list[Path | str]] = {
        "1 themes given": [walk],
        "0 themes given": [],
        "the same notes": [walk, walk],
        "themes A and B": [walk, bad / "again.mid"],
        "only 1 note": [walk, bad / "one.mid"],
        "only drums": [bad / "drums.mid", walk],
        "not a MIDI file": [walk, bad / "text.mid"],
        "truncated": [walk, bad / "torn.mid"],
        "no such file": [walk, bad / "missing.mid"],
        "no score files in this folder": [walk, tmp_path / "empty"],
        "no single demo theme": [walk, "demo:nobody"],
    }
    for words, themes in cases.items():
        assert words in refused("fuse", *themes, "-o", out, "--config", tiny_toml)
        assert not out.exists()


def test_a_folder_of_which_nothing_can_be_used(
    theme_files: list[Path], tiny_toml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left out of a folder is said, and then that nothing is left."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/text.mid").write_text("not music", encoding="utf-8")
    write(Piece.of([Note(0, 24, 60)]), tmp_path / "bad/one.mid")
    words = ["fuse", str(theme_files[0]), str(tmp_path / "bad"), "--config", str(tiny_toml)]
    assert cli.main([*words, "-o", str(tmp_path / "out")]) == 1
    *remarks, last = capsys.readouterr().err.splitlines()
    assert [remark.partition(":")[0] for remark in remarks] == ["left out"] * 2
    assert last == f"hocket: {tmp_path / 'bad'}: none of 2 files can be used"
    assert not (tmp_path / "out").exists()


def test_settings_that_are_none(
    theme_files: list[Path], tiny_toml: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    out = tmp_path / "out"
    torn = tmp_path / "torn.toml"
    torn.write_text("[generation\n", encoding="utf-8")
    settings: list[tuple[str, list[str | Path]]] = [
        ("cannot be read as settings", ["--config", tmp_path / "none.toml"]),
        ("not TOML", ["--config", torn]),
        ("choose one", ["--config", tiny_toml, "--preset", "classic"]),
        ("is no key", ["--config", tiny_toml, "--key", "H"]),
        ("write it as A:5-6+B:1-2", ["--config", tiny_toml, "--seed", "A5"]),
        ("--from goes on with what a run has; leave out themes", ["--from", tmp_path]),
        ("--resume goes on with what a run has in the", ["--resume", tmp_path]),
    ]
    for words, options in settings:
        assert words in refused("fuse", *theme_files, "-o", out, *options)
        assert not out.exists()


def test_runs_that_are_none(
    tiny_run: Path, tmp_path: Path, theme_files: list[Path], refused: Callable[..., str]
) -> None:
    assert "no run there" in refused("fuse", "--from", tmp_path)
    assert "no run there" in refused("fuse", "--resume", tmp_path / "none")
    assert "own folder" in refused("fuse", "--resume", tiny_run, "-o", tmp_path)
    assert "leave out --resume" in refused("fuse", "--from", tiny_run, "--resume", tiny_run)
    assert "leave out --preset" in refused("fuse", "--from", tiny_run, "--preset", "classic")
    assert "leave out --overwrite" in refused("fuse", "--from", tiny_run, "--overwrite")
    assert "leave out --overwrite" in refused("fuse", "--resume", tiny_run, "--overwrite")
    assert "--width: nothing is" in refused("fuse", "--from", tiny_run, "--width", "64")
    assert "--pedal: nothing is" in refused("fuse", "--from", tiny_run, "--pedal")
    assert "--batch: a resumed run" in refused("fuse", "--resume", tiny_run, "--batch", "3")
    assert "cannot be looked at" in refused("fuse", "--from", tmp_path / ("n" * 300))
    assert "too long" in refused("fuse", *theme_files, "-o", tmp_path / ("n" * 300))
    before = files(tiny_run)
    assert "--overwrite" in refused("fuse", *theme_files, "-o", tiny_run)
    assert files(tiny_run) == before
    assert "no such file" in refused("check", tmp_path / "x.mid", "--against", theme_files[0])
    assert "no such file" in refused("tokens", tmp_path / "x.mid")


def test_a_folder_that_cannot_be_made(
    theme_files: list[Path], tiny_toml: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    refused("fuse", *theme_files, "-o", tmp_path / "file", "--config", tiny_toml)
    refused("fuse", *theme_files, "-o", tmp_path / "file" / "out", "--config", tiny_toml)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_debug_shows_the_trace(tmp_path: Path) -> None:
    from hocket.errors import ScoreError

    with pytest.raises(ScoreError):
        cli.main(["tokens", str(tmp_path / "x.mid"), "--debug"])


def test_wrong_usage_exits_2(theme_files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    usage_error()
    usage_error("play")
    usage_error("fuse", *theme_files, "--loudness", "3")
    usage_error("fuse", *theme_files, "--takes", "many")
    usage_error("fuse", *theme_files, "--preset", "baroque")
    capsys.readouterr()
    for option, value, words in (
        ("--takes", "0", "0 is too small; the least is 1"),
        ("--takes", "2000", "2000 is too large; the most is 1024"),
        ("--takes", "1.5", "'1.5' is not a value of type int"),
        ("--rng", str(2**64), "is too large"),
        ("--mix", "nan", "nan is too small"),
        ("--device", "tpu", "'tpu' is none of cpu, cuda"),
    ):
        usage_error("fuse", *theme_files, option, value)
        last = capsys.readouterr().err.splitlines()[-1]
        assert f"argument {option}: " in last
        assert words in last
    usage_error("check", theme_files[0])
    usage_error("tokens")
    assert "usage: hocket" in capsys.readouterr().err


def test_version_and_help_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["--help"], ["check", "--help"], ["tokens", "--help"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0
        assert "hocket" in capsys.readouterr().out


def test_the_help_says_bounds_and_one_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["fuse", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "(1 to 1024; default: 4)" in shown
    assert "(cpu or cuda; default: cpu)" in shown
    assert "keeping it as a pedal (default: off)" in shown
    assert "default: it is" not in shown


def test_any_failing_disk_is_one_line(
    theme_files: list[Path], refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(workflows, "tokens", fail)
    assert "Input/output error" in refused("tokens", theme_files[0])


# In processes of their own


def test_importing_hocket_imports_nothing_heavy() -> None:
    code = """
import sys, hocket, hocket.cli
try:
    hocket.cli.main(["fuse", "--help"])
except SystemExit:
    pass
heavy = {"torch", "symusic", "matplotlib", "numpy", "verovio", "safetensors"} & set(sys.modules)
print("heavy:", sorted(heavy))
"""
    done = python(code)
    assert done.stdout.splitlines()[-1] == "heavy: []", done.stderr


def test_a_machine_without_torch_writes_and_checks_takes(
    tiny_run: Path, theme_files: list[Path], tmp_path: Path
) -> None:
    code = (
        NO_TORCH
        + """
from hocket.cli import main
run, more, take, *themes = sys.argv[1:]
assert main(["fuse", "--from", run, "-o", more]) == 0
assert main(["check", take, "--against", *themes, "--json"]) == 0
assert main(["tokens", take]) == 0
assert not [name for name in sys.modules if name.partition(".")[0] == "torch"]
try:
    import torch
except ImportError:
    print("no torch")
"""
    )
    take = tiny_run / "take-01.mid"
    done = python(code, tiny_run, tmp_path / "more", take, *theme_files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "no torch"
    assert (tmp_path / "more/take-01.mid").read_bytes() == take.read_bytes()


def test_a_run_in_a_process_of_its_own_gives_the_same_bytes(
    theme_files: list[Path], tiny_toml: Path, tiny_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = python(RUN_CLI, "fuse", *theme_files, "-o", out, "--config", tiny_toml)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    here, there = files(out), files(tiny_run)
    for name in there.keys() - {"training.safetensors"}:
        assert here[name] == there[name], name


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_the_first_interrupt_keeps_what_was_learned(
    theme_files: list[Path], tiny_toml: Path, tmp_path: Path
) -> None:
    endless = replaced(
        loads(tiny_toml.read_text(encoding="utf-8")),
        {"max_steps": 100_000, "check_every": 1000, "patience": 1000, "batch": 1},
    )
    (tmp_path / "endless.toml").write_text(dumps(endless), encoding="utf-8")
    out = tmp_path / "out"
    arguments = ["fuse", *theme_files, "-o", out, "--config", tmp_path / "endless.toml"]
    with subprocess.Popen(
        [sys.executable, "-c", RUN_CLI, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            heard = next(line for line in process.stdout if "learning: step" in line)
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "step 100 " in heard
    assert process.returncode == cli.INTERRUPTED == 130
    assert "Traceback" not in errors
    assert f"--from {out}" in rest
    names = {path.name for path in out.iterdir()}
    assert {"run.toml", "weights.safetensors", "training.safetensors"} <= names
    assert not {name for name in names if name.startswith(("take", "."))}
    assert cli.main(["fuse", "--from", str(out), "--takes", "1"]) == 0
    assert (out / "take-01.mid").exists()


@pytest.mark.skipif(os.name == "nt", reason="a pipe of another kind")
def test_a_reader_that_goes_away_is_no_error(theme_files: list[Path]) -> None:
    """As in `hocket tokens a.mid | head -1`."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN_CLI, "tokens", str(theme_files[0])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=60)
    assert errors == ""
    assert process.returncode == cli.READER_GONE


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_names_that_are_no_text_and_terminals_that_know_little(
    theme_files: list[Path], tiny_toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file name in Latin-1, escape sequences in a title, PYTHONIOENCODING=ascii."""
    from hocket import scores

    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    odd = tmp_path / os.fsdecode(b"bad\xff\x1b[31m.mid")
    walk = scores.read(theme_files[0])
    odd.write_bytes(midi_bytes(replace(walk, title="")))
    write(replace(scores.read(theme_files[1]), title="\x1b]0;Owned\x07… Aïr"), tmp_path / "b.mid")
    out = tmp_path / "out"
    settings = ("--config", tiny_toml, "--max-steps", "1", "--takes", "1")
    done = python(RUN_CLI, "fuse", odd, tmp_path / "b.mid", "-o", out, *settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert "A is bad?[31m" in done.stdout
    assert "B is ]0;Owned? A?r" in done.stdout
    assert "\x1b" not in done.stdout
    assert json.loads((out / "report.json").read_bytes())["themes"]["A"]["title"] == "bad?[31m"
    assert python(RUN_CLI, "check", odd, "--against", odd).returncode == 0
    done = python(RUN_CLI, "tokens", os.fspath(odd) + "x")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "\x1b" not in done.stderr

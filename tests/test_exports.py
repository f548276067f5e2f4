"""The verbs that hand a piece on: render, engrave, draw, page and model, by hand and in Python."""

from __future__ import annotations

import shutil
import wave
from collections import Counter
from pathlib import Path

import pytest

import hocket
from hocket import exports
from hocket.cli import main
from hocket.errors import CheckpointError, ConfigError, ScoreError
from hocket.music import Note, Part, Piece
from hocket.scores import write as write_midi


@pytest.fixture(autouse=True)
def no_samples(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is installed on the machine, the computed piano plays."""
    monkeypatch.setenv("HOCKET_SOUNDS", str(tmp_path / "none"))


@pytest.fixture
def take(tiny_run: Path) -> str:
    return str(tiny_run / "take-01.mid")


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "ogg"])
def test_render_writes_audio(
    take: str, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"x.{kind}"
    assert main(["render", take, "-o", str(out), "--rate", "22050", "--room", "hall"]) == 0
    assert out.stat().st_size > 10_000
    said = capsys.readouterr().out
    assert str(out) in said
    assert "hocket's own piano (embedded)" in said


def test_render_is_the_same_by_hand_and_in_python(take: str, tmp_path: Path) -> None:
    assert main(["render", take, "-o", str(tmp_path / "a.wav"), "--engine", "embedded"]) == 0
    sound = hocket.render(take, out=tmp_path / "b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(sound.seconds)


def test_other_instruments_are_played_as_piano_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    band = Piece.of([Note(0, 24, 60), Note(0, 24, 72, part=1)], parts=[Part("", 0), Part("", 56)])
    write_midi(band, tmp_path / "band.mid")
    assert main(["render", str(tmp_path / "band.mid"), "-o", str(tmp_path / "x.wav")]) == 0
    assert "1 part for another instrument is played by the piano" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["musicxml", "svg", "pdf", "png"])
def test_engrave_writes_scores(
    take: str, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"x.{suffix}"
    assert main(["engrave", take, "-o", str(out)]) == 0
    assert capsys.readouterr().out.split() == [str(out)]
    assert out.exists()


def test_engrave_colours_notes_by_theme(take: str, theme_files: list[Path], tmp_path: Path) -> None:
    assert hocket.engrave(take, out=tmp_path / "a.svg", against=theme_files) == [tmp_path / "a.svg"]
    coloured = (tmp_path / "a.svg").read_text(encoding="utf-8")
    hocket.engrave(take, out=tmp_path / "b.svg")
    plain = (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert "#0072B2" in coloured or "#E69F00" in coloured
    assert "#0072B2" not in plain


def test_a_take_written_as_a_score_is_read_back(take: str, tmp_path: Path) -> None:
    hocket.engrave(take, out=tmp_path / "x.musicxml")
    there, here = hocket.read(tmp_path / "x.musicxml"), hocket.read(take)
    assert Counter(n[:3] for n in there.notes) == Counter(n[:3] for n in here.notes)


@pytest.mark.parametrize("what", exports.DRAWINGS)
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_draw_draws(
    take: str, theme_files: list[Path], tmp_path: Path, what: str, suffix: str
) -> None:
    out = tmp_path / f"x.{suffix}"
    themes = ["--against", *map(str, theme_files)]
    assert main(["draw", take, "-o", str(out), "--what", what, *themes]) == 0
    assert out.stat().st_size > 5_000


def test_model_tells_and_draws_what_weights_are_made_of(
    tiny_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["model"]) == 0
    assert "4,268,814" in capsys.readouterr().out
    assert main(["model", str(tiny_run), "--plot", str(tmp_path / "x.svg")]) == 0
    assert "LSTM 2" in capsys.readouterr().out
    assert b"<svg" in (tmp_path / "x.svg").read_bytes()
    monkeypatch.chdir(tmp_path)
    assert main(["model", "--plot"]) == 0
    assert (tmp_path / "model.png").exists()


def test_write_takes_any_kind(take: str, tmp_path: Path) -> None:
    piece = hocket.read(take)
    for name in ("x.mid", "x.musicxml", "x.pdf", "x.wav"):
        hocket.write(piece, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 100
    with pytest.raises(ScoreError, match=r"cannot write \.doc"):
        hocket.write(piece, tmp_path / "x.doc")


def test_demo_themes_can_be_read() -> None:
    assert hocket.read("demo:elise").title.startswith("Für Elise")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["render", "{take}", "-o", "{out}/x.doc"], "audio is written as .wav, .mp3, .flac, .ogg"),
        (["render", "{out}/no.mid", "-o", "{out}/x.wav"], "no such file"),
        (["render", "{take}", "-o", "{out}/x.wav", "--soundfont", "{out}/x.sf2"], "no such file"),
        (["render", "{take}", "-o", "{out}/x.wav", "--engine", "vst"], "vst"),
        (["render", "{take}", "-o", "{out}/x.wav", "--kbps", "64"], "MP3 alone has a bit rate"),
        (["render", "{take}", "-o", "{out}/no/x.wav"], "the folder does not exist"),
        (["engrave", "{take}", "-o", "{out}/x.doc"], "a score is written as .musicxml"),
        (["engrave", "{take}", "-o", "{out}/x"], "a score is written as .musicxml"),
        (["draw", "{take}", "-o", "{out}/x.jpg"], "pictures are .png or .svg"),
        (["draw", "{take}", "-o", "{out}/x.png", "--what", "origins"], "name them with --against"),
        (["page", "{out}"], "no run there"),
        (["model", "{out}"], "not there; give a folder"),
        (["model", "{out}/x.theme"], "x.theme"),
        (["model", "--plot", "{out}/x.gif"], "pictures are .png or .svg"),
    ],
)
def test_refusals_are_one_line(
    take: str, tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [word.format(take=take, out=tmp_path) for word in words]
    assert main(filled) == 1
    said = capsys.readouterr().err
    assert said.startswith("hocket: ")
    assert said.count("\n") == 1
    assert says in said
    assert list(tmp_path.iterdir()) == []


def test_a_theme_of_another_base_model_is_refused(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hocket.model import theme

    other = theme.ThemeFile("x", (b"",), {}, "another", (), 1, None, None, "")
    file = tmp_path / "x.theme"
    file.write_bytes(b"")
    monkeypatch.setattr(theme, "load", lambda _: other)
    with pytest.raises(CheckpointError, match="another base model"):
        exports.model(file)


def test_unknown_pictures_are_refused(take: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'cubes': no such picture"):
        exports.draw(take, out=tmp_path / "x.png", what="cubes")


def test_a_run_made_with_the_base_model_shows_that_model(tiny_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    for name in ("weights.safetensors", "weights.toml", "engine.onnx", "engine.safetensors"):
        (folder / name).unlink()
    assert "4,268,814" in exports.model(folder)

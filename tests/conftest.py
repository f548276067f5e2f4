"""Two tiny made-up themes, and one tiny run that many tests look at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as laws

from hocket import config as settings
from hocket.config import RunConfig
from hocket.generation.openings import Opening
from hocket.music import Key, Meter, Note, Piece, Tempo
from hocket.music.pitch import agreeing
from hocket.reporter import Silent
from hocket.scores import write
from hocket.tokens import VOCAB
from hocket.training import Progress

laws.register_profile("hocket", deadline=None)  # a first call may compile a kernel
laws.load_profile("hocket")

BROWSER = next(
    (p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), ""
)
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)

TINY = RunConfig(
    rng=3,
    start="nothing",
    model=settings.ModelConfig(
        layers=2, width=16, embedding=8, dropout=0.2, hidden=0.1, memory=True, sees_themes=True
    ),
    training=settings.TrainingConfig(
        minutes=5.0,
        batch=4,
        window=16,
        windows=3,
        learning_rate=3e-3,
        weight_decay=0.05,
        held_out=0.12,
        check_every=4,
        patience=8,
        max_steps=8,
        hockets=0.4,
        hocket_pieces=4,
        home_key=0.5,
        rebar=0.5,
        blend=0.2,
        forget=0.0,
    ),
    opening=settings.SeedConfig(seed=None, seed_bars=1, seeds=2, candidates=8),
    generation=settings.GenerationConfig(takes=2, bars=6, turns=2, page=False),
)
"""Every knob that a test leans on is said here, so that tuned defaults change no test."""


ENGINE = ("engine.onnx", "engine.safetensors")
LEARNED = ("weights.safetensors", "weights.toml", *ENGINE)
SETTLED = ("run.toml", "themes/A.mid", "themes/B.mid", "themes/sources.json", *LEARNED)


def files_of(take: int) -> list[str]:
    """Return the files of a take that was kept."""
    return [f"take-{take:02d}.{suffix}" for suffix in ("mid", "png", "why.safetensors")]


TAKES = (*files_of(1), *files_of(2))
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


def four_four() -> Piece:
    """Eight bars in C major, 4/4: quarters over half notes."""
    tune = (60, 64, 67, 72, 71, 67, 65, 62, 64, 65, 67, 69, 67, 65, 64, 62)
    notes = [Note(24 * i, 24, tune[i % 16] + 2 * (i // 16)) for i in range(32)]
    notes += [Note(48 * i, 48, (48, 43, 41, 43)[i % 4]) for i in range(16)]
    return Piece.of(notes, meters=[Meter(0, 4, 4)], tempos=[Tempo(0, 600_000)], title="Walk")


def three_four() -> Piece:
    """A pick-up and nine bars in G minor, 3/4: eighths over dotted halves."""
    tune = (67, 70, 74, 72, 70, 69, 67, 66, 67, 62, 63, 65, 67, 69, 70, 67, 65, 63)
    notes = [Note(0, 12, 62), Note(12, 12, 66)]
    notes += [Note(24 + 12 * i, 12, tune[(5 * i) % 18]) for i in range(54)]
    notes += [Note(24 + 72 * i, 72, (43, 50, 46)[i % 3]) for i in range(9)]
    meters = [Meter(0, 1, 4), Meter(24, 3, 4)]
    return Piece.of(
        notes, meters=meters, tempos=[Tempo(0, 400_000)], keys=[Key(0, -2, True)], title="Turn"
    )


def lettered(*themes: Piece) -> dict[str, Piece]:
    return dict(zip("ABC", agreeing(themes), strict=False))


def melody(*bars: str, bass: int | None = 48) -> Piece:
    """Return 4/4: a bar is `-` for none, `=` for four quarters, `o` for a chord held to the end."""
    notes: list[Note] = []
    for number, bar in enumerate(bars):
        tick = 96 * number
        if bar == "=":
            notes += [Note(tick + 24 * i, 24, 60 + (number + 2 * i) % 12) for i in range(4)]
            notes += [Note(tick, 96, bass)] if bass else []
        if bar == "o":
            until = next((i for i in range(number + 1, len(bars)) if bars[i] != "-"), len(bars))
            notes += [Note(tick, 96 * (until - number), pitch) for pitch in (55, 59, 62)]
    return Piece.of(notes)


def with_upbeat(theme: Piece, upbeat: Meter) -> Piece:
    begin = upbeat.bar_ticks
    notes = [note._replace(start=note.start + begin) for note in theme.notes]
    return Piece.of(
        [Note(0, begin, 67), *notes], meters=[upbeat, theme.main_meter._replace(tick=begin)]
    )


def length_of(opening: Opening) -> int:
    dur = VOCAB.families["DUR"]
    return sum(int(event) - dur.start + 1 for event in opening.ids if event in dur)


@pytest.fixture(scope="session")
def themes() -> list[Piece]:
    """Themes in 4/4, C major, and in 3/4, G minor."""
    return [four_four(), three_four()]


@pytest.fixture(scope="session")
def theme_files(themes: list[Piece], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The themes as MIDI files, never written to again."""
    folder = tmp_path_factory.mktemp("themes")
    files = [folder / "walk.mid", folder / "turn.mid"]
    for theme, file in zip(themes, files, strict=True):
        write(theme, file)
    return files


@pytest.fixture(scope="session")
def tiny() -> RunConfig:
    """Settings of a run that takes a second."""
    return TINY


@pytest.fixture(scope="session")
def tiny_toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same settings as a file, for the command line."""
    file = tmp_path_factory.mktemp("settings") / "tiny.toml"
    file.write_text(settings.dumps(TINY), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def tiny_run(theme_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: copy it before writing to it."""
    from hocket import fuse

    folder = tmp_path_factory.mktemp("run") / "out"
    fuse(*theme_files, out=folder, config=TINY)
    return folder


@pytest.fixture
def one_step(tiny: RunConfig) -> RunConfig:
    """Settings of a run that learns nothing to speak of."""
    return replace(tiny, training=replace(tiny.training, max_steps=1, check_every=1))


@pytest.fixture
def run_folder(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the tiny run, to be written to."""
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium of the system's; tests that want it skip where there is none."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=BROWSER, args=list(OPTIONS))
        yield chromium
        chromium.close()

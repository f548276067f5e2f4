"""What the benchmark of fusion works on, in small: tunes, chords, a corpus, takes of two pairs."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import hocket
from hocket.music import Meter, Note, Piece
from hocket.scores import write

FUSION = Path(__file__).parents[1] / "benchmarks" / "fusion"
LEARNED, OTHER = "inside/1-a.mid", "inside/5-a.mid"
"""Names of pieces of the half that the critic learns, and of the other."""


def a_piece(number: int, bars: int = 8, lowest: int = 60) -> Piece:
    """Return a tune in eighths of white keys with a bass, different for each number, in 3/4."""
    random = np.random.default_rng(number)
    steps = lowest + np.array([0, 2, 4, 5, 7, 9, 11, 12])[random.integers(8, size=6 * bars)]
    tune = [Note(12 * i, 12, int(pitch)) for i, pitch in enumerate(steps)]
    bass = [Note(72 * i, 72, 43 + 5 * int(random.integers(2))) for i in range(bars)]
    return Piece.of([*tune, *bass], meters=[Meter(0, 3, 4)])


def chords(number: int, bars: int = 8) -> Piece:
    """Return a chord a bar, of three neighbouring semitones."""
    random = np.random.default_rng(number)
    notes = [
        Note(72 * i, 60, int(bottom) + voice)
        for i, bottom in enumerate(random.integers(48, 72, size=bars))
        for voice in range(3)
    ]
    return Piece.of(notes, meters=[Meter(0, 3, 4)])


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what imports a script; torch keeps its threads and its chance."""
    monkeypatch.syspath_prepend(str(FUSION))
    threads, chance = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)

    def imported(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield imported
    torch.set_num_threads(threads)
    torch.set_rng_state(chance)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prepared corpus: two pieces of each half, and a short one."""
    folder = tmp_path_factory.mktemp("fusion")
    (folder / "inside").mkdir()
    for number, stem in enumerate(("1-a", "1-b", "5-a", "5-b")):
        write(a_piece(number, 40), folder / "inside" / f"{stem}.mid")
    write(a_piece(9), folder / "inside" / "short.mid")
    hocket.prepare(folder / "inside", out=folder / "corpus", workers=1)
    return folder / "corpus"


@pytest.fixture
def fusion(tmp_path: Path) -> Path:
    """Return what `fusion.py` leaves of two pairs, with two takes a contender."""
    for pair, who in itertools.product("12", ("hocket", "unranked", "recipe", "markov")):
        (tmp_path / pair / who).mkdir(parents=True)
        for take in range(2):
            written = a_piece(int(pair) + take) if who != "markov" else chords(int(pair) + take)
            write(written, tmp_path / pair / who / f"{take + 1:02d}.mid")
    for pair, theme in itertools.product("12", "AB"):
        write(a_piece(int(pair) + 20, 12), tmp_path / pair / f"{theme}.mid")
    return tmp_path

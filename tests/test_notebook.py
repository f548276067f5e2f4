"""What a notebook shows, and that the one in examples/ runs from top to bottom."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import TINY
from hocket import workflows
from hocket.errors import ScoreError
from hocket.music import Note, Piece, Tempo

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "fuse.ipynb"
SECONDS = 600


def test_a_piece_shows_a_roll_and_a_player(themes: list[Piece]) -> None:
    shown = themes[0]._repr_html_()
    assert "<svg" in shown
    found = re.search(r'<audio controls[^>]* src="data:audio/mpeg;base64,([^"]+)"', shown)
    assert found is not None
    assert len(base64.b64decode(found[1])) > 20_000
    assert shown == themes[0]._repr_html_()


def test_what_cannot_be_played_shows_its_roll(
    themes: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "<audio" not in Piece.of([])._repr_html_()
    slow = Piece.of([Note(0, 24 * 100, 60)], tempos=[Tempo(0, 4_000_000)])
    assert "too long for a player here" in slow._repr_html_()
    from hocket import audio

    def broken(piece: Piece) -> None:
        raise ScoreError("no <b>sound</b>")

    monkeypatch.setattr(audio, "render", broken)
    shown = themes[0]._repr_html_()
    assert "<svg" in shown
    assert "no player: no &lt;b&gt;sound&lt;/b&gt;" in shown


def test_a_take_and_a_run_show_their_notes_in_colours(theme_files: list[Path]) -> None:
    run = workflows.fuse(*theme_files, config=TINY, titles=["<i>", "Turn"])
    assert "<audio" in run.takes[0]._repr_html_()
    shown = run._repr_html_()
    assert shown.count("<audio") == len(run.takes)
    assert "A &lt;i&gt;" in shown
    assert "#B8B8B8" in shown  # something is new
    assert replace(run, takes=(), measures=())._repr_html_().count("<audio") == 0


def test_the_notebook_holds_no_results() -> None:
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    assert all(not cell.outputs for cell in book.cells if cell.cell_type == "code")
    assert NOTEBOOK.stat().st_size < 30_000


def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    book = nbformat.read(NOTEBOOK, as_version=4)
    monkeypatch.chdir(tmp_path)
    nbclient.NotebookClient(book, timeout=SECONDS, kernel_name="python3").execute()
    outputs = [out for cell in book.cells if cell.cell_type == "code" for out in cell.outputs]
    shown = [out["data"] for out in outputs if "data" in out]
    assert sum("<audio" in data.get("text/html", "") for data in shown) >= 2
    assert sum("image/png" in data for data in shown) >= 3
    assert {"take.mid", "take.musicxml", "take.mp3"} <= {f.name for f in tmp_path.iterdir()}
    assert (tmp_path / "out" / "index.html").exists()

"""The demo themes: they parse cleanly, fill their bars, and agree with free encodings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import symusic

from hocket.music.piece import TICKS_PER_QUARTER, Key, Meter, Piece
from hocket.scores.abc import read_abc

ROOT = Path(__file__).parents[1]
THEMES = ROOT / "src" / "hocket" / "assets" / "themes"
REFERENCES = ROOT.parent / "shared" / "data" / "demo-refs"


class Theme(NamedTuple):
    file: str
    reference: str
    bars: int
    notes: int
    parts: tuple[str, ...]
    meter: Meter
    key: Key
    melody: tuple[int, ...]  # the first notes of part 0
    written: tuple[int, ...]  # bars played, in the order in which the reference writes them


GYMNOPEDIE = Theme(
    "satie-gymnopedie-1.abc",
    "satie_gymnopedie1_PD.mid",
    78,
    455,
    ("Right hand", "Left hand"),
    Meter(0, 3, 4),
    Key(0, 2),
    (78, 81, 79, 78, 73, 71, 73, 74, 69, 66),
    (*range(39), *range(70, 78)),  # without the bars that the repeat plays again
)
MOONLIGHT = Theme(
    "beethoven-moonlight-1.abc",
    "beethoven_moonlight1_CC-BY-SA.mid",
    69,
    1144,
    ("Melody", "Triplets", "Bass"),
    Meter(0, 4, 4),
    Key(0, 4, True),
    (68, 68, 68, 68, 68, 68, 69, 68, 66, 71, 64),
    tuple(range(69)),
)
THEMES_BY_NAME = {"gymnopedie": GYMNOPEDIE, "moonlight": MOONLIGHT}
# (theme, written bar) -> why ours differs from the reference there; empty: it nowhere does.
DEVIATIONS: dict[tuple[str, int], str] = {}


def read(theme: Theme) -> Piece:
    piece, remarks = read_abc((THEMES / theme.file).read_text(encoding="utf-8"), theme.file)
    assert remarks == ()
    return piece


def events(piece: Piece, bar: range) -> set[tuple[int, int]]:
    return {(note.start - bar.start, note.pitch) for note in piece.notes if note.start in bar}


@pytest.fixture(params=list(THEMES_BY_NAME.values()), ids=list(THEMES_BY_NAME))
def theme(request: pytest.FixtureRequest) -> Theme:
    assert isinstance(request.param, Theme)
    return request.param


def test_every_theme_file_is_tested() -> None:
    assert {path.name for path in THEMES.glob("*.abc")} == {
        theme.file for theme in THEMES_BY_NAME.values()
    }


def test_facts(theme: Theme) -> None:
    piece = read(theme)
    assert tuple(part.name for part in piece.parts) == theme.parts
    assert piece.meters == (theme.meter,)
    assert piece.keys == (theme.key,)
    assert len(piece.bars()) == theme.bars >= 24
    assert len(piece.notes) == theme.notes
    melody = [note.pitch for note in piece.notes if note.part == 0]
    assert tuple(melody[: len(theme.melody)]) == theme.melody
    assert max(note.velocity for note in piece.notes) < 80


def test_every_written_bar_fills_its_metre_in_each_voice(theme: Theme) -> None:
    # The reader remarks on every layer of every bar that does not; but for upbeats and repeats.
    text = (THEMES / theme.file).read_text(encoding="utf-8")
    bare = text.replace("|:", "|").replace(":|", "|").replace("[1", "").replace("[2", "")
    piece, remarks = read_abc(bare, theme.file)
    assert remarks == ()
    assert piece.meters == (theme.meter,)
    assert piece.end == len(piece.bars()) * theme.meter.bar_ticks


def test_no_note_sounds_twice_at_once(theme: Theme) -> None:
    last: dict[tuple[int, int], int] = {}
    for note in read(theme).notes:
        assert note.start >= last.get((note.part, note.pitch), 0)
        last[note.part, note.pitch] = note.end


@pytest.mark.parametrize("name", THEMES_BY_NAME)
def test_agrees_with_a_free_encoding(name: str) -> None:
    theme = THEMES_BY_NAME[name]
    path = REFERENCES / theme.reference
    if not path.exists():
        pytest.skip(f"{theme.reference} is not here; it stays outside of the project")
    score: Any = symusic.Score(path)
    piece, length = read(theme), theme.meter.bar_ticks
    reference: list[set[tuple[int, int]]] = [set() for _ in theme.written]
    for track in score.tracks:
        for note in track.notes:
            ticks = round(note.start * TICKS_PER_QUARTER / score.ticks_per_quarter)
            reference[ticks // length].add((ticks % length, note.pitch))
    differing = {
        (name, index + 1)
        for index, bar in enumerate(theme.written)
        if events(piece, piece.bars()[bar]) != reference[index]
    }
    assert differing == {place for place in DEVIATIONS if place[0] == name}

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
    bars: int  # with the upbeat
    notes: int
    parts: tuple[str, ...]
    meters: tuple[Meter, ...]
    key: Key
    melody: tuple[int, ...]  # the first notes of part 0
    first: int  # the number of the first bar; 0 for an upbeat
    left_out: tuple[int, ...]  # numbers of bars played that the reference does not write again
    padding: tuple[tuple[str, str], ...]  # what makes an upbeat and the last bar full bars
    extra: dict[int, int]  # number of a bar -> ticks before it in the reference that we leave out


GYMNOPEDIE = Theme(
    file="satie-gymnopedie-1.abc",
    reference="satie_gymnopedie1_PD.mid",
    bars=78,
    notes=455,
    parts=("Right hand", "Left hand"),
    meters=(Meter(0, 3, 4),),
    key=Key(0, 2),
    melody=(78, 81, 79, 78, 73, 71, 73, 74, 69, 66),
    first=1,
    left_out=tuple(range(40, 71)),  # the repeat
    padding=(),
    extra={},
)
FUR_ELISE = Theme(
    file="beethoven-fur-elise.abc",
    reference="beethoven_fur_elise_PD.mid",
    bars=104,
    notes=894,
    parts=("Right hand", "Left hand"),
    meters=(Meter(0, 1, 8), Meter(12, 3, 8)),
    key=Key(0, 0, True),
    melody=(76, 75, 76, 75, 76, 71, 74, 72, 69),
    first=0,
    left_out=(),
    padding=(("!pp! ", "!pp! x4 "), (" |]", " x2 |]")),
    extra={8: 24, 22: 36},  # the first endings
)
THEMES_BY_NAME = {"gymnopedie": GYMNOPEDIE, "fur_elise": FUR_ELISE}
# (theme, number of the bar) -> why the onsets differ from the reference there; pitches never do.
DEVIATIONS = {
    ("fur_elise", 22): "the two grace notes before bar 23 stand in whole ticks",
    ("fur_elise", 26): "the grace note stands in whole ticks",
}


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
    assert piece.meters == theme.meters
    assert piece.keys == (theme.key,)
    assert len(piece.bars()) == theme.bars >= 24
    assert len(piece.notes) == theme.notes
    melody = [note.pitch for note in piece.notes if note.part == 0]
    assert tuple(melody[: len(theme.melody)]) == theme.melody
    assert max(note.velocity for note in piece.notes) < 80


def test_every_written_bar_fills_its_metre_in_each_voice(theme: Theme) -> None:
    # The reader remarks on every layer of every bar that does not; but for upbeats and repeats.
    bare = (THEMES / theme.file).read_text(encoding="utf-8")
    for old, new in (("|:", "|"), (":|", "|"), ("[1", ""), ("[2", ""), *theme.padding):
        bare = bare.replace(old, new)
    piece, remarks = read_abc(bare, theme.file)
    assert remarks == ()
    assert piece.meters == (theme.meters[-1]._replace(tick=0),)  # so that no bar is a short one
    assert len(piece.bars()) == theme.bars - len(theme.left_out)


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
    sounding = [
        (round(note.start * TICKS_PER_QUARTER / score.ticks_per_quarter), note.pitch)
        for track in score.tracks
        for note in track.notes
    ]
    piece = read(theme)
    start, differing = 0, set[tuple[str, int]]()
    for number, bar in enumerate(piece.bars(), theme.first):
        if number in theme.left_out:
            continue
        start += theme.extra.get(number, 0)
        ours = events(piece, bar)
        there = {(tick - start, pitch) for tick, pitch in sounding if 0 <= tick - start < len(bar)}
        assert sorted(pitch for _, pitch in ours) == sorted(pitch for _, pitch in there), number
        if ours != there:
            differing.add((name, number))
        start += len(bar)
    assert differing == {place for place in DEVIATIONS if place[0] == name}
    assert all(tick < start for tick, _ in sounding)

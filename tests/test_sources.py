"""What is learned is what is saved: themes reduced to what grammar, grid and MIDI can keep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import hocket
from conftest import RESULTS, files
from hocket import runs
from hocket.config import RunConfig
from hocket.errors import ScoreError
from hocket.music import Key, Meter, Note, Part, Pedal, Piece, Tempo
from hocket.scores import write
from hocket.scores.midi import midi_bytes, read_midi
from hocket.sources import Theme, learnable
from hocket.tokens import simplify

# What is learned is what is saved

_tick = st.integers(0, 300)
_rough_notes = st.lists(
    st.builds(
        Note,
        _tick,
        st.integers(1, 60),
        st.integers(58, 64) | st.integers(0, 127),
        st.integers(1, 127),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=60,
)
_crowds = st.lists(
    st.builds(
        Note,
        st.integers(0, 9),
        st.integers(1, 12),
        st.integers(50, 70),
        st.sampled_from((50, 80)),
        st.integers(0, 3),
    ),
    min_size=30,
    max_size=120,
)
rough_pieces = st.builds(
    Piece.of,
    _rough_notes | _crowds,
    parts=st.just((Part("Left"), Part("Right", 19), *(Part(f"Part {n}", n) for n in range(3)))),
    meters=st.lists(
        st.builds(Meter, _tick, st.integers(1, 13), st.sampled_from([2, 4, 8, 16])), max_size=3
    ),
    tempos=st.lists(st.builds(Tempo, _tick, st.integers(200_000, 2_000_000)), max_size=3),
    keys=st.lists(st.builds(Key, _tick, st.integers(-7, 7), st.booleans()), max_size=3),
    pedals=st.lists(st.builds(Pedal, _tick, st.booleans()), max_size=8),
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
    assert (said.notes, said.meters, said.pedals) == (theme.notes, theme.meters, theme.pedals)
    assert {note.pitch for note in theme.notes} <= {n.pitch for n in simplify(piece).notes}


def test_a_part_whose_only_note_is_too_short_goes_with_its_name() -> None:
    """Cut by the bound on polyphony where both grids are a tick apart; others keep their names."""
    chord = [Note(3, 40, 40 + i, part=1) for i in range(20)]
    piece = Piece.of([Note(2, 40, 90), *chord], parts=(Part("Flute", 73), Part("Horn", 60)))
    kept = learnable(piece)
    assert kept.parts == (Part("Horn", 60),)
    assert {note.part for note in kept.notes} == {0}
    assert learnable(kept) == kept


def test_a_press_of_the_pedal_too_short_for_the_grid_is_lost() -> None:
    """So is a lift: the pedal is then pressed again, as it was."""
    notes = [Note(24 * i, 24, 60 + i) for i in range(8)]

    def kept(*pedals: Pedal) -> tuple[Pedal, ...]:
        return learnable(Piece.of(notes, pedals=pedals)).pedals

    assert kept(Pedal(23, True), Pedal(25, False)) == ()
    assert kept(Pedal(23, True), Pedal(29, False)) == (Pedal(24, True), Pedal(30, False))
    held = (Pedal(0, True), Pedal(48, False))
    assert kept(held[0], Pedal(23, False), Pedal(25, True), held[1]) == (
        held[0],
        Pedal(24, True),
        held[1],
    )


@given(st.lists(rough_pieces, min_size=2, max_size=3))
@hypothesis_settings(max_examples=20, deadline=None)
def test_saved_themes_are_the_themes(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[Piece]
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    kept = [learnable(piece) for piece in pieces]
    themes = {
        "A": Theme("First", (kept[0],)),
        "B": Theme(kept[1].title, tuple(kept[1:])),
        "C": Theme(kept[-1].title, tuple(reversed(kept))),
    }
    runs.save_settings(folder, RunConfig(), themes)
    config, loaded = runs.load_settings(folder)
    assert config == RunConfig()
    assert [(theme.title, theme.pieces[1:]) for theme in loaded.values()] == [
        (theme.title, theme.pieces[1:]) for theme in themes.values()
    ]
    assert [theme.piece for theme in loaded.values()] == [theme.piece for theme in themes.values()]


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
    again = hocket.resume(tmp_path)
    for letter, theme in run.themes.items():
        assert again.themes[letter].pieces == theme.pieces
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

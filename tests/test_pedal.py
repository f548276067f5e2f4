"""The sustain pedal: one for all parts, part of a piece, in MIDI and back; or it lengthens notes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket import scores
from hocket.music import Note, Part, Pedal, Piece
from hocket.music.columns import Columns
from hocket.scores import smf
from hocket.scores.midi import midi_bytes, read_midi

Moves = list[tuple[int, int]]

_moves = st.lists(st.builds(Pedal, st.integers(0, 12).map(lambda n: 3 * n), st.booleans()))


def _file(*parts: Moves, strikes: Moves | None = None) -> bytes:
    """Return MIDI at 480 to the quarter: (tick, value) of each part's pedal, (tick, pitch) of notes.

    A note lasts 120 ticks, a quarter of a quarter.
    """
    tracks = []
    for channel, moves in enumerate(parts):
        events = [(tick, bytes((0xB0 | channel, 64, value))) for tick, value in moves]
        for tick, pitch in [(0, 60)] if strikes is None else strikes:
            events.append((tick, bytes((0x90 | channel, pitch, 80))))
            events.append((tick + 120, bytes((0x80 | channel, pitch, 0))))
        tracks.append(smf.track_bytes(sorted(events, key=lambda event: event[0])))
    return smf.join(smf.Tracks(1, 480, tuple(tracks)))


def _read(*parts: Moves) -> list[tuple[int, bool]]:
    piece, remarks = read_midi(_file(*parts), "a.mid", pedal=False)
    assert remarks == ()
    return [(pedal.tick, pedal.down) for pedal in piece.pedals]


# In a piece


@given(_moves)
def test_a_piece_has_one_pedal_a_tick_whatever_the_order(moves: list[Pedal]) -> None:
    pedals = Piece.of([], pedals=moves).pedals
    assert Piece.of([], pedals=pedals).pedals == pedals
    assert Piece.of([], pedals=reversed(moves)).pedals == pedals
    ticks = [pedal.tick for pedal in pedals]
    assert ticks == sorted({*ticks})
    assert {(pedal.tick, True) for pedal in pedals if pedal.down} == {m for m in moves if m.down}
    assert not any(not pedal.down and not before.down for before, pedal in _pairs(pedals))


def _pairs(pedals: tuple[Pedal, ...]) -> list[tuple[Pedal, Pedal]]:
    return list(zip((Pedal(0, False), *pedals), pedals, strict=False))


def test_up_and_down_at_one_tick_press_the_pedal_again() -> None:
    moves = [Pedal(24, True), Pedal(24, False), Pedal(0, True), Pedal(48, False), Pedal(48, False)]
    again = (Pedal(0, True), Pedal(24, True), Pedal(48, False))
    assert Piece.of([], pedals=moves).pedals == again
    assert Piece.of([], pedals=again).pedals == again


def test_the_pedal_stays_with_a_piece() -> None:
    piece = Piece.of([Note(0, 24, 60)], pedals=[Pedal(0, True), Pedal(24, False)])
    assert piece.transposed(5).pedals == piece.pedals
    assert Columns.of(piece).piece() == piece


# From MIDI and back


@given(_moves, st.integers(1, 3))
def test_what_was_written_is_read_however_many_parts(moves: list[Pedal], parts: int) -> None:
    piece = Piece.of(
        [Note(0, 24, 60, part=part) for part in range(parts)],
        parts=[Part(program=part) for part in range(parts)],
        pedals=moves,
    )
    assert read_midi(midi_bytes(piece), "a.mid", pedal=False) == (piece, ())


def test_in_a_tick_notes_end_then_the_pedal_moves_then_notes_start() -> None:
    notes = [Note(0, 24, 60), Note(24, 24, 60)]
    data = midi_bytes(Piece.of(notes, pedals=[Pedal(0, True), Pedal(24, True)]))
    again = b"\x80\x3c\x40\x00\xb0\x40\x00\x00\xb0\x40\x7f\x00\x90\x3c\x50"
    assert again in data


def test_values_from_64_up_are_down() -> None:
    moves = [(0, 63), (480, 64), (500, 90), (960, 127), (1440, 63), (1500, 0), (1920, 127)]
    assert _read(moves) == [(24, True), (72, False), (96, True)]


def test_the_pedal_is_snapped() -> None:
    # lifted and pressed about the second beat; touched for an instant before the third
    assert _read([(7, 127), (470, 0), (489, 127), (718, 0), (950, 127), (965, 0)]) == [
        (0, True),
        (24, True),
        (36, False),
    ]


def test_the_pedal_is_down_while_any_part_holds_it() -> None:
    high, low = [(0, 127), (960, 0), (1920, 127), (2400, 0)], [(480, 127), (1440, 0), (2400, 127)]
    assert _read(high, low, []) == [(0, True), (72, False), (96, True), (120, True)]
    assert _read([(0, 127), (480, 0), (480, 127)], [(0, 127)]) == [(0, True)]


def test_a_file_moved_back_to_the_grid_takes_its_pedal_along() -> None:
    late = [(0, 60), *((tick, 60) for tick in range(54, 54 + 40 * 240, 240))]
    data = _file([(54, 127), (54 + 480, 0)], strikes=late)
    piece, _ = read_midi(data, "a.mid", pedal=False)
    assert piece.pedals == (Pedal(0, True), Pedal(24, False))


# Or it lengthens notes


@pytest.mark.parametrize(
    ("pedal", "durations"),
    # 60 is struck again at the second beat, 64 rings until the pedal's release, 67 was not held
    [(False, [6, 6, 6, 6]), (True, [24, 72, 48, 6])],
)
def test_the_pedal_is_kept_or_lengthens_notes(
    pedal: bool, durations: list[int], tmp_path: Path
) -> None:
    strikes = [(0, 60), (0, 64), (480, 60), (1440, 67)]
    (tmp_path / "a.mid").write_bytes(_file([(0, 127), (1440, 0)], strikes=strikes))
    piece = scores.read(tmp_path / "a.mid", pedal=pedal)
    assert [note.duration for note in piece.notes] == durations
    assert piece.pedals == (() if pedal else (Pedal(0, True), Pedal(72, False)))
    assert scores.read_columns(tmp_path / "a.mid", pedal=pedal).frame.pedals == piece.pedals


def test_a_pedal_that_is_never_let_go_holds_to_the_end() -> None:
    data = _file([(0, 127)], strikes=[(0, 60), (840, 64)])
    assert read_midi(data, "a.mid", pedal=True)[0].notes[0].duration == 48
    assert read_midi(data, "a.mid", pedal=False)[0].pedals == (Pedal(0, True),)

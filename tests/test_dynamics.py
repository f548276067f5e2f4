"""A take without dynamics is shaded, one with dynamics is left alone."""

from __future__ import annotations

from hypothesis import given

from hocket.music import Meter, Note, Piece
from hocket.music.dynamics import has_dynamics, shaded
from pieces import pieces


def test_melody_over_accompaniment_and_downbeat_over_the_rest() -> None:
    notes = [Note(24 * beat, 24, pitch) for beat in range(8) for pitch in (48, 72)]
    loud = {(note.start, note.pitch): note.velocity for note in shaded(Piece.of(notes)).notes}
    assert all(loud[24 * beat, 72] > loud[24 * beat, 48] for beat in range(8))
    assert loud[96, 72] > loud[120, 72]
    assert loud[0, 72] < loud[96, 72]  # the phrase swells towards its middle


def test_what_falls_between_beats_is_lighter() -> None:
    notes = [Note(12 * step, 12, 60) for step in range(8)]
    loud = [note.velocity for note in shaded(Piece.of(notes, meters=[Meter(0, 4, 4)])).notes]
    assert loud[1] < loud[0]
    assert loud[3] < loud[2]


def test_dynamics_of_its_own_are_kept() -> None:
    piece = Piece.of([Note(0, 24, 60, 40), Note(24, 24, 62, 90)])
    assert has_dynamics(piece)
    assert shaded(piece) is piece


@given(pieces())
def test_only_loudness_changes(piece: Piece) -> None:
    after = shaded(piece)
    assert sorted(n[:3] + n[4:] for n in after.notes) == sorted(n[:3] + n[4:] for n in piece.notes)
    assert all(1 <= note.velocity <= 127 for note in after.notes)
    assert shaded(after) == after or not has_dynamics(after)

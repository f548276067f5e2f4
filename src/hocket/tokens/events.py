"""Piece to ids and back, and what survives of a piece on that way.

`simplify` keeps: onset, duration and pitch of the notes, and the metre. It says one part, velocity 80,
120 bpm, no key signature and no title; later families bring those back. It changes:

- a pitch outside the piano's 88 keys moves by octaves to the nearest one inside;
- of notes on one pitch at one onset the longest stays; a note ends where its pitch is struck again;
- where more than `MAX_POLYPHONY` notes would sound, the oldest sounding ones end there; of more than
  that struck at once, the inner ones are left out;
- a time signature without an event of its own becomes one with the same bar length, else 4/4; a
  signature at or after the last note's end goes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.errors import TokenError
from hocket.music import Meter, Note, Piece
from hocket.music.columns import Columns
from hocket.tokens.encoding import encoded, simplified
from hocket.tokens.vocab import BAR_TICKS, LONGEST_STEP, METERS, PITCHES, VOCAB

__all__ = ["decode", "encode", "simplify", "text", "waiting", "waits"]

_OFF = VOCAB.families["NOTE_OFF"]
_ON = VOCAB.families["NOTE_ON"]
_DUR = VOCAB.families["DUR"]
_METER = VOCAB.families["METER"]
_START = VOCAB.id("START")
_END = VOCAB.id("END")


def simplify(piece: Piece) -> Piece:
    """Return what the grammar can say of a piece; doing it twice changes nothing more."""
    return simplified(Columns.of_one_part(piece)).piece()


def encode(piece: Piece) -> NDArray[np.uint16]:
    """Return the ids (N) that say `simplify(piece)`, from START to END."""
    return encoded(simplified(Columns.of_one_part(piece)))


def waiting(ticks: int) -> list[int]:
    """Return the DUR events that let so many ticks pass: the longest first, then what remains."""
    chain, rest = divmod(ticks, LONGEST_STEP)
    return [_DUR[-1]] * chain + ([_DUR[rest - 1]] if rest else [])


def waits(ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many ticks each event lets pass, in the shape of ids: 0 for all but DUR."""
    events = np.asarray(ids, np.int64)
    inside = (events >= _DUR.start) & (events < _DUR.stop)
    return np.where(inside, events - _DUR.start + 1, 0)


def decode(ids: NDArray[np.integer]) -> Piece:
    """Return the piece that the ids say; a missing END is fine, notes then end at the last tick.

    Raises `TokenError` for an event that cannot stand where it does.
    """
    notes: list[Note] = []
    meters: list[Meter] = []
    sounding: dict[int, int] = {}
    now = 0
    for position, event in enumerate(int(i) for i in ids):
        if event in _DUR:
            now += event - _DUR.start + 1
        elif event in _ON or event in _OFF:
            pitch = PITCHES[event - (_ON if event in _ON else _OFF).start]
            onset = sounding.pop(pitch, None)
            if onset == now or (onset is None and event in _OFF):
                raise TokenError(f"event {position}, {VOCAB.names[event]}: no note to end there")
            if onset is not None:
                notes.append(Note(onset, now - onset, pitch))
            if event in _ON:
                sounding[pitch] = now
        elif event in _METER:
            meters.append(Meter(now, *METERS[event - _METER.start]))
        elif not (event == _START and position == 0) and not (
            event == _END and position == len(ids) - 1
        ):
            raise TokenError(f"event {position}, id {event}, cannot stand there")
    notes.extend(
        Note(onset, now - onset, pitch) for pitch, onset in sounding.items() if onset < now
    )
    return _with_meters(notes, meters)


def text(ids: NDArray[np.integer]) -> str:
    """Return the events readably: one instant a line, after its bar and the tick in the bar."""
    lines: list[str] = []
    instant: list[str] = []
    now = origin = 0
    bar_ticks, first_bar = 96, 1

    def flush() -> None:
        if instant:
            bar, tick = divmod(now - origin, bar_ticks)
            lines.append(f"{first_bar + bar:4d}:{tick:<3d} {'  '.join(instant)}")
            instant.clear()

    for event in (int(i) for i in ids):
        if event in _METER:
            first_bar += -(-(now - origin) // bar_ticks)
            origin, bar_ticks = now, BAR_TICKS[event - _METER.start]
        instant.append(VOCAB.names[event])
        if event in _DUR:
            flush()
            now += event - _DUR.start + 1
    flush()
    return "\n".join(lines)


def _with_meters(notes: list[Note], meters: list[Meter]) -> Piece:
    end = max((note.end for note in notes), default=0)
    return Piece.of(notes, meters=[meter for meter in meters if meter.tick < max(end, 1)])

"""Piece to ids and back, and what survives of a piece on that way.

`simplify` keeps: onset, duration, pitch and part of the notes, their velocity in twelve steps, metre
and sustain pedal. It says parts without names, 120 bpm, no key signature and no title. It changes:

- parts without a note go, and of more than four the nearest become one (`music.parts`);
- a velocity becomes that of its step; where all are of one step, nothing is marked and all are 80;
- a pitch outside the piano's 88 keys moves by octaves to the nearest one inside;
- of notes of one part on one pitch at one onset the longest stays, as loud as the loudest; a note ends
  where its pitch is struck again in its part;
- where more than `MAX_POLYPHONY` notes would sound, the oldest sounding ones end there; of more than
  that struck at once, the inner ones are left out;
- a time signature without an event of its own becomes one with the same bar length, else 4/4; a
  signature at or after the last note's end goes, and so does a press of the pedal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.errors import TokenError
from hocket.music import DEFAULT_VELOCITY, Meter, Note, Part, Pedal, Piece
from hocket.music.columns import Columns
from hocket.music.parts import MOST_PARTS
from hocket.tokens.encoding import encoded, simplified
from hocket.tokens.vocab import (
    BAR_TICKS,
    LONGEST_STEP,
    LOUDNESSES,
    METERS,
    PITCHES,
    VOCAB,
)

__all__ = ["decode", "encode", "simplify", "text", "waiting", "waits"]

_OFF = VOCAB.families["NOTE_OFF"]
_ON = VOCAB.families["NOTE_ON"]
_DUR = VOCAB.families["DUR"]
_METER = VOCAB.families["METER"]
_PART, _VEL, _PEDAL = (VOCAB.families[family] for family in ("PART", "VEL", "PEDAL"))
_START = VOCAB.id("START")
_END = VOCAB.id("END")


def simplify(piece: Piece) -> Piece:
    """Return what the grammar can say of a piece; doing it twice changes nothing more."""
    return simplified(Columns.of(piece)).piece()


def encode(piece: Piece) -> NDArray[np.uint16]:
    """Return the ids (N) that say `simplify(piece)`, from START to END."""
    return encoded(simplified(Columns.of(piece)))


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
    pedals: list[Pedal] = []
    sounding: dict[tuple[int, int], tuple[int, int]] = {}
    loudness = [DEFAULT_VELOCITY] * MOST_PARTS
    now = part = 0
    for position, event in enumerate(int(i) for i in ids):
        if event in _DUR:
            now, part = now + event - _DUR.start + 1, 0
        elif event in _ON or event in _OFF:
            pitch = PITCHES[event - (_ON if event in _ON else _OFF).start]
            onset, velocity = sounding.pop((part, pitch), (-1, 0))
            if onset == now or (onset < 0 and event in _OFF):
                raise TokenError(f"event {position}, {VOCAB.names[event]}: no note to end there")
            if onset >= 0:
                notes.append(Note(onset, now - onset, pitch, velocity, part))
            if event in _ON:
                sounding[part, pitch] = now, loudness[part]
        elif event in _PART:
            part = event - _PART.start + 1
        elif event in _VEL:
            loudness[part] = LOUDNESSES[event - _VEL.start]
        elif event in _METER:
            meters.append(Meter(now, *METERS[event - _METER.start]))
        elif event in _PEDAL:
            pedals.append(Pedal(now, event == _PEDAL[1]))
        elif not (event == _START and position == 0) and not (
            event == _END and position == len(ids) - 1
        ):
            raise TokenError(f"event {position}, id {event}, cannot stand there")
    notes.extend(
        Note(onset, now - onset, pitch, velocity, part)
        for (part, pitch), (onset, velocity) in sounding.items()
        if onset < now
    )
    end = max((note.end for note in notes), default=0)
    return Piece.of(
        notes,
        parts=(Part(),) * (max((note.part for note in notes), default=0) + 1),
        meters=[meter for meter in meters if meter.tick < max(end, 1)],
        pedals=[pedal for pedal in pedals if pedal.tick < end],
    )


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

"""Columns of notes to ids: the loops behind `simplify` and `encode`, compiled.

A piece goes through three steps, each an array function: onto the hybrid grid, into what the grammar
can say, into events. Surprising decision: there is no second implementation for a `Piece`; it is
turned into columns first, since the loops are what takes time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.music import DEFAULT_VELOCITY, TICKS_PER_QUARTER, Meter, Part, Piece
from hocket.music.columns import Columns
from hocket.music.grid import snap, snap_changes, snap_durations
from hocket.music.parts import MOST_PARTS, at_most
from hocket.tokens.vocab import (
    BAR_TICKS,
    LONGEST_STEP,
    LOUDNESSES,
    MAX_POLYPHONY,
    METERS,
    PITCHES,
    VOCAB,
)

_Ints = NDArray[np.int64]

_LOWEST, _BEYOND = PITCHES.start, PITCHES.stop
_OFF = VOCAB.families["NOTE_OFF"].start
_ON = VOCAB.families["NOTE_ON"].start
_DUR = VOCAB.families["DUR"].start
_PART, _VEL = VOCAB.families["PART"].start, VOCAB.families["VEL"].start
_UP, _DOWN = VOCAB.families["PEDAL"]
_METER_IDS = dict(zip(METERS, VOCAB.families["METER"], strict=True))
_START = VOCAB.id("START")
_END = VOCAB.id("END")
_PARTS, _KEYS_A_PART = MOST_PARTS, 128
_QUIETEST, _LOUDER = LOUDNESSES[0], LOUDNESSES[1] - LOUDNESSES[0]
# A key sorts as events are said: tick, then metre, pedal or part, then NOTE_OFF or NOTE_ON and pitch.
# Below those bits are what needs no sorting: an id, or a note's loudness.
_TICK, _CLASS, _PITCH = 32, 24, 16
_PAYLOAD = (1 << _PITCH) - 1
_OF_METER, _OF_PEDAL, _OF_PARTS = 0, 1, 2
"""Classes of a key: metre, pedal, then for each part what ends and what is struck."""


def simplified(columns: Columns) -> Columns:
    """Return what the grammar can say of a piece, its notes by start, part and pitch; see `events`."""
    columns = at_most(columns, MOST_PARTS)[0]
    said = _said(columns, columns.start, columns.duration)
    return _framed(*said, columns.frame)


def _said(columns: Columns, start: _Ints, duration: _Ints) -> tuple[_Ints, _Ints, _Ints, _Ints]:
    """Return what `_sayable` does of columns that have few parts, at other times than theirs."""
    string = _on_the_piano(columns.pitch) + _KEYS_A_PART * columns.part
    order = np.argsort(start * (_PARTS * _KEYS_A_PART) + string, kind="stable")
    start = start[order]
    found: tuple[_Ints, _Ints, _Ints, _Ints] = _sayable(
        start, start + duration[order], string[order], columns.velocity[order]
    )
    return found


def keepable(columns: Columns) -> Columns:
    """Return what the grammar can say of a piece on the hybrid grid, and MIDI can keep.

    What is learned is this, of themes and of a corpus alike. Parts keep their names.
    """
    columns = at_most(columns, MOST_PARTS)[0]
    start, duration, string, velocity = _said(
        columns,
        snap(columns.start, TICKS_PER_QUARTER),
        snap_durations(columns.duration, TICKS_PER_QUARTER),
    )
    frame = Piece.of(
        (),
        parts=columns.frame.parts,
        meters=snap_changes(columns.frame.meters),
        # Of what comes to one tick the last counts: a press too short for the grid is lost.
        pedals={pedal.tick: pedal for pedal in snap_changes(columns.frame.pedals)}.values(),
    )
    # A note that ends where its pitch is struck again may reach from one grid to the other and be a
    # tick too long for either; it loses that tick, and goes if no other is left.
    over = duration % 6
    duration = duration - ((over == 1) | (over == 5))
    whole = duration > 0
    kept = _framed(start[whole], duration[whole], string[whole], velocity[whole], frame)
    if not len(kept):
        return kept
    return at_most(replace(kept, frame=replace(kept.frame, parts=frame.parts)))[0]


def encoded(simple: Columns) -> NDArray[np.uint16]:
    """Return the ids (N) that say a piece as `simplified` or `keepable` gave it, START to END."""
    changes = [
        *(
            (m.tick << _TICK) + (_OF_METER << _CLASS) + _METER_IDS[m[1:]]
            for m in simple.frame.meters
        ),
        *(
            (p.tick << _TICK) + (_OF_PEDAL << _CLASS) + (_DOWN if p.down else _UP)
            for p in simple.frame.pedals
        ),
    ]
    loudness = (simple.velocity - _QUIETEST) // _LOUDER + 1
    if not _is_marked(simple.velocity):
        loudness = np.zeros_like(loudness)
    notes = _keys(simple.start, simple.duration, simple.pitch, simple.part, loudness)
    return _spelt(np.sort(np.concatenate((np.array(changes, np.int64), notes))))


def _is_marked(velocity: _Ints) -> bool:
    return bool((velocity != DEFAULT_VELOCITY).any())


def _framed(start: _Ints, duration: _Ints, string: _Ints, velocity: _Ints, frame: Piece) -> Columns:
    """Return columns with the changes that have an event and come before the end.

    `string` (N) is the pitch, and 128 more for each part. Velocities fall into their steps, and are
    the usual one where they fall into one alone: nothing marks such a piece.
    """
    meters = [_say_meter(meter) for meter in frame.meters]
    end = int((start + duration).max()) if len(start) else 0
    part, pitch = string // _KEYS_A_PART, string % _KEYS_A_PART
    step = np.clip((velocity - _QUIETEST + _LOUDER // 2) // _LOUDER, 0, len(LOUDNESSES) - 1)
    marked = bool((step != step[0]).any()) if len(step) else False
    return Columns(
        start,
        duration,
        pitch,
        _QUIETEST + _LOUDER * step if marked else np.full(len(start), DEFAULT_VELOCITY),
        part,
        Piece.of(
            (),
            parts=(Part(),) * (int(part.max(initial=0)) + 1),
            meters=[meter for meter in meters if meter.tick < max(end, 1)],
            pedals=[pedal for pedal in frame.pedals if pedal.tick < end],
        ),
    )


def _say_meter(meter: Meter) -> Meter:
    if meter[1:] in _METER_IDS:
        return meter
    if meter.bar_ticks in BAR_TICKS:
        return Meter(meter.tick, *METERS[BAR_TICKS.index(meter.bar_ticks)])
    return Meter(meter.tick, 4, 4)


def _on_the_piano(pitch: _Ints) -> _Ints:
    """Move pitches (N) outside the 88 keys by octaves to the nearest inside."""
    up = -((np.minimum(pitch, _LOWEST) - _LOWEST) // 12)
    down = -((_BEYOND - 1 - np.maximum(pitch, _BEYOND - 1)) // 12)
    return np.asarray(pitch + 12 * (up - down), np.int64)


@compiled
def _sayable(
    start: _Ints, end: _Ints, string: _Ints, velocity: _Ints
) -> tuple[_Ints, _Ints, _Ints, _Ints]:
    """Return start, duration, string and velocity of the notes that can be said of notes (N).

    A string is a pitch of a part. Notes are ordered by start, then string. One instant at a time: what
    is struck, then what that and the bound on polyphony end.
    """
    count = len(start)
    onset, duration, key = np.empty_like(start), np.empty_like(start), np.empty_like(start)
    loud = np.empty_like(start)
    made = 0
    strings = _PARTS * _KEYS_A_PART
    struck, until = np.empty(strings, np.int64), np.empty(strings, np.int64)
    force = np.empty(strings, np.int64)
    struck_at = np.full(strings, -1, np.int64)  # the first row of the instant each was struck in
    sounding, ends = np.empty(MAX_POLYPHONY, np.int64), np.empty(MAX_POLYPHONY, np.int64)
    voices = 0  # sounding[:voices] are rows of what is made, and ends[:voices] where they end
    row = 0
    while row < count:
        first, now, new = row, start[row], 0
        while row < count and start[row] == now:
            if new and struck[new - 1] == string[row]:
                until[new - 1] = max(until[new - 1], end[row])
                force[new - 1] = max(force[new - 1], velocity[row])
            else:
                struck[new], until[new], force[new] = string[row], end[row], velocity[row]
                new += 1
            row += 1
        inner = new - MAX_POLYPHONY
        if inner > 0:  # keep half from below, half from above
            for place in range(MAX_POLYPHONY // 2, MAX_POLYPHONY):
                struck[place], until[place] = struck[place + inner], until[place + inner]
                force[place] = force[place + inner]
            new = MAX_POLYPHONY
        for place in range(new):
            struck_at[struck[place]] = first
        ringing = 0
        for voice in range(voices):
            note = sounding[voice]
            if ends[voice] <= now or struck_at[key[note]] == first:
                duration[note] = min(ends[voice], now) - onset[note]
            else:
                sounding[ringing], ends[ringing] = note, ends[voice]
                ringing += 1
        # What sounds is in the order it was struck in, from below: the oldest first.
        excess = max(ringing + new - MAX_POLYPHONY, 0)
        voices = 0
        for voice in range(ringing):
            if voice < excess:
                duration[sounding[voice]] = now - onset[sounding[voice]]
            else:
                sounding[voices], ends[voices] = sounding[voice], ends[voice]
                voices += 1
        for place in range(new):
            onset[made], key[made], loud[made] = now, struck[place], force[place]
            sounding[voices], ends[voices] = made, until[place]
            made += 1
            voices += 1
    for voice in range(voices):
        duration[sounding[voice]] = ends[voice] - onset[sounding[voice]]
    return onset[:made].copy(), duration[:made].copy(), key[:made].copy(), loud[:made].copy()


@compiled
def _keys(start: _Ints, duration: _Ints, pitch: _Ints, part: _Ints, loudness: _Ints) -> _Ints:
    """Return a key for each NOTE_ON and NOTE_OFF of notes (N) by start.

    A note that ends where its pitch is struck again has no NOTE_OFF.
    """
    keys = np.empty(2 * len(start), np.int64)
    next_start = np.full(_PARTS * _KEYS_A_PART, -1, np.int64)
    made = 0
    for note in range(len(start) - 1, -1, -1):
        string, end = pitch[note] + _KEYS_A_PART * part[note], start[note] + duration[note]
        place = (_OF_PARTS + 2 * part[note] << _CLASS) + (pitch[note] << _PITCH)
        keys[made] = (start[note] << _TICK) + place + (1 << _CLASS) + loudness[note]
        made += 1
        if next_start[string] != end:
            keys[made] = (end << _TICK) + place
            made += 1
        next_start[string] = start[note]
    return keys[:made]


@compiled
def _spelt(keys: _Ints) -> NDArray[np.uint16]:
    """Return the ids that sorted keys say, with START, END and the DURs, PARTs and VELs between."""
    size, now = 2 + 3 * len(keys), 0
    for key in keys:
        size += ((key >> _TICK) - now + LONGEST_STEP - 1) // LONGEST_STEP
        now = key >> _TICK
    ids = np.empty(size, np.uint16)
    ids[0] = _START
    made, now, part = 1, 0, 0
    loud = np.zeros(_PARTS, np.int64)
    for key in keys:
        tick, what = key >> _TICK, (key >> _CLASS) & 0xFF
        while now < tick:
            step = min(tick - now, LONGEST_STEP)
            ids[made] = _DUR + step - 1
            made += 1
            now += step
            part = 0
        if what < _OF_PARTS:
            ids[made] = key & _PAYLOAD
            made += 1
            continue
        own, struck = (what - _OF_PARTS) // 2, (what - _OF_PARTS) % 2
        if own != part:
            ids[made] = _PART + own - 1
            made += 1
            part = own
        loudness = key & _PAYLOAD
        if struck and loudness != loud[part]:
            ids[made] = _VEL + loudness - 1
            made += 1
            loud[part] = loudness
        ids[made] = (_ON if struck else _OFF) + ((key >> _PITCH) & 0xFF) - _LOWEST
        made += 1
    ids[made] = _END
    return ids[: made + 1].copy()

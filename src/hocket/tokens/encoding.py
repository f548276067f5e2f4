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
from hocket.music import DEFAULT_VELOCITY, TICKS_PER_QUARTER, Meter, Piece
from hocket.music.columns import Columns
from hocket.music.grid import snap, snap_changes, snap_durations
from hocket.tokens.vocab import BAR_TICKS, LONGEST_STEP, MAX_POLYPHONY, METERS, PITCHES, VOCAB

_Ints = NDArray[np.int64]

_LOWEST, _BEYOND = PITCHES.start, PITCHES.stop
_OFF = VOCAB.families["NOTE_OFF"].start
_ON = VOCAB.families["NOTE_ON"].start
_DUR = VOCAB.families["DUR"].start
_METER_IDS = dict(zip(METERS, VOCAB.families["METER"], strict=True))
_START = VOCAB.id("START")
_END = VOCAB.id("END")
_ID_BITS = 16  # of a key; what is above them is the tick


def simplified(columns: Columns) -> Columns:
    """Return what the grammar can say of a piece, its notes by start and pitch; see `events`."""
    pitch = _on_the_piano(columns.pitch)
    order = np.argsort(columns.start * 128 + pitch)
    start = columns.start[order]
    return _plain(*_sayable(start, start + columns.duration[order], pitch[order]), columns.frame)


def keepable(columns: Columns) -> Columns:
    """Return what the grammar can say of a piece on the hybrid grid, and MIDI can keep.

    What is learned is this, of themes and of a corpus alike.
    """
    said = simplified(
        replace(
            columns,
            start=snap(columns.start, TICKS_PER_QUARTER),
            duration=snap_durations(columns.duration, TICKS_PER_QUARTER),
            frame=Piece.of((), meters=snap_changes(columns.frame.meters)),
        )
    )
    # A note that ends where its pitch is struck again may reach from one grid to the other and be a
    # tick too long for either; it loses that tick, and goes if no other is left.
    over = said.duration % 6
    duration = said.duration - ((over == 1) | (over == 5))
    whole = duration > 0
    return _plain(said.start[whole], duration[whole], said.pitch[whole], said.frame)


def encoded(simple: Columns) -> NDArray[np.uint16]:
    """Return the ids (N) that say a piece as `simplified` or `keepable` gave it, START to END."""
    meters = [(m.tick << _ID_BITS) + _METER_IDS[m[1:]] for m in simple.frame.meters]
    notes = _keys(simple.start, simple.duration, simple.pitch)
    return _spelt(np.sort(np.concatenate((np.array(meters, np.int64), notes))))


def _plain(start: _Ints, duration: _Ints, pitch: _Ints, frame: Piece) -> Columns:
    """Return columns in one part, with the metres that have an event and begin before the end."""
    meters = [_say_meter(meter) for meter in frame.meters]
    end = int((start + duration).max()) if len(start) else 0
    return Columns(
        start,
        duration,
        pitch,
        np.full(len(start), DEFAULT_VELOCITY),
        np.zeros_like(start),
        Piece.of((), meters=[meter for meter in meters if meter.tick < max(end, 1)]),
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
def _sayable(start: _Ints, end: _Ints, pitch: _Ints) -> tuple[_Ints, _Ints, _Ints]:
    """Return start, duration and pitch of the notes that can be said of notes (N).

    Notes are ordered by start, then pitch. One instant at a time: what is struck, then what that
    and the bound on polyphony end.
    """
    count = len(start)
    onset, duration, key = np.empty_like(start), np.empty_like(start), np.empty_like(start)
    made = 0
    struck, until = np.empty(128, np.int64), np.empty(128, np.int64)
    struck_at = np.full(128, -1, np.int64)  # pitch -> the first row of the instant it was struck in
    sounding, ends = np.empty(MAX_POLYPHONY, np.int64), np.empty(MAX_POLYPHONY, np.int64)
    voices = 0  # sounding[:voices] are rows of what is made, and ends[:voices] where they end
    row = 0
    while row < count:
        first, now, new = row, start[row], 0
        while row < count and start[row] == now:
            if new and struck[new - 1] == pitch[row]:
                until[new - 1] = max(until[new - 1], end[row])
            else:
                struck[new], until[new] = pitch[row], end[row]
                new += 1
            row += 1
        inner = new - MAX_POLYPHONY
        if inner > 0:  # keep half from below, half from above
            for place in range(MAX_POLYPHONY // 2, MAX_POLYPHONY):
                struck[place], until[place] = struck[place + inner], until[place + inner]
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
            onset[made], key[made] = now, struck[place]
            sounding[voices], ends[voices] = made, until[place]
            made += 1
            voices += 1
    for voice in range(voices):
        duration[sounding[voice]] = ends[voice] - onset[sounding[voice]]
    return onset[:made].copy(), duration[:made].copy(), key[:made].copy()


@compiled
def _keys(start: _Ints, duration: _Ints, pitch: _Ints) -> _Ints:
    """Return a key for each NOTE_ON and NOTE_OFF of notes (N) by start: tick, then id.

    A note that ends where its pitch is struck again has no NOTE_OFF.
    """
    keys = np.empty(2 * len(start), np.int64)
    next_start = np.full(128, -1, np.int64)
    made = 0
    for note in range(len(start) - 1, -1, -1):
        key, end = pitch[note] - _LOWEST, start[note] + duration[note]
        keys[made] = (start[note] << _ID_BITS) + _ON + key
        made += 1
        if next_start[key] != end:
            keys[made] = (end << _ID_BITS) + _OFF + key
            made += 1
        next_start[key] = start[note]
    return keys[:made]


@compiled
def _spelt(keys: _Ints) -> NDArray[np.uint16]:
    """Return the ids that sorted keys say, with the DURs between them, START and END."""
    size, now = 2 + len(keys), 0
    for key in keys:
        tick = key >> _ID_BITS
        size += (tick - now + LONGEST_STEP - 1) // LONGEST_STEP
        now = tick
    ids = np.empty(size, np.uint16)
    ids[0], ids[-1] = _START, _END
    made, now = 1, 0
    for key in keys:
        tick = key >> _ID_BITS
        while now < tick:
            step = min(tick - now, LONGEST_STEP)
            ids[made] = _DUR + step - 1
            made += 1
            now += step
        ids[made] = key & ((1 << _ID_BITS) - 1)
        made += 1
    return ids

"""ABC text -> `Piece`: a small reader of the ABC 2.1 standard, several voices, in whole ticks.

Surprising decision: our own reader. Verovio's ABC import reads only one voice and part of the
tempo. Read: keys with modes, metres, voices and overlays, chords, ties, tuplets, broken rhythm,
accidentals that count to the end of the bar in every octave (the standard's default), tempo,
dynamics from !pppp! to !ffff!, and repeats with endings `[1 [2`, played out. Left out, with a
remark: lyrics, grace notes, slurs, other decorations, chord symbols, part order, directives.

Source: https://abcnotation.com/wiki/abc:standard:v2.1
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import chain, islice, takewhile

from hocket.errors import ScoreError
from hocket.music.piece import TICKS_PER_QUARTER, Key, Meter, Note, Part, Piece, Tempo
from hocket.scores.abc_voice import Bar, Tally, Voice

MAX_CHARS = 1_000_000
MAX_VOICES = 64
MAX_NOTES = 100_000  # after playing the repeats


def read_abc(text: str, name: str) -> tuple[Piece, tuple[str, ...]]:
    """Read the first tune in ABC `text`; return it and remarks on what was left out, one a kind.

    Times are whole ticks (24 a quarter), tempos whole microseconds per quarter; each voice is a
    part. `name` stands in front of errors. Raises `ScoreError` for text that is not ABC, for
    lengths that are no whole ticks, and for more than `MAX_CHARS` characters. A bar that does not
    fill its metre gives a remark, but for an upbeat with its last bar and bars cut by a repeat.
    An upbeat stands in a metre of its own length, as 1/8 before 3/8, and the bars begin after it.
    Source: the ABC standard 2.1, December 2011.
    """
    if len(text) > MAX_CHARS:
        raise ScoreError(f"{name}: more than {MAX_CHARS} characters; split the file")
    remarks: dict[str, None] = {}
    title, voices = _read_lines(text, name, remarks)
    if not any(bar.sounds for voice in voices for bar in voice.bars):
        raise ScoreError(f"{name}: no notes in the tune; write music below the K: line")
    piece = _perform(title, voices, remarks)
    if not piece.notes:
        raise ScoreError(f"{name}: all bars are endings that are never played; add a first one")
    return piece, tuple(remarks)


def _read_lines(text: str, name: str, remarks: dict[str, None]) -> tuple[str, list[Voice]]:
    """Deal the lines of the first tune out to its voices."""
    written = Tally(name)
    header = Voice(name, remarks, written)
    declared: dict[str, str] = {}  # voice -> the text of its V: field
    fields: list[tuple[str, str]] = []
    voices: dict[str, Voice] = {}
    current: Voice | None = None
    title, in_body = "", False

    def voice(spec: str) -> Voice:
        label = (spec.split() or ["1"])[0]
        if label not in voices:
            if len(voices) >= MAX_VOICES:
                raise ScoreError(f"{name}: more than {MAX_VOICES} voices; split the file")
            fresh = voices[label] = Voice(
                name, remarks, written, label, label if spec else Part().name
            )
            for letter, value in fields:
                fresh.set(letter, value)
            fresh.bars.append(Bar(fresh.meter, fresh.key))
            if fresh.tempo is not None:
                fresh.bars[0].tempos.append((Fraction(), fresh.tempo))
        voices[label].name_and_shift(spec)
        return voices[label]

    lines = iter(text.removeprefix("\ufeff").splitlines())
    for raw in lines:
        if raw.startswith("%%"):
            remarks["directives ignored"] = None
        line = re.split(r"(?<!\\)%", raw, maxsplit=1)[0].strip()
        found = re.match(r"([A-Za-z+]):(?![|:])\s*(.*)", line)
        letter, value = (found[1], found[2]) if found else ("", "")
        if in_body and not raw.strip():
            break
        if letter == "T" and not title:
            title = value
        elif letter == "V" and not in_body:
            declared[(value.split() or ["1"])[0]] = value
        elif letter == "V":
            current = voice(value)
        elif letter and not in_body:
            header.set(letter, value)  # so that errors show up where they stand
            fields.append((letter, value))
            in_body = letter == "K"
            for spec in declared.values() if in_body else ():
                voice(spec)
        elif letter:
            current = current or next(iter(voices.values()), None) or voice("")
            current.set(letter, value)
        elif line and not in_body:
            raise ScoreError(
                f"{name}: {line[:20]!r} before any key; start with X:, T: and K: lines"
            )
        elif line:
            for index, piece in enumerate(re.split(r"\[V:([^][]{0,200})\]", line)):
                if index % 2:
                    current = voice(piece.strip())
                elif piece.strip():
                    current = current or next(iter(voices.values()), None) or voice("")
                    current.read(piece)
    if not in_body:
        raise ScoreError(f"{name}: no K: line, so no ABC tune; start with X:, T: and K: lines")
    if any(raw.strip() and not raw.startswith("%") for raw in lines):
        remarks["text after the first tune ignored"] = None
    for read in voices.values():
        if read.bars[-1].empty:
            read.bars.pop()
    return title, list(voices.values())


def _perform(title: str, voices: Sequence[Voice], remarks: dict[str, None]) -> Piece:
    """Play the written bars of all voices together, repeats included."""
    lead = max(voices, key=lambda voice: len(voice.bars))
    columns = [
        [voice.bars[index] if index < len(voice.bars) else None for voice in voices]
        for index in range(len(lead.bars))
    ]
    if any(None in column for column in columns):
        remarks["voices differ in their number of bars; the shorter ones rest at the end"] = None
    _check_lengths(voices, remarks)
    order = _play_order([[bar for bar in column if bar] for column in columns])
    sounding: list[list[tuple[Note, bool]]] = [[] for _ in voices]
    meters: list[Meter] = []
    keys: list[Key] = []
    tempos: list[Tempo] = []
    tick, restart, count = 0, True, 0
    for index in order:
        bar = lead.bars[index]
        meter = (bar.meter or Meter(0, 4, 4))._replace(tick=tick)
        if restart or meter[1:] != meters[-1][1:]:
            meters.append(meter)
        key = Key(tick, bar.key.fifths, bar.key.minor)
        if not keys or key[1:] != keys[-1][1:]:
            keys.append(key)
        length = 0
        for part, (voice, here) in enumerate(zip(voices, columns[index], strict=True)):
            if here is None:
                continue
            where = f"{voice.file}: bar {index + 1}, voice {voice.id}"
            length = max(length, *(_whole(layer, where) for layer in here.layers))
            for at, micros in here.tempos:
                if not tempos or tempos[-1].microseconds != micros:
                    tempos.append(Tempo(tick + _whole(at, where), micros))
            for start, duration, pitch, velocity, tied in here.sounds:
                begin, lasts = tick + _whole(start, where), _whole(duration, where)
                note = Note(begin, lasts, pitch, velocity, part)
                sounding[part].append((note, tied))
            count += len(here.sounds)
        if count > MAX_NOTES:
            raise ScoreError(f"{lead.file}: more than {MAX_NOTES} notes; split the file")
        restart = length != meter.bar_ticks
        if tick == 0 and bar.meter and len(order) > 1:
            meters[-1] = _upbeat(meter, length)
        tick += length
    return Piece.of(
        chain.from_iterable(_join_ties(notes) for notes in sounding),
        parts=[Part(voice.name) for voice in voices],
        meters=meters,
        tempos=tempos,
        keys=keys,
        title=title,
    )


def _upbeat(meter: Meter, length: int) -> Meter:
    """Return the metre of a first bar of `length` ticks: shorter than `meter` for an upbeat."""
    if not 0 < length < meter.bar_ticks:
        return meter
    beats = (meter.denominator, *(d for d in (4, 8, 16, 32) if d > meter.denominator))
    whole = 4 * TICKS_PER_QUARTER
    return next(
        (
            meter._replace(numerator=length * d // whole, denominator=d)
            for d in beats
            if length * d % whole == 0
        ),
        meter,  # no metre is that long, as with an upbeat of one triplet note
    )


def _whole(ticks: Fraction, where: str) -> int:
    if ticks.denominator != 1:
        raise ScoreError(f"{where}: a length of {ticks} ticks; use whole ticks, 24 a quarter")
    return ticks.numerator


def _check_lengths(voices: Sequence[Voice], remarks: dict[str, None]) -> None:
    """Remark on the first layer that does not fill its metre, and on how many more do not."""
    wrong: list[str] = []
    for voice in voices:
        bars = voice.bars
        upbeat = bool(bars and bars[0].meter and max(bars[0].layers) < bars[0].meter.bar_ticks)
        for index, bar in enumerate(bars):
            neighbours = bars[max(index - 1, 0) : index + 2]
            cut = (upbeat and index in (0, len(bars) - 1)) or any(
                near.opens or near.closes or near.endings for near in neighbours
            )
            for layer in bar.layers if bar.meter else ():
                full = bar.meter.bar_ticks if bar.meter else 0
                if layer > full or (layer < full and not cut):
                    where = f"bar {index + 1}, voice {voice.id}"
                    wrong.append(f"{where}: {layer} ticks where {bar.meter} has {full}")
    if wrong:
        more = f" (and {len(wrong) - 1} more like it)" if len(wrong) > 1 else ""
        remarks[wrong[0] + more] = None


def _play_order(columns: Sequence[Sequence[Bar]]) -> list[int]:
    """Return the written bars in playing order; a repeat in any voice counts for all."""
    opens = [any(bar.opens for bar in column) for column in columns]
    closes = [any(bar.closes for bar in column) for column in columns]
    endings = [
        next((bar.endings for bar in column if bar.endings), frozenset()) for column in columns
    ]
    order: list[int] = []
    start, turn, index = 0, 1, 0
    while index < len(columns):
        after_ending = index > 0 and bool(endings[index - 1]) and not endings[index]
        if index > start and (opens[index] or after_ending):
            start, turn = index, 1
        if endings[index] and turn not in endings[index]:
            index += 1
            continue
        order.append(index)
        index += 1
        if closes[index - 1]:
            group = set(endings[index - 1])
            for ending in takewhile(bool, islice(endings, index, None)):
                group |= ending
            if turn == 1 or turn + 1 in group:
                index, turn = start, turn + 1
            else:
                start, turn = index, 1
    return order


def _join_ties(sounding: Sequence[tuple[Note, bool]]) -> list[Note]:
    """Make one note of each tied pair: same pitch, the second starting where the first ends."""
    notes: list[Note] = []
    held: dict[tuple[int, int], int] = {}  # (pitch, tick of its end) -> where it stands in notes
    for note, tied in sorted(sounding):
        index = held.pop((note.pitch, note.start), None)
        if index is None:
            index = len(notes)
            notes.append(note)
        else:
            notes[index] = notes[index]._replace(duration=note.end - notes[index].start)
        if tied:
            held[note.pitch, note.end] = index
    return notes

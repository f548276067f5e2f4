"""Notes of verovio's MIDI and the times in its timemap -> notes that end when they should.

MIDI cannot say which of two notes of one pitch and channel ends first, if the second begins while the
first sounds; readers end the first one first. verovio's timemap has each note by its id. Surprising
decision: it is asked only where notes differ from it in nothing but who ends when, so that a score
that verovio plays in a way of its own (an ornament, a transposing part) is read as before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from hocket.music.grid import snap_durations
from hocket.music.piece import TICKS_PER_QUARTER, Note
from hocket.scores.signs import number

NOTE_ID = "hocket-note-"  # verovio keeps our ids, with -rend2 behind them for a second time
_OCTAVES = tuple("0123456789")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

Sound = tuple[int, int, int]
"""Pitch, start and end, in ticks."""


class Written(NamedTuple):
    """A note of a score: its pitch, -1 where it has none, and the id of the note it is tied to."""

    pitch: int
    head: str


def named(parts: Iterable[Element]) -> dict[str, Written]:
    """Give each note an id, in place, and return what is written at each id.

    Tied notes have the first of them as head, others have themselves.
    """
    found: dict[str, Written] = {}
    for part in parts:
        tied: dict[tuple[int, str | None, str | None], str] = {}
        for note in part.iter("note"):
            identity = f"{NOTE_ID}{len(found)}"
            note.set("id", identity)
            pitch = _pitch(note)
            line = (pitch, note.findtext("voice"), note.findtext("staff"))
            ties = {tie.get("type") for tie in note.iterfind("tie")}
            head = tied.pop(line, identity) if "stop" in ties else identity
            if "start" in ties:
                tied[line] = head
            found[identity] = Written(pitch, head)
    return found


def _pitch(note: Element) -> int:
    step = _STEPS.get(note.findtext("pitch/step") or "")
    octave = (note.findtext("pitch/octave") or "").strip()
    if step is None or octave not in _OCTAVES:
        return -1
    return int(12 * int(octave) + 12 + step + (number(note.findtext("pitch/alter")) or 0))


def sounding(timemap: Iterable[Mapping[str, Any]], notes: Mapping[str, Written]) -> list[Sound]:
    """Return what sounds when, by verovio's timemap; notes tied together are one."""
    begun: dict[str, tuple[str, int]] = {}
    ended: dict[str, Sound] = {}
    found: list[Sound] = []
    for event in timemap:
        tick = round(event["qstamp"] * TICKS_PER_QUARTER)
        for identity in event.get("off", ()):
            if identity in begun:
                head, start = begun.pop(identity)
                pitch = notes[identity.partition("-rend")[0]].pitch
                ended[head] = (pitch, start, tick)
        for identity in event.get("on", ()):
            own, again, time = identity.partition("-rend")
            if own not in notes:
                continue
            head, start = notes[own].head + again + time, tick
            if head in ended:
                before = ended.pop(head)
                if head != identity and before[2] == tick:  # tied to it
                    start = before[1]
                else:
                    found.append(before)
            begun[identity] = head, start
    return [*found, *ended.values()]


def paired(notes: Iterable[Note], heard: Iterable[Sound]) -> tuple[Note, ...]:
    """Return the notes, ended as was heard where only that differs; sorted."""
    own: dict[int, list[Note]] = defaultdict(list)
    for note in sorted(notes):
        own[note.pitch].append(note)
    sounds: dict[int, list[Sound]] = defaultdict(list)
    for sound in sorted(heard):
        sounds[sound[0]].append(sound)
    return tuple(
        sorted(
            note
            for pitch, same in own.items()
            for group in _together(same)
            for note in _ended(group, sounds[pitch])
        )
    )


def _together(notes: Sequence[Note]) -> Iterator[list[Note]]:
    """Yield the notes of one pitch in groups in which they overlap."""
    group: list[Note] = []
    until = 0
    for note in notes:
        if group and note.start >= until:
            yield group
            group = []
        group.append(note)
        until = max(until, note.end)
    yield group


def _ended(notes: list[Note], sounds: Sequence[Sound]) -> list[Note]:
    """Return notes of one pitch with the ends that were heard, if starts and ends are the same.

    Ends may be a tick apart: a duration from a start to another note's end need not be on the grid, to
    which it was moved.
    """
    if len(notes) == 1:
        return notes
    first = bisect_left(sounds, (notes[0].pitch, notes[0].start))
    until = max(note.end for note in notes)
    within = [sound for sound in sounds[first : first + len(notes)] if sound[1] < until]
    whole = _without_pieces(notes, within)
    in_pieces, notes = len(whole) < len(notes), whole
    heard = sounds[first : first + len(notes)]
    ends = zip(sorted(note.end for note in notes), sorted(end for *_, end in heard), strict=False)
    differ = any(abs(one - other) > 1 for one, other in ends) and not in_pieces
    if differ or [note.start for note in notes] != [start for _, start, _ in heard]:
        return notes
    lengths = snap_durations(np.array([end - start for _, start, end in heard]), TICKS_PER_QUARTER)
    return [
        note._replace(duration=length) for note, length in zip(notes, lengths.tolist(), strict=True)
    ]


def _without_pieces(notes: list[Note], heard: Sequence[Sound]) -> list[Note]:
    """Return notes without those that are a later piece of a tied one, which verovio strikes again.

    It does so where two notes of one pitch are tied on in two voices at once. Such a piece begins where
    nothing is written to begin, while a note of its pitch sounds.
    """
    starts = Counter(start for _, start, _ in heard)
    kept: list[Note] = []
    for note in notes:
        if starts[note.start]:
            starts[note.start] -= 1
            kept.append(note)
        elif not any(start < note.start < end for _, start, end in heard):
            return notes
    return kept if len(kept) == len(heard) else notes

"""Pieces to words and back: all that happens at one instant, and the wait after it, is one word.

That is how the recipe hocket grew from says music ("whole-event tokens"). Words are not bound by a
grammar: what ends without having begun is passed over, and what begins twice ends in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from hocket.music import Meter, Note, Piece
from hocket.music.pitch import COMMON_KEY, agreeing
from hocket.tokens import GRAMMAR, VOCAB, encode

Word = tuple[tuple[int, ...], tuple[int, ...], int]
"""Pitches that end, pitches that begin, ticks until the next word."""

_ON, _OFF, _DUR = (VOCAB.families[name] for name in ("NOTE_ON", "NOTE_OFF", "DUR"))
_LOWEST = int(VOCAB.names[_ON.start].split()[1])


def in_common_key(themes: Sequence[Piece]) -> list[Piece]:
    """Return the themes as hocket hears them: quantised, and in one key."""
    return [GRAMMAR.simplify(theme) for theme in agreeing(list(themes), COMMON_KEY)]


def words(piece: Piece) -> list[Word]:
    """Return the words of a piece."""
    found: list[Word] = []
    ends: list[int] = []
    begins: list[int] = []
    for event in encode(piece).tolist():
        if event in _OFF:
            ends.append(event - _OFF.start + _LOWEST)
        elif event in _ON:
            begins.append(event - _ON.start + _LOWEST)
        elif event in _DUR:
            found.append((tuple(ends), tuple(begins), event - _DUR.start + 1))
            ends, begins = [], []
    return found


def moved(said: Sequence[Word], semitones: int) -> list[Word]:
    """Return words in another key."""
    return [
        (tuple(p + semitones for p in ends), tuple(p + semitones for p in begins), wait)
        for ends, begins, wait in said
    ]


def piece_of(said: Sequence[Word], ticks: int, meter: Meter) -> Piece:
    """Return the piece that words say, cut after so many ticks."""
    notes: list[Note] = []
    sounding: dict[int, int] = {}
    now = 0
    for ends, begins, wait in said:
        if now >= ticks:
            break
        for pitch in (*ends, *begins):
            if pitch in sounding and now > sounding[pitch]:
                start = sounding.pop(pitch)
                notes.append(Note(start, now - start, pitch, 80, 0))
        sounding |= dict.fromkeys(begins, now)
        now += wait
    end = min(now, ticks)
    notes += [Note(start, end - start, p, 80, 0) for p, start in sounding.items() if start < end]
    kept = [note._replace(duration=min(note.end, ticks) - note.start) for note in notes]
    return Piece.of([note for note in kept if 0 <= note.pitch <= 127], meters=[meter])

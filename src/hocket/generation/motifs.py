"""Motifs: bars of a theme or written notes that every take has to state, as text, notes and events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ConfigError
from hocket.generation.openings import Excerpt, cut, events_until, excerpt_of
from hocket.music import TICKS_PER_QUARTER, Note, Piece
from hocket.music.pitch import parse_pitch
from hocket.tokens import GRAMMAR, VOCAB
from hocket.tokens.vocab import PITCHES

_EXCERPT = re.compile(r"[A-Z]:\d+(-\d+)?$")
_NOTE = re.compile(r"([A-Ga-g][#b]?-?\d|r)(?::(\d*\.?\d+))?")


def theme_of(motif: str | None, letters: Sequence[str]) -> int | None:
    """Return which theme a motif is of; None if it is written out."""
    if motif is None or not _EXCERPT.match(motif.strip()):
        return None
    return letters.index(motif.strip()[0])


def motif_of(text: str, themes: Mapping[str, Piece], semitones: int) -> Piece:
    """Return a motif from tick 0 on, whole bars of the first theme's metre long.

    Written notes are moved by so many semitones; bars of `themes`, by letter, are as they are.
    Raises `ConfigError` for text that is none.
    """
    meter = next(iter(themes.values())).main_meter._replace(tick=0)
    if _EXCERPT.match(text.strip()):
        what = f"motif {text!r}"
        notes, length = excerpt_of(Excerpt.parse(text, what), themes, what)
        notes = cut(notes, max(length // meter.bar_ticks, 1) * meter.bar_ticks)
    else:
        notes = [n._replace(pitch=n.pitch + semitones) for n in _written(text)]
    notes = [note for note in notes if note.pitch in PITCHES]
    if not notes:
        raise ConfigError(f"motif {text!r}: holds no notes that a piano has")
    return GRAMMAR.simplify(Piece.of(notes, meters=[meter]))


def _written(text: str) -> list[Note]:
    """Read notes such as `C5:1 E5:.5 r:1`."""
    notes, now = [], 0
    for word in text.split():
        if not (found := _NOTE.fullmatch(word)):
            raise ConfigError(
                f"motif {text!r}: {word!r} is no note; write bars as in A:1-2, or notes with their "
                "lengths in quarters, as in 'C5:1 E5:.5 r:.5 G5:2'"
            )
        ticks = max(round(float(found[2] or 1) * TICKS_PER_QUARTER), 1)
        if found[1] != "r":
            notes.append(Note(now, ticks, parse_pitch(found[1])))
        now += ticks
    return notes


def bars_of(motif: Piece) -> int:
    """Return how many bars a motif fills."""
    return -(-motif.end // motif.main_meter.bar_ticks)


def motifs_of(motif: Piece) -> list[NDArray[np.int64]]:
    """Return what a motif says, and what it says an octave lower, or else higher, if it may be."""
    end = bars_of(motif) * motif.main_meter.bar_ticks
    pitches = [note.pitch for note in motif.notes]
    octaves = [
        octave
        for octave in (0, -12, 12)
        if min(pitches) + octave in PITCHES and max(pitches) + octave in PITCHES
    ]
    return [inside(events_until(motif.transposed(octave), end)) for octave in octaves[:2]]


def inside(ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return events as they stand inside a piece: without START and METER."""
    skipped = (VOCAB.id("START"), *VOCAB.families["METER"])
    return ids[~np.isin(ids, skipped)].astype(np.int64)

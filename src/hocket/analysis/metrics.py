"""A piece beside its themes to a few numbers: does it copy, does it mix, does it stay in key.

Surprising decision: unisons (same onset and pitch, in any part) count as one note everywhere
here, as they do in `provenance`, so that doubling a voice changes no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hocket.analysis.hands import playable
from hocket.analysis.provenance import RUN, Bools, Ints, Quotes, Theme, unison
from hocket.analysis.tracing import trace
from hocket.music.piece import TICKS_PER_QUARTER, Piece
from hocket.music.pitch import best_scale

QUOTE = 16  # notes in a run that is long enough to be heard as a quotation
STUCK_QUARTERS = 8  # a note longer than this was most likely never let go
SWITCH_BARS = 8  # changes of theme are counted per this many bars


@dataclass(frozen=True, slots=True)
class Measures:
    """What `measure` found, not rounded; the metadata of each field says in plain words what it is.

    The legend of the report prints those words.
    """

    notes: int = field(metadata={"says": "notes; several at one onset and pitch count once"})
    bars: int = field(metadata={"says": "bars up to the end of the last note"})
    cover16: float = field(
        metadata={
            "says": "share of notes inside a run of 16 notes that also stands in a theme, "
            "in any transposition"
        }
    )
    longest: int = field(
        metadata={"says": "notes in the longest run that also stands in a theme; 0 if not even two"}
    )
    known: float = field(
        metadata={"says": "share of notes inside any run of 4 notes that also stands in a theme"}
    )
    share: dict[str, float] = field(
        metadata={
            "says": "of the notes inside runs of 4 of exactly one theme, the part of each theme; "
            "all 0 if none"
        }
    )
    switches: float = field(
        metadata={
            "says": "changes of theme per 8 bars, over the notes in runs of 4 of exactly one "
            "theme, by onset and pitch, all other notes passed over"
        }
    )
    in_key: float = field(
        metadata={"says": "share of notes in the one diatonic scale that holds most of them"}
    )
    longest_note_quarters: float = field(
        metadata={"says": "length of the longest note, in quarters"}
    )
    stuck: int = field(metadata={"says": "notes longer than 8 quarters"})
    repetition16: float = field(
        metadata={
            "says": "share of notes inside a run of 16 notes that the piece itself plays again "
            "without overlap, in any transposition"
        }
    )
    polyphony: int = field(metadata={"says": "most notes sounding at once"})
    melody_known: float = field(
        metadata={"says": "known, of the melody alone: the highest notes, in their rhythm"}
    )
    melody_cover16: float = field(metadata={"says": "cover16, of the melody alone"})
    melody_longest: int = field(metadata={"says": "longest, of the melody alone"})
    tune_cover16: float = field(
        metadata={"says": "cover16, of the melody alone without its rhythm, repeated notes once"}
    )
    tune_longest: int = field(metadata={"says": "longest, of the melody alone without its rhythm"})
    playable: float = field(
        metadata={"says": "share of the instants whose notes two hands can hold, a tenth each"}
    )


def measure(piece: Piece, themes: Mapping[str, Theme]) -> Measures:
    """Measure `piece` against its themes; a piece without notes gives zeros, and no error.

    Shares are floats in [0, 1]. About 15 ms for 1,000 notes against two themes of 3,000.
    """
    quotes = Quotes(piece, themes)
    _, distinct = unison(piece)
    kept = [piece.notes[i] for i in distinct]
    bars = len(piece.bars())
    melody, tune = (trace(piece, themes, view) for view in ("melody", "tune"))
    none = np.zeros((1, len(kept)), np.bool_)  # so that no themes at all work as well
    inside = np.vstack([none, *(quotes.covered(theme, RUN)[None] for theme in themes)])
    quoted = np.vstack([none, *(quotes.covered(theme, QUOTE)[None] for theme in themes)])
    single = inside.argmax(axis=0)[inside.sum(axis=0) == 1] - 1
    longest_note = max((note.duration for note in kept), default=0)
    return Measures(
        notes=len(kept),
        bars=bars,
        cover16=_share(np.any(quoted, axis=0)),
        longest=max((quotes.longest(theme) for theme in themes), default=0),
        known=_share(np.any(inside, axis=0)),
        share={theme: _share(single == row) for row, theme in enumerate(themes)},
        switches=int((single[1:] != single[:-1]).sum()) * SWITCH_BARS / bars if bars else 0.0,
        in_key=best_scale(note.pitch for note in kept)[1],
        longest_note_quarters=longest_note / TICKS_PER_QUARTER,
        stuck=sum(note.duration > STUCK_QUARTERS * TICKS_PER_QUARTER for note in kept),
        repetition16=_share(quotes.repeated(QUOTE)),
        polyphony=_polyphony(
            np.array([note.start for note in kept], np.int64),
            np.array([note.end for note in kept], np.int64),
        ),
        melody_known=_share(np.any(melody.covered(RUN), axis=0)),
        melody_cover16=_share(np.any(melody.covered(QUOTE), axis=0)),
        melody_longest=melody.longest,
        tune_cover16=_share(np.any(tune.covered(QUOTE), axis=0)),
        tune_longest=tune.longest,
        playable=playable(piece),
    )


def _share(marked: Bools) -> float:
    """Return the share of True; 0 of nothing."""
    return float(marked.mean()) if len(marked) else 0.0


def _polyphony(starts: Ints, ends: Ints) -> int:
    """Return the most notes sounding at one tick; a note no longer sounds at the tick it ends."""
    if not len(starts):
        return 0
    # The most are reached where some note starts: those started by then, less those ended.
    ended = np.searchsorted(np.sort(ends), starts, side="right")
    started = np.searchsorted(np.sort(starts), starts, side="right")
    return max(0, int((started - ended).max()))

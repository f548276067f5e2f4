"""The notes of a piece as arrays: what loops over many notes work on.

Surprising decision: all but the notes stays a `Piece`, one without notes. So metres, tempos and keys
have one home, and a piece of a thousand notes costs no thousand objects until somebody wants them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ScoreError
from hocket.music.piece import Note, Part, Piece

MOST_NUMBERED = 1 << 16
"""Parts are numbered below this; a file has far fewer."""


@dataclass(frozen=True, eq=False, slots=True)
class Columns:
    """N notes in any order, int64 (N) each, and the piece that they belong to.

    `start` and `duration` are in ticks, `pitch` and `velocity` as in MIDI, `part` an index. `frame`
    is the piece without its notes.
    """

    start: NDArray[np.int64]
    duration: NDArray[np.int64]
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]
    part: NDArray[np.int64]
    frame: Piece

    @classmethod
    def of(cls, piece: Piece) -> Columns:
        """Return the notes of a piece as columns; raises `ScoreError` for absurd numbers.

        Parts that the piece does not name are there all the same.
        """
        start, duration, pitch, velocity, part = _turned(piece.notes, len(Note._fields))
        if not 0 <= part.min(initial=0) <= part.max(initial=0) < MOST_NUMBERED:
            odd = int(part[np.argmax((part < 0) | (part >= MOST_NUMBERED))])
            raise ScoreError(f"a note is in part {odd}; number parts from 0 to {MOST_NUMBERED - 1}")
        missing = int(part.max(initial=0)) + 1 - len(piece.parts)
        frame = replace(piece, notes=(), parts=piece.parts + (Part(),) * missing)
        return cls(start, duration, pitch, velocity, part, frame)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def end(self) -> int:
        """The tick at which the last note ends; 0 if there is none."""
        return int((self.start + self.duration).max()) if len(self) else 0

    def piece(self) -> Piece:
        """Return the piece, its notes sorted."""
        rows: Iterable[tuple[int, ...]] = zip(
            *(
                column.tolist()
                for column in (self.start, self.duration, self.pitch, self.velocity, self.part)
            ),
            strict=True,
        )
        return replace(self.frame, notes=tuple(sorted(starmap(Note, rows))))


def _turned(rows: Sequence[tuple[int, ...]], width: int) -> NDArray[np.int64]:
    """Return rows (N, width) as columns (width, N)."""
    try:
        return np.ascontiguousarray(np.array(rows, np.int64).reshape(-1, width).T)
    except OverflowError as error:
        raise ScoreError("a note has a number of more than 63 bits; leave that note out") from error

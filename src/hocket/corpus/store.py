"""Pieces to one long array of events, with where each piece begins and which theme it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from hocket.corpus.augment import transpositions
from hocket.corpus.hockets import hockets
from hocket.model.sizes import InputSizes
from hocket.music import Key, Meter, Piece
from hocket.music.pitch import agreeing
from hocket.tokens import GRAMMAR, PLACE_SIZES, VOCAB, Grammar, waits
from hocket.tokens.vocab import PITCHES


class Kind(IntEnum):
    """What a piece of a corpus is."""

    NATIVE = 0
    """A theme in its own metre."""
    REBARRED = 1
    """A theme barred in the first theme's metre."""
    HOCKET = 2
    """Bars of several themes in turn."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """N events of P pieces: themes in their own metre and in the first one's, then hockets."""

    ids: NDArray[np.uint16]
    """(N) events, piece after piece."""
    bounds: NDArray[np.int64]
    """(P + 1): piece p is `ids[bounds[p]:bounds[p + 1]]`."""
    theme: NDArray[np.uint16]
    """(N): the theme an event belongs to; in a hocket it changes along the piece."""
    kind: NDArray[np.uint8]
    """(P): a `Kind`."""
    held_out: NDArray[np.bool_]
    """(N): the event lies in a bar kept from learning."""
    shifts: tuple[range, ...]
    """(P): the transpositions each piece may be moved by."""
    home: NDArray[np.int64]
    """(P): the transposition that brings each piece to the takes' key."""
    fingerprint: str
    """Of the vocabulary."""

    @property
    def keys_of_themes(self) -> list[int]:
        """(M): how many transpositions each theme may be moved by."""
        return [len(self.shifts[piece]) for piece in np.flatnonzero(self.kind == Kind.NATIVE)]

    @property
    def theme_count(self) -> int:
        """M, the number of themes."""
        return int(self.theme.max()) + 1


def input_sizes(themes: int) -> InputSizes:
    """Return how much a network of so many themes sees."""
    return InputSizes(len(VOCAB), len(PITCHES), PLACE_SIZES, themes)


def rebarred(piece: Piece, meter: Meter) -> Piece:
    """Return the piece with its bar lines drawn in one other metre, after a pick-up if it has one."""
    main = piece.main_meter
    start = next(m.tick for m in piece.meters if m[1:] == main[1:])
    pick_up = [m for m in piece.meters if m.tick < start] if start < main.bar_ticks else []
    return replace(piece, meters=(*pick_up, meter._replace(tick=start if pick_up else 0)))


def held_out_bars(piece: Piece, share: float, rng: np.random.Generator) -> list[range]:
    """Choose pairs of neighbouring bars, spread over the piece, as ranges of ticks.

    One pair lies at random in each of as many equal stretches as the share asks for.
    """
    bars = piece.bars()
    pairs = round(len(bars) * share / 2) if share else 0
    if share and not pairs and len(bars) >= 4:
        pairs = 1
    chosen = []
    for stretch in np.array_split(np.arange(1, len(bars) - 1), pairs) if pairs else ():
        first = int(rng.choice(stretch[:-1])) if len(stretch) > 1 else int(stretch[0])
        chosen.append(range(bars[first].start, bars[first + 1].stop))
    return chosen


def build(
    themes: Sequence[Piece],
    *,
    key: Key | None = None,
    held_out: float = 0.0,
    hocket_count: int = 0,
    rng: int = 0,
    grammar: Grammar = GRAMMAR,
) -> Corpus:
    """Encode each theme in its own metre and in the first one's, and hockets in the first one's.

    The metre of the first theme is the one that takes will have, and `key` (by default the first
    theme's) their key. Held-out bars are so everywhere.
    """
    simple = [grammar.simplify(theme) for theme in themes]
    agreed = agreeing(simple, key)
    shifts = [_home(theme, moved) for theme, moved in zip(simple, agreed, strict=True)]
    meter = simple[0].main_meter
    away = [
        held_out_bars(theme, held_out, np.random.default_rng((rng, number)))
        for number, theme in enumerate(simple)
    ]
    entries: list[_Entry] = []
    for number, theme in enumerate(simple):
        entries.append(_Entry(Kind.NATIVE, theme, [(0, number)], away[number], shifts[number]))
        if theme.main_meter != meter:
            entries.append(
                _Entry(
                    Kind.REBARRED,
                    rebarred(theme, meter),
                    [(0, number)],
                    away[number],
                    shifts[number],
                )
            )
    for piece, turns in hockets(agreed, away, hocket_count, np.random.default_rng((rng, 0xB0C))):
        entries.append(_Entry(Kind.HOCKET, piece, turns, [], 0))
    ids = [grammar.encode(entry.piece) for entry in entries]
    ticks = [ticks_before(events) for events in ids]
    held = [
        np.any([(tick >= r.start) & (tick < r.stop) for r in e.held_out] or [tick < 0], axis=0)
        for e, tick in zip(entries, ticks, strict=True)
    ]
    return Corpus(
        ids=np.concatenate(ids),
        bounds=np.cumsum([0, *map(len, ids)]),
        theme=np.concatenate([e.theme_at(tick) for e, tick in zip(entries, ticks, strict=True)]),
        kind=np.array([entry.kind for entry in entries], np.uint8),
        held_out=np.concatenate(held),
        shifts=tuple(transpositions(entry.piece) for entry in entries),
        home=np.array([entry.home for entry in entries]),
        fingerprint=grammar.vocab.fingerprint,
    )


def _home(theme: Piece, moved: Piece) -> int:
    """Return the transposition from a theme to itself moved, 0 if that leaves the piano."""
    pitches = [note.pitch for note in moved.notes]
    if not pitches or min(pitches) < PITCHES.start or max(pitches) >= PITCHES.stop:
        return 0
    return min(pitches) - min(note.pitch for note in theme.notes)


@dataclass(frozen=True)
class _Entry:
    kind: Kind
    piece: Piece
    turns: list[tuple[int, int]]
    """(tick, theme): from when on which theme is heard."""
    held_out: list[range]
    home: int

    def theme_at(self, ticks: NDArray[np.int64]) -> NDArray[np.uint16]:
        starts, themes = np.array(self.turns).T
        turn = np.searchsorted(starts, ticks, side="right") - 1
        return np.asarray(themes[turn], np.uint16)


def ticks_before(ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the tick at which each event (N) happens; a DUR happens where it begins."""
    steps = waits(ids)
    return np.cumsum(steps) - steps

"""Pieces to one long array of events, with where each piece begins and which theme it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.corpus.augment import nearest, transpositions
from hocket.corpus.hockets import hockets
from hocket.model.sizes import InputSizes
from hocket.music import Meter, Note, Piece
from hocket.music.pitch import COMMON_KEY, agreeing
from hocket.tokens import GRAMMAR, PLACE_SIZES, VOCAB, Grammar, waits
from hocket.tokens.automaton import SOUNDING
from hocket.tokens.memory import TAPES


class Kind(IntEnum):
    """What a piece of a corpus is."""

    NATIVE = 0
    """A theme in its own metre."""
    REBARRED = 1
    """A theme barred in another metre: the first theme's, or a usual one."""
    HOCKET = 2
    """Bars of several themes in turn."""
    KEPT = 3
    """A whole piece kept from learning, to judge it."""
    LEFT_OUT = 4
    """A piece that is not used."""


class Choices(NamedTuple):
    """Pieces (K), and how many events they have, each with those before it (K)."""

    pieces: NDArray[np.int64]
    ends: NDArray[np.int64]


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
    """(P): the transposition that brings each piece to the common key."""
    fingerprint: str
    """Of the vocabulary."""

    @property
    def keys_of_themes(self) -> list[int]:
        """(M): how many transpositions each theme may be moved by, the fewest of its pieces'."""
        natives = (self.choices[Kind.NATIVE, theme].pieces for theme in range(self.theme_count))
        return [min(len(self.shifts[piece]) for piece in pieces) for pieces in natives]

    @cached_property
    def theme_count(self) -> int:
        """M, the number of themes."""
        return int(self.theme.max()) + 1

    @cached_property
    def choices(self) -> Mapping[Kind | tuple[Kind, int], Choices]:
        """The pieces of each kind and theme; hockets are of no single theme."""
        found: dict[Kind | tuple[Kind, int], Choices] = {}
        theme = self.theme[self.bounds[:-1]]
        for kind in (Kind.NATIVE, Kind.REBARRED, Kind.HOCKET):
            for number in range(self.theme_count):
                of_kind = self.kind == kind
                if kind != Kind.HOCKET:
                    of_kind &= theme == number
                if len(pieces := np.flatnonzero(of_kind)):
                    ends = np.cumsum(self.bounds[pieces + 1] - self.bounds[pieces])
                    key = kind if kind == Kind.HOCKET else (kind, number)
                    found[key] = Choices(pieces, ends)
        return found


def input_sizes(themes: int) -> InputSizes:
    """Return how much a network of so many themes sees."""
    return InputSizes(len(VOCAB), SOUNDING, PLACE_SIZES, TAPES, themes)


def rebarred(piece: Piece, meter: Meter) -> Piece:
    """Return the piece with its bar lines drawn in one other metre, after a pick-up if it has one."""
    main = piece.main_meter
    start = next(m.tick for m in piece.meters if m[1:] == main[1:])
    pick_up = [m for m in piece.meters if m.tick < start] if start < main.bar_ticks else []
    return replace(piece, meters=(*pick_up, meter._replace(tick=start if pick_up else 0)))


def held_out_bars(piece: Piece, share: float, rng: np.random.Generator) -> list[range]:
    """Choose pairs of neighbouring bars, spread over the piece, as ranges of ticks, bar by bar.

    One pair lies in each of as many equal stretches as the share asks for: of those that return least
    often, one at random. Where a chosen bar returns it is held out as well, since what is learned
    elsewhere judges nothing; but not where that would come to a tenth of the bars more than the share.
    """
    bars = piece.bars()
    pairs = round(len(bars) * share / 2) if share else 0
    if share and not pairs and len(bars) >= 4:
        pairs = 1
    said = [piece.excerpt(bar) for bar in bars] if pairs else []
    places: dict[tuple[Note, ...], set[int]] = {}
    for number, notes in enumerate(said):
        places.setdefault(notes, set()).add(number)
    often = np.array([len(places[notes]) for notes in said])
    chosen: set[int] = set()
    for stretch in np.array_split(np.arange(1, len(bars) - 1), pairs) if pairs else ():
        firsts = stretch[:-1] if len(stretch) > 1 else stretch
        returns = often[firsts] + often[firsts + 1]
        first = int(rng.choice(firsts[returns == returns.min()]))
        chosen |= {first, first + 1}
        wherever = chosen | places[said[first]] | places[said[first + 1]]
        if len(wherever) <= (share + 0.1) * len(bars):
            chosen = wherever
    return [bars[number] for number in sorted(chosen)]


def build(
    themes: Sequence[Piece | Sequence[Piece]],
    *,
    meters: Sequence[Meter] = (),
    held_out: float = 0.0,
    hocket_count: int = 0,
    rng: int = 0,
    grammar: Grammar = GRAMMAR,
) -> Corpus:
    """Encode each theme in its own metre and in others, and hockets in the first one's.

    A theme is a piece or several. The other metres are `meters`, by default that of the first piece,
    which takes will have. Held-out bars are so everywhere. Hockets are made of one piece a theme, the
    first.
    """
    sets = [[theme] if isinstance(theme, Piece) else list(theme) for theme in themes]
    of_theme = [number for number, pieces in enumerate(sets) for _ in pieces]
    simple = [grammar.simplify(piece) for pieces in sets for piece in pieces]
    agreed = agreeing(simple, COMMON_KEY)
    shifts = [_home(theme, moved) for theme, moved in zip(simple, agreed, strict=True)]
    meter = simple[0].main_meter
    away = [
        held_out_bars(theme, held_out, np.random.default_rng((rng, number)))
        for number, theme in enumerate(simple)
    ]
    entries: list[_Entry] = []
    for place, (number, theme) in enumerate(zip(of_theme, simple, strict=True)):
        turns, kept = [(0, number)], away[place]
        entries.append(_Entry(Kind.NATIVE, theme, turns, kept, shifts[place]))
        for other in meters or (meter,):
            if theme.main_meter != other:
                entry = _Entry(Kind.REBARRED, rebarred(theme, other), turns, kept, shifts[place])
                entries.append(entry)
    firsts = [of_theme.index(number) for number in range(len(sets))]
    agreed, away = [agreed[place] for place in firsts], [away[place] for place in firsts]
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
    pitches = [note.pitch for note in theme.notes]
    if not pitches:
        return 0
    return nearest(moved.notes[0].pitch - theme.notes[0].pitch, min(pitches), max(pitches))


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

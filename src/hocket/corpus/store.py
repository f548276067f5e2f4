"""Pieces to one long array of events, with where each piece begins and which theme it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hocket.corpus.augment import transpositions
from hocket.music import Meter, Piece
from hocket.tokens import GRAMMAR, Features, Grammar
from hocket.tokens.vocab import VOCAB


@dataclass(frozen=True, eq=False)
class Corpus:
    """N events of P pieces. A piece barred in several metres stands there once for each."""

    ids: NDArray[np.uint16]
    """(N) events, piece after piece."""
    bounds: NDArray[np.int64]
    """(P + 1): piece p is `ids[bounds[p]:bounds[p + 1]]`."""
    theme: NDArray[np.uint16]
    """(P): the theme a piece belongs to."""
    native: NDArray[np.bool_]
    """(P): the piece stands in its own metre, not in a borrowed one."""
    held_out: NDArray[np.bool_]
    """(N): the event lies in a bar kept from learning."""
    features: Features
    """What the automaton sees after each event: sounding (N, 88) and place (N, 3)."""
    shifts: tuple[range, ...]
    """(P): the transpositions each piece may be moved by."""
    fingerprint: str
    """Of the vocabulary."""

    @property
    def theme_count(self) -> int:
        """M, the number of themes."""
        return int(self.theme.max()) + 1


def rebarred(piece: Piece, meter: Meter) -> Piece:
    """Return the piece with its bar lines drawn in one other metre from the start."""
    return replace(piece, meters=(meter._replace(tick=0),))


def main_meter(piece: Piece) -> Meter:
    """Return the metre that most of a piece's ticks stand in, placed at tick 0."""
    lengths: dict[tuple[int, int], int] = {}
    for meter, following in zip(piece.meters, (*piece.meters[1:], None), strict=True):
        stop = piece.end if following is None else min(following.tick, piece.end)
        signature = (meter.numerator, meter.denominator)
        lengths[signature] = lengths.get(signature, 0) + max(stop - meter.tick, 0)
    return Meter(0, *max(lengths, key=lambda signature: lengths[signature]))


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
    held_out: float = 0.0,
    rng: int = 0,
    grammar: Grammar = GRAMMAR,
) -> Corpus:
    """Encode each theme in its own metre and in each other theme's; hold bars out of all of them."""
    meters = [main_meter(theme) for theme in themes]
    ids: list[NDArray[np.uint16]] = []
    theme_of: list[int] = []
    native: list[bool] = []
    held: list[NDArray[np.bool_]] = []
    features: list[Features] = []
    shifts: list[range] = []
    for number, theme in enumerate(themes):
        simple = grammar.simplify(theme)
        away = held_out_bars(simple, held_out, np.random.default_rng((rng, number)))
        others = dict.fromkeys(m for m in meters if m != meters[number])
        for piece in (simple, *(rebarred(simple, meter) for meter in others)):
            events = grammar.encode(piece)
            tick = ticks_before(events)
            ids.append(events)
            theme_of.append(number)
            native.append(piece is simple)
            held.append(np.any([(tick >= r.start) & (tick < r.stop) for r in away] or [tick < 0], 0))
            features.append(grammar.trace(events))
            shifts.append(transpositions(simple))
    return Corpus(
        ids=np.concatenate(ids),
        bounds=np.cumsum([0, *map(len, ids)]),
        theme=np.array(theme_of, np.uint16),
        native=np.array(native),
        held_out=np.concatenate(held),
        features=Features(
            np.concatenate([f.sounding for f in features]),
            np.concatenate([f.place for f in features]),
        ),
        shifts=tuple(shifts),
        fingerprint=grammar.vocab.fingerprint,
    )


def ticks_before(ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the tick at which each event (N) happens; a DUR happens where it begins."""
    durations = VOCAB.families["DUR"]
    events = ids.astype(np.int64)
    inside = (events >= durations.start) & (events < durations.stop)
    steps = np.where(inside, events - durations.start + 1, 0)
    return np.cumsum(steps) - steps

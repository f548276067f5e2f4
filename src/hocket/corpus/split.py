"""Which pieces a base model learns from, which it is judged by, and which it must never see.

    names, what they share (`analysis/duplicates.py`), names wanted for judging, names to keep out
        -> for each piece: train, valid or out, and why

Surprising decision: it is compositions that are divided, not files. Whatever hangs together with a
piece kept out, over any number of pieces that share music, is out as well; and what hangs together
with a piece of valid is not learned from. What fingerprints cannot show (a variation on a theme, a
phrase of few notes) must be told by whoever knows it, as one more overlap.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import NamedTuple

from hocket.analysis.duplicates import Overlap, clusters
from hocket.errors import ConfigError


class Side(Enum):
    """What a piece is for."""

    TRAIN = "train"
    VALID = "valid"
    OUT = "out"


class Reason(Enum):
    """Why a piece is out."""

    KEPT_OUT = "kept out"
    NEAR_KEPT_OUT = "shares music with a piece kept out"
    NEAR_VALID = "shares music with a piece of valid"
    COPY = "stands in another piece of train"


class Place(NamedTuple):
    """Where a piece goes; where that is out, `reason` says why and `like` names the other piece."""

    side: Side
    reason: Reason | None = None
    like: str = ""


def places(
    names: Sequence[str],
    notes: Sequence[int],
    overlaps: Sequence[Overlap],
    *,
    valid: Collection[str],
    kept_out: Collection[str] = (),
) -> list[Place]:
    """Return the place of each piece (P); of several copies the one with most `notes` (P) is kept.

    `overlaps` has the pieces by number; which number is whose does not matter. Raises `ConfigError`
    for a name in `valid` or `kept_out` that is no piece's, and for pieces of one name.
    """
    number = {name: piece for piece, name in enumerate(names)}
    if len(number) < len(names):
        raise ConfigError("two pieces have one name; give each a name of its own")
    if unknown := sorted({*valid, *kept_out} - number.keys()):
        raise ConfigError(f"{unknown[0]}: no piece of that name; {len(unknown)} such names in all")
    whole = clusters(len(names), ((one.a, one.b) for one in overlaps if one.is_shared)).tolist()
    forbidden = {whole[number[name]]: name for name in sorted(kept_out, reverse=True)}
    found: list[Place | None] = [None] * len(names)
    for piece, name in enumerate(names):
        if name in kept_out:
            found[piece] = Place(Side.OUT, Reason.KEPT_OUT)
        elif whole[piece] in forbidden:
            found[piece] = Place(Side.OUT, Reason.NEAR_KEPT_OUT, forbidden[whole[piece]])
        elif name in valid:
            found[piece] = Place(Side.VALID)
    judged = {
        whole[piece]: names[piece]
        for piece in sorted(range(len(names)), key=names.__getitem__, reverse=True)
        if found[piece] == Place(Side.VALID)
    }
    same: dict[int, set[int]] = {}
    for one in overlaps:
        if one.is_same:
            same.setdefault(one.a, set()).add(one.b)
            same.setdefault(one.b, set()).add(one.a)
    learned: set[int] = set()
    # The longest first: a piece is a copy only of one that is kept.
    for piece in sorted(range(len(names)), key=lambda piece: (-notes[piece], names[piece])):
        if found[piece] is not None:
            continue
        if whole[piece] in judged:
            found[piece] = Place(Side.OUT, Reason.NEAR_VALID, judged[whole[piece]])
        elif kept := sorted(names[other] for other in same.get(piece, set()) & learned):
            found[piece] = Place(Side.OUT, Reason.COPY, kept[0])
        else:
            found[piece] = Place(Side.TRAIN)
            learned.add(piece)
    return [place for place in found if place is not None]

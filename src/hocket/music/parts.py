"""Columns of many parts -> columns of few: parts that lie close to each other become one.

Surprising decision: closeness is the distance of median pitches alone, neither program nor name. Two
violins meet before a violin and a cello do, whatever a file calls them, and whether it says programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.music.columns import Columns
from hocket.music.piece import Part

MOST_PARTS = 4


def at_most(columns: Columns, most: int = MOST_PARTS) -> tuple[Columns, str]:
    """Return columns of at most that many parts, at least 1, and a remark on what became one, or "".

    Parts without a note go; the others stay in their order, numbered from 0. While they are too
    many, the two with the closest median pitches (of several such two those with the fewest notes,
    then the first) become one part, in the place of the first of them and with the name and program
    of that with more notes. No note changes but in its part, not even where two of one pitch now
    overlap in one part.
    """
    parts = columns.frame.parts
    counts = np.bincount(columns.part, minlength=len(parts))
    sounding = np.flatnonzero(counts).tolist()
    if len(sounding) <= most:
        groups = [_Group(0, 0, index, (index,), index) for index in sounding]
    else:
        groups = _few(_each(columns, sounding), most)
    if len(groups) == len(parts):
        return columns, ""
    number = np.zeros(len(parts), np.int64)
    for place, group in enumerate(groups):
        number[list(group.members)] = place
    frame = replace(columns.frame, parts=tuple(parts[group.keeps] for group in groups))
    return replace(columns, part=number[columns.part], frame=frame), _remark(parts, groups)


class _Group(NamedTuple):
    """Parts that become one; in the order of height, then size, then place.

    `height` is twice the median pitch, `size` the number of notes, `place` the first of the
    `members`; `keeps` is the one whose name and program are kept. `pitches` (size) are sorted.
    """

    height: int
    size: int
    place: int
    members: tuple[int, ...]
    keeps: int
    pitches: NDArray[np.int64] = np.empty(0, np.int64)


def _group(members: tuple[int, ...], keeps: int, pitches: NDArray[np.int64]) -> _Group:
    size = len(pitches)
    height = int(pitches[(size - 1) // 2] + pitches[size // 2])
    return _Group(height, size, min(members), members, keeps, pitches)


def _each(columns: Columns, sounding: Sequence[int]) -> list[_Group]:
    """Return a group for each of the parts that have notes."""
    order = np.lexsort((columns.pitch, columns.part))
    _, first = np.unique(columns.part[order], return_index=True)
    pitches = np.split(columns.pitch[order], first[1:])
    return [_group((part,), part, own) for part, own in zip(sounding, pitches, strict=True)]


def _few(groups: list[_Group], most: int) -> list[_Group]:
    """Return at most that many groups, by place."""
    while len(groups) > most:
        groups = sorted(groups)
        at = _closest(groups)
        groups[at : at + 2] = [_joined(groups[at], groups[at + 1])]
    return sorted(groups, key=lambda group: group.place)


def _closest(groups: Sequence[_Group]) -> int:
    """Return which of the sorted groups is to become one with that behind it.

    The closest two are neighbours, and so are those with the fewest notes among all of one height.
    """

    def distance(at: int) -> tuple[int, ...]:
        low, high = groups[at], groups[at + 1]
        places = sorted((low.place, high.place))
        return high.height - low.height, low.size + high.size, *places

    return min(range(len(groups) - 1), key=distance)


def _joined(one: _Group, other: _Group) -> _Group:
    larger = max(one, other, key=lambda group: (group.size, -group.place))
    pitches = np.sort(np.concatenate((one.pitches, other.pitches)))
    return _group(one.members + other.members, larger.keeps, pitches)


def _remark(parts: Sequence[Part], groups: Sequence[_Group]) -> str:
    """Say which part went into which, in the order of the file; "" if none did."""
    gone = sorted((m, group.keeps) for group in groups for m in group.members if m != group.keeps)
    if not gone:
        return ""
    names = [part.name or f"part {index + 1}" for index, part in enumerate(parts)]
    moves = ", ".join(f"{names[part]} went into {names[into]}" for part, into in gone)
    return f"{len(groups) + len(gone)} parts, {len(groups)} are kept: {moves}"

"""Sequences of symbols to an automaton that knows every run in them: is this run there, and where.

A suffix automaton (Blumer and others, "The smallest automaton recognizing the subwords of a text",
1985), built online in linear time; exact, no hashing of runs. What is read goes through it symbol by
symbol, and at each one the longest run that ends there and stands in the text is known. Surprising
decision: an alphabet of intervals and times has thousands of symbols, so transitions lie in one open
hash table of (state, symbol), and each state's in a list, which cloning needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled

Ints = NDArray[np.int64]

MOST_GAP = 2**18 - 1
"""Ticks from which on gaps between onsets count as one."""
_GAPS, _INTERVALS = 18, 128
_SYMBOLS = 27
"""Bits of a symbol; the first bit tells separators."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Suffixes(NamedTuple):
    """S states and their transitions; state 0 is the empty run."""

    longest: Ints
    """(S): symbols in the longest run of each state."""
    link: Ints
    """(S): the state of the longest run that ends as these do, and elsewhere too; -1 for state 0."""
    ends: Ints
    """(S): where in the text a run of the state ends first: the number of its last symbol."""
    keys: Ints
    """(2 ** k): a state and a symbol as one number, -1 where the table is empty."""
    targets: Ints
    """(2 ** k): the state that these lead to."""


@compiled
def symbol(interval: int, gap: int) -> int:
    """Return one number for the interval in semitones and the ticks from one note to the next."""
    return ((interval + _INTERVALS) << _GAPS) + min(gap, MOST_GAP)


def joined(sequences: Sequence[Ints]) -> Ints:
    """Return sequences of symbols as one text, each followed by a separator that is nowhere else."""
    parts = []
    for number, sequence in enumerate(sequences):
        parts += [sequence, np.array([(1 << _SYMBOLS - 1) + number])]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def suffixes(text: Ints) -> Suffixes:
    """Return the automaton of a text (N) of symbols, of at most 2 N states."""
    states = max(2 * len(text), 1)
    size = 1 << int(np.ceil(np.log2(max(6 * len(text), 4))))
    longest, link, ends = np.zeros(states, np.int64), np.full(states, -1), np.full(states, -1)
    keys, targets = np.full(size, -1), np.zeros(size, np.int64)
    made = _build(np.asarray(text, np.int64), longest, link, ends, keys, targets)
    return Suffixes(longest[:made].copy(), link[:made].copy(), ends[:made].copy(), keys, targets)


@compiled
def go(automaton: Suffixes, state: int, length: int, read: int) -> tuple[int, int]:
    """Read one symbol more: the state, and the symbols of the longest run ending here, in the text.

    `state` and `length` are those before, both 0 at first.
    """
    while True:
        after = _target(automaton.keys, automaton.targets, state, read)
        if after >= 0:
            return after, length + 1
        state = automaton.link[state]
        if state < 0:
            return 0, 0
        length = automaton.longest[state]


@compiled
def matches(automaton: Suffixes, read: Ints) -> tuple[Ints, Ints]:
    """Return for each symbol read (N) the length of the longest run ending there, and where it ends."""
    lengths, ends = np.zeros(len(read), np.int64), np.full(len(read), -1)
    state, length = 0, 0
    for place in range(len(read)):
        state, length = go(automaton, state, length, read[place])
        lengths[place] = length
        if length > 0:
            ends[place] = automaton.ends[state]
    return lengths, ends


@compiled
def _build(text: Ints, longest: Ints, link: Ints, ends: Ints, keys: Ints, targets: Ints) -> int:
    """Fill the arrays, and return how many states there are."""
    first_edge, next_edge = np.full(len(longest), -1), np.full(len(keys), -1)
    edge_of = np.empty(len(keys), np.int64)
    made, last = 1, 0
    for place in range(len(text)):
        read = text[place]
        new = made
        made += 1
        longest[new], ends[new] = longest[last] + 1, place
        state = last
        while state >= 0 and _target(keys, targets, state, read) < 0:
            _lead(keys, targets, state, read, new, first_edge, next_edge, edge_of)
            state = link[state]
        if state < 0:
            link[new] = 0
        else:
            known = _target(keys, targets, state, read)
            if longest[known] == longest[state] + 1:
                link[new] = known
            else:
                clone = made
                made += 1
                longest[clone], link[clone] = longest[state] + 1, link[known]
                ends[clone] = ends[known]
                edge = first_edge[known]
                while edge >= 0:
                    _lead(
                        keys,
                        targets,
                        clone,
                        edge_of[edge],
                        targets[edge],
                        first_edge,
                        next_edge,
                        edge_of,
                    )
                    edge = next_edge[edge]
                while state >= 0 and _target(keys, targets, state, read) == known:
                    _lead(keys, targets, state, read, clone, first_edge, next_edge, edge_of)
                    state = link[state]
                link[known] = link[new] = clone
        last = new
    return made


@compiled
def _slot(keys: Ints, key: int) -> int:
    """Return where a key stands, or would."""
    mask = len(keys) - 1
    slot = int((np.uint64(key) * _FACTOR) >> np.uint64(20)) & mask
    while keys[slot] != key and keys[slot] >= 0:
        slot = (slot + 1) & mask
    return slot


@compiled
def _target(keys: Ints, targets: Ints, state: int, read: int) -> int:
    """Return where a symbol leads from a state, -1 if nowhere."""
    key = (state << _SYMBOLS) + read
    slot = _slot(keys, key)
    return int(targets[slot]) if keys[slot] == key else -1


@compiled
def _lead(
    keys: Ints,
    targets: Ints,
    state: int,
    read: int,
    target: int,
    first_edge: Ints,
    next_edge: Ints,
    edge_of: Ints,
) -> None:
    """Let a symbol lead from a state to another; an edge is known by its slot in the table."""
    key = (state << _SYMBOLS) + read
    slot = _slot(keys, key)
    targets[slot] = target
    if keys[slot] != key:
        keys[slot] = key
        edge_of[slot] = read
        next_edge[slot] = first_edge[state]
        first_edge[state] = slot

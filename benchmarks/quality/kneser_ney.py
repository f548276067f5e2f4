"""n-gram peer: interpolated modified Kneser-Ney of order 6 over hocket's ids, and the same, adaptive.

Five events of context, counted in all transpositions. The adaptive one lays the contexts of the
piece read so far over it, as PPM does. Surprising decision: it is no PPM. On 46 valid pieces the
static PPM of order 5, interpolated, cost 6.02 nats per note by method C and 6.36 by D, Kneser-Ney
5.39; with the counts of the piece added, 4.98, 5.20 and 4.58; with the piece laid over Kneser-Ney,
about 3.7. Without transpositions, static Kneser-Ney cost 6.01.

Sources: S. Chen and J. Goodman, An Empirical Study of Smoothing Techniques for Language Modeling,
1998 (section 3); A. Moffat, Implementing the PPM Data Compression Scheme, 1990 (method C); M.
Pearce and G. Wiggins, Improved Methods for Statistical Modelling of Monophonic Music, 2004
(interpolation, and a model of the piece beside one of the corpus).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import account
import events
from hocket.compiled import compiled
from hocket.tokens import VOCAB

CONTEXT = 5
OWN_SHORTEST = 2
"""The shortest context that is taken from the piece itself; of shorter ones the corpus knows more."""
OWN_ESCAPE = 3.0
"""How many events each event after a context weighs that is yet unseen there; PPM's method C has 1.
Both were chosen on training pieces held out: 3.46 nats per note, against 3.61 from context 1 at 2."""

_START = VOCAB.id("START")
_EVENTS = len(VOCAB)
_BITS = (_EVENTS - 1).bit_length()
assert _BITS * (CONTEXT + 1) < 64, "an n-gram must fit a whole number; take a shorter context"


class Table(NamedTuple):
    """n-grams of one length, sorted, so that what follows a context stands together."""

    keys: NDArray[np.int64]
    counts: NDArray[np.uint32]


class Model(NamedTuple):
    """All lengths, one after the other; `bounds` (CONTEXT + 2) says where each begins."""

    keys: NDArray[np.int64]
    counts: NDArray[np.uint32]
    bounds: NDArray[np.int64]
    discounts: NDArray[np.float64]
    """(CONTEXT + 1, 4): what is taken from a count of 1, 2 and more, by length of the context."""


def learned(pieces: list[events.Ids]) -> Model:
    """Count pieces in all keys that they can be moved to."""
    ids = np.concatenate([events.moved(ids, k) for ids in pieces for k in events.keys(ids)])
    tables = [_seen(ids, CONTEXT)]
    for context in reversed(range(CONTEXT)):
        # A shorter n-gram counts as often as different events precede it; where none can, as it is.
        keys, different = _counted(tables[0].keys & _lowest(context + 1))
        seen = _seen(ids, context)
        first = seen.keys >> (_BITS * context) == _START
        keys = np.concatenate((keys, seen.keys[first]))
        order = np.argsort(keys)
        counts = np.concatenate((different, seen.counts[first]))
        tables.insert(0, Table(keys[order], counts[order]))
    return Model(
        np.concatenate([table.keys for table in tables]),
        np.concatenate([table.counts for table in tables]),
        np.cumsum([0, *(len(table.keys) for table in tables)]),
        np.array([_discounts(table.counts) for table in tables]),
    )


def chances(model: Model, ids: events.Ids, *, adaptive: bool) -> NDArray[np.float64]:
    """Return P of every event (N, V) given those before it in the piece, ids (N); tests look at it."""
    every = np.zeros((len(ids), _EVENTS))
    _read(*model, ids.astype(np.int64), adaptive, every)
    return every


def nats(model: Model, ids: events.Ids, *, adaptive: bool) -> float:
    """Return -ln P of ids (N) after the first, START, which every piece begins with."""
    return float(_read(*model, ids.astype(np.int64), adaptive, np.zeros((0, _EVENTS))))


def _lowest(count: int) -> int:
    """Return the mask of the last so many events of a key."""
    return int((1 << (_BITS * count)) - 1)


def _seen(ids: events.Ids, context: int) -> Table:
    keys = np.empty(len(ids), np.int64)
    made = _grams(ids, context, keys)
    return Table(*_counted(keys[:made]))


def _counted(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the different keys of `keys` (which gets sorted), and how often each is there."""
    keys.sort()
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[first], np.diff(np.append(first, len(keys))).astype(np.uint32)


def _discounts(counts: NDArray[np.uint32]) -> list[float]:
    """Return Chen and Goodman's D by count, D[0] unused; where too few are seen, 1/2 for all."""
    one, two, three, four = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    if not (one and two and three and four):
        return [0.0, 0.5, 0.5, 0.5]
    share = one / (one + 2 * two)
    found = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
    # With few n-grams the estimate may take nothing or all, and then an event could have no chance.
    return [0.0, *(min(max(d, 0.05), count - 0.05) for count, d in enumerate(found, 1))]


@compiled
def _grams(ids: NDArray[np.uint16], context: int, keys: NDArray[np.int64]) -> int:
    """Write the n-grams of `context` events and the one after it; return how many there are."""
    made, key, age = 0, 0, 0
    mask = (1 << (_BITS * (context + 1))) - 1
    for event in ids:
        if event == _START:
            age, key = 0, 0
        key = ((key << _BITS) | event) & mask
        if age >= context:
            keys[made] = key
            made += 1
        age += 1
    return made


@compiled
def _blend(
    chance: NDArray[np.float64],
    keys: NDArray[np.int64],
    counts: NDArray[np.uint32],
    context: int,
    discounts: NDArray[np.float64],
) -> None:
    """Lay what followed one context over the chances (V) after the shorter one."""
    first = np.searchsorted(keys, context << _BITS)
    last, total, freed = first, 0.0, 0.0
    while last < len(keys) and keys[last] >> _BITS == context:
        total += counts[last]
        freed += discounts[min(counts[last], 3)]
        last += 1
    if total > 0:
        chance *= freed / total
        for place in range(first, last):
            event = keys[place] & ((1 << _BITS) - 1)
            chance[event] += (counts[place] - discounts[min(counts[place], 3)]) / total


@compiled
def _read(
    keys: NDArray[np.int64],
    counts: NDArray[np.uint32],
    bounds: NDArray[np.int64],
    discounts: NDArray[np.float64],
    ids: NDArray[np.int64],
    adaptive: bool,
    every: NDArray[np.float64],
) -> float:
    """Return the nats of ids (N) after the first; write all chances where `every` (N, V) has room.

    What the piece itself said is a tree: a node is a context and the event after it, `child` its
    first follower, `sibling` the next one, `at[k]` the node of the last k events.
    """
    nodes = len(ids) * (CONTEXT + 1) + 1
    said, times = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    child, sibling = np.full(nodes, -1, np.int64), np.full(nodes, -1, np.int64)
    at = np.zeros(CONTEXT + 2, np.int64)
    chance = np.empty(_EVENTS)
    made, past, total = 1, 0, 0.0
    for number, event in enumerate(ids):
        longest = min(CONTEXT, number)
        if number > 0:
            chance[:] = 1.0 / _EVENTS
            for k in range(longest + 1):
                table = slice(bounds[k], bounds[k + 1])
                context = past & ((1 << (_BITS * k)) - 1)
                _blend(chance, keys[table], counts[table], context, discounts[k])
            if adaptive:
                for k in range(OWN_SHORTEST, longest + 1):
                    if child[at[k]] >= 0:
                        heard, kinds, node = 0, 0, child[at[k]]
                        while node >= 0:
                            heard += times[node]
                            kinds += 1
                            node = sibling[node]
                        whole = heard + OWN_ESCAPE * kinds
                        chance *= OWN_ESCAPE * kinds / whole
                        node = child[at[k]]
                        while node >= 0:
                            chance[said[node]] += times[node] / whole
                            node = sibling[node]
            total -= math.log(chance[event])
            if len(every):
                every[number] = chance
        if adaptive:
            for k in range(longest, -1, -1):
                node = child[at[k]]
                while node >= 0 and said[node] != event:
                    node = sibling[node]
                if node < 0:
                    node, made = made, made + 1
                    said[node], sibling[node], child[at[k]] = event, child[at[k]], node
                times[node] += 1
                at[k + 1] = node
        past = ((past << _BITS) | event) & ((1 << (_BITS * CONTEXT)) - 1)
    return total


def main() -> None:
    """Count, which takes as long as it takes, then read the valid pieces."""
    asked = account.questions(__doc__).parse_args()
    pieces = events.read(asked.folder, account.listed(asked.train), all_of_them=False)
    valid = events.read(asked.folder, account.listed(asked.valid))
    budget = account.Budget(asked.minutes)
    model = learned(list(pieces.values()))
    budget.stop()
    costs, static = {}, 0.0
    for name, ids in valid.items():
        costs[name] = account.Cost(nats(model, ids, adaptive=True), events.notes(ids))
        static += nats(model, ids, adaptive=False)
    account.answer(
        asked,
        "Kneser-Ney, order 6, adaptive",
        budget,
        costs,
        weights=len(model.keys),
        events=sum(len(ids) * len(events.keys(ids)) for ids in pieces.values()),
        packages=("hocket", "numpy", "numba"),
        variants={"static": static},
    )


if __name__ == "__main__":
    main()

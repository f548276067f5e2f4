"""The compiled loop that fills a batch: events, what comes next, and the features, all rows at once.

Surprising decision: features are not stored. The automaton walks each piece from its beginning to the
window, a few nanoseconds an event, so that a corpus costs two bytes an event on disk and in memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.corpus.augment import transposed
from hocket.tokens.automaton import Table, advance_one, look_one

IGNORED = -100
"""Target of events that are not learned: held-out bars and the padding after a piece's end."""


@compiled
def gather(
    ids: NDArray[np.uint16],
    held_out: NDArray[np.bool_],
    learn_held_out: bool,
    begins: Table,
    ends: Table,
    starts: Table,
    shifts: Table,
    table: Table,
    inputs: Table,
    targets: Table,
    sounding: NDArray[np.bool_],
    place: Table,
) -> None:
    """Fill inputs and targets (B, T), sounding (B, T, 88) and place (B, T, 3) from ids (N).

    Row b is of the piece from `begins` to `ends` (B), from the event `starts` (B) on, moved by `shifts`
    (B) semitones; past the piece's end the last input is repeated and no target learned. Targets are
    learned where `held_out` (N) is as `learn_held_out` says. `table` (B, 94) holds blank rows of the
    automaton, which are used up.
    """
    for b in range(len(begins)):
        row, last = table[b], ends[b] - 2
        for n in range(begins[b], min(starts[b], last)):
            advance_one(row, transposed(ids[n], shifts[b]))
        reached = min(starts[b], last)
        for t in range(inputs.shape[1]):
            here = min(starts[b] + t, last)
            if here >= reached:
                advance_one(row, transposed(ids[here], shifts[b]))
                reached = here + 1
            look_one(row, sounding[b, t], place[b, t])
            inputs[b, t] = transposed(ids[here], shifts[b])
            learned = starts[b] + t <= last and held_out[here + 1] == learn_held_out
            targets[b, t] = transposed(ids[here + 1], shifts[b]) if learned else IGNORED

"""The compiled loop that fills a batch: events, what comes next, and the features, all rows at once.

Surprising decision: features are not stored. Each piece is walked from its beginning to the window, a
sixth of a microsecond an event, so that a corpus costs two bytes an event on disk and in memory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.corpus.augment import transposed
from hocket.tokens.sight import Features, Walkers, pass_by, watch

IGNORED = -100
"""Target of events that are not learned: held-out bars and the padding after a piece's end."""

_Ints = NDArray[np.int64]


@compiled
def gather(
    ids: NDArray[np.uint16],
    held_out: NDArray[np.bool_],
    learn_held_out: bool,
    ends: _Ints,
    starts: _Ints,
    shifts: _Ints,
    walkers: Walkers,
    reached: _Ints,
    inputs: _Ints,
    targets: _Ints,
    features: Features,
) -> None:
    """Fill inputs and targets (B, T) and their features from ids (N).

    Row b is of the piece that goes up to `ends` (B), from the event `starts` (B) on, moved by `shifts`
    (B) semitones; past the piece's end the last input is repeated, nothing is seen and no target
    learned. Targets are learned where `held_out` (N) is as `learn_held_out` says. `walkers` stand
    before the events `reached` (B), and both are moved on.
    """
    for b in range(len(ends)):
        last = ends[b] - 2
        for n in range(reached[b], min(starts[b], last)):
            pass_by(walkers, b, transposed(ids[n], shifts[b]))
            reached[b] = n + 1
        for t in range(inputs.shape[1]):
            here = min(starts[b] + t, last)
            if starts[b] + t <= last:
                event = transposed(ids[here], shifts[b])
                sounding, place = features.sounding[b, t], features.place[b, t]
                watch(walkers, b, event, sounding, place, features.recalled[b, t])
                reached[b] = here + 1
            else:  # past the end
                features.sounding[b, t] = False
                features.place[b, t] = 0
                features.recalled[b, t] = 0
            inputs[b, t] = transposed(ids[here], shifts[b])
            learned = starts[b] + t <= last and held_out[here + 1] == learn_held_out
            targets[b, t] = transposed(ids[here + 1], shifts[b]) if learned else IGNORED

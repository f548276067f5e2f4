"""How far a network would go on quoting what it learns, in notes; without sampling a single one.

From the probability of each event of a learned piece follows how many notes the network is expected to
repeat from any place in it before it goes its own way. What memory recalls is hidden from it: a phrase
that returns in a piece is no quote.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hocket.corpus import Batch
from hocket.corpus.batches import IGNORED, without_memory
from hocket.model.network import Network
from hocket.tokens import VOCAB
from hocket.training.losses import WINDOW, event_losses
from hocket.training.workers import Workers

_ON = VOCAB.families["NOTE_ON"]


def expected_quote(network: Network, batches: Sequence[Batch], workers: Workers) -> float:
    """Return the mean over places of the notes repeated in a row, for batches of one row each."""
    network.eval()

    @torch.no_grad()
    def quotes(batch: Batch) -> NDArray[np.float64]:
        alone, state = without_memory(batch), network.start(1)
        nats = np.zeros(batch.inputs.shape[1])
        for begin in range(0, len(nats), WINDOW):
            window = slice(begin, begin + WINDOW)
            losses, state = event_losses(network, alone, state, (slice(None), window))
            nats[window] = losses[0].double().numpy()
        return quoted_notes(nats, batch.targets[0])

    found = [notes for notes in workers.map(quotes, batches) if len(notes)]
    return float(np.concatenate(found).mean()) if found else 0.0


def quoted_notes(nats: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each note how many are expected to follow as they stand, from nats per event (T).

    An event that is no target ends a quote.
    """
    nats = np.where(targets == IGNORED, np.inf, nats)
    strikes = np.flatnonzero((targets >= _ON.start) & (targets < _ON.stop))
    if len(strikes) < 2:
        return np.zeros(0)
    with np.errstate(over="ignore"):
        steps = np.add.reduceat(nats[: strikes[-1] + 1], strikes[:-1] + 1)
    following, expected = 0.0, np.zeros(len(steps))
    for place in range(len(steps) - 1, -1, -1):
        following = np.exp(-steps[place]) * (1 + following)
        expected[place] = following
    return expected

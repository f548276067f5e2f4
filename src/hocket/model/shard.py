"""Some rows of a batch through the network and back, on a processor: loss and gradients.

The same network as `Network.forward` in learning, from faster parts, times first. A shard shares
nothing with another but the weights, which it only reads: shards may be learned at the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hocket.model.chance import Chance, dropout, hidden_events
from hocket.model.lstm import lstm
from hocket.model.network import LstmState, Network
from hocket.model.surprise import surprise
from hocket.model.workspace import Workspace

HIDDEN_EVENTS = 0
"""What chance is for; layer n's dropout is n + 1."""


class Rows(NamedTuple):
    """Rows of a batch as in `corpus.Batch`, B of them."""

    events: NDArray[np.int64]
    targets: NDArray[np.int64]
    sounding: NDArray[np.bool_]
    place: NDArray[np.int64]
    recalled: NDArray[np.int64]
    mix: NDArray[np.float32]


class Shard:
    """Learns rows with memory of its own, in one data type."""

    def __init__(self, network: Network, kind: torch.dtype) -> None:
        self._network, self._kind = network, kind
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._memories = [Workspace() for _ in range(network.config.layers + 1)]

    def learn(
        self, rows: Rows, state: LstmState, scale: float, chance: Chance
    ) -> tuple[float, tuple[Tensor, ...], LstmState]:
        """Return the sum of nats times scale, its gradients by parameter, and the state after.

        The gradients stay valid until the next call.
        """
        network, config = self._network, self._network.config
        events = _times_first(rows.events)
        unseen = None
        if config.hidden:
            unseen = hidden_events(tuple(events.shape), config.hidden, chance, HIDDEN_EVENTS)
        place, recalled = _times_first(rows.place), _times_first(rows.recalled)
        sounding, mix = _times_first(rows.sounding).float(), _times_first(rows.mix)
        hidden = network.inputs(events, sounding, place, recalled, mix, unseen).to(self._kind)
        after: LstmState = []
        for layer, (hidden_before, cell_before) in enumerate(state):
            before, memory = (hidden_before[0], cell_before[0]), self._memories[layer]
            hidden, (last_hidden, last_cell) = lstm(hidden, before, network.layer(layer), memory)
            hidden = dropout(hidden, config.dropout, chance, layer + 1, memory)
            after.append((last_hidden[None], last_cell[None]))
        loss = surprise(
            hidden.flatten(0, 1),
            network.head(),
            np.ascontiguousarray(rows.targets.T).ravel(),
            scale,
            self._memories[-1],
        )
        return loss.item(), torch.autograd.grad(loss, self._parameters), after


def _times_first(values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values.swapaxes(0, 1)))

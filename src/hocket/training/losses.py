"""How much each event surprises the network, and how well it knows the bars held out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from hocket.corpus import Batch
from hocket.corpus.batches import IGNORED
from hocket.model.network import LstmState, Network
from hocket.team import ALONE, Team
from hocket.training.workers import Workers

WINDOW = 512


def event_losses(
    network: Network,
    batch: Batch,
    state: LstmState,
    here: tuple[slice, slice] = (slice(None), slice(None)),
    kind: torch.dtype = torch.float32,
) -> tuple[Tensor, LstmState]:
    """Return nats per event (B, T) of rows and times, 0 where ignored, and the state after."""
    to = network.output.weight.device
    logits, after = network(
        torch.from_numpy(batch.inputs[here]).to(to),
        # sent as it is, in a quarter of the bytes
        torch.from_numpy(batch.features.sounding[here]).to(to).to(torch.float32),
        torch.from_numpy(batch.features.place[here]).to(to),
        torch.from_numpy(batch.features.recalled[here]).to(to),
        torch.from_numpy(batch.mix[here]).to(to),
        state,
        kind,
    )
    losses = nn.functional.cross_entropy(
        logits.transpose(1, 2).float(),
        torch.from_numpy(batch.targets[here]).to(to),
        ignore_index=IGNORED,
        reduction="none",
    )
    return losses, after


def held_out_loss(
    network: Network, batches: Sequence[Batch], workers: Workers, team: Team = ALONE
) -> float:
    """Return the mean over themes, each counting alike, of nats per held-out event, in float32.

    Each piece goes alone, in a thread of its own: one row takes a third of the time of two together.
    The ranks of a team share the pieces, and all of them get the same bits.
    """
    network.eval()

    @torch.no_grad()
    def nats(batch: Batch) -> float:
        state, total = network.start(1), 0.0
        end = int(np.flatnonzero(batch.targets[0] != IGNORED).max(initial=-1)) + 1
        for begin in range(0, end, WINDOW):
            window = slice(begin, min(begin + WINDOW, end))
            losses, state = event_losses(network, batch, state, (slice(None), window))
            total += losses.double().sum().item()
        return total

    totals = np.array(team.dealt(lambda dealt: workers.map(nats, dealt), batches))
    counts = np.array([(batch.targets != IGNORED).sum() for batch in batches])
    theme = np.array([batch.mix[0, 0].argmax() for batch in batches])
    means = [totals[theme == t].sum() / counts[theme == t].sum() for t in np.unique(theme)]
    return float(np.mean(means))

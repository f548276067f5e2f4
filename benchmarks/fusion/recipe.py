"""The recipe hocket grew from, in PyTorch: an LSTM over words of both themes, from nothing.

Words (`words.py`) of both themes in twelve keys; Embedding, LSTM, Dropout, LSTM, Dropout, Softmax; a
seed of some words of each theme; each next word sampled with a temperature. It learns as long as
hocket does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from hocket.music import Piece
from words import in_common_key, moved, piece_of, words

LENGTH, BATCH, WIDTH, EMBEDDING, DROPOUT = 32, 64, 256, 96, 0.3
SEED_WORDS = 8
TEMPERATURE = 0.9


class Network(nn.Module):
    """Embedding, two LSTMs with dropout after each, and logits."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, EMBEDDING)
        self.first = nn.LSTM(EMBEDDING, WIDTH, batch_first=True)
        self.second = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.dropout, self.out = nn.Dropout(DROPOUT), nn.Linear(WIDTH, vocabulary)

    def forward(
        self, ids: torch.Tensor, state: object = (None, None)
    ) -> tuple[torch.Tensor, object]:
        """Return logits (B, T, V) of ids (B, T), and the state after them."""
        first, one = self.first(self.embedding(ids), state[0])  # type: ignore[index]
        second, two = self.second(self.dropout(first), state[1])  # type: ignore[index]
        return self.out(self.dropout(second)), (one, two)


def takes(
    themes: Sequence[Piece], count: int, bars: int, rng: int, seconds: float
) -> tuple[list[Piece], float]:
    """Return takes of so many bars, and the loss in nats a word that was come to."""
    torch.manual_seed(rng)
    random = np.random.default_rng(rng)
    lines = [moved(words(theme), key) for theme in in_common_key(themes) for key in range(-6, 6)]
    number = {word: place for place, word in enumerate(sorted({w for line in lines for w in line}))}
    ids = [torch.tensor([number[word] for word in line]) for line in lines]
    windows = [(line, at) for line in ids for at in range(max(len(line) - LENGTH, 1))]
    network = Network(len(number))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    began, losses = time.monotonic(), [float("nan")]
    while time.monotonic() - began < seconds:
        picks = [windows[int(i)] for i in random.integers(len(windows), size=BATCH)]
        rows = [line[at : at + LENGTH + 1] for line, at in picks]
        batch = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        logits, _ = network(batch[:, :-1].clamp(min=0))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    said = list(number)
    meter = themes[0].main_meter
    ticks = bars * meter.bar_ticks
    network.eval()
    found = []
    middle = [ids[6], ids[18]]  # both themes in the common key
    for take in range(count):
        order = middle if take % 2 == 0 else middle[::-1]
        starts = [int(random.integers(max(len(line) - SEED_WORDS, 1))) for line in order]
        line = torch.cat([o[s : s + SEED_WORDS] for o, s in zip(order, starts, strict=True)])
        written = line.tolist()
        with torch.no_grad():
            logits, state = network(line[None])
            while sum(said[word][2] for word in written) < ticks:
                chances = (logits[0, -1] / TEMPERATURE).softmax(0).double().numpy()
                written.append(int(random.choice(len(chances), p=chances / chances.sum())))
                logits, state = network(torch.tensor([[written[-1]]]), state)
        found.append(piece_of([said[word] for word in written], ticks, meter._replace(tick=0)))
    return found, float(np.mean(losses[-50:]))

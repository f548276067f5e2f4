"""Recurrent peer: Embedding, GRU, Dropout, GRU, Dropout, Softmax over hocket's ids, in plain torch.

`--cell lstm` is the classic recipe that hocket grew from. It sees nothing but the last event. Pieces
are learned from START to END in windows that hand their state on, each time in a key drawn anew; a row
begins the next piece with a zero state, as it is judged, so the window after an END is padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import account
import events
import learning
from hocket.tokens import VOCAB
from learning import IGNORED

ROWS, WINDOW = 32, 128
DROPOUT = 0.1
EMBEDDING = {"gru": 512, "lstm": 128}
"""Makes both about 3.5 million weights at width 512."""
RATE = 3e-3
"""Tried for half a minute, judged on 14 pieces, in nats per note: GRU with 32 rows 6.47 and 6.17 at
2e-3 and 4e-3, with 64 rows 6.95 and 6.51; LSTM with 64 rows 9.53 at 4e-3, with 32 rows and half as
long again 8.40 at 2e-3."""
JUDGED_ROWS, JUDGED_WINDOW = 16, 512

State = list[tuple[Tensor, ...]]


class Window(NamedTuple):
    """Inputs and targets (T, B), and which rows begin a piece (B)."""

    inputs: Tensor
    targets: Tensor
    fresh: Tensor


class Network(nn.Module):
    """T events, B sequences; `kind` is the data type of products, weights are float32."""

    def __init__(self, cell: str, width: int, kind: torch.dtype) -> None:
        super().__init__()
        self._kind, self._width = kind, width
        layer: Any = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]
        self._run: Any = {"gru": torch.gru, "lstm": torch.lstm}[cell]
        self._parts = {"gru": 1, "lstm": 2}[cell]
        self.event = nn.Embedding(len(VOCAB), EMBEDDING[cell])
        self.layers = nn.ModuleList([layer(EMBEDDING[cell], width), layer(width, width)])
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(width, len(VOCAB))
        if cell == "lstm":  # forget gates start open
            for lstm in self.layers:
                nn.init.constant_(lstm.get_parameter("bias_ih_l0")[width : 2 * width], 1.0)

    def start(self, rows: int) -> State:
        """Return the zero state of so many sequences."""
        zeros = torch.zeros(1, rows, self._width, dtype=self._kind)
        return [(zeros,) * self._parts for _ in self.layers]

    def forward(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """Return logits (T, B, V) and the state after inputs (T, B)."""
        # The layers' own forward has float32 products only; autocast leaves them out.
        hidden, after = self.event(inputs).to(self._kind), []
        for layer, before in zip(self.layers, state, strict=True):
            weights = [parameter.to(self._kind) for parameter in layer.parameters()]
            first = before if self._parts > 1 else before[0]
            how = True, 1, 0.0, self.training, False, False  # biases, one layer, …, time first
            hidden, *then = self._run(hidden, first, weights, *how)
            hidden = self.dropout(hidden)
            after.append(tuple(part.detach() for part in then))
        weight, bias = (p.to(self._kind) for p in self.output.parameters())
        return nn.functional.linear(hidden, weight, bias).float(), after


def windows(
    pieces: Sequence[events.Ids], count: int, random: np.random.Generator
) -> Iterator[Window]:
    """Yield windows without end: each row reads one piece after another, in an order drawn anew."""
    waiting: list[int] = []
    rows: list[events.Ids] = [np.zeros(0, np.uint16)] * count
    while True:
        inputs = np.zeros((WINDOW, count), np.int64)
        targets = np.full((WINDOW, count), IGNORED)
        fresh = np.zeros(count, np.bool_)
        for row in range(count):
            if len(rows[row]) < 2:
                if not waiting:
                    waiting = random.permutation(len(pieces)).tolist()
                ids = pieces[waiting.pop()]
                rows[row] = events.moved(ids, int(random.choice(events.keys(ids))))
                fresh[row] = True
            here = rows[row][: WINDOW + 1]
            inputs[: len(here) - 1, row] = here[:-1]
            targets[: len(here) - 1, row] = here[1:]
            rows[row] = rows[row][WINDOW:]
        yield Window(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(fresh))


@torch.no_grad()
def judged(network: Network, pieces: Sequence[events.Ids]) -> NDArray[np.float64]:
    """Return the nats of each piece, all events after START."""
    network.eval()
    nats = np.zeros(len(pieces))
    by_length = sorted(range(len(pieces)), key=lambda piece: len(pieces[piece]))
    for begin in range(0, len(pieces), JUDGED_ROWS):
        some = by_length[begin : begin + JUDGED_ROWS]
        ids = np.full((max(len(pieces[piece]) for piece in some), len(some)), IGNORED)
        for row, piece in enumerate(some):
            ids[: len(pieces[piece]), row] = pieces[piece]
        said, state = torch.from_numpy(ids), network.start(len(some))
        for at in range(0, len(ids) - 1, JUDGED_WINDOW):
            targets = said[at + 1 : at + 1 + JUDGED_WINDOW]
            logits, state = network(said[at : at + len(targets)].clamp(min=0), state)
            nats[some] += _losses(logits, targets).double().sum(0).numpy()
    return nats


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the nats of each event (T, B), 0 where ignored."""
    losses = nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.view(targets.shape)


def main() -> None:
    """Learn, then judge in float32."""
    parser = account.questions(__doc__)
    parser.add_argument("--cell", choices=["gru", "lstm"], default="gru")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--rate", type=float, default=RATE, help="the highest learning rate")
    parser.add_argument("--rows", type=int, default=ROWS, help="pieces that are learned at once")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(asked.rng)
    pieces = list(
        events.read(asked.folder, account.listed(asked.train), all_of_them=False).values()
    )
    valid = events.read(asked.folder, account.listed(asked.valid))
    kind = learning.quicker_kind()
    network = Network(asked.cell, asked.width, kind)
    state = network.start(asked.rows)

    def loss_of(window: Window) -> tuple[Tensor, int]:
        nonlocal state
        going_on = (~window.fresh).to(kind)[:, None]
        state = [tuple(part * going_on for part in layer) for layer in state]
        logits, state = network(window.inputs, state)
        count = int((window.targets != IGNORED).sum())
        return _losses(logits, window.targets).sum() / max(count, 1), count

    endless = windows(pieces, asked.rows, np.random.default_rng(asked.rng))
    learned = learning.learn(network, endless, loss_of, asked.minutes, asked.rate)
    precise = Network(asked.cell, asked.width, torch.float32)
    precise.load_state_dict(network.state_dict())
    nats = judged(precise, list(valid.values()))
    account.answer(
        asked,
        asked.cell.upper(),
        learned.budget,
        {
            name: account.Cost(float(cost), events.notes(ids))
            for (name, ids), cost in zip(valid.items(), nats, strict=True)
        },
        weights=learning.weights(network),
        events=learned.events,
        packages=("hocket", "torch", "numpy"),
        rate=asked.rate,
        rows=asked.rows,
        products=str(kind).removeprefix("torch."),
        losses=learned.losses,
    )


if __name__ == "__main__":
    main()

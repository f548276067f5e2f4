"""The network in torch: Embedding, LSTM, Dropout, LSTM, Dropout, Softmax, with extra inputs.

Beside the last event it may see what is known for free: which pitches sound, the place in beat and
bar, what memory recalls, and the weights of the themes. All inputs enter by one linear map into the
first LSTM, so that the engine can fold them into tables. Softmax is left to the loss and the sampler.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hocket.config import ModelConfig
from hocket.model.adapter import Adapter
from hocket.model.sizes import InputSizes

SOUNDING_SIZE = 48
PLACE_SIZE = 16
RECALLED_SIZE = 64
THEME_SIZE = 32

LstmState = list[tuple[Tensor, Tensor]]
"""A (hidden, cell) pair for each layer, each (1, B, H)."""


class Network(nn.Module):
    """Predicts the next event; B sequences, T events, V vocabulary, M themes, H width."""

    def __init__(self, config: ModelConfig, sizes: InputSizes) -> None:
        super().__init__()
        self.config = config
        self.event = nn.Embedding(sizes.events, config.embedding)
        size = config.embedding
        if config.sounding:
            self.sounding = nn.Linear(sizes.pitches, SOUNDING_SIZE, bias=False)
            size += SOUNDING_SIZE
        if config.place:
            self.place = nn.ModuleList(nn.Embedding(n, PLACE_SIZE) for n in sizes.places)
            size += PLACE_SIZE * len(sizes.places)
        if config.memory:
            self.recalled = nn.ModuleList(
                nn.Embedding(sizes.events + 1, RECALLED_SIZE) for _ in range(sizes.recalled)
            )
            size += RECALLED_SIZE * sizes.recalled
        if config.sees_themes:
            self.theme = nn.Linear(sizes.themes, THEME_SIZE, bias=False)
            size += THEME_SIZE
        self.lstms = nn.ModuleList(
            nn.LSTM(size if layer == 0 else config.width, config.width, batch_first=True)
            for layer in range(config.layers)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.width, sizes.events)
        self.adapter: Adapter | None = None
        for lstm in self.lstms:  # forget gates start open, so that early gradients reach far back
            nn.init.constant_(lstm.bias_ih_l0[config.width : 2 * config.width], 1.0)  # type: ignore[index]

    def adapted_by(self, rank: int) -> None:
        """Leave the weights as they are from now on, and learn changes of a low rank to them."""
        self.requires_grad_(False)
        shapes = {name: parameter.shape for name, parameter in self.named_parameters()}
        self.adapter = Adapter(shapes, rank)

    def layer(self, number: int) -> list[Tensor]:
        """Return the weights of an LSTM in the order of `nn.LSTM`: input, hidden, both biases."""
        named = self.lstms[number].named_parameters()
        return [self._adapted(f"lstms.{number}.{name}", weight) for name, weight in named]

    def head(self) -> tuple[Tensor, Tensor]:
        """Return weight (V, H) and bias (V) of the output."""
        weight, bias = self.output.weight, self.output.bias
        return self._adapted("output.weight", weight), self._adapted("output.bias", bias)

    def _adapted(self, name: str, weight: Tensor) -> Tensor:
        return weight if self.adapter is None else self.adapter(name, weight)

    def start(self, batch: int) -> LstmState:
        """Return the zero state of `batch` sequences."""
        device = self.output.weight.device
        zeros = torch.zeros(1, batch, self.config.width, device=device)
        return [(zeros, zeros) for _ in self.lstms]

    def forward(
        self,
        events: Tensor,
        sounding: Tensor,
        place: Tensor,
        recalled: Tensor,
        mix: Tensor,
        state: LstmState,
        kind: torch.dtype = torch.float32,
    ) -> tuple[Tensor, LstmState]:
        """Return logits (B, T, V) and the state after T events.

        events int64 (B, T); sounding float (B, T, 176); place int64 (B, T, 8); recalled int64
        (B, T, 2), where V is for nothing; mix float (B, T, M): the weights of the themes for the next
        event. `kind` is the data type of the products and of what is returned. Autocast would not do:
        it turns cuDNN's LSTM to float16, whatever it is told.
        """
        unseen = None
        if self.training and self.config.hidden:
            unseen = torch.rand(events.shape, device=events.device) < self.config.hidden
        hidden = self.inputs(events, sounding, place, recalled, mix, unseen).to(kind)
        after: LstmState = []
        for number, before in enumerate(state):
            weights, start = ([t.to(kind) for t in ts] for ts in (self.layer(number), before))
            how = True, 1, 0.0, self.training, False, True  # biases, 1 layer, …, batch first
            hidden, *layer_state = torch.lstm(hidden, start, weights, *how)
            hidden = self.dropout(hidden)
            after.append((layer_state[0], layer_state[1]))
        weight, bias = self.head()
        return nn.functional.linear(hidden, weight.to(kind), bias.to(kind)), after

    def inputs(
        self,
        events: Tensor,
        sounding: Tensor,
        place: Tensor,
        recalled: Tensor,
        mix: Tensor,
        unseen: Tensor | None,
    ) -> Tensor:
        """Return what enters the first LSTM (…, I); `unseen` (…) says which events are hidden."""
        seen = self.event(events)
        if unseen is not None:
            seen = seen.masked_fill(unseen[..., None], 0.0)
        inputs = [seen]
        if self.config.sounding:
            inputs.append(self.sounding(sounding))
        if self.config.place:
            inputs.extend(table(place[..., i]) for i, table in enumerate(self.place))
        if self.config.memory:
            inputs.extend(table(recalled[..., i]) for i, table in enumerate(self.recalled))
        if self.config.sees_themes:
            inputs.append(self.theme(mix))
        return torch.cat(inputs, dim=-1)

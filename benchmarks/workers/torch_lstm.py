"""The same network in plain PyTorch: sampling as it comes and at its best, training in two precisions.

Embedding, two LSTMs, Linear; the weights are random. Sampling draws from the softmax of all events.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from protocol import Contender, Settings, best_of, serve


class Stacked(nn.Module):
    """Two layers in one `nn.LSTM`, which is what most would write."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, inputs, events = settings["width"], settings["inputs"], settings["events"]
        self.event = nn.Embedding(events, inputs)
        self.lstm = nn.LSTM(inputs, width, 2, batch_first=True)
        self.output = nn.Linear(width, events)

    def forward(
        self, events: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return logits (B, T, V) and the state."""
        hidden, state = self.lstm(self.event(events), state)
        return self.output(hidden), state


class Cells(nn.Module):
    """A cell a layer, for one event at a time: less to look after than `nn.LSTM` has."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, inputs, events = settings["width"], settings["inputs"], settings["events"]
        self.event = nn.Embedding(events, inputs)
        self.first, self.second = nn.LSTMCell(inputs, width), nn.LSTMCell(width, width)
        self.output = nn.Linear(width, events)

    def forward(
        self, events: Tensor, h0: Tensor, c0: Tensor, h1: Tensor, c1: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the probabilities (B, V) and the state after events (B)."""
        h0, c0 = self.first(self.event(events), (h0, c0))
        h1, c1 = self.second(h0, (h1, c1))
        return torch.softmax(self.output(h1), dim=-1), h0, c0, h1, c1


def stacked_loop(model: nn.Module, settings: Settings, onednn: bool) -> Callable[[], float]:
    """Return what draws some events for each take."""
    takes, width, count = settings["takes"], settings["width"], settings["steps"]

    def work() -> float:
        with torch.inference_mode(), torch.backends.mkldnn.flags(enabled=onednn):
            events = torch.zeros(takes, 1, dtype=torch.long)
            state = (torch.zeros(2, takes, width), torch.zeros(2, takes, width))
            for _ in range(count):
                logits, state = model(events, state)
                events = torch.multinomial(torch.softmax(logits[:, -1], dim=-1), 1)
        return count * takes

    return work


def cells_loop(model: Callable[..., tuple[Tensor, ...]], settings: Settings) -> Callable[[], float]:
    """Return what draws some events for each take."""
    takes, width, count = settings["takes"], settings["width"], settings["steps"]

    def work() -> float:
        with torch.inference_mode():
            events = torch.zeros(takes, dtype=torch.long)
            state: tuple[Tensor, ...] = tuple(torch.zeros(takes, width) for _ in range(4))
            for _ in range(count):
                chances, *after = model(events, *state)
                state = tuple(after)
                events = torch.multinomial(chances, 1)[:, 0]
        return count * takes

    return work


def sample_as_it_comes(settings: Settings) -> Contender:
    """`nn.LSTM` without a look at any setting: all threads, oneDNN where torch wants it."""
    model = Stacked(settings).eval()
    return Contender(
        stacked_loop(model, settings, onednn=True),
        {"threads": torch.get_num_threads()},
        ("torch",),
    )


def sample_at_best(settings: Settings, int8: bool) -> Contender:
    """Whatever is fastest here on one thread, in float32 or in int8 with any engine of torch's."""
    torch.set_num_threads(1)
    stacked, cells = Stacked(settings).eval(), Cells(settings).eval()
    choices: dict[str, Callable[[], float]] = {}
    if int8:
        for engine in torch.backends.quantized.supported_engines:
            if engine in ("x86", "fbgemm", "onednn"):  # qnnpack is for phones
                choices |= quantized(stacked, cells, settings, engine)
    else:
        choices = {
            "nn.LSTM": stacked_loop(stacked, settings, onednn=True),
            "nn.LSTM, oneDNN off": stacked_loop(stacked, settings, onednn=False),
            "LSTMCell": cells_loop(cells, settings),
            "LSTMCell, traced": cells_loop(traced(cells, settings), settings),
        }
    best, rates = best_of(choices)
    return Contender(choices[best], {"setting": best, "tried": rates}, ("torch",))


def traced(cells: nn.Module, settings: Settings) -> Callable[..., tuple[Tensor, ...]]:
    """Return the cells without Python between their operations."""
    takes, width = settings["takes"], settings["width"]
    examples = (torch.zeros(takes, dtype=torch.long), *(torch.zeros(takes, width),) * 4)
    with torch.inference_mode():
        return torch.jit.freeze(torch.jit.trace(cells, examples).eval())


def quantized(
    stacked: nn.Module, cells: nn.Module, settings: Settings, engine: str
) -> dict[str, Callable[[], float]]:
    """Return the loops with int8 weights, packed and run by one of torch's engines."""
    torch.backends.quantized.engine = engine

    def small(model: nn.Module) -> nn.Module:
        layers = {nn.LSTM, nn.LSTMCell, nn.Linear}
        return torch.ao.quantization.quantize_dynamic(model, layers, dtype=torch.qint8)

    try:
        loops = {
            "nn.LSTM": stacked_loop(small(stacked), settings, onednn=True),
            "LSTMCell": cells_loop(small(cells), settings),
            "LSTMCell, traced": cells_loop(traced(small(cells), settings), settings),
        }
    except Exception as error:  # deprecated: a later torch may have it no more
        print(f"int8 with {engine}: {error}", file=sys.stderr)
        return {}

    def with_engine(loop: Callable[[], float]) -> Callable[[], float]:
        def work() -> float:
            torch.backends.quantized.engine = engine
            return loop()

        return work

    return {f"int8 ({engine}), {name}": with_engine(loop) for name, loop in loops.items()}


def training_loop(settings: Settings, batch: int, half: bool) -> Callable[[], float]:
    """Return what takes one optimizer step: forward, backward, clipping, AdamW."""
    model, window = Stacked(settings), settings["window"]
    dropout = nn.Dropout(0.2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    events = torch.randint(settings["events"], (batch, window + 1))
    zeros = torch.zeros(2, batch, settings["width"])

    def work() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            hidden, _ = model.lstm(model.event(events[:, :-1]), (zeros, zeros))
            logits = model.output(dropout(hidden))
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), events[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return batch * window

    return work


def train(settings: Settings, half: bool) -> Contender:
    """Train with the batch that gives most events a second."""
    torch.set_num_threads(settings["threads"])
    choices = {str(batch): training_loop(settings, batch, half) for batch in settings["batches"]}
    best, rates = best_of(choices, tries=2)
    return Contender(choices[best], {"batch": int(best), "tried": rates}, ("torch",))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    serve(
        {
            "as it comes": sample_as_it_comes,
            "best float32": lambda settings: sample_at_best(settings, int8=False),
            "best int8": lambda settings: sample_at_best(settings, int8=True),
            "train float32": lambda settings: train(settings, half=False),
            "train bfloat16": lambda settings: train(settings, half=True),
        }
    )

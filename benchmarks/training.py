"""Speed of learning: hocket's own training step beside a plain PyTorch float32 loop, in turn.

Prints events a second, GFLOP/s and the share of the matrix peak measured in the same run, and the
median of the paired ratios. Made-up data; two LSTM layers behind as many inputs as hocket's network
has, and its events. Counted are the products of the LSTMs and the output layer, forward and backward.

    python benchmarks/training.py --width 512 1024 2048
    python benchmarks/training.py --device cuda --batch 1024
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from hocket.config import ModelConfig, RunConfig, TrainingConfig
from hocket.corpus import Batch, input_sizes
from hocket.corpus.batches import Walk
from hocket.model.network import Network
from hocket.processor import cores
from hocket.tokens import PLACE_SIZES, VOCAB, Features, sight
from hocket.tokens.automaton import SOUNDING
from hocket.tokens.memory import TAPES
from hocket.training.descent import Descent
from hocket.training.devices import choose_precision
from hocket.training.gradients import OnGpu, OnProcessor
from hocket.training.workers import Workers

Step = Callable[[], float]
"""Takes one optimizer step and returns its loss."""

INPUTS = 464
EMBEDDING = INPUTS - 48 - len(PLACE_SIZES) * 16 - TAPES * 64 - 32
"""What the pitches that sound, the place, the memory and the themes leave of the inputs."""


def made_up_batch(batch: int, window: int) -> Batch:
    """Return a batch of random events, all of them learned."""
    random = np.random.default_rng(0)
    shape = batch, window
    place = np.stack([random.integers(0, size, shape) for size in PLACE_SIZES], axis=-1)
    return Batch(
        random.integers(0, len(VOCAB), shape),
        random.integers(0, len(VOCAB), shape),
        Features(
            random.random((*shape, SOUNDING)) < 0.05,
            place,
            random.integers(0, len(VOCAB) + 1, (*shape, TAPES)),
        ),
        np.full((*shape, 2), 0.5, np.float32),
        fresh=True,
        walk=Walk(sight.begin(batch, 0), np.zeros(batch, np.int64)),
    )


def settings(batch: int, window: int, width: int, device: str, precision: str) -> RunConfig:
    """Return the settings of the benchmark's network."""
    model = ModelConfig(layers=2, width=width, embedding=EMBEDDING)
    training = TrainingConfig(device=device, precision=precision, batch=batch, window=window)
    return RunConfig(model=model, training=training)


def hocket_step(
    batch: int, window: int, width: int, device: str = "cpu", precision: str = "auto"
) -> Step:
    """Return hocket's own step on one batch again and again: gradients, clipping, AdamW."""
    config = settings(batch, window, width, device, precision)
    network = Network(config.model, input_sizes(2)).to(device)
    workers = Workers(config.training.shards if device == "cpu" else 1)
    gradients = OnProcessor(network, config, workers) if device == "cpu" else OnGpu(network, config)
    descent = Descent(list(network.parameters()), config.training, workers)
    data, carry, number = made_up_batch(batch, window), network.start(batch), 0

    def step() -> float:
        nonlocal carry, number
        loss, carry = gradients.learn(data, carry, number)
        descent.step(1e-3)
        number += 1
        return loss

    return step


def plain_step(batch: int, window: int, width: int, device: str = "cpu") -> Step:
    """Return the step that a PyTorch tutorial would write: nn.LSTM in float32, on all cores."""
    embedding, drop = nn.Embedding(len(VOCAB), INPUTS), nn.Dropout(0.2)
    first = nn.LSTM(INPUTS, width, batch_first=True)
    second = nn.LSTM(width, width, batch_first=True)
    output = nn.Linear(width, len(VOCAB))
    modules = nn.ModuleList([embedding, first, second, output]).to(device)
    optimizer = torch.optim.AdamW(modules.parameters(), lr=1e-3)
    data = made_up_batch(batch, window)
    events = torch.from_numpy(data.inputs).to(device)
    targets = torch.from_numpy(data.targets).to(device)

    def step() -> float:
        if device == "cpu":
            torch.set_num_threads(cores())
        hidden = drop(first(embedding(events))[0])
        logits = output(drop(second(hidden)[0]))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def peak(device: str, precision: torch.dtype, size: int = 4096) -> float:
    """Return GFLOP/s of large products, on a processor one in each of hocket's threads at once."""
    count = Workers(TrainingConfig().shards).count if device == "cpu" else 1
    products = []
    for _ in range(count):
        left, right = (torch.randn(size, size, device=device).to(precision) for _ in range(2))
        products.append((left, right, torch.empty_like(left)))

    def multiply(product: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> None:
        if device == "cpu":
            torch.set_num_threads(1)
        for _ in range(1 if device == "cpu" else 50):
            torch.mm(product[0], product[1], out=product[2])
        if device == "cuda":
            torch.cuda.synchronize()

    with ThreadPoolExecutor(count) as pool:
        seconds = [seconds_of(lambda: list(pool.map(multiply, products))) for _ in range(6)]
    done = count * (1 if device == "cpu" else 50) * 2 * size**3
    return done / statistics.median(seconds[1:]) / 1e9


def flop_per_event(width: int) -> float:
    """Return the floating point operations of the products for one event, both ways."""
    weights = 4 * width * (INPUTS + 3 * width) + width * len(VOCAB)
    return 6.0 * weights


def seconds_of(step: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", nargs="+", type=int, default=[512])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = True
    training = replace(TrainingConfig(), device=options.device, precision=options.precision)
    precision = choose_precision(training)
    events = options.batch * options.window
    print("| width | events/s | GFLOP/s | peak | share | PyTorch float32 | ratio |")
    print("|---" * 7 + "|")
    for width in options.width:
        shape = options.batch, options.window, width, options.device
        steps = hocket_step(*shape, precision=options.precision), plain_step(*shape)
        for step in steps:
            step()
        pairs, peaks = [], []
        for _ in range(options.rounds):
            peaks.append(peak(options.device, precision))
            pairs.append([seconds_of(step) for step in steps])
        ours, plain = (events / statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(theirs / mine for mine, theirs in pairs)
        speed, top = ours * flop_per_event(width) / 1e9, statistics.median(peaks)
        print(
            f"| {width} | {ours:,.0f} | {speed:,.0f} | {top:,.0f} | {speed / top:.0%} "
            f"| {plain:,.0f} | {ratio:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

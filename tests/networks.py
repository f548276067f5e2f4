"""Small networks with lively random weights, and engines made of them, for tests of models."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch

from hocket import config as settings
from hocket.config import ModelConfig
from hocket.corpus import input_sizes
from hocket.model import convert
from hocket.model.checking import Heard
from hocket.model.engine import Engine
from hocket.model.network import Network
from hocket.model.sizes import InputSizes
from hocket.music import Pedal, Piece
from hocket.tokens import FEATURES, encode, sight
from hocket.training import hearing

SIZES = input_sizes(2)


def small(preset: str, layers: int = 2) -> ModelConfig:
    """Return a small network that sees what a preset's does; `theme`'s sees everything."""
    return replace(settings.preset(preset).model, layers=layers, width=16, embedding=8)


def lively(config: ModelConfig, seed: int = 7, sizes: InputSizes = SIZES) -> Network:
    torch.manual_seed(seed)
    network = Network(config, sizes).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def arrays_of(network: Network) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def engine_of(
    network: Network, exact: Collection[str] | None = None, threads: int | None = 1
) -> Engine:
    """Return the engine of a network, in float32 unless `exact` says less."""
    exact = convert.parts(network.config) if exact is None else exact
    model = convert.to_onnx(arrays_of(network), network.config, SIZES, exact)
    return convert.engine(model, threads)


def heard(themes: list[Piece], length: int) -> list[Heard]:
    """Return real music as a model hears it, with a mix and memories that change along the way.

    What is recalled is half made up, since so little music recalls next to nothing.
    """
    random = np.random.default_rng(0)
    sequences = []
    for piece in (themes[0], themes[1], in_two_parts(themes[0])):
        ids = encode(piece)[:length].astype(np.int64)
        seen, recalled = sight.see(ids, 2)
        made_up = random.random(recalled.shape) < 0.5
        recalled[made_up] = random.integers(SIZES.events, size=made_up.sum())
        seen[:, FEATURES] = random.random(length)
        seen[:, FEATURES + 1] = 1 - seen[:, FEATURES]
        sequences.append(Heard(ids, seen, recalled, np.append(ids[1:], -1)))
    return sequences


def in_two_parts(piece: Piece) -> Piece:
    """Return a piece with its low notes in a second part, some of them loud, and with pedal."""
    notes = [
        note._replace(part=int(note.pitch < 55), velocity=80 + 20 * (note.start // 96 % 2))
        for note in piece.notes
    ]
    pedals = [Pedal(48 * i, i % 2 == 0) for i in range(8)]
    return Piece.of(notes, parts=piece.parts * 2, meters=piece.meters, pedals=pedals)


def network_says(network: Network, sequences: list[Heard]) -> list[np.ndarray]:
    return hearing.said(network.state_dict(), network.config, SIZES, sequences)

"""Small networks with lively random weights, and engines made of them, for tests of models."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch

from hocket import config as settings
from hocket.config import ModelConfig
from hocket.model import convert
from hocket.model.checking import Heard
from hocket.model.engine import Engine
from hocket.model.network import Network
from hocket.model.sizes import InputSizes
from hocket.music import Piece
from hocket.tokens import FEATURES, GRAMMAR, PLACE_SIZES, VOCAB, encode
from hocket.training import hearing

SIZES = InputSizes(len(VOCAB), 88, PLACE_SIZES, 2)


def small(preset: str, layers: int = 2) -> ModelConfig:
    return replace(settings.preset(preset).model, layers=layers, width=16, embedding=8)


def lively(config: ModelConfig) -> Network:
    torch.manual_seed(7)
    network = Network(config, SIZES).eval()
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
    """Return real music as a model hears it, with a mix that changes along the way."""
    random = np.random.default_rng(0)
    sequences = []
    for piece in (themes[0], themes[1], themes[0].transposed(5)):
        ids = encode(piece)[:length].astype(np.int64)
        seen = np.zeros((length, FEATURES + 2), np.float32)
        GRAMMAR.see(ids, seen)
        seen[:, FEATURES] = random.random(length)
        seen[:, FEATURES + 1] = 1 - seen[:, FEATURES]
        sequences.append(Heard(ids, seen, np.append(ids[1:], -1)))
    return sequences


def network_says(network: Network, sequences: list[Heard]) -> list[np.ndarray]:
    return hearing.said(network.state_dict(), network.config, SIZES, sequences)

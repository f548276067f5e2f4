"""Weights of a run to the engine that its takes are written with; needs no torch."""

from __future__ import annotations

from hocket.config import RunConfig
from hocket.model import convert
from hocket.model.engine import Engine
from hocket.model.sizes import InputSizes
from hocket.model.weights import Weights
from hocket.tokens import PLACE_SIZES, VOCAB
from hocket.tokens.vocab import PITCHES


def input_sizes(themes: int) -> InputSizes:
    """Return how much a network of so many themes sees."""
    return InputSizes(len(VOCAB), len(PITCHES), PLACE_SIZES, themes)


def engine_of(weights: Weights, config: RunConfig) -> Engine:
    """Return the engine stored with the weights, or one in float32 if the config asks for it."""
    if config.generation.engine == "int8":
        return convert.engine(weights.engine)
    sizes = input_sizes(len(weights.themes))
    exact = convert.parts(weights.model)
    return convert.engine(convert.to_onnx(weights.arrays, weights.model, sizes, exact))

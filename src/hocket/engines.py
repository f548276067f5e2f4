"""Weights of a run to the engine that its takes are written with; needs no torch."""

from __future__ import annotations

from hocket.config import RunConfig
from hocket.corpus import input_sizes
from hocket.errors import CheckpointError
from hocket.model import convert
from hocket.model.engine import Engine
from hocket.model.weights import Weights


def engine_of(weights: Weights, config: RunConfig) -> Engine:
    """Return the engine stored with the weights, or one in float32 if the config asks for it.

    Raises `CheckpointError` where it is of another vocabulary or number of themes.
    """
    sizes = input_sizes(len(weights.themes))
    if config.generation.engine == "int8":
        engine = convert.engine(weights.engine)
    else:
        exact = convert.parts(weights.model)
        engine = convert.engine(convert.to_onnx(weights.arrays, weights.model, sizes, exact))
    if (engine.vocabulary, engine.sees) != (sizes.events, sizes.seen):
        raise CheckpointError("the engine does not fit the vocabulary and the themes; learn again")
    return engine

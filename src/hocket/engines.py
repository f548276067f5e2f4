"""What was learned to the model that takes are sampled from; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from hocket.config import RunConfig
from hocket.corpus import input_sizes
from hocket.errors import CheckpointError
from hocket.generation.choir import Choir, Singer
from hocket.model import convert
from hocket.model.changes import merged, weakened
from hocket.model.engine import Engine
from hocket.model.weights import Weights
from hocket.music.pitch import COMMON_KEY, agreeing
from hocket.sources import Theme
from hocket.tokens import encode, sight


def choir_of(weights: Weights, config: RunConfig) -> Choir:
    """Return the model of weights that know all their themes."""
    return Choir([Singer(engine_of(weights, config))])


def choir_of_themes(themes: Sequence[Theme], base: Weights, config: RunConfig) -> Choir:
    """Return the model of learned themes: one engine each, whose memory begins with the theme.

    With `--push` the base model sings along, and what it would say anyway is taken off.

    Raises `CheckpointError` for a theme that was learned on top of another base model.
    """
    singers, push = [_singer(theme, base, config) for theme in themes], config.generation.push
    return Choir(singers, Singer(engine_of(base, config)) if push else None, push)


def _singer(theme: Theme, base: Weights, config: RunConfig) -> Singer:
    learned = theme.learned
    assert learned is not None
    if learned.base != base.fingerprint:
        raise CheckpointError(
            f"theme {theme.title!r} was learned on top of another base model ({learned.base}, this is "
            f"{base.fingerprint}); learn it again"
        )
    arrays = merged(base.arrays, weakened(learned.changes, config.generation.strength))
    exact = learned.exact if config.generation.engine == "int8" else convert.parts(base.model)
    engine = convert.engine(convert.to_onnx(arrays, base.model, input_sizes(0), exact))
    said = [encode(piece) for piece in agreeing(theme.pieces, COMMON_KEY)]
    return Singer(engine, sight.remembered(said))


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
    if (engine.vocabulary, engine.sees, engine.recalls) != (
        sizes.events,
        sizes.seen,
        sizes.recalled,
    ):
        raise CheckpointError("the engine does not fit the vocabulary and the themes; learn again")
    return engine

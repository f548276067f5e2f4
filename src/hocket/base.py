"""The base model: what hocket knows of music before it hears a theme. It ships with hocket."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hocket.config import RunConfig
from hocket.model import weights as stored_weights
from hocket.model.weights import Weights
from hocket.tokens import VOCAB

BASE_FOLDER = Path(__file__).parent / "assets" / "base"


@cache
def base_model(folder: Path = BASE_FOLDER) -> Weights:
    """Return the base model that ships with hocket, or one that `hocket train` left in a folder.

    Raises `CheckpointError` if anything about it does not fit.
    """
    return stored_weights.load(folder, VOCAB.fingerprint)


def base_of(config: RunConfig) -> Weights:
    """Return the base model that a config names, by default the one that ships."""
    return base_model(BASE_FOLDER if config.base is None else Path(config.base))

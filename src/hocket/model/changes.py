"""The changes that a theme makes to the base model's weights, added up in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.errors import CheckpointError

LEFT, RIGHT, BIAS = "left_", "right_", "bias_"
"""What stands before the name of a weight, in which dots are dashes: W + left right, and b + bias."""


def changed(name: str) -> bool:
    """Whether a theme changes a weight: those of the LSTMs and of the output, each bias once."""
    return name.startswith(("lstms.", "output.")) and "bias_hh" not in name


def merged(
    weights: Mapping[str, NDArray[np.float32]], changes: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Return the weights as a theme changes them; raises `CheckpointError` where that does not fit."""
    result = dict(weights)
    try:
        for name in changes:
            key = name.removeprefix(LEFT).removeprefix(BIAS)
            if name.startswith(RIGHT):
                continue
            weight = result[key.replace("-", ".")]
            part, shape = changes[name], changes[name].shape
            if name.startswith(LEFT):
                right = changes[RIGHT + key]
                shape = (*shape[:-1], *right.shape[1:])  # before the product takes its memory
            if weight.shape != shape:
                raise ValueError(f"{name} makes the shape {shape}, not {weight.shape}")
            part = part.astype(np.float32)
            if name.startswith(LEFT):
                part = part @ right.astype(np.float32)
            result[key.replace("-", ".")] = weight + part
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"the theme's changes do not fit the base model: {error}") from None
    return result


def weakened(
    changes: Mapping[str, NDArray[Any]], strength: float
) -> dict[str, NDArray[np.float32]]:
    """Return changes of which a share is kept; W + s left right lies between base and theme.

    Such a mean predicts what neither has seen better than what was learned to the end (Wortsman and
    others, "Robust fine-tuning of zero-shot models", 2022).
    """
    return {
        name: array.astype(np.float32) * np.float32(1 if name.startswith(RIGHT) else strength)
        for name, array in changes.items()
    }

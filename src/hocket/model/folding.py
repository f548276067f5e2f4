"""Weights of a network to what its inputs give the gates of the first LSTM; are they whole?

The event and each recalled event become rows of tables, the rest (sounding pitches, place, themes)
rows that stand beside those of the hidden values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hocket.config import ModelConfig
from hocket.model.sizes import InputSizes

Array = NDArray[np.float32]

PLACES, RECALLED_EVENTS = 8, 2
"""How many parts a place has and how many events are recalled; `InputSizes` says it too, but weights
are checked before sizes are known."""


def check_shapes(weights: Mapping[str, Array], config: ModelConfig) -> None:
    """Raise `ValueError` where an array is missing, left over or of another shape than it should be.

    A size that no setting says has a name, and must be the same wherever the name stands.
    """
    width, gates = config.width, 4 * config.width
    expected: dict[str, tuple[int | str, ...]] = {
        "event.weight": ("events", config.embedding),
        "output.weight": ("events", width),
        "output.bias": ("events",),
    }
    if config.sounding:
        expected["sounding.weight"] = ("sounding", "pitches")
    if config.place:
        expected |= {f"place.{i}.weight": (f"choices {i}", "place") for i in range(PLACES)}
    if config.memory:
        expected |= {
            f"recalled.{i}.weight": ("events or nothing", "recalled")
            for i in range(RECALLED_EVENTS)
        }
    if config.sees_themes:
        expected["theme.weight"] = ("theme", "themes")
    for layer in range(config.layers):
        expected[f"lstms.{layer}.weight_ih_l0"] = (gates, width if layer else "inputs")
        expected[f"lstms.{layer}.weight_hh_l0"] = (gates, width)
        expected[f"lstms.{layer}.bias_ih_l0"] = expected[f"lstms.{layer}.bias_hh_l0"] = (gates,)
    if odd := sorted(expected.keys() ^ weights.keys()):
        raise ValueError(f"{odd[0]} is {'missing' if odd[0] in expected else 'left over'}")
    sizes: dict[int | str, int] = {}
    for name, wanted in expected.items():
        if weights[name].dtype != np.float32:
            raise ValueError(f"{name} is of {weights[name].dtype}, not float32")
        shape = weights[name].shape
        fits = len(shape) == len(wanted) and all(
            size == (want if isinstance(want, int) else sizes.setdefault(want, size))
            for want, size in zip(wanted, shape, strict=True)
        )
        if not fits:
            raise ValueError(f"{name} has the shape {shape}")
    parts = (
        config.sounding * ("sounding",),
        config.place * ("place",) * PLACES,
        config.memory * ("recalled",) * RECALLED_EVENTS,
        config.sees_themes * ("theme",),
    )
    inputs = config.embedding + sum(sizes[name] for names in parts for name in names)
    if sizes["inputs"] != inputs:
        raise ValueError(f"{sizes['inputs']} inputs stored, {inputs} expected")


def folded(
    weights: Mapping[str, Array], config: ModelConfig, sizes: InputSizes
) -> tuple[list[Array], Array]:
    """Return what each event gives the first gates, (V, 4H), then each recalled one, (V + 1, 4H); and
    what each other input does, (F + M, 4H).
    """
    into_gates = weights["lstms.0.weight_ih_l0"].T.astype(np.float32)  # (inputs, 4H)
    used = 0

    def through(values: Array) -> Array:
        nonlocal used
        used += values.shape[1]
        return np.asarray(values @ into_gates[used - values.shape[1] : used], np.float32)

    def unseen(count: int) -> Array:
        return np.zeros((count, into_gates.shape[1]), np.float32)

    table = through(weights["event.weight"]) + bias_of(weights, 0)
    pitches, places, themes = sizes.pitches, sizes.places, sizes.themes
    beside = [
        through(weights["sounding.weight"].T) if config.sounding else unseen(pitches),
        *(
            through(weights[f"place.{i}.weight"]) if config.place else unseen(count)
            for i, count in enumerate(places)
        ),
    ]
    recalled = [
        through(weights[f"recalled.{i}.weight"]) if config.memory else unseen(sizes.events + 1)
        for i in range(sizes.recalled)
    ]
    beside.append(through(weights["theme.weight"].T) if config.sees_themes else unseen(themes))
    if used != len(into_gates):
        raise ValueError(f"{len(into_gates)} inputs stored, {used} expected")
    return [table, *recalled], np.concatenate(beside)


def bias_of(weights: Mapping[str, Array], layer: int) -> Array:
    """Return what is always added to the gates of a layer, (4H)."""
    total: Array = weights[f"lstms.{layer}.bias_ih_l0"] + weights[f"lstms.{layer}.bias_hh_l0"]
    return total

"""Steps the network for a batch of takes from saved weights, in numpy: no torch needed.

Surprising decision: every input of the first LSTM is linear up to its gates, so loading folds the
embeddings, the sounding pitches, the place and the themes into tables of gate inputs (x, 4H). A step
is then a few look-ups and one matrix product a layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hocket.config import ModelConfig
from hocket.errors import CheckpointError

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class EngineState:
    """Hidden and cell values, each (L, B, H)."""

    hidden: Array
    cell: Array


class Stepper(Protocol):
    """What the sampler asks of a model; a fake one can be scripted in tests."""

    def start(self, batch: int) -> EngineState:
        """Return the state before the first event of `batch` sequences."""

    def step(
        self,
        events: NDArray[np.int64],
        sounding: NDArray[np.bool_],
        place: NDArray[np.int64],
        mix: Array,
        state: EngineState,
    ) -> tuple[Array, EngineState]:
        """Return logits (B, V) and the state after events (B).

        sounding (B, 88) and place (B, 3) as in the grammar's features; mix (B, M).
        """


class Engine:
    """A `Stepper` over weights named as in `model.network`; stepping changes nothing in it."""

    def __init__(self, weights: Mapping[str, Array], config: ModelConfig) -> None:
        try:
            _check_shapes(weights, config)
            self._fold(weights, config)
        except (KeyError, ValueError, IndexError) as error:
            raise CheckpointError(f"weights do not fit their config: {error}") from None
        self._config = config

    def _fold(self, weights: Mapping[str, Array], config: ModelConfig) -> None:
        into_gates = weights["lstms.0.weight_ih_l0"].T.astype(np.float32)  # (inputs, 4H)
        used = 0

        def through(values: Array) -> Array:
            nonlocal used
            used += values.shape[1]
            return values @ into_gates[used - values.shape[1] : used]

        self._events = through(weights["event.weight"])
        self._sounding = through(weights["sounding.weight"].T) if config.sounding else None
        self._places = (
            [through(weights[f"place.{i}.weight"]) for i in range(3)] if config.place else []
        )
        self._themes = through(weights["theme.weight"].T) if config.theme else None
        if used != len(into_gates):
            raise ValueError(f"{len(into_gates)} inputs stored, {used} expected")
        layers = range(config.layers)
        self._recurrent = [
            np.ascontiguousarray(weights[f"lstms.{n}.weight_hh_l0"].T) for n in layers
        ]
        self._inputs = [np.ascontiguousarray(weights[f"lstms.{n}.weight_ih_l0"].T) for n in layers]
        self._biases = [
            weights[f"lstms.{n}.bias_ih_l0"] + weights[f"lstms.{n}.bias_hh_l0"] for n in layers
        ]
        self._output = np.ascontiguousarray(weights["output.weight"].T)
        self._output_bias = weights["output.bias"]

    def start(self, batch: int) -> EngineState:
        """Return the zero state of `batch` sequences."""
        zeros = np.zeros((self._config.layers, batch, self._config.width), np.float32)
        return EngineState(zeros, zeros)

    def step(
        self,
        events: NDArray[np.int64],
        sounding: NDArray[np.bool_],
        place: NDArray[np.int64],
        mix: Array,
        state: EngineState,
    ) -> tuple[Array, EngineState]:
        """Return logits (B, V) and the state after events (B).

        sounding (B, 88) and place (B, 3) as in the grammar's features; mix (B, M).
        """
        gates = self._events[events]
        if self._sounding is not None:
            gates = gates + sounding.astype(np.float32) @ self._sounding
        for i, table in enumerate(self._places):
            gates = gates + table[place[:, i]]
        if self._themes is not None:
            gates = gates + mix @ self._themes
        hidden, cell = np.empty_like(state.hidden), np.empty_like(state.cell)
        for layer in range(self._config.layers):
            if layer:
                gates = hidden[layer - 1] @ self._inputs[layer]
            gates = gates + state.hidden[layer] @ self._recurrent[layer] + self._biases[layer]
            enter, forget, candidate, leave = np.split(gates, 4, axis=1)
            cell[layer] = _sigmoid(forget) * state.cell[layer] + _sigmoid(enter) * np.tanh(
                candidate
            )
            hidden[layer] = _sigmoid(leave) * np.tanh(cell[layer])
        return hidden[-1] @ self._output + self._output_bias, EngineState(hidden, cell)


def _sigmoid(x: Array) -> Array:
    half: Array = np.tanh(np.float32(0.5) * x)
    return np.float32(0.5) * (half + np.float32(1))


def _check_shapes(weights: Mapping[str, Array], config: ModelConfig) -> None:
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
        expected |= {f"place.{i}.weight": (f"choices {i}", "place") for i in range(3)}
    if config.theme:
        expected["theme.weight"] = ("theme", "themes")
    for layer in range(config.layers):
        expected[f"lstms.{layer}.weight_ih_l0"] = (gates, width if layer else "inputs")
        expected[f"lstms.{layer}.weight_hh_l0"] = (gates, width)
        expected[f"lstms.{layer}.bias_ih_l0"] = expected[f"lstms.{layer}.bias_hh_l0"] = (gates,)
    if odd := sorted(expected.keys() ^ weights.keys()):
        raise ValueError(f"{odd[0]} is {'missing' if odd[0] in expected else 'left over'}")
    sizes: dict[int | str, int] = {}
    for name, wanted in expected.items():
        shape = weights[name].shape
        fits = len(shape) == len(wanted) and all(
            size == (want if isinstance(want, int) else sizes.setdefault(want, size))
            for want, size in zip(wanted, shape, strict=True)
        )
        if not fits:
            raise ValueError(f"{name} has the shape {shape}")

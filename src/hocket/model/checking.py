"""Is a converted model still the network? Both are heard on real sequences.

In float32 an engine must say what the network says. In int8 it may lose at most half a percent in nats
per note of music that was not learned; where it loses more, its parts go back to float32 one after
the other, the most sensitive first. Per note and per event the share lost is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.config import ModelConfig
from hocket.errors import CheckpointError
from hocket.model.convert import Model, engine, parts, to_onnx
from hocket.model.engine import Engine
from hocket.model.sizes import InputSizes

MOST_LOST = 0.005
"""The share of nats that int8 may cost."""
DIGITS = 5
"""Decimals of nats that are told: processors differ beyond, even from one run to the next."""
TOLERANCE = 1e-4
"""How far the engine in float32 may be from the network, as a share of the largest logit if that is
above 1: sums of large numbers in another order differ by more."""


class Heard(NamedTuple):
    """A real sequence as a model hears it, and what it should expect."""

    events: NDArray[np.int64]
    """(T)"""
    seen: NDArray[np.float32]
    """(T, F + M): what is seen after each event."""
    recalled: NDArray[np.int64]
    """(T, 2): what is recalled then."""
    following: NDArray[np.int64]
    """(T): the event after each; negative where it is not judged."""


@dataclass(frozen=True)
class Conversion:
    """How a model was converted."""

    exact: tuple[str, ...]
    """The parts that stayed in float32."""
    nats: float
    """Nats per event on the sequences in float32."""
    nats_int8: float
    """The same as converted."""


def said(model: Engine, heard: Heard) -> NDArray[np.float32]:
    """Return the logits (T, V) after each event of a sequence."""
    steps = model.start(1)
    logits = np.empty((len(heard.events), steps.logits.shape[1]), np.float32)
    for t, event in enumerate(heard.events):
        steps.events[:] = event
        steps.seen[:], steps.recalled[:] = heard.seen[t], heard.recalled[t]
        steps.step()
        logits[t] = steps.logits[0]
    return logits


def nats(logits: Sequence[NDArray[np.float32]], heard: Sequence[Heard]) -> float:
    """Return the mean of what the judged events cost, in nats per event."""
    total = count = 0.0
    for rows, sequence in zip(logits, heard, strict=True):
        judged = np.flatnonzero(sequence.following >= 0)
        before = rows[judged].astype(np.float64)
        most = before.max(1, initial=-np.inf)
        norms = most + np.log(np.exp(before - most[:, None]).sum(1))
        said_of_it = before[np.arange(len(judged)), sequence.following[judged]]
        total += float((norms - said_of_it).sum())
        count += len(judged)
    return total / max(count, 1)


def converted(
    weights: Mapping[str, NDArray[np.float32]],
    config: ModelConfig,
    sizes: InputSizes,
    heard: Sequence[Heard],
    expected: Sequence[NDArray[np.float32]] | None = None,
) -> tuple[Model, Conversion]:
    """Return the model in int8, as far as it loses no more than `MOST_LOST`, and what it loses.

    `expected` are the network's own logits on the sequences; raises `CheckpointError` where the
    engine in float32 says otherwise.
    """
    if not all(np.isfinite(array).all() for array in weights.values()):
        raise CheckpointError("learning went astray: weights are not finite; lower --learning-rate")
    whole = engine(to_onnx(weights, config, sizes, parts(config)), threads=1)
    truth = [said(whole, sequence) for sequence in heard]
    for rows, wanted in zip(truth, expected or (), strict=False):
        furthest = float(np.abs(rows - wanted).max() / max(np.abs(wanted).max(), 1))
        if not furthest <= TOLERANCE:
            raise CheckpointError(
                f"the engine is {furthest:.2g} away from the network it was made of, more than "
                f"{TOLERANCE}; please report this (what was learned is kept in the run's folder)"
            )
    goal = nats(truth, heard)
    for count in range(len(parts(config)) + 1):
        exact = parts(config)[:count]
        model = to_onnx(weights, config, sizes, exact)
        tried = engine(model, threads=1)
        lost = nats([said(tried, sequence) for sequence in heard], heard)
        if lost <= goal * (1 + MOST_LOST):
            break
    return model, Conversion(exact, round(goal, DIGITS), round(lost, DIGITS))

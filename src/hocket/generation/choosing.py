"""The compiled loops of sampling: the logits of a take to weights, and weights to its next event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.model.floats import exp

Floats = NDArray[np.float32]

_LANES = 16
_FEW = 24
"""Up to so many candidates are sorted by insertion."""

_SMALLEST = np.float32(-87)
_ZERO, _ONE = np.float32(0), np.float32(1)


@compiled
def exponentials(values: Floats, most: np.float32, out: Floats) -> None:
    """Write exp(values - most) for values (V) up to `most`; 0 below exp(-87)."""
    for v in range(len(values)):
        x = values[v] - most
        out[v] = exp(x) if x > _SMALLEST else _ZERO


@compiled
def largest(values: Floats) -> np.float32:
    """Return the largest of some values; sixteen are looked at at once."""
    lanes = np.full(_LANES, np.float32(-np.inf), np.float32)
    whole = len(values) // _LANES * _LANES
    for start in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] = max(lanes[lane], values[start + lane])
    most = np.float32(-np.inf)
    for lane in range(_LANES):
        most = max(most, lanes[lane])
    for v in range(whole, len(values)):
        most = max(most, values[v])
    return most


@compiled
def total(values: Floats) -> np.float32:
    """Return the sum of some values; sixteen are added at once, always in the same order."""
    lanes = np.zeros(_LANES, np.float32)
    whole = len(values) // _LANES * _LANES
    for start in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] += values[start + lane]
    result = _ZERO
    for lane in range(_LANES):
        result += lanes[lane]
    for v in range(whole, len(values)):
        result += values[v]
    return result


@compiled
def weigh(
    logits: Floats,
    mask: NDArray[np.bool_],
    temperature: np.float32,
    weights: Floats,
    scratch: Floats,
) -> np.float32:
    """Write the weights (V) of what is allowed, in nats: logits over the temperature.

    Returns the logarithm of the sum of exp(logits) over what is allowed: less that, a logit is the
    model's own log-probability.
    """
    for v in range(len(logits)):
        weights[v] = logits[v] if mask[v] else np.float32(-np.inf)
    most = largest(weights)
    exponentials(weights, most, scratch)
    if temperature != _ONE:
        for v in range(len(logits)):
            weights[v] /= temperature
    return most + np.float32(np.log(total(scratch)))


@compiled
def draw(
    weights: Floats, dart: float, top_p: float, min_p: float, top_k: int, scratch: Floats
) -> int:
    """Draw an event by weights (V) in nats, with a `dart` from 0 to 1.

    Of the likeliest events those are kept that come before the probability `top_p` is reached, that
    have at least `min_p` of the likeliest one's, and that are among the first `top_k` (0 for all).
    Returns -1 where no weight is a finite number.
    """
    exponentials(weights, largest(weights), scratch)
    whole = total(scratch)
    # All events below this hold less than what top_p leaves out: none of them can be kept.
    least = max((1 - top_p) * whole / len(weights), min_p)
    ids = np.empty(len(weights), np.int64)
    count = 0
    for v in range(len(weights)):
        ids[count] = v
        count += (scratch[v] > 0) & (scratch[v] >= least)
    if count == 0:
        return -1
    ids = ids[:count]
    if count > _FEW:
        ids = ids[np.argsort(-scratch[ids], kind="mergesort")]
    else:
        for i in range(1, count):
            event, j = ids[i], i
            while j > 0 and scratch[ids[j - 1]] < scratch[event]:
                ids[j] = ids[j - 1]
                j -= 1
            ids[j] = event
    kept, before = 0, 0.0
    for i in range(count):
        if i and (before >= top_p * whole or (top_k and i >= top_k)):
            break
        before += scratch[ids[i]]
        kept = i + 1
    reached = 0.0
    for i in range(kept):
        reached += scratch[ids[i]]
        if dart * before < reached:
            return int(ids[i])
    return int(ids[kept - 1])

"""The compiled loops of sampling: the logits of a take to weights, and weights to its next event.

Exponentials are a polynomial in float32 (the one of the Cephes library, relative error below 2e-7),
because a compiler can work on sixteen of them at once, which it cannot with a call of the system's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled

Floats = NDArray[np.float32]

_LANES = 16
_FEW = 24
"""Up to so many candidates are sorted by insertion."""

_SMALLEST = np.float32(-87.0)
_LOG2_E = np.float32(1.44269504088896341)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_C0, _C1 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3)
_C2, _C3 = np.float32(8.3334519073e-3), np.float32(4.1665795894e-2)
_C4, _C5 = np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)


@compiled
def exponentials(values: Floats, most: np.float32, out: Floats) -> None:
    """Write exp(values - most) for values (V) up to `most`; 0 below exp(-87)."""
    powers = np.empty(len(values), np.int32)
    for v in range(len(values)):
        x = values[v] - most
        safe = max(x, _SMALLEST)
        n = np.floor(safe * _LOG2_E + _HALF)
        r = safe - n * _LN2_HIGH - n * _LN2_LOW
        y = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
        powers[v] = (np.int32(n) + np.int32(127)) << np.int32(23)
        out[v] = (y * r * r + r + _ONE) if x >= _SMALLEST else _ZERO
    twos = powers.view(np.float32)
    for v in range(len(values)):
        out[v] *= twos[v]


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

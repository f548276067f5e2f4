"""float32 and bfloat16 inside compiled loops: conversion, tanh, exp, and a matrix turned over.

bfloat16 is the upper half of a float32; numpy does not know it, so it arrives as bits in uint16.
Surprising decision: tanh and exp are polynomials of our own, since a call of the C library's cannot
be turned into vector instructions. Their errors are below 4e-7 (tests hold them to it).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from hocket.compiled import compiled

Values = NDArray[np.float32] | NDArray[np.uint16]
"""float32, or bfloat16 as its bits."""


def widened(value: Any) -> Any:
    """Return a value as float32."""
    return _from_bits(value) if isinstance(value, np.uint16) else value


def narrowed(value: Any, like: Any) -> Any:
    """Return a float32 in the type of `like`: itself, or the nearest bfloat16, ties to even."""
    return _to_bits(value) if isinstance(like, np.uint16) else value


@overload(widened, inline="always")
def _widened(value):  # type: ignore[no-untyped-def] # numba compares signatures
    if value == types.uint16:
        return lambda value: _from_bits(value)
    return lambda value: value


@overload(narrowed, inline="always")
def _narrowed(value, like):  # type: ignore[no-untyped-def]
    if like == types.uint16:
        return lambda value, like: _to_bits(value)
    return lambda value, like: value


@compiled
def _from_bits(value: Any) -> Any:
    return np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)


@compiled
def _to_bits(value: Any) -> Any:
    bits = np.float32(value).view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return np.uint16((bits + np.uint32(0x7FFF) + odd) >> np.uint32(16))


@compiled
def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)) of a float32."""
    return np.float32(0.5) + np.float32(0.5) * tanh(np.float32(0.5) * x)


@compiled
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of a float32: the rational approximation that Eigen uses."""
    x = min(max(x, np.float32(-7.9)), np.float32(7.9))
    s = x * x
    p = np.float32(-2.76076847742355e-16)
    p = p * s + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06)
    q = q * s + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    return x * p / q


@compiled
def exp(x: Any) -> Any:
    """Return e to the power of a float32 not above 0: 2^n times the polynomial of Cephes."""
    x = max(x, np.float32(-87.0))
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1.0)
    power = np.uint32((np.int32(n) + np.int32(127)) << np.int32(23))
    return p * power.view(np.float32)


@compiled
def transpose(source: Values, target: Values) -> None:
    """Write source (N, M) as target (M, N), in blocks that stay in the cache; it may widen."""
    rows, columns = source.shape
    block = 32
    for row in range(0, rows, block):
        last_row = min(row + block, rows)
        for column in range(0, columns, block):
            for c in range(column, min(column + block, columns)):
                for r in range(row, last_row):
                    target[c, r] = narrowed(widened(source[r, c]), target[c, r])

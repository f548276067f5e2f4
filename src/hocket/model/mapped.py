"""Safetensors files as arrays that stay on the disk until they are used.

The safetensors package copies what it reads; here an array is a window onto the file, which the
operating system loads page by page and may share between processes. The layout is the package's:
eight bytes with the header's length, the header as JSON, then the arrays.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_HEADER_BYTES = 1 << 20
_TYPES: dict[str, type[np.generic]] = {
    "F32": np.float32,
    "F16": np.float16,
    "I8": np.int8,
    "U8": np.uint8,
    "U16": np.uint16,
    "I64": np.int64,
    "BOOL": np.bool_,
}


def saved(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the arrays as a safetensors file, the same bytes for the same arrays."""
    from safetensors.numpy import save

    return save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


def map_file(file: Path) -> mmap.mmap:
    """Map a file into memory, to be read; raises `OSError` where that fails."""
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


def arrays_in(data: bytes | mmap.mmap) -> dict[str, NDArray[Any]]:
    """Return the arrays of a safetensors file by name, as windows onto it that cannot be written to.

    Raises `ValueError` for anything that is not a whole file of plain arrays.
    """
    arrays = {}
    for name, (kind, shape, start, length) in _header(data).items():
        flat = np.frombuffer(data, kind, length // np.dtype(kind).itemsize, start)
        arrays[name] = flat.reshape(shape)
    return arrays


def places(data: bytes | mmap.mmap) -> dict[str, tuple[int, int]]:
    """Return where each array of a safetensors file lies, as (offset, length) in bytes."""
    return {name: (start, length) for name, (_, _, start, length) in _header(data).items()}


def _header(
    data: bytes | mmap.mmap,
) -> dict[str, tuple[type[np.generic], tuple[int, ...], int, int]]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(len(data) - 8, MOST_HEADER_BYTES):
        raise ValueError("no safetensors file, or a torn one")
    try:
        entries = json.loads(data[8 : 8 + length])
    except RecursionError:
        raise ValueError("a header without end") from None
    if not isinstance(entries, dict):
        raise ValueError("a header that is no table")
    found = {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        try:
            kind = _TYPES[entry["dtype"]]
            shape = tuple(int(size) for size in entry["shape"])
            begin, end = (int(offset) for offset in entry["data_offsets"])
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"{name}: no plain array ({error})") from None
        size = prod(shape) * np.dtype(kind).itemsize
        inside = 0 <= begin <= end <= len(data) - 8 - length
        if min(shape, default=0) < 0 or not inside or end - begin != size:
            raise ValueError(f"{name}: its place in the file does not fit its shape")
        found[name] = (kind, shape, 8 + length + begin, size)
    return found

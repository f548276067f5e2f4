"""The one way to compile a numeric loop: numba, kept on disk, without the interpreter's lock.

A kernel is a plain Python function over numpy arrays and numbers, so it can be read, and run slowly
for debugging with `NUMBA_DISABLE_JIT=1`. Surprising decision: floating point stays exact (no
`fastmath`), so that a kernel gives the same bits whatever its loops are turned into.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function when it is first called; the result is kept on disk for the next process.

    Where there is nowhere to keep it (a read-only installation without a home), it is compiled in
    each process anew.
    """
    try:
        kernel = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # numba found no folder that it may write to
        kernel = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("_F", kernel)

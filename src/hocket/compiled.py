"""The one way to compile a numeric loop: numba, kept on disk, without the interpreter's lock.

A kernel is a plain Python function over numpy arrays and numbers, so it can be read, and run slowly
for debugging with `NUMBA_DISABLE_JIT=1`. Surprising decisions: floating point stays exact (no
`fastmath`), so that a kernel gives the same bits whatever its loops are turned into. And what is kept
is used only while no file of hocket's has changed: numba itself looks at the kernel's own file alone,
and would go on with an old version of a kernel that is called from another file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function when it is first called; the result is kept on disk for the next process.

    Where there is nowhere to keep it (a read-only installation without a home), it is compiled in
    each process anew.
    """
    kernel: Any
    try:
        kernel = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
        _follow_all_sources(kernel._cache)
    except (RuntimeError, AttributeError):  # numba may write nowhere, or keeps things otherwise
        kernel = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("_F", kernel)


def _follow_all_sources(kept: Any) -> None:
    """Let numba's store of a kernel have other files for each state of hocket's sources."""
    stamp = state_of_sources()
    name = f"{kept._impl.filename_base}.{stamp[:12]}"
    kept._cache_file = type(kept._cache_file)(kept._cache_path, name, stamp)


@cache
def state_of_sources() -> str:
    """Return what changes whenever a file of hocket's does: a digest of their sizes and times."""
    package = Path(__file__).parent
    stats = [(str(file), file.stat()) for file in sorted(package.rglob("*.py"))]
    words = [f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()

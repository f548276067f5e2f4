"""A compiled loop is kept for the next process, and made anew when a file it calls has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import hocket

INNER = """
from hocket.compiled import compiled

@compiled
def inner(x):
    return x + {}
"""
OUTER = """
from hocket.compiled import compiled
from hocket.inner import inner

@compiled
def outer(x):
    return 10 * inner(x)
"""
CALL = """
from hocket.outer import outer
print(outer(1), sum(outer.stats.cache_hits.values()))
"""


def test_a_kept_loop_follows_the_files_that_it_calls(tmp_path: Path) -> None:
    package = tmp_path / "hocket"
    package.mkdir()
    shutil.copy(Path(hocket.__file__).parent / "compiled.py", package)
    (package / "__init__.py").touch()
    (package / "outer.py").write_text(OUTER)

    def call() -> list[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("NUMBA_CACHE_DIR", None)
        done = subprocess.run(
            [sys.executable, "-c", CALL],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    (package / "inner.py").write_text(INNER.format(1))
    assert call() == ["20", "0"], "compiled"
    assert call() == ["20", "1"], "kept"
    (package / "inner.py").write_text(INNER.format(25))
    assert call() == ["260", "0"], "compiled again"

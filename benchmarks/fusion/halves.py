"""Which half of the corpus a piece is in: that which the critic learns, or the other.

It is compositions that are divided, as well as names show them: an opus of Chopin's in all its
editions, a work of Mutopia's with all its movements, a volume of a Polish library.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath


def composition(name: str) -> str:
    """Return what a piece of the base corpus is a part of, from its name in the corpus."""
    path = PurePosixPath(name)
    parts = path.stem.split("--" if "--" in path.stem else "__")
    whole = "--".join(parts[:2]) if len(parts) > 1 else re.split("[-_]", path.stem)[0]
    return f"{path.parent}/{whole}"


def half(name: str) -> int:
    """Return 0 or 1, the same on every machine and for all pieces of a composition."""
    return hashlib.sha256(composition(name).encode()).digest()[0] % 2

"""What a hostile file is: its name and bytes, which reader it is for, and how that must end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Verdict = Literal["read", "refuse", "either"]
Reader = Literal["score", "theme", "weights", "config"]


class Case(NamedTuple):
    """One hostile file; weights are a folder of files."""

    file: str
    data: bytes | Mapping[str, bytes]
    verdict: Verdict
    why: str
    """What is wrong with it, and so why the verdict."""
    notes: int | None = None
    """Of the piece, where it must be read: pitched notes that have an end."""
    reader: Reader = "score"

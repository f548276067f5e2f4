"""Learns two or more musical themes with an LSTM and writes new pieces that fuse them.

    import hocket
    run = hocket.fuse("a.mid", "b.mid", out="out/")
    run.takes[0]                       # a piano roll, in a notebook
    hocket.check("out/take-01.mid", against=["a.mid", "b.mid"])

Names are looked up when they are first used, so that `import hocket` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hocket.analysis import Measures
    from hocket.config import RunConfig, preset
    from hocket.corpus import Library, load_library
    from hocket.errors import HocketError
    from hocket.exports import cut, draw, engrave, read, render, write, write_page
    from hocket.generation import Take
    from hocket.music import Key, Meter, Note, Part, Pedal, Piece, Tempo
    from hocket.runs import Run
    from hocket.sources import Theme
    from hocket.workflows import (
        check,
        duplicates,
        fuse,
        learn,
        more,
        prepare,
        resume,
        seeds,
        train,
        why,
    )

__version__ = "0.1.0"

_HOMES = {
    "HocketError": "errors",
    "Key": "music",
    "Library": "corpus",
    "Measures": "analysis",
    "Meter": "music",
    "Note": "music",
    "Part": "music",
    "Pedal": "music",
    "Piece": "music",
    "Run": "runs",
    "RunConfig": "config",
    "Take": "generation",
    "Tempo": "music",
    "Theme": "sources",
    "check": "workflows",
    "cut": "exports",
    "duplicates": "workflows",
    "draw": "exports",
    "engrave": "exports",
    "fuse": "workflows",
    "learn": "workflows",
    "load_library": "corpus",
    "more": "workflows",
    "prepare": "workflows",
    "preset": "config",
    "read": "exports",
    "render": "exports",
    "resume": "workflows",
    "seeds": "workflows",
    "train": "workflows",
    "why": "workflows",
    "write": "exports",
    "write_page": "exports",
}

__all__ = [
    "HocketError",
    "Key",
    "Library",
    "Measures",
    "Meter",
    "Note",
    "Part",
    "Pedal",
    "Piece",
    "Run",
    "RunConfig",
    "Take",
    "Tempo",
    "Theme",
    "check",
    "cut",
    "draw",
    "duplicates",
    "engrave",
    "fuse",
    "learn",
    "load_library",
    "more",
    "prepare",
    "preset",
    "read",
    "render",
    "resume",
    "seeds",
    "train",
    "why",
    "write",
    "write_page",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hocket' has no attribute {name!r}")
    return getattr(import_module(f"hocket.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

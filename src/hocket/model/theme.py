"""A learned theme on disk: its pieces, and what it changes in the base model's weights.

One safetensors file of at most a megabyte, to be kept, shared and mixed with any other of the same base
model. It holds changes to weights in 16 bits, the pieces as MIDI, and a card in TOML. Surprising
decision: the notes go along, since a take recalls its themes and openings are made of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.config import toml
from hocket.errors import CheckpointError
from hocket.model import mapped
from hocket.model.changes import BIAS, LEFT, RIGHT

MOST_BYTES = 1 << 20
"""Of a theme file."""
_CARD, _PIECE = "card", "piece."
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class ThemeFile:
    """What a theme file holds."""

    title: str
    pieces: tuple[bytes, ...]
    """The pieces as MIDI."""
    changes: Mapping[str, NDArray[np.float16]]
    """See `model.changes`."""
    base: str
    """Fingerprint of the base model."""
    exact: tuple[str, ...]
    """Parts of the engine that stay in float32."""
    step: int
    """The step of learning that the changes are of."""
    held_out: float | None
    """Nats per event on the held-out bars; None where there are none."""
    quote: float | None
    """How many notes in a row it would quote; see `training.quoting`."""
    stopped: str
    """Why learning ended."""

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits of the file's sha256."""
        return hashlib.sha256(to_bytes(self)).hexdigest()[:16]


def to_bytes(theme: ThemeFile) -> bytes:
    """Return the file's bytes; the same for the same theme."""
    import tomli_w

    card: dict[str, Any] = {
        "format": _FORMAT,
        "title": theme.title,
        "base": theme.base,
        "exact": list(theme.exact),
        "step": theme.step,
        "stopped": theme.stopped,
    }
    card |= {
        name: value
        for name, value in (("held_out", theme.held_out), ("quote", theme.quote))
        if value is not None
    }
    arrays: dict[str, NDArray[Any]] = {**theme.changes, _CARD: _bytes(tomli_w.dumps(card).encode())}
    arrays |= {f"{_PIECE}{i:03d}": _bytes(midi) for i, midi in enumerate(theme.pieces)}
    return mapped.saved(arrays)


def load(file: Path) -> ThemeFile:
    """Load a theme file; raises `CheckpointError` for one that is torn, too large or none of ours."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES} bytes")
        arrays = mapped.arrays_in(file.read_bytes())
        card = toml(arrays.pop(_CARD).tobytes().decode())
        if card["format"] != _FORMAT:
            raise ValueError(f"of format {card['format']}")
        pieces = tuple(arrays.pop(name).tobytes() for name in sorted(arrays) if name[:6] == _PIECE)
        for name, array in arrays.items():
            if not name.startswith((LEFT, RIGHT, BIAS)) or array.dtype != np.float16:
                raise ValueError(f"{name} is no change to weights")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not finite")
        if not pieces:
            raise ValueError("no piece in it")
        held_out, quote = (
            float(card[name]) if name in card else None for name in ("held_out", "quote")
        )
        return ThemeFile(
            str(card["title"]),
            pieces,
            arrays,
            str(card["base"]),
            tuple(str(part) for part in card["exact"]),
            int(card["step"]),
            held_out,
            quote,
            str(card["stopped"]),
        )
    except FileNotFoundError:
        raise CheckpointError(
            f"{file}: no such theme; learn one with `hocket learn FILE -o {file}`"
        ) from None
    except (
        OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError
    ) as error:  # fmt: skip
        reason = "".join(c for c in str(error)[:200] if c.isprintable())  # it may quote the file
        raise CheckpointError(
            f"{file}: no theme that can be used ({reason}); learn it again"
        ) from None


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)

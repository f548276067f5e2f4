"""Weights on disk: a safetensors file beside a TOML that says what network they are for.

`weights.safetensors` and `weights.toml` (model config, vocabulary fingerprint, themes, how they were
learned, and the digest of the safetensors file) belong together; a pair that does not fit is refused.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.config import ModelConfig, from_dict, to_dict
from hocket.errors import CheckpointError, ConfigError

WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "weights.toml"
FILES = (WEIGHTS_FILE, CARD_FILE)


@dataclass(frozen=True)
class Learned:
    """How weights were learned."""

    step: int
    """The step they are of."""
    held_out: float | None
    """Nats per event on the held-out bars; None where there are none."""
    stopped: str = ""
    """Why learning ended."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Arrays by name, with what is needed to use them."""

    arrays: Mapping[str, NDArray[np.float32]]
    model: ModelConfig
    vocab_fingerprint: str
    themes: tuple[str, ...]
    """Titles of the M themes, in the order of the mix."""
    learned: Learned
    fingerprint: str = ""
    """Sixteen hex digits of the file's sha256."""


def fingerprint(arrays: Mapping[str, NDArray[np.float32]]) -> str:
    """Return sixteen hex digits of the sha256 of the arrays as they are saved."""
    from safetensors.numpy import save

    return hashlib.sha256(save(dict(sorted(arrays.items())))).hexdigest()[:16]


def to_bytes(weights: Weights) -> tuple[bytes, bytes]:
    """Return the safetensors file and its TOML card."""
    import tomli_w
    from safetensors.numpy import save

    data = save(dict(sorted(weights.arrays.items())))
    card: dict[str, Any] = {
        "vocab": weights.vocab_fingerprint,
        "sha256": hashlib.sha256(data).hexdigest(),
        "themes": list(weights.themes),
        "model": to_dict(weights.model),
        "learned": {k: v for k, v in asdict(weights.learned).items() if v is not None},
    }
    return data, tomli_w.dumps(card).encode()


def load(folder: Path, vocab_fingerprint: str) -> Weights:
    """Load the weights of a run folder; raises `CheckpointError` if anything does not fit."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_arrays

    file, card_file = folder / WEIGHTS_FILE, folder / CARD_FILE
    try:
        data, card = file.read_bytes(), tomllib.loads(card_file.read_text(encoding="utf-8"))
        model = from_dict(ModelConfig, card["model"], str(card_file))
        arrays = load_arrays(data)
        digest = hashlib.sha256(data).hexdigest()
        loaded = Weights(
            arrays,
            model,
            card["vocab"],
            tuple(card["themes"]),
            _learned(card["learned"]),
            digest[:16],
        )
        expected = card["sha256"]
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{error.filename}: not there; learn first with `hocket fuse A.mid B.mid -o {folder}`"
        ) from None
    except (OSError, KeyError, TypeError, ValueError, SafetensorError, ConfigError) as error:
        raise CheckpointError(f"{folder}: weights cannot be read: {error}; learn again") from None
    if digest != expected:
        raise CheckpointError(
            f"{file}: torn or changed (its sha256 is not the card's); learn again"
        )
    if loaded.vocab_fingerprint != vocab_fingerprint:
        raise CheckpointError(
            f"{file}: made with another vocabulary ({loaded.vocab_fingerprint}, now "
            f"{vocab_fingerprint}); learn again with this version"
        )
    seen = arrays["theme.weight"].shape[-1] if model.theme and "theme.weight" in arrays else None
    if seen not in (None, len(loaded.themes)) or not all(isinstance(t, str) for t in loaded.themes):
        raise CheckpointError(f"{card_file}: its themes do not fit the weights; learn again")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise CheckpointError(f"{file}: holds values that are not finite; learn again")
    return loaded


def _learned(card: Mapping[str, Any]) -> Learned:
    step, held_out = int(card["step"]), card.get("held_out")
    return Learned(
        step, None if held_out is None else float(held_out), str(card.get("stopped", ""))
    )

"""Weights on disk: a safetensors file, the engine made of it, and a TOML that says what they are for.

`weights.safetensors` (for learning on), `engine.onnx` with `engine.safetensors` (for writing takes) and
`weights.toml` (model config, vocabulary fingerprint, themes, how they were learned and converted, and
the digests of the other files) belong together; what does not fit is refused. Arrays are windows onto
the files; they are read once, for digests and to see that they are finite numbers, and kept nowhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.config import ModelConfig, from_dict, to_dict, toml
from hocket.errors import CheckpointError, ConfigError
from hocket.model import mapped
from hocket.model.checking import Conversion
from hocket.model.convert import ARRAYS_FILE, GRAPH_FILE, Model
from hocket.model.folding import check_shapes

WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "weights.toml"
FILES = (WEIGHTS_FILE, GRAPH_FILE, ARRAYS_FILE, CARD_FILE)


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
    engine: Model
    """What takes are written with."""
    conversion: Conversion
    fingerprint: str = ""
    """Sixteen hex digits of the file's sha256."""


def fingerprint(
    arrays: Mapping[str, NDArray[np.float32]], kind: type[np.floating[Any]] = np.float32
) -> str:
    """Return sixteen hex digits of the sha256 of the arrays as they are saved."""
    return hashlib.sha256(_stored(arrays, kind)).hexdigest()[:16]


def _stored(arrays: Mapping[str, NDArray[np.float32]], kind: type[np.floating[Any]]) -> bytes:
    return mapped.saved({name: array.astype(kind) for name, array in arrays.items()})


def to_files(weights: Weights, kind: type[np.floating[Any]] = np.float32) -> dict[str, bytes]:
    """Return the content of each file by name, the TOML card last.

    The arrays are stored as `kind`; in 16 bits they must be whole there already (see `halved`).
    """
    data = {
        WEIGHTS_FILE: _stored(weights.arrays, kind),
        GRAPH_FILE: weights.engine.graph,
        ARRAYS_FILE: bytes(weights.engine.arrays),
    }
    return data | {CARD_FILE: _card(weights, data)}


def halved(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return the arrays rounded to what 16 bits can hold."""
    return {name: a.astype(np.float16).astype(np.float32) for name, a in arrays.items()}


def _card(weights: Weights, data: Mapping[str, bytes]) -> bytes:
    import tomli_w

    card: dict[str, Any] = {
        "vocab": weights.vocab_fingerprint,
        "themes": list(weights.themes),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in data.items()},
        "model": to_dict(weights.model),
        "learned": {k: v for k, v in asdict(weights.learned).items() if v is not None},
        "engine": asdict(weights.conversion) | {"exact": list(weights.conversion.exact)},
    }
    return tomli_w.dumps(card).encode()


def load(folder: Path, vocab_fingerprint: str) -> Weights:
    """Load the weights of a run folder; raises `CheckpointError` if anything does not fit."""
    file, card_file = folder / WEIGHTS_FILE, folder / CARD_FILE
    try:
        card = toml(card_file.read_text(encoding="utf-8"))
        data = {name: mapped.map_file(folder / name) for name in FILES if name != CARD_FILE}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
        model = from_dict(ModelConfig, card["model"], str(card_file))
        arrays = {
            name: array.astype(np.float32) if array.dtype == np.float16 else array
            for name, array in mapped.arrays_in(data[WEIGHTS_FILE]).items()
        }
        engine_arrays = mapped.arrays_in(data[ARRAYS_FILE])
        how = card["engine"]
        loaded = Weights(
            arrays,
            model,
            card["vocab"],
            tuple(card["themes"]),
            _learned(card["learned"]),
            Model(bytes(data[GRAPH_FILE]), data[ARRAYS_FILE]),
            Conversion(tuple(how["exact"]), float(how["nats"]), float(how["nats_int8"])),
            digests[WEIGHTS_FILE][:16],
        )
        expected = dict(card["sha256"])
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{error.filename}: not there; give a folder that `hocket train`, or `hocket fuse "
            "--preset hybrid`, has left"
        ) from None
    except (
        OSError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
        ConfigError,
    ) as error:  # fmt: skip
        reason = "".join(c for c in str(error)[:200] if c.isprintable())  # it may quote the file
        raise CheckpointError(f"{folder}: weights cannot be read: {reason}; learn again") from None
    for name, digest in digests.items():
        if digest != expected.get(name):
            raise CheckpointError(
                f"{folder / name}: torn or changed (its sha256 is not the card's); learn again"
            )
    if loaded.vocab_fingerprint != vocab_fingerprint:
        raise CheckpointError(
            f"{file}: made with another vocabulary ({loaded.vocab_fingerprint}, now "
            f"{vocab_fingerprint}); learn again with this version"
        )
    seen = (
        arrays["theme.weight"].shape[-1] if model.sees_themes and "theme.weight" in arrays else None
    )
    if seen not in (None, len(loaded.themes)) or not all(isinstance(t, str) for t in loaded.themes):
        raise CheckpointError(f"{card_file}: its themes do not fit the weights; learn again")
    try:
        check_shapes(arrays, model)
    except ValueError as error:
        raise CheckpointError(f"{file}: does not fit its card: {error}; learn again") from None
    for name, stored in ((WEIGHTS_FILE, arrays), (ARRAYS_FILE, engine_arrays)):
        if not all(np.isfinite(array).all() for array in stored.values()):
            raise CheckpointError(f"{folder / name}: holds values that are not finite; learn again")
    return loaded


def _learned(card: Mapping[str, Any]) -> Learned:
    step, held_out = int(card["step"]), card.get("held_out")
    return Learned(
        step, None if held_out is None else float(held_out), str(card.get("stopped", ""))
    )

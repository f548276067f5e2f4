"""Everything a stopped training run needs to go on with the same bits, in one safetensors file.

No pickle: arrays under prefixed names (`weights.`, `best.`, `first.`, `second.`, `carry.`, `random`)
and plain numbers as JSON in the file's header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hocket.errors import CheckpointError


@dataclass(frozen=True)
class Look:
    """One look at the held-out bars: losses in nats per event, seconds since the start.

    Without any such bars `held_out` is None. `quote` is how many notes of what is learned the network
    would repeat in a row (`training.quoting`), None where nobody asked.
    """

    step: int
    loss: float
    held_out: float | None
    seconds: float
    quote: float | None = None


@dataclass(frozen=True)
class Position:
    """How far a run is; the data's position follows from `step` alone."""

    step: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_held_out: float | None = None
    losses: tuple[float, ...] = ()
    """Training losses since the last look."""
    best_quote: float | None = None
    history: tuple[Look, ...] = ()
    stopped: str = ""
    """Why the run ended, empty while it may go on."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run at one step boundary."""

    settings: str
    """Fingerprint of config, vocabulary and data: a checkpoint resumes only what it belongs to."""
    position: Position
    weights: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    first_moment: Mapping[str, Tensor]
    second_moment: Mapping[str, Tensor]
    carry: Mapping[str, Tensor] = field(default_factory=dict)
    """LSTM state carried into the next window, `hidden.0`, `cell.0`, …"""
    random: Tensor = field(default_factory=torch.get_rng_state)
    cuda_random: Tensor | None = None
    """The state of CUDA's chance, where it was used."""


_PREFIXES = {
    "weights": "weights",
    "best": "best",
    "first": "first_moment",
    "second": "second_moment",
    "carry": "carry",
}


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """Return the checkpoint as the bytes of one safetensors file."""
    from safetensors.torch import save

    tensors = {
        f"{prefix}.{name}": tensor.detach().cpu().contiguous()
        for prefix, attribute in _PREFIXES.items()
        for name, tensor in getattr(checkpoint, attribute).items()
    }
    tensors["random"] = checkpoint.random
    if checkpoint.cuda_random is not None:
        tensors["cuda_random"] = checkpoint.cuda_random
    header = {"settings": checkpoint.settings, "position": json.dumps(asdict(checkpoint.position))}
    return save(tensors, metadata=header)


def load(file: Path, settings: str) -> Checkpoint:
    """Load a checkpoint; raises `CheckpointError` if it is torn or belongs to something else."""
    from safetensors import SafetensorError, safe_open

    groups: dict[str, dict[str, Tensor]] = {attribute: {} for attribute in _PREFIXES.values()}
    try:
        with safe_open(file, "pt") as stored:
            header = stored.metadata() or {}
            random, cuda_random = stored.get_tensor("random"), None
            for key in stored.keys():  # noqa: SIM118 - a safetensors file is no dict
                if key == "cuda_random":
                    cuda_random = stored.get_tensor(key)
                prefix, _, name = key.partition(".")
                if prefix in _PREFIXES:
                    groups[_PREFIXES[prefix]][name] = stored.get_tensor(key)
        position = _position(json.loads(header["position"]))
        found = header["settings"]
    except FileNotFoundError:
        raise CheckpointError(f"{file}: not there; nothing to resume, start afresh") from None
    except (OSError, LookupError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        raise CheckpointError(f"{file}: torn or foreign ({error}); start afresh") from None
    if found != settings:
        raise CheckpointError(
            f"{file}: belongs to other themes, settings or vocabulary; resume with the same ones, "
            "or start afresh in another folder"
        )
    return Checkpoint(found, position, random=random, cuda_random=cuda_random, **groups)


def _position(values: dict[str, Any]) -> Position:
    history = tuple(Look(**look) for look in values.pop("history"))
    return Position(**{**values, "losses": tuple(values["losses"]), "history": history})

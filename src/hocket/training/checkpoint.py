"""Everything a stopped training run needs to go on with the same bits, in one safetensors file.

    training.safetensors            the newest
    training.previous.safetensors   the one before

No pickle: arrays under prefixed names (`weights.`, `best.`, `first.`, `second.`, `carry.`, `random.`)
and plain numbers as JSON in the file's header, with the sha256 of it all. A file that was torn is told
from one that belongs to something else: the first is passed over for the one before, the second is
refused. The schedule, the order of the data and all augmentation are pure functions of the settings
and the step, so that the step stands for them.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hocket.errors import CheckpointError, ScoreError
from hocket.scores.files import atomic_write, sync_folder


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


def made_with() -> dict[str, str]:
    """Return what, besides the settings, a run's bits may depend on."""
    from hocket import __version__

    return {
        "hocket": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": str(torch.get_num_threads()),
        "machine": platform.machine(),
    }


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A run at one step boundary."""

    settings: str
    """Fingerprints of config, vocabulary, data and base: it resumes only what it belongs to."""
    position: Position
    weights: Mapping[str, Tensor]
    best: Mapping[str, Tensor]
    first_moment: Mapping[str, Tensor]
    second_moment: Mapping[str, Tensor]
    carry: Mapping[str, Tensor] = field(default_factory=dict)
    """LSTM state of the rows of all ranks, carried into the next window, `hidden.0`, `cell.0`, …"""
    random: Mapping[str, Tensor] = field(default_factory=dict)
    """torch's states of chance of each rank, `cpu.0`, `cuda.0`, `cpu.1`, …"""
    ranks: int = 1
    made_with: Mapping[str, str] = field(default_factory=made_with)
    config: str = ""
    """The settings themselves, as TOML."""


_PREFIXES = {
    "weights": "weights",
    "best": "best",
    "first": "first_moment",
    "second": "second_moment",
    "carry": "carry",
    "random": "random",
}
_DIFFERENCES = {
    "config": "other settings",
    "vocabulary": "another vocabulary",
    "data": "other themes",
    "base": "another base model",
}


class _TornError(CheckpointError):
    """The file is not what was written."""


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """Return the checkpoint as the bytes of one safetensors file."""
    from safetensors.torch import save

    tensors = {
        f"{prefix}.{name}": tensor.detach().cpu().contiguous()
        for prefix, attribute in _PREFIXES.items()
        for name, tensor in getattr(checkpoint, attribute).items()
    }
    header = {
        "settings": checkpoint.settings,
        "position": json.dumps(asdict(checkpoint.position)),
        "ranks": str(checkpoint.ranks),
        "made_with": json.dumps(dict(checkpoint.made_with)),
        "config": checkpoint.config,
    }
    # in one entry: safetensors writes several in any order, and the same run is to give the same bytes
    told = json.dumps({**header, "sha256": _digest(header, tensors)})
    return save(tensors, metadata={"checkpoint": told})


def from_bytes(data: bytes, settings: str, name: str | Path) -> Checkpoint:
    """Return the checkpoint in a file's bytes, whose `name` is for messages.

    Raises `CheckpointError` if they are torn or belong to something else.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as tensors_in

    groups: dict[str, dict[str, Tensor]] = {attribute: {} for attribute in _PREFIXES.values()}
    try:
        tensors = tensors_in(data)
        described = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        header = dict(json.loads(described["__metadata__"]["checkpoint"]))
        if header.pop("sha256") != _digest(header, tensors):
            raise ValueError("its sha256 is another one")
        for key, tensor in tensors.items():
            prefix, _, rest = key.partition(".")
            groups[_PREFIXES[prefix]][rest] = tensor
        position, ranks = _position(json.loads(header["position"])), int(header["ranks"])
        found, made = header["settings"], dict(json.loads(header["made_with"]))
        config = header["config"]
    except (LookupError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        raise _TornError(f"{name}: torn or foreign ({error}); start afresh") from None
    if found != settings:
        raise CheckpointError(
            f"{name}: belongs to {_different(found, settings)}; resume with the same ones, or start "
            "afresh in another folder"
        )
    return Checkpoint(found, position, **groups, ranks=ranks, made_with=made, config=config)


def load(file: Path, settings: str) -> Checkpoint:
    """Load a checkpoint; raises `CheckpointError` if it is torn or belongs to something else."""
    return from_bytes(_content(file), settings, file)


def newest(files: Sequence[Path], settings: str, say: Callable[[str], None]) -> bytes:
    """Return the bytes of the first of the files that is whole, and say which ones are not.

    Raises `CheckpointError` where none is, and where that one belongs to something else.
    """
    failure: CheckpointError | None = None
    for file in files:
        try:
            data = _content(file)
            step = from_bytes(data, settings, file).position.step
        except _TornError as error:
            failure = failure or error
            continue
        if file != files[0]:
            say(f"{failure}".replace("start afresh", f"going on from {file.name}, step {step}"))
        return data
    assert failure is not None
    raise failure


def save(file: Path, before: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, and keep the one that stands in `file` as `before`.

    At every moment one of the two is whole. Raises `ScoreError` where it cannot be written, and says
    what is still there.
    """
    fresh = file.with_name(f"{file.stem}.next{file.suffix}")
    try:
        atomic_write(fresh, to_bytes(checkpoint))
    except ScoreError as error:
        fresh.unlink(missing_ok=True)
        kept = "the last checkpoint is whole, and the same command goes on from it"
        raise ScoreError(f"{error}; {kept}" if file.exists() else str(error)) from error
    with suppress(FileNotFoundError):
        file.replace(before)
    fresh.replace(file)
    sync_folder(file.parent)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise _TornError(f"{file}: not there; nothing to resume, start afresh") from None
    except OSError as error:
        raise _TornError(f"{file}: torn or foreign ({error}); start afresh") from None


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(dict(header), sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        array = np.ascontiguousarray(tensor.numpy())
        digest.update(f"{name} {array.dtype} {tensor.shape}".encode())
        digest.update(array.data.cast("B") if array.size else b"")
    return digest.hexdigest()


def _different(found: str, wanted: str) -> str:
    """Return in words which fingerprints differ."""
    ours, theirs = (
        dict(part.partition("=")[::2] for part in text.split()) for text in (wanted, found)
    )
    words = [say for key, say in _DIFFERENCES.items() if ours.get(key) != theirs.get(key)]
    return " and ".join(words) or "something else"


def _position(values: dict[str, Any]) -> Position:
    history = tuple(Look(**look) for look in values.pop("history"))
    return Position(**{**values, "losses": tuple(values["losses"]), "history": history})

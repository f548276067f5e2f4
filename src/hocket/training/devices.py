"""Where training runs and in which numbers: on the processor, or on a GPU if asked to.

A GPU is not used unasked, since the same bits each time are promised on the processor only.
"""

from __future__ import annotations

import llvmlite.binding
import torch

from hocket.config import TrainingConfig
from hocket.errors import ConfigError

BFLOAT16_UNITS = ("avx512bf16", "amx-bf16", "bf16")
"""What processors that multiply bfloat16 say of themselves: Intel, AMD and Arm, as LLVM names it."""


def choose_device(name: str) -> torch.device:
    """Return the device to train on; raises `ConfigError` if it is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: torch sees no GPU here; learn with --device cpu")
    return torch.device(name)


def choose_precision(training: TrainingConfig) -> torch.dtype:
    """Return the data type of the products; weights and sums are float32 all the same.

    `auto` is bfloat16 where the device has instructions for it: without, it would be emulated.
    """
    if training.precision != "auto":
        return torch.float32 if training.precision == "float32" else torch.bfloat16
    if training.device == "cuda":
        has_it = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    else:
        known = llvmlite.binding.get_host_cpu_features()
        has_it = any(known.get(unit, False) for unit in BFLOAT16_UNITS)
    return torch.bfloat16 if has_it else torch.float32

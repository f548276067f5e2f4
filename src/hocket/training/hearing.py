"""What the network itself says along sequences: the measure that a converted model is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hocket.config import ModelConfig
from hocket.model.checking import Heard
from hocket.model.network import Network
from hocket.model.sizes import InputSizes


def said(
    weights: Mapping[str, Tensor], config: ModelConfig, sizes: InputSizes, heard: Sequence[Heard]
) -> list[NDArray[np.float32]]:
    """Return the network's logits (T, V) along each sequence, in float32 on the CPU."""
    network = Network(config, sizes)
    network.load_state_dict(dict(weights))
    network.eval()
    ends = np.cumsum((sizes.pitches, *sizes.places))
    logits = []
    for events, seen, recalled, _ in heard:
        sounding, *places, mix = np.split(seen, ends, axis=1)
        with torch.no_grad():
            rows, _ = network(
                torch.from_numpy(events)[None],
                torch.from_numpy(sounding)[None],
                torch.from_numpy(np.stack([p.argmax(1) for p in places], axis=1))[None],
                torch.from_numpy(recalled)[None],
                torch.from_numpy(mix)[None],
                network.start(1),
            )
        logits.append(np.asarray(rows[0].numpy()))
    return logits

"""What a piece costs a network, in nats per note: all its events, divided by its notes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hocket.config import ModelConfig
from hocket.corpus import Corpus, input_sizes
from hocket.model.checking import Heard
from hocket.tokens import FEATURES, VOCAB, sight
from hocket.tokens.memory import Memory
from hocket.training import hearing

Arrays = Mapping[str, NDArray[np.float32]]
Ids = NDArray[np.int64]

TRANSPOSITION = math.log(12)
"""What it costs to say by which of twelve transpositions a piece came to the common key, in nats."""

_ON = VOCAB.families["NOTE_ON"]
_PITCHED = range(VOCAB.families["NOTE_OFF"].start, _ON.stop)


def heard(ids: Ids, memory: Memory | None = None, themes: int = 0) -> Heard:
    """Return a piece (N) as a network hears it that remembers something, or nothing."""
    seen, recalled = sight.see(ids, themes, memory)
    seen[:, FEATURES:] = 1
    return Heard(ids, seen, recalled, np.append(ids[1:], -1))


def nats(
    arrays: Arrays, model: ModelConfig, ids: Ids, memory: Memory | None = None, themes: int = 0
) -> NDArray[np.float64]:
    """Return what each event after the first costs, (N - 1), in float32 products."""
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    sequence = heard(ids, memory, themes)
    (logits,) = hearing.said(tensors, model, input_sizes(themes), [sequence])
    return surprises(logits, ids)


def surprises(logits: NDArray[np.float32], ids: Ids) -> NDArray[np.float64]:
    """Return -ln P (N - 1) of the events after the first, from logits (N, V); none is masked."""
    scores = torch.log_softmax(torch.from_numpy(logits).double(), -1).numpy()
    return np.asarray(-scores[np.arange(len(ids) - 1), ids[1:]])


def at_home(corpus: Corpus, piece: int) -> Ids:
    """Return a piece of a corpus, moved to the common key."""
    ids = np.asarray(corpus.ids[corpus.bounds[piece] : corpus.bounds[piece + 1]], np.int64)
    return np.where(np.isin(ids, _PITCHED), ids + corpus.home[piece], ids)


def knobs_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return settings given as KNOB=VALUE, the values in JSON."""
    return {name: json.loads(value) for name, value in (text.split("=", 1) for text in texts)}


def notes_in(ids: Ids) -> int:
    """Return how many notes ids say."""
    return int(((ids >= _ON.start) & (ids < _ON.stop)).sum())

"""Models that are scripted, for tests of what stands around a model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hocket.model.engine import EngineState
from hocket.tokens import VOCAB


class Fake:
    """A model whose logits (B, V) follow from the last events (B) and the mix (B, M) alone."""

    def __init__(self, says: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self._says = says

    def start(self, batch: int) -> EngineState:
        zeros = np.zeros((1, batch, 1), np.float32)
        return EngineState(zeros, zeros)

    def step(
        self,
        events: np.ndarray,
        sounding: np.ndarray,
        place: np.ndarray,
        mix: np.ndarray,
        state: EngineState,
    ) -> tuple[np.ndarray, EngineState]:
        return self._says(events, mix).astype(np.float32), state


def always(logits: np.ndarray) -> Fake:
    """The same logits (V) at every step."""
    return Fake(lambda events, mix: np.repeat(logits[None], len(events), axis=0))


def after(table: np.ndarray) -> Fake:
    """Logits that follow from the last event, (V, V)."""
    return Fake(lambda events, mix: table[events])


UNIFORM = always(np.zeros(len(VOCAB)))

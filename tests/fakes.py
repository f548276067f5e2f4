"""Models that are scripted, for tests of what stands around a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hocket.tokens import VOCAB

Says = Callable[[np.ndarray, np.ndarray], np.ndarray]


class FakeSteps:
    """A batch whose logits (B, V) follow from the last events (B) and the mix (B, M) alone."""

    def __init__(self, says: Says, batch: int, themes: int) -> None:
        self._says = says
        self.events = np.zeros(batch, np.int64)
        self.mix = np.zeros((batch, themes), np.float32)
        self.logits = np.zeros((batch, len(VOCAB)), np.float32)
        self.state: Mapping[str, np.ndarray] = {}

    def step(self) -> None:
        self.logits[:] = self._says(self.events, self.mix)


class Fake:
    """A model of some themes that says what a function says."""

    def __init__(self, says: Says, themes: int = 2) -> None:
        self._says, self._themes = says, themes

    def start(self, batch: int) -> FakeSteps:
        return FakeSteps(self._says, batch, self._themes)


def always(logits: np.ndarray) -> Fake:
    """The same logits (V) at every step."""
    return Fake(lambda events, mix: np.repeat(logits[None], len(events), axis=0))


def after(table: np.ndarray) -> Fake:
    """Logits that follow from the last event, (V, V)."""
    return Fake(lambda events, mix: table[events])


UNIFORM = always(np.zeros(len(VOCAB)))

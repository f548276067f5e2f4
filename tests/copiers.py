"""A hostile model that only wants to copy, and a theme for it."""

from __future__ import annotations

import numpy as np

from fakes import FakeSteps
from hocket.music import Meter, Note, Piece
from hocket.tokens import VOCAB

START = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])


class Copier:
    """A model that wants nothing but to copy: what followed the longest run of last events."""

    def __init__(self, texts: list[np.ndarray], greed: float) -> None:
        self._texts, self._greed = [text.tolist() for text in texts], greed

    def start(self, batch: int) -> FakeSteps:
        said: list[list[int]] = [[] for _ in range(batch)]

        def says(events: np.ndarray, weights: np.ndarray) -> np.ndarray:
            logits = np.zeros((len(events), len(VOCAB)))
            for row, event in enumerate(events.tolist()):
                said[row].append(event)
                logits[row, self._follows(said[row])] = self._greed
            return logits

        return FakeSteps(says, batch, 2)

    def _follows(self, own: list[int]) -> int:
        best, event = -1, VOCAB.id("DUR 12")
        for text in self._texts:
            for place in range(1, len(text)):
                length = 0
                while (
                    length < min(place, len(own), 40)
                    and text[place - 1 - length] == own[-1 - length]
                ):
                    length += 1
                if length > best:
                    best, event = length, text[place]
        return event


def a_line() -> Piece:
    """A theme of forty notes in one part that do not repeat themselves."""
    pitches = np.random.default_rng(1).integers(55, 76, 40).tolist()
    return Piece.of(
        [Note(12 * n, 12, pitch) for n, pitch in enumerate(pitches)], meters=[Meter(0, 4, 4)]
    )

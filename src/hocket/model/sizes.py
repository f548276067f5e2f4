"""How much a network sees: what the vocabulary and the themes say, and no setting does."""

from __future__ import annotations

from typing import NamedTuple


class InputSizes(NamedTuple):
    """How many events, pitches, memories and themes there are, and values of each part of the place."""

    events: int
    pitches: int
    places: tuple[int, ...]
    recalled: int
    themes: int

    @property
    def seen(self) -> int:
        """F + M, how many numbers say what a network sees beside the event."""
        return self.pitches + sum(self.places) + self.themes

"""How a workflow tells what it is doing, and asks whether to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hocket.training import Progress


class Reporter(Protocol):
    """Hears how a workflow goes on; the command line shows it, a script may ignore it."""

    def say(self, text: str) -> None:
        """One line that a person should see."""

    def learning(self, progress: Progress) -> None:
        """A step of learning was taken."""

    def writing(self, bars: float, of: int) -> None:
        """Takes have come to a bar, of so many."""

    def should_stop(self) -> bool:
        """Whether learning should stop now and keep what it has."""


class Silent:
    """A reporter that shows nothing."""

    def say(self, text: str) -> None:
        """Ignore it."""

    def learning(self, progress: Progress) -> None:
        """Ignore it."""

    def writing(self, bars: float, of: int) -> None:
        """Ignore it."""

    def should_stop(self) -> bool:
        """Go on."""
        return False

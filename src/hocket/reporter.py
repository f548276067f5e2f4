"""How a workflow tells what it is doing, and asks whether to stop."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Protocol

from hocket.errors import ScoreWarning

if TYPE_CHECKING:
    from pathlib import Path

    from hocket.training import Progress


class Reporter(Protocol):
    """Hears how a workflow goes on; the command line shows it, a script may ignore it."""

    def say(self, text: str) -> None:
        """One line that a person should see."""

    def remark(self, text: str) -> None:
        """Something in a file was left out or changed: which file, what and why."""

    def learning(self, progress: Progress) -> None:
        """A step of learning was taken."""

    def writing(self, bars: float, of: int) -> None:
        """Takes have come to a bar, of so many."""

    def wrote(self, folder: Path) -> None:
        """Takes lie in a run's folder, with their report; its page may follow."""

    def preparing(self, files: int, of: int) -> None:
        """So many files of a corpus are done, of so many."""

    def should_stop(self) -> bool:
        """Whether learning should stop now and keep what it has."""


class Silent:
    """A reporter that shows nothing; what was left out of a file becomes a Python warning."""

    def say(self, text: str) -> None:
        """Ignore it."""

    def remark(self, text: str) -> None:
        """Warn of it (`ScoreWarning`)."""
        warnings.warn(text, ScoreWarning, stacklevel=2)

    def learning(self, progress: Progress) -> None:
        """Ignore it."""

    def writing(self, bars: float, of: int) -> None:
        """Ignore it."""

    def wrote(self, folder: Path) -> None:
        """Ignore it."""

    def preparing(self, files: int, of: int) -> None:
        """Ignore it."""

    def should_stop(self) -> bool:
        """Go on."""
        return False

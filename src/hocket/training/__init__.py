"""One loop from themes to weights."""

from hocket.training.checkpoint import Checkpoint, Look, Position
from hocket.training.loop import Progress, learn, settings_fingerprint

__all__ = ["Checkpoint", "Look", "Position", "Progress", "learn", "settings_fingerprint"]

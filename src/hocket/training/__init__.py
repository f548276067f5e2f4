"""One loop from themes to weights."""

from hocket.training.checkpoint import Checkpoint, Look, Position
from hocket.training.devices import choose_device
from hocket.training.loop import ASKED, Base, Progress, learn, settings_fingerprint

__all__ = [
    "ASKED",
    "Base",
    "Checkpoint",
    "Look",
    "Position",
    "Progress",
    "choose_device",
    "learn",
    "settings_fingerprint",
]

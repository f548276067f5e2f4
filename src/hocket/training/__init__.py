"""One loop from themes to weights."""

import os

# Threads that wait should sleep, not spin: on a busy machine that is up to twice as fast. It must be
# said before torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hocket.training.checkpoint import Checkpoint, Look, Position
from hocket.training.devices import choose_device
from hocket.training.loop import ASKED, Progress, learn, settings_fingerprint

__all__ = [
    "ASKED",
    "Checkpoint",
    "Look",
    "Position",
    "Progress",
    "choose_device",
    "learn",
    "settings_fingerprint",
]

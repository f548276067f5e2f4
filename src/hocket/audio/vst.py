"""Strokes to sound with the user's own plugins (VST3), hosted by pedalboard.

pedalboard is GPL-3, so it is an extra of its own, `hocket[vst]`. Surprising decision: a plugin is code
of the user's choice and runs in this process; hocket loads none that was not named.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.audio.performance import Performance
from hocket.errors import ConfigError

TAIL_SECONDS = 4.0
_NOTE_ON, _NOTE_OFF = 0x90, 0x80


def missing() -> str:
    """Return what is missing for it and how to get it; empty for nothing."""
    if find_spec("pedalboard") is None:
        return "install it with `pip install hocket[vst]` (pedalboard, GPL-3)"
    return ""


def play(strokes: Performance, rate: int, instrument: Path) -> tuple[NDArray[np.float32], str, str]:
    """Return the sound (frames, 2) of strokes, what played them, and no credit."""
    plugin = loaded(instrument)
    if not plugin.is_instrument:
        raise ConfigError(f"{instrument}: an effect, no instrument; name it with --effect")
    messages = [
        (bytes((kind, int(pitch), int(velocity))), float(time))
        for kind, times in ((_NOTE_ON, strokes.start), (_NOTE_OFF, strokes.end))
        for pitch, velocity, time in zip(strokes.pitch, strokes.velocity, times, strict=True)
    ]
    messages.sort(key=lambda message: (message[1], message[0]))  # what ends goes first
    seconds = float(strokes.end.max()) + TAIL_SECONDS
    try:
        sound = plugin(messages, duration=seconds, sample_rate=rate, num_channels=2)
    except (ValueError, RuntimeError) as error:
        raise _refused(instrument, error) from None
    return np.ascontiguousarray(sound.T, np.float32), f"{plugin.name} (VST3)", ""


def through(
    sound: NDArray[np.float32], effects: Sequence[str | Path], rate: int
) -> tuple[NDArray[np.float32], str]:
    """Return the sound behind effects, and their names."""
    names = []
    tail = np.zeros((int(TAIL_SECONDS * rate), 2), np.float32)
    heard = np.concatenate([sound, tail]).T
    for file in effects:
        plugin = loaded(Path(file))
        if not plugin.is_effect:
            raise ConfigError(f"{file}: an instrument, no effect; name it with --instrument")
        try:
            heard = _both_ears(plugin, heard, rate)
        except (ValueError, RuntimeError) as error:
            raise _refused(Path(file), error) from None
        names.append(plugin.name)
    return np.ascontiguousarray(heard.T, np.float32), ", ".join(names)


def _both_ears(plugin: Any, heard: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Return what a plugin makes of a sound (2, frames); one for a single ear hears them in turn."""
    try:
        both: NDArray[np.float32] = plugin(heard, rate)
    except ValueError:
        both = np.concatenate([plugin(ear[None], rate) for ear in heard])
    return both


def _refused(file: Path, error: Exception) -> ConfigError:
    said = " ".join(str(error).split())[:200]
    return ConfigError(f"{file}: the plugin cannot be used ({said}); choose another")


def loaded(file: Path) -> Any:
    """Return a plugin; raises `ConfigError` where it cannot be loaded."""
    import pedalboard

    try:
        return pedalboard.load_plugin(str(file))  # type: ignore[attr-defined]
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise ConfigError(f"{file}: cannot be loaded as a VST3 plugin ({said})") from None

"""Strokes to sound with any SoundFont, played by FluidSynth.

The first preset of bank 0 plays. Surprising decision: FluidSynth's own reverb is off; the room comes
later, the same for all engines.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hocket.audio.performance import Performance
from hocket.errors import ConfigError

TAIL_SECONDS = 2.5
_GAIN = 0.25  # FluidSynth gives 16 bits, so there must be room above
_PRESETS = 128


def missing() -> str:
    """Return what is missing for it and how to get it; empty for nothing."""
    if find_spec("fluidsynth") is None:
        return "install it with `pip install hocket[fluidsynth]`"
    try:
        import fluidsynth  # noqa: F401
    except (ImportError, OSError, AttributeError):
        return "FluidSynth's library is not here; install libfluidsynth (apt, brew)"
    return ""


def play(strokes: Performance, rate: int, soundfont: Path) -> tuple[NDArray[np.float32], str, str]:
    """Return the sound (frames, 2) of strokes, what played them, and no credit.

    Raises `ConfigError` for a SoundFont that FluidSynth cannot load.
    """
    import fluidsynth

    synth = fluidsynth.Synth(gain=_GAIN, samplerate=float(rate))
    try:
        for setting in ("synth.reverb.active", "synth.chorus.active"):
            synth.setting(setting, 0)
        font = synth.sfload(str(soundfont))
        if font < 0:
            raise ConfigError(f"{soundfont}: FluidSynth cannot load it; give a SoundFont (.sf2)")
        preset = next((p for p in range(_PRESETS) if _selected(synth, font, p)), None)
        if preset is None:
            raise ConfigError(f"{soundfont}: no instrument in bank 0; give another SoundFont")
        name = synth.sfpreset_name(font, 0, preset) or "preset"
        return _played(synth, strokes, rate), f"{soundfont.name}, {name} (FluidSynth)", ""
    finally:
        synth.delete()


def _selected(synth: object, font: int, preset: int) -> bool:
    found: int = synth.program_select(0, font, 0, preset)  # type: ignore[attr-defined]
    return found == 0


def _played(synth: object, strokes: Performance, rate: int) -> NDArray[np.float32]:
    starts = np.rint(strokes.start * rate).astype(np.int64)
    ends = np.maximum(np.rint(strokes.end * rate).astype(np.int64), starts + 1)
    events = sorted(
        [(int(frame), 0, row) for row, frame in enumerate(ends)]
        + [(int(frame), 1, row) for row, frame in enumerate(starts)]
    )
    blocks, now = [], 0
    for frame, struck, row in events:
        if frame > now:
            blocks.append(synth.get_samples(frame - now))  # type: ignore[attr-defined]
            now = frame
        pitch = int(strokes.pitch[row])
        if struck:
            synth.noteon(0, pitch, int(strokes.velocity[row]))  # type: ignore[attr-defined]
        else:
            synth.noteoff(0, pitch)  # type: ignore[attr-defined]
    blocks.append(synth.get_samples(int(TAIL_SECONDS * rate)))  # type: ignore[attr-defined]
    whole = np.concatenate(blocks).reshape(-1, 2)
    return whole.astype(np.float32) / np.float32(32_768)

"""Strokes to sound with a sampled grand piano, played by sfizz.

The samples are Alexander Holm's Salamander Grand Piano (CC BY 3.0), one for every third key, which
`make sounds` brings. Surprising decision: `hint_ram_based=1`. Without it sfizz streams samples from
disk in a thread of its own, and in a rendering faster than real time notes are cut now and then.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hocket.audio.performance import Performance

SFZ_FILE = "piano.sfz"
CREDIT = "Piano: Salamander Grand Piano by Alexander Holm, CC BY 3.0"
NAME = "the Salamander grand piano (sfizz)"
BLOCK = 256
"""Frames that are rendered at once."""
TAIL_SECONDS = 2.5
VOICES = 256
_NAMES = ("C", "D#", "F#", "A")
_KEYS = (0, 3, 6, 9)


def home() -> Path:
    """Return the folder of the samples: `HOCKET_SOUNDS`, or one in the user's data folder."""
    given = os.environ.get("HOCKET_SOUNDS")
    if given:
        return Path(given)
    from platformdirs import user_data_path

    return user_data_path("hocket", appauthor=False) / "sounds"


def missing() -> str:
    """Return what is missing for it and how to get it; empty for nothing."""
    if find_spec("pysfizz") is None:
        return "install it with `pip install hocket[sfizz]`"
    if not (home() / SFZ_FILE).is_file():
        return f"no samples in {home()}; bring them with `python -m hocket.audio.sounds`"
    return ""


def samples() -> dict[str, int]:
    """Return the samples' names in the package, without suffix, and their pitches."""
    found = {}
    for octave in range(9):
        for name, key in zip(_NAMES, _KEYS, strict=True):
            pitch = 12 * (octave + 1) + key
            if 21 <= pitch <= 108:
                found[f"{name}{octave}v10"] = pitch
    return found


def sfz() -> str:
    """Return the text that maps samples to keys: level and brightness follow the velocity."""
    lines = [
        "<control>",
        "hint_ram_based=1",
        "<global>",
        "amp_veltrack=92 fil_type=lpf_1p cutoff=1900 fil_veltrack=4300 fil_keytrack=70",
        "fil_keycenter=60 ampeg_attack=0.001",
    ]
    known = sorted(samples().values())
    for at, pitch in enumerate(known):
        low = 0 if at == 0 else (known[at - 1] + pitch) // 2 + 1
        high = 127 if at == len(known) - 1 else (pitch + known[at + 1]) // 2
        release = 0.08 + 0.35 * (108 - pitch) / 87 if pitch < 89 else 3.0
        lines.append(
            f"<region> sample={pitch}.ogg lokey={low} hikey={high} pitch_keycenter={pitch} "
            f"ampeg_release={release:.3f}"
        )
    return "\n".join(lines) + "\n"


def play(strokes: Performance, rate: int) -> tuple[NDArray[np.float32], str, str]:
    """Return the sound (frames, 2) of strokes, what played them, and whom to name."""
    import pysfizz

    synth = pysfizz.Synth(rate, BLOCK)
    native = synth._synth  # rendering by blocks is not wrapped
    native.set_num_voices(VOICES)
    if not synth.load_sfz_file(home() / SFZ_FILE):
        from hocket.errors import ConfigError

        raise ConfigError(
            f"{home() / SFZ_FILE}: sfizz cannot load it; bring the samples again with "
            "`python -m hocket.audio.sounds`"
        )
    starts = np.rint(strokes.start * rate).astype(np.int64)
    ends = np.maximum(np.rint(strokes.end * rate).astype(np.int64), starts + BLOCK)
    # at one frame what ends goes before what begins
    events = sorted(
        [(int(frame), 0, row) for row, frame in enumerate(ends)]
        + [(int(frame), 1, row) for row, frame in enumerate(starts)]
    )
    length = int(ends.max() + TAIL_SECONDS * rate)
    sound = np.zeros((-(-length // BLOCK) * BLOCK, 2), np.float32)
    due = 0
    for begin in range(0, len(sound), BLOCK):
        while due < len(events) and events[due][0] < begin + BLOCK:
            frame, struck, row = events[due]
            pitch, delay = int(strokes.pitch[row]), frame - begin
            if struck:
                native.note_on(delay, pitch, int(strokes.velocity[row]))
            else:
                native.note_off(delay, pitch, 0)
            due += 1
        left, right = native.render_block()
        sound[begin : begin + BLOCK, 0] = left
        sound[begin : begin + BLOCK, 1] = right
    return sound, NAME, CREDIT

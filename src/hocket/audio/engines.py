"""What can play: the piano that is computed, a sampled one, a SoundFont, or a plugin of the user's.

A player turns a piece and its strokes into sound, still without a room. Surprising decision: `auto`
takes the sampled piano where `make sounds` brought it, else the computed one. SoundFonts and plugins
are taken only when they are named, since nobody knows what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hocket.audio import fluid, sampled, vst
from hocket.audio.performance import Performance
from hocket.audio.piano import play
from hocket.errors import ConfigError
from hocket.music import Piece

ENGINES = ("auto", "embedded", "sfizz", "fluidsynth", "vst")


class Played(NamedTuple):
    """What an engine gave."""

    samples: NDArray[np.float32]
    """(frames, 2)"""
    engine: str
    credit: str = ""


Player: TypeAlias = Callable[[Piece, Performance, int], Played]


def engines() -> dict[str, str]:
    """Return the engines, the best first, each with what is missing for it; empty for nothing."""
    return {
        "sfizz": sampled.missing(),
        "embedded": "",
        "fluidsynth": fluid.missing() or "name a SoundFont with --soundfont",
        "vst": vst.missing() or "name a plugin with --instrument",
    }


def choose(
    engine: str,
    *,
    soundfont: str | Path | None = None,
    instrument: str | Path | None = None,
    effects: Sequence[str | Path] = (),
) -> Player:
    """Return what plays; raises `ConfigError` for an engine that is not here or lacks something."""
    if engine not in ENGINES:
        raise ConfigError(f"engine {engine!r}: there is none; choose {', '.join(ENGINES)}")
    if soundfont is not None and instrument is not None:
        raise ConfigError("--soundfont and --instrument both play; choose one")
    if engine == "auto":
        if instrument is not None:
            engine = "vst"
        elif soundfont is not None:
            engine = "fluidsynth"
        else:
            engine = "embedded" if sampled.missing() else "sfizz"
    if soundfont is not None and engine != "fluidsynth":
        raise ConfigError(f"--soundfont is played by fluidsynth, not by {engine}")
    if instrument is not None and engine != "vst":
        raise ConfigError(f"--instrument is played by vst, not by {engine}")
    for file in (soundfont, instrument, *effects):
        if file is not None and not Path(file).exists():
            raise ConfigError(f"{file}: no such file; check the path")
    if lacking := {"sfizz": sampled.missing, "fluidsynth": fluid.missing, "vst": vst.missing}.get(
        engine, str
    )():
        raise ConfigError(f"engine {engine}: {lacking}")
    if engine == "fluidsynth" and soundfont is None:
        raise ConfigError("engine fluidsynth: name a SoundFont (.sf2) with --soundfont")
    if engine == "vst" and instrument is None:
        raise ConfigError("engine vst: name a plugin with --instrument")
    if effects and (lacking := vst.missing()):
        raise ConfigError(f"--effect: {lacking}")
    dry = _player(engine, soundfont, instrument)
    if not effects:
        return dry

    def through(piece: Piece, strokes: Performance, rate: int) -> Played:
        played = dry(piece, strokes, rate)
        heard, names = vst.through(played.samples, effects, rate)
        return Played(heard, f"{played.engine} through {names}", played.credit)

    return through


def _player(engine: str, soundfont: str | Path | None, instrument: str | Path | None) -> Player:
    if engine == "sfizz":
        return lambda piece, strokes, rate: Played(*sampled.play(strokes, rate))
    if engine == "fluidsynth" and soundfont is not None:
        return lambda piece, strokes, rate: Played(*fluid.play(strokes, rate, Path(soundfont)))
    if engine == "vst" and instrument is not None:
        return lambda piece, strokes, rate: Played(*vst.play(strokes, rate, Path(instrument)))
    return lambda piece, strokes, rate: Played(play(strokes, rate), "hocket's own piano (embedded)")

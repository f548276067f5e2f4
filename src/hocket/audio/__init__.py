"""Pieces to sound, and sound to files: a piano that is always there, and better ones where they are.

    Piece -> strokes in seconds -> an engine -> a room -> loudness -> WAV, MP3, FLAC or OGG

Surprising decision: the piano that is always there is computed, a few hundred lines of numpy, so that
whoever installs hocket hears their takes, without a download and with the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hocket.audio.engines import ENGINES, choose, engines
from hocket.audio.loudness import loudness, normalised, true_peak
from hocket.audio.performance import performance
from hocket.audio.room import ROOMS, in_room
from hocket.audio.writing import audio_bytes, check_name, write_audio
from hocket.errors import ConfigError
from hocket.music import Piece

__all__ = [
    "ENGINES",
    "PIANOS",
    "ROOMS",
    "Sound",
    "audio_bytes",
    "check_name",
    "engines",
    "loudness",
    "render",
    "true_peak",
    "write_audio",
]

PIANOS = range(8)
"""General MIDI programs of pianos and their like; whatever plays, it plays all parts."""
RATES = range(8_000, 96_001)
_AUDIBLE = 10 ** (-66 / 20)


@dataclass(frozen=True, eq=False)
class Sound:
    """A piece as it sounds."""

    samples: NDArray[np.float32]
    """(frames, 2), from -1 to 1."""
    rate: int
    """Frames a second."""
    engine: str
    """What played it, in words."""
    credit: str = ""
    """Whom to name where it is used; empty where nobody asks for it."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def render(
    piece: Piece,
    *,
    engine: str = "auto",
    room: str = "studio",
    soundfont: str | Path | None = None,
    instrument: str | Path | None = None,
    effects: Sequence[str | Path] = (),
    rate: int = 44_100,
) -> Sound:
    """Play a piece; its loudness is about -16 LUFS, its peaks stay below -1 dB, its end rings out.

    `engine` is one of `ENGINES`, `room` one of `ROOMS`. Raises `ConfigError` for what is not there, and
    `ScoreError` for a piece that is silent or lasts for more than 20 minutes.
    """
    if rate not in RATES:
        raise ConfigError(f"{rate} samples a second; give {RATES.start} to {RATES.stop - 1}")
    if room not in ROOMS:
        raise ConfigError(f"room {room!r}: there is none; choose {', '.join(ROOMS)}")
    player = choose(engine, soundfont=soundfont, instrument=instrument, effects=effects)
    strokes = performance(piece)
    dry, name, credit = player(piece, strokes, rate)
    samples = _faded(normalised(in_room(dry, room, rate), rate), rate)
    return Sound(samples, rate, name, credit)


def _faded(sound: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """End the sound where nobody hears it any more, without a click."""
    starts = np.arange(0, len(sound), rate // 10)
    high, low = np.maximum.reduceat(sound, starts), np.minimum.reduceat(sound, starts)
    heard = np.flatnonzero(np.maximum(high, -low).max(axis=1) > _AUDIBLE)
    last = min(int(starts[heard.max(initial=0)]) + rate // 3, len(sound))
    sound = sound[:last]
    fade = min(rate // 5, len(sound))
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None] ** 2
    return sound

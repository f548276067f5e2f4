"""Sound to sound in a room, by convolution with echoes that are made here.

A room is a handful of early reflections and a tail of noise that dies away, high tones first (Moorer,
CMJ 1979). Surprising decision: no recorded rooms, so nothing has to be shipped or credited.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ConfigError

Samples = NDArray[np.float32]


class Room(NamedTuple):
    """What a room does."""

    seconds: float
    """In which the tail falls by 60 dB at 500 Hz."""
    wet: float
    """How loud the tail is beside what comes straight, both as energy."""
    first: float
    """Seconds until the first reflection."""
    dark: float
    """Hz above which the tail dies twice as fast."""


ROOMS = {
    "none": None,
    "studio": Room(0.9, 0.055, 0.009, 4500.0),
    "hall": Room(2.1, 0.16, 0.021, 3200.0),
}
_BANDS = 6
_REFLECTIONS = 7


def in_room(sound: Samples, room: str, rate: int) -> Samples:
    """Return a sound (frames, 2) as it is heard in a room, which makes it longer.

    Raises `ConfigError` for a room that is not known.
    """
    if room not in ROOMS:
        raise ConfigError(f"room {room!r}: there is none; choose {', '.join(ROOMS)}")
    known = ROOMS[room]
    if known is None:
        return sound
    answer = _answer(known, rate)
    heard = np.zeros((len(sound) + len(answer) - 1, 2), np.float32)
    heard[: len(sound)] = sound
    _convolve(sound, answer, heard)
    return heard


def _answer(room: Room, rate: int) -> Samples:
    """Return what comes back of a click (frames, 2), without the click itself."""
    chance = np.random.default_rng(4711)
    frames = int(1.15 * room.seconds * rate)
    spectrum = np.fft.rfft(chance.standard_normal((frames, 2)), axis=0)
    hertz = np.fft.rfftfreq(frames, 1 / rate)
    times = np.arange(frames)[:, None] / rate
    edges = np.geomspace(125, 0.45 * rate, _BANDS)
    tail = np.zeros((frames, 2))
    for low, high in zip([0.0, *edges[:-1]], edges, strict=True):
        band = spectrum * ((hertz >= low) & (hertz < high))[:, None]
        middle = max((low + high) / 2, 60.0)
        fall = room.seconds / (1 + (middle / room.dark) ** 1.3)
        tail += np.fft.irfft(band, frames, axis=0) * 10 ** (-3 * times / fall)
    tail *= 1 - np.exp(-times / (1.5 * room.first))  # dense only after a while
    tail *= np.sqrt(room.wet / (tail**2).sum(axis=0).mean())
    for number in range(_REFLECTIONS):
        ear, at = number % 2, room.first * (1 + number * 0.62 + 0.3 * chance.random())
        tail[int(at * rate), ear] += np.sqrt(room.wet) * 0.5 * 0.8**number
    last = np.flatnonzero(np.abs(tail).max(axis=1) > 1e-5 * np.abs(tail).max()).max()
    return tail[: last + 1].astype(np.float32)


def _convolve(sound: Samples, answer: Samples, heard: Samples) -> None:
    """Add what comes back of a sound, block by block (overlap-add), which bounds the memory.

    Each ear hears half of its own sound and half of both.
    """
    size = 1 << (4 * len(answer) - 1).bit_length()
    step = size - len(answer) + 1
    spectrum = np.fft.rfft(answer, size, axis=0)
    for begin in range(0, len(sound), step):
        here = sound[begin : begin + step]
        across = here.mean(axis=1, keepdims=True) * np.float32(0.5) + here * np.float32(0.5)
        back = np.fft.irfft(np.fft.rfft(across, size, axis=0) * spectrum, size, axis=0)
        there = heard[begin : begin + size]
        there += back[: len(there)]

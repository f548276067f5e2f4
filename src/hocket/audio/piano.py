"""Strokes to sound: a small modal piano, a sum of decaying partials for each string.

    f_n = n f (1 + B n^2)^(1/2)     stiff strings; B as in Rauhala, Lehtonen and Valimaki (JASA 2007)

A hammer strikes at an eighth of the string; the harder, the brighter. Each partial is two strings a
little out of tune, one of which dies away faster (Weinreich, JASA 1977), so it beats and decays in two
stages. Surprising decision: no loop over samples. A sound is cut into blocks, and what the partials do
within a block is the same but for amplitude and phase, so all blocks are one product of matrices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.audio.performance import Performance

Samples = NDArray[np.float32]
"""(frames, 2)"""

LAYERS = 10
"""Hammer speeds that sound different; between them only the level changes."""
MOST_PARTIALS = 48
HIGHEST_HERTZ = 12_000.0
BLOCK = 512
QUIET = 1e-4
"""Of a stroke's peak: softer than this it has died away."""
LAST_DAMPER = 89
"""Strings above this pitch have no dampers."""
UNDAMPED_SECONDS = 3.0
"""In which these have died away."""
_HAMMER_AT = 1 / 8
_FASTEST_DECAY = 50.0
"""Per second; of a string that has no partial below half the rate, so that only its hammer is heard."""


class Note(NamedTuple):
    """The partials of a string (K): frequency in Hz, decay per second, and what each ear hears."""

    hertz: NDArray[np.float64]
    decay: NDArray[np.float64]
    ears: NDArray[np.complex128]
    """(2, K)"""


def play(strokes: Performance, rate: int, tail: float = 1.0) -> Samples:
    """Return the sound of strokes, with `tail` seconds after the last damper for what still rings."""
    ends = np.maximum(strokes.end, strokes.start + 0.03)
    undamped = strokes.pitch > LAST_DAMPER
    last = max(ends.max(), (strokes.start + UNDAMPED_SECONDS * undamped).max())
    length = int((last + tail) * rate) + 1
    sound = np.zeros((length, 2), np.float32)
    layers = np.clip(strokes.velocity * LAYERS // 128, 0, LAYERS - 1)
    keys = strokes.pitch * LAYERS + layers
    for key in np.unique(keys):
        rows = np.flatnonzero(keys == key)
        pitch, layer = divmod(int(key), LAYERS)
        longest = float((ends - strokes.start)[rows].max()) + release_of(pitch) * 7
        longest = max(longest, UNDAMPED_SECONDS) if pitch > LAST_DAMPER else longest
        tone = string(pitch, (layer + 0.5) / LAYERS, longest, rate)
        for row in rows.tolist():
            begin = round(float(strokes.start[row]) * rate)
            struck = _damped(tone, ends[row] - strokes.start[row], pitch, rate)
            struck = struck[: length - begin]
            sound[begin : begin + len(struck)] += struck * level(int(strokes.velocity[row]))
    return sound


def level(velocity: int) -> np.float32:
    """Return how loud a velocity is: 30 dB from 1 to 127, about 4 dB from one dynamic to the next."""
    return np.float32(10 ** ((velocity / 127 - 1) * 30 / 20))


def release_of(pitch: int) -> float:
    """Return the seconds in which a damper takes a string down to a third: heavy strings longer."""
    return 0.03 + 0.09 * (108 - pitch) / 87


def _damped(tone: Samples, seconds: float, pitch: int, rate: int) -> Samples:
    """Return a tone that a damper ends."""
    if pitch > LAST_DAMPER:
        return tone
    begin, fall = int(seconds * rate), release_of(pitch)
    if begin >= len(tone):
        return tone
    struck = tone[: begin + int(7 * fall * rate)].copy()
    times = np.arange(len(struck) - begin) / rate
    struck[begin:] *= np.exp(-times / fall).astype(np.float32)[:, None]
    return struck


def string(pitch: int, force: float, seconds: float, rate: int) -> Samples:
    """Return how a string sounds that is struck with a force from 0 to 1 and not damped."""
    note = partials(pitch, force, rate)
    slowest = float(note.decay.min(initial=_FASTEST_DECAY))
    seconds = min(seconds, -np.log(QUIET) / slowest) + 0.01
    frames = -(-int(seconds * rate) // BLOCK) * BLOCK
    grow = -note.decay + 2j * np.pi * note.hertz
    within = np.exp(np.arange(BLOCK)[:, None] * (grow / rate))
    starts = np.exp(np.arange(frames // BLOCK)[None, :] * (grow * BLOCK / rate)[:, None])
    basis = np.concatenate([within.real, -within.imag], axis=1).astype(np.float32)
    tone = np.empty((frames, 2), np.float32)
    for ear in range(2):
        at = note.ears[ear][:, None] * starts
        states = np.concatenate([at.real, at.imag]).astype(np.float32)
        tone[:, ear] = (basis @ states).T.reshape(-1)
    rise = int((0.0035 - 0.0025 * force) * (1.4 - pitch / 128) * rate) + 1
    tone[:rise] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)).astype(np.float32)[:, None]
    knock = _knock(pitch, force, rate)[:frames]
    tone[: len(knock)] += knock
    return tone


def partials(pitch: int, force: float, rate: int) -> Note:
    """Return the partials of a string: two of each number, one for each way in which it swings."""
    chance = np.random.default_rng(pitch)
    key, fundamental = pitch - 20, 440 * 2 ** ((pitch - 69) / 12)
    stiff = np.exp(0.0926 * key - 13.64) + np.exp(-0.0847 * key - 5.82)
    number = np.arange(1, MOST_PARTIALS + 1)
    hertz = number * fundamental * np.sqrt((1 + stiff * number**2) / (1 + stiff))
    # the fundamental of the highest strings of MIDI lies above what others need
    number = number[hertz < min(max(HIGHEST_HERTZ, 1.01 * fundamental), 0.45 * rate)]
    hertz = hertz[: len(number)]

    # the harder the hammer, the shorter it touches the string
    bright = 190 * 2 ** (3.0 * force) + 0.25 * fundamental
    strength = np.abs(np.sin(np.pi * number * _HAMMER_AT)) / number**0.55 + 0.01
    strength *= 1 / (1 + (hertz / bright) ** 2) ** (1.15 - 0.35 * force)
    strength *= 1 / (1 + (65 / hertz) ** 2)  # a soundboard gives little of what is very low
    strength *= 10 ** (chance.uniform(-2.5, 2.5, len(number)) / 20)  # and has its own resonances
    strength *= 0.35 / np.sqrt((strength**2).sum() + 1e-30)

    slow = 0.22 + 0.30 * 2 ** (0.85 * (pitch - 60) / 12) + 0.09 * (hertz / 1000) ** 1.5
    fast = slow * 3.2 + 0.6
    detuned = 0.02 + 0.0006 * hertz  # about a cent
    apart = chance.uniform(0.6, 1.4, len(number)) * detuned
    share = 0.22  # of the slow swing, about 13 dB below
    where = 0.36 * (pitch - 64) / 44  # low strings a little to the left
    spread = chance.uniform(-0.35, 0.35, len(number))
    pan = np.clip(where + spread, -0.9, 0.9)
    ears = np.stack([np.cos((pan + 1) * np.pi / 4), np.sin((pan + 1) * np.pi / 4)])
    phase = np.exp(1j * chance.uniform(0, 2 * np.pi, len(number)))
    other = phase * np.exp(1j * chance.uniform(-1, 1, len(number)))  # struck at the same time
    return Note(
        np.concatenate([hertz - apart / 2, hertz + apart / 2]),
        np.concatenate([fast, slow]),
        np.concatenate([ears * strength * phase, ears * strength * share * other], axis=1),
    )


def _knock(pitch: int, force: float, rate: int) -> Samples:
    """Return the noise of hammer and key: short, duller for low strings, louder when struck hard."""
    chance = np.random.default_rng(1000 + pitch)
    frames = int(0.06 * rate)
    noise = chance.standard_normal((frames, 2))
    spectrum = np.fft.rfft(noise, axis=0)
    hertz = np.fft.rfftfreq(frames, 1 / rate)[:, None]
    middle = 180 + 6 * max(pitch - 40, 0) + 900 * force
    spectrum *= (hertz / middle) / (1 + (hertz / middle) ** 2) ** 1.6
    noise = np.fft.irfft(spectrum, frames, axis=0)
    times = np.arange(frames)[:, None] / rate
    noise *= np.exp(-times / 0.010) * (1 - np.exp(-times / 0.0008))
    loud = 0.020 + 0.035 * force + 0.03 * max(pitch - 72, 0) / 36
    knock: Samples = (noise * loud / np.abs(noise).max()).astype(np.float32)
    return knock

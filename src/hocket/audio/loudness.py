"""Sound to how loud it is, and to the loudness that listeners expect.

Loudness is ITU-R BS.1770-4: a K-weighted mean over gated blocks of .4 s, in LUFS. Surprising decision:
the filters are applied in the frequency domain, at any rate, from the analogue prototypes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

TARGET_LUFS = -16.0
CEILING_DB = -1.0
OVERSAMPLED = 4
_TAPS = 24
_SOFT, _LOOK = 0.4, 4096
_HOP, _HOPS = 0.1, 4
"""Seconds between blocks of loudness, and how many such make a block."""
_AT_ONCE = 1 << 20
_PIECES = 64
_PIECE, _OVERLAP = 32_768, 8_192
"""Samples that are filtered at once, and of the piece before; by then both filters have died away."""
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_WINDOW = 0.005
"""Seconds over which a limiter looks at peaks."""
_NEAR = 6
"""Windows before and after a peak in which it is turned down."""


def loudness(sound: Samples, rate: int) -> float:
    """Return the integrated loudness of a sound (frames, 2) in LUFS; -inf for silence."""
    hop = int(_HOP * rate)
    power = _power(sound, rate, hop)
    # blocks of .4 s, each .1 s after the other
    blocks = np.convolve(
        power, np.full(_HOPS, 1 / _HOPS), "valid" if len(power) > _HOPS else "same"
    )
    loud = blocks[_lufs(blocks) > _ABSOLUTE_GATE]
    if not len(loud):
        return float("-inf")
    loud = loud[_lufs(loud) > _lufs(loud.mean()) + _RELATIVE_GATE]
    return float(_lufs(loud.mean()))


def true_peak(sound: Samples) -> float:
    """Return the highest level between and at the samples, in dB of full scale; -inf for silence."""
    starts = np.arange(0, len(sound), _LOOK)
    if not len(starts):
        return float("-inf")
    high, low = np.maximum.reduceat(sound, starts), np.minimum.reduceat(sound, starts)
    peaks = np.maximum(high, -low).max(axis=1)
    highest = float(peaks.max())
    if not highest:
        return float("-inf")
    # softer samples than these cannot have a higher peak between them, with so many taps
    for begin in starts[peaks > _SOFT * highest].tolist():
        piece = sound[max(begin - _TAPS, 0) : begin + _LOOK + _TAPS]
        if len(piece):
            highest = max(highest, float(np.abs(_between(piece)).max()))
    return 20 * float(np.log10(highest))


def normalised(sound: Samples, rate: int) -> Samples:
    """Return the sound at -16 LUFS, its peaks turned down where they would pass -1 dB; in place."""
    now = loudness(sound, rate)
    if not np.isfinite(now):
        return sound
    sound *= np.float32(10 ** ((TARGET_LUFS - now) / 20))
    if _limit(sound, rate):  # turning peaks down made it a little softer
        sound *= np.float32(10 ** ((TARGET_LUFS - loudness(sound, rate)) / 20))
        _limit(sound, rate)
    over = true_peak(sound) - CEILING_DB
    if over > 0:
        sound *= np.float32(10 ** (-(over + 0.01) / 20))
    return sound


def _limit(sound: Samples, rate: int) -> bool:
    """Turn down what passes the ceiling, smoothly and before it comes; return whether anything did."""
    ceiling = 10 ** ((CEILING_DB - 0.3) / 20)
    window = max(int(_WINDOW * rate), 1)
    starts = np.arange(0, len(sound), window)
    high, low = np.maximum.reduceat(sound, starts), np.minimum.reduceat(sound, starts)
    peaks = np.maximum(high, -low).max(axis=1)
    if peaks.max(initial=0.0) <= ceiling:
        return False
    gain = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    wide = np.pad(gain, _NEAR, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(wide, 2 * _NEAR + 1).min(axis=1)
    kernel = np.hanning(2 * _NEAR + 1)
    smooth = np.convolve(np.pad(lowest, _NEAR, mode="edge"), kernel / kernel.sum(), "valid")
    middles = (np.arange(len(smooth)) + 0.5) * window
    for begin in range(0, len(sound), _AT_ONCE):
        here = sound[begin : begin + _AT_ONCE]
        curve = np.interp(np.arange(begin, begin + len(here)), middles, smooth)
        here *= curve.astype(np.float32)[:, None]
    return True


def _power(sound: Samples, rate: int, hop: int) -> NDArray[np.float64]:
    """Return the mean power of each hop of the K-weighted sound, both ears together.

    The weighting is a high shelf, then a high pass, in overlapping pieces.
    """
    step = _PIECE - _OVERLAP
    response, squares = _response(rate), np.zeros(-(-len(sound) // hop) * hop, np.float32)
    for ear in range(sound.shape[1]):
        for begin in range(0, len(sound), _PIECES * step):
            first = max(begin - _OVERLAP, 0)
            here = sound[first : begin + _PIECES * step, ear]
            padded = np.zeros(_OVERLAP + _PIECES * step, np.float32)
            padded[_OVERLAP - (begin - first) :][: len(here)] = here
            rows = np.lib.stride_tricks.sliding_window_view(padded, _PIECE)[::step]
            heard = np.fft.irfft(np.fft.rfft(rows, axis=1) * response, _PIECE, axis=1)
            flat = heard[:, _OVERLAP:].reshape(-1)[: len(sound) - begin]
            squares[begin : begin + len(flat)] += flat * flat
    found: NDArray[np.float64] = squares.reshape(-1, hop).sum(axis=1, dtype=np.float64) / hop
    return found


@cache
def _response(rate: int) -> NDArray[np.complex64]:
    """Return what K-weighting does to each frequency of a piece."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(_PIECE))
    return (_biquad(z, *_shelf(rate)) * _biquad(z, *_high_pass(rate))).astype(np.complex64)


def _biquad(
    z: NDArray[np.complex128], up: list[float], down: list[float]
) -> NDArray[np.complex128]:
    return (up[0] + up[1] * z + up[2] * z**2) / (down[0] + down[1] * z + down[2] * z**2)


def _shelf(rate: int) -> tuple[list[float], list[float]]:
    gain, q, k = (
        10 ** (3.999843853973347 / 20),
        0.7071752369554196,
        np.tan(np.pi * 1681.974450955533 / rate),
    )
    middle = gain**0.4996667741545416
    up = [gain + middle * k / q + k * k, 2 * (k * k - gain), gain - middle * k / q + k * k]
    return up, [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]


def _high_pass(rate: int) -> tuple[list[float], list[float]]:
    q, k = 0.5003270373238773, np.tan(np.pi * 38.13547087602444 / rate)
    norm = 1 + k / q + k * k
    return [norm, -2 * norm, norm], [norm, 2 * (k * k - 1), 1 - k / q + k * k]


def _lufs(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-20)))


def _between(sound: Samples) -> Samples:
    """Return the sound with three more samples between any two, about, as BS.1770 annex 2 has it."""
    at = np.arange(-_TAPS // 2 + 1, _TAPS // 2 + 1)
    found = [sound]
    for phase in range(1, OVERSAMPLED):
        shift = at - phase / OVERSAMPLED
        taps = np.sinc(shift) * np.cos(np.pi * shift / (_TAPS + 1)) ** 2
        taps = (taps / taps.sum())[::-1]
        found.append(
            np.stack([np.convolve(sound[:, ear], taps, "same") for ear in range(2)], axis=1).astype(
                np.float32
            )
        )
    return np.concatenate(found)

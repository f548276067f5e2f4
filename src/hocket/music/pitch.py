"""Pitches to names, names to keys, notes to the scale and the key they are most likely in.

Surprising decision: a key is `piece.Key` (sharps or flats, and the mode), not a tonic. So there are
15 major and 15 minor keys, and a name with more than seven accidentals is respelt (G# major is Ab).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hocket.errors import ConfigError
from hocket.music.piece import Key, Note, Piece

SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")

MAJOR_STEPS = (0, 2, 4, 5, 7, 9, 11)
SCALES: tuple[int, ...] = tuple(
    sum(1 << (tonic + step) % 12 for step in MAJOR_STEPS) for tonic in range(12)
)
"""The twelve diatonic scales by the tonic of the major: bit `c` is set if pitch class `c` is in."""

COMMON_KEY = Key(0, 0)
"""Models hear and write all music on the white keys, C major or A minor: one key to learn, not
twelve."""

# How well each degree above the tonic fits a key: Temperley, "What's key for key? The Krumhansl-
# Schmuckler key-finding algorithm reconsidered", Music Perception 17 (1999). On 524 scores they hit
# the written key signature in 91 %, the listeners' ratings of Krumhansl and Kessler (1982) in 79 %.
MAJOR_PROFILE = (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0)
MINOR_PROFILE = (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0)

_LINE_OF_FIFTHS = "FCGDAEB"  # F is one flat, C none, and so on, as tonics of major keys
_KEY_NAME = re.compile(r"([A-Ga-g])(##|#|♯|bb|b|♭)?[\s_-]*(.*)", re.DOTALL)
_PITCH_NAME = re.compile(r"([A-Ga-g])(##|#|♯|bb|b|♭)?(-?\d)")
_MODES = {"": False, "maj": False, "major": False, "min": True, "minor": True}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "##": 2, "b": -1, "♭": -1, "bb": -2}


def name(pitch: int, *, flats: bool = False) -> str:
    """Return the name of a MIDI pitch, middle C being `name(60) == "C4"`; sharps unless `flats`."""
    return f"{(FLAT_NAMES if flats else SHARP_NAMES)[pitch % 12]}{pitch // 12 - 1}"


def parse_pitch(text: str) -> int:
    """Read a MIDI pitch from a name such as `C4` (middle C), `F#5` or `Bb3`.

    Raises ConfigError on anything else.
    """
    if not (match := _PITCH_NAME.fullmatch(text.strip())):
        raise ConfigError(f"{text[:40]!r} is no pitch; write it as C4, F#5 or Bb3")
    steps = MAJOR_STEPS["CDEFGAB".index(match[1].upper())]
    return steps + _ACCIDENTALS[match[2] or ""] + 12 * (int(match[3]) + 1)


def parse_key(text: str) -> Key:
    """Read a key such as `C#m`, `Bb`, `D minor` or `eb-major`, at tick 0.

    The letter may be small or capital; only a lone `m` (minor) differs from `M` (major).
    Raises ConfigError on anything else.
    """
    match = _KEY_NAME.fullmatch(text.strip())
    if match:
        letter, accidental, mode = match[1].upper(), match[2] or "", match[3].strip()
        minor = mode == "m" if mode in ("m", "M") else _MODES.get(mode.lower())
        if minor is not None:
            fifths = _LINE_OF_FIFTHS.index(letter) - 1 + 7 * _ACCIDENTALS[accidental]
            fifths -= 3 if minor else 0
            if not -7 <= fifths <= 7:
                fifths = (fifths + 6) % 12 - 6
            return Key(0, fifths, minor)
    raise ConfigError(
        f"{text[:40]!r} is no key; write a letter A to G, then # or b if needed, then major or "
        "minor (or m), such as 'C', 'Bb', 'F#m' or 'D minor'"
    )


def key_name(key: Key) -> str:
    """Return the name of a key such as `Bb major`; `parse_key` reads it back."""
    place = key.fifths + 1 + (3 if key.minor else 0)
    sharps, letter = divmod(place, 7)
    accidental = "#" * sharps if sharps > 0 else "b" * -sharps
    return f"{_LINE_OF_FIFTHS[letter]}{accidental} {'minor' if key.minor else 'major'}"


def tonic(key: Key) -> int:
    """Return the pitch class (0 is C, 11 is B) of the key's tonal centre."""
    return (7 * key.fifths + (9 if key.minor else 0)) % 12


def scale(key: Key) -> int:
    """Return the key's diatonic scale (natural minor if minor) as a mask of pitch classes."""
    return SCALES[7 * key.fifths % 12]


def interval(own: Key, wanted: Key) -> int:
    """Return the semitones from one key to the scale of another, the fewest (6 down to 5 up).

    Relative keys share a scale: C sharp minor goes to B minor to agree with D major.
    """
    return (7 * (wanted.fifths - own.fifths) + 6) % 12 - 6


def moved_to(theme: Piece, own: Key, wanted: Key) -> Piece:
    """Return the theme moved to the scale of `wanted`, by `interval`."""
    return theme.transposed(interval(own, wanted))


def agreeing(themes: Sequence[Piece], wanted: Key | None = None) -> list[Piece]:
    """Return the themes moved to agree in key: to `wanted`, or to the first theme's estimated key."""
    keys = [estimate_key(theme.notes) for theme in themes]
    return [
        moved_to(theme, own, wanted or keys[0]) for theme, own in zip(themes, keys, strict=True)
    ]


def best_scale(pitches: Iterable[int]) -> tuple[int, float]:
    """Return the diatonic scale that holds most pitches, and the share of them it holds.

    The scale is named by the tonic (pitch class) of its major. Every pitch counts once however long
    it sounds. Between scales that hold equally many, the one with more notes on its two tonics (of
    the major and of the relative minor) wins, then the one with fewer accidentals, then sharps.
    No pitches at all give (0, 0.0).
    """
    counts = [0] * 12
    for pitch in pitches:
        counts[pitch % 12] += 1
    total = sum(counts)
    if not total:
        return 0, 0.0
    held = [sum(counts[c] for c in range(12) if mask >> c & 1) for mask in SCALES]
    best = min(
        range(12),
        key=lambda t: (-held[t], -(counts[t] + counts[(t + 9) % 12]), *_plainness(_fifths(t))),
    )
    return best, held[best] / total


def pitch_class_ticks(notes: Iterable[Note]) -> tuple[int, ...]:
    """Return for how many ticks each of the 12 pitch classes sounds, overlaps counted twice."""
    ticks = [0] * 12
    for note in notes:
        ticks[note.pitch % 12] += note.duration
    return tuple(ticks)


def estimate_key(notes: Iterable[Note]) -> Key:
    """Return the likeliest key, at tick 0, by correlating sounding time with key profiles.

    The method is Krumhansl and Schmuckler's (Krumhansl, "Cognitive Foundations of Musical Pitch",
    1990, chapter 4): the ticks each pitch class sounds against the profile of each of 24 keys.
    On ties fewer accidentals win, then sharps, then major; so silence is in C major.
    """
    return key_of(pitch_class_ticks(notes))


def key_of(ticks: tuple[int, ...]) -> Key:
    """Return the likeliest key of pitch classes that sound for so many ticks (12)."""
    fit = int(_fits(np.array([ticks])).argmax())
    return Key(0, *_KEYS[fit])


def signatures_of(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the key signature, -5 to 6 fifths, that `key_of` gives each row of ticks (P, 12)."""
    found: NDArray[np.int64] = np.array([fifths for fifths, _ in _KEYS])[
        _fits(ticks).argmax(axis=1)
    ]
    return found


def _fits(ticks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of each row (P, 12) with the profile of each key (P, 24).

    It is 0 where a row is flat, and rounded, so that keys that differ by the order of a float sum tie.
    """
    left = ticks - ticks.mean(axis=1, keepdims=True)
    size = np.sqrt((left**2).sum(axis=1))[:, None]
    fits: NDArray[np.float64] = np.divide(
        left @ _CENTRED.T, size, out=np.zeros((len(ticks), len(_KEYS))), where=size > 0
    )
    return np.round(fits, 9)


def _fifths(major_tonic: int) -> int:
    """Return the key signature, -5 to 6, of the major key on a pitch class."""
    return (7 * major_tonic + 5) % 12 - 5


def _plainness(fifths: int) -> tuple[int, bool]:
    """Order signatures: fewer accidentals first, then sharps before flats."""
    return abs(fifths), fifths < 0


def _keys() -> tuple[list[tuple[int, bool]], NDArray[np.float64]]:
    """Return the keys, the first of those that fit alike first, and unit profiles (24, 12)."""
    found = []
    for minor, profile in ((False, MAJOR_PROFILE), (True, MINOR_PROFILE)):
        for centre in range(12):
            centred = np.roll(profile, centre) - np.mean(profile)
            key = _fifths(centre - 9 if minor else centre), minor
            found.append((*_plainness(key[0]), minor, key, centred / np.linalg.norm(centred)))
    found.sort(key=lambda each: each[:3])
    return [each[3] for each in found], np.array([each[4] for each in found])


_KEYS, _CENTRED = _keys()

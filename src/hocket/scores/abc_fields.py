"""The values of ABC fields -> keys, metres, lengths and tempos.

Surprising decision: what cannot be read is a `ValueError` whose text says what and what to do; the
voice that meets the field adds the place and makes it a `ScoreError`.

Source: sections 3.1.6 to 3.1.14 and 4.6 of https://abcnotation.com/wiki/abc:standard:v2.1
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from hocket.music.piece import Meter

ALTERATIONS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_FIFTHS = "FCGDAEB"
_MODES = {"": 0, "maj": 0, "ion": 0, "m": -3, "min": -3, "aeo": -3, "exp": 0}
_MODES |= {"mix": -1, "dor": -2, "phr": -4, "lyd": 1, "loc": -5}
_CLEFS = ("treble", "bass", "alto", "tenor", "perc")
_BEATS = r"[1-9]\d?/[1-9]\d{0,2}"
_TEMPO = re.compile(rf"(?:({_BEATS}(?:\s+{_BEATS})*)\s*=\s*)?(\d{{1,4}}(?:\.\d{{1,6}})?)")


class KeySign(NamedTuple):
    """A key signature and what it does to each letter, in semitones."""

    fifths: int
    minor: bool
    alterations: dict[str, int]


NO_SIGNS = KeySign(0, False, {})


def read_key(value: str) -> KeySign | None:
    """Read the value of K:, as `C#m` or `D mix clef=bass ^f`; None if it names a clef only."""
    if value.startswith("Hp"):
        return KeySign(2, False, {"F": 1, "C": 1})
    if value in ("", "none", "HP"):
        return NO_SIGNS
    found = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)(.*)", value)
    if not found:
        if "=" in value or re.split("[-+ ]", value)[0] in _CLEFS:
            return None
        raise ValueError(f"K:{value[:20]} is no key; write it as K:D or K:C#m")
    is_mode = not found[4].startswith("=") and found[3].lower() not in _CLEFS
    mode = found[3].lower()[:3] if is_mode else ""
    fifths = _FIFTHS.index(found[1]) - 1 + 7 * {"#": 1, "b": -1, "": 0}[found[2]]
    fifths += _MODES.get(mode, 99)
    if abs(fifths) > 7:
        raise ValueError(
            f"K:{value[:20]} is no key; write it as K:D or K:C#m, with at most 7 signs"
        )
    fifths = 0 if mode == "exp" else fifths
    signs = _FIFTHS[:fifths] if fifths >= 0 else _FIFTHS[fifths:]
    alterations = dict.fromkeys(signs, 1 if fifths > 0 else -1)
    for mark, letter in re.findall(r"(?<!\S)(\^{1,2}|_{1,2}|=)([A-Ga-g])", found[4]):
        alterations[letter.upper()] = ALTERATIONS[mark]
    return KeySign(fifths, mode in ("m", "min", "aeo"), alterations)


def read_meter(value: str) -> Meter | None:
    """Read the value of M:, as `3/4`, `C|` or `(2+3)/8`; None is free metre."""
    if value in ("C", "C|", "none", ""):
        return {"C": Meter(0, 4, 4), "C|": Meter(0, 2, 2)}.get(value)
    found = re.fullmatch(r"\(?(\d{1,2}(?:\+\d{1,2})*)\)?/(1|2|4|8|16|32)", value)
    if not found or not 1 <= (top := sum(map(int, found[1].split("+")))) <= 96:
        raise ValueError(f"M:{value[:20]} is no metre; write it as M:3/4")
    return Meter(0, top, int(found[2]))


def read_unit(value: str) -> Fraction:
    """Read the value of L:, as `1/8`, in whole notes."""
    found = re.fullmatch(r"1(?:/([1-9]\d{0,2}))?", value)
    if not found:
        raise ValueError(f"L:{value[:20]} is no note length; write it as L:1/8")
    return Fraction(1, int(found[1] or 1))


def read_tempo(value: str, unit: Fraction) -> int | None:
    """Read the value of Q:, as `"Lento" 1/4=66`, in whole microseconds per quarter.

    A bare number counts notes of length `unit`, in whole notes; words alone give None.
    """
    bare = re.sub(r'"[^"]*"', "", value).strip()
    if not bare:
        return None
    found = _TEMPO.fullmatch(bare)
    if not found or not Fraction(found[2]):
        raise ValueError(f"Q:{value[:20]} is no tempo; write it as Q:1/4=66")
    beat = sum(map(Fraction, found[1].split())) if found[1] else unit
    micros = round(60_000_000 / (Fraction(found[2]) * beat * 4))
    if not 0 < micros < 2**24:  # what a MIDI tempo can hold
        raise ValueError(f"Q:{value[:20]} is out of range; use at least 4 quarters a minute")
    return micros


def read_shift(value: str) -> int | None:
    """Read octave=, transpose= and clefs like treble-8, in semitones; None if there are none."""
    value = re.sub(r'"[^"]*"', "", value)
    numbers = re.findall(r"\b(octave|transpose)=([-+]?\d{1,2})\b", value)
    clefs = re.findall(r"(?:treble|bass|alto|tenor)\d?([-+])8\b", value)
    if not numbers and not clefs:
        return None
    moves = [int(number) * (12 if word == "octave" else 1) for word, number in numbers]
    return sum(moves) + sum(12 if sign == "+" else -12 for sign in clefs)

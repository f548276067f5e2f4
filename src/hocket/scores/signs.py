"""MusicXML measures -> the signs in them: keys, metres and tempos, each at its place.

Surprising decision: these are read from the XML and not from verovio's MIDI, which keeps only the
first key signature, without its mode and before transposition, moves a tempo to the start of its
measure, and says of a pick-up bar that it is a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from hocket.music.piece import TICKS_PER_QUARTER, Key, Meter, Tempo

_QUARTERS = {
    "whole": Fraction(4),
    "half": Fraction(2),
    "quarter": Fraction(1),
    "eighth": Fraction(1, 2),
    "16th": Fraction(1, 4),
}
_FASTEST, _SLOWEST = 5_000, (1 << 24) - 1  # microseconds per quarter that a Tempo may say

Sign = Key | Meter | Tempo


class Signs(NamedTuple):
    """All keys, metres and tempos of a score as it is played, in order of time."""

    keys: tuple[Key, ...]
    meters: tuple[Meter, ...]
    tempos: tuple[Tempo, ...]


def signs_in(parts: Sequence[Element]) -> list[list[Sign]]:
    """Return the signs of each measure, their ticks counted from the start of the measure.

    Keys and metres are those of the first part, at sounding pitch; tempos may stand in any part.
    """
    measures: list[list[Sign]] = []
    for place, part in enumerate(parts):
        divisions, chromatic = Fraction(1), 0
        for index, measure in enumerate(part.iter("measure")):
            if index == len(measures):
                measures.append([])
            cursor = Fraction(0)
            for element in measure:
                if element.tag == "attributes":
                    divisions = number(element.findtext("divisions")) or divisions
                    transpose = element.find("transpose/chromatic")
                    chromatic = chromatic if transpose is None else _whole(transpose.text) or 0
                    if place == 0:
                        tick = _tick(cursor)
                        measures[index] += _keys(element, tick, chromatic)
                        measures[index] += _meters(element, tick)
                elif element.tag in ("direction", "sound"):
                    measures[index] += _tempos(element, _tick(cursor))
                elif element.tag in ("note", "forward", "backup"):
                    cursor += _advance(element, divisions)
    return measures


def lengths_in(parts: Sequence[Element]) -> list[int]:
    """Return how long each measure is by the durations of its notes and rests, in ticks."""
    lengths: list[int] = []
    for part in parts:
        divisions = Fraction(1)
        for index, measure in enumerate(part.iter("measure")):
            cursor = longest = Fraction(0)
            for element in measure:
                if element.tag == "attributes":
                    divisions = number(element.findtext("divisions")) or divisions
                elif element.tag in ("note", "forward", "backup"):
                    cursor += _advance(element, divisions)
                    longest = max(longest, cursor)
            if index == len(lengths):
                lengths.append(0)
            lengths[index] = max(lengths[index], _tick(longest))
    return lengths


def played(measures: Sequence[Sequence[Sign]], order: Sequence[tuple[int, int]]) -> Signs:
    """Return the signs as the measures are played.

    `order` has (index, start tick) of each measure played, repeats included. Where a measure is
    shorter or longer than its metre says, the metre stands again at the next one, so that the bars
    fall where the score has them.
    """
    in_force = _carried(measures)
    found: dict[type[Sign], list[Sign]] = {Key: [], Meter: [], Tempo: []}
    bar_due: int | None = 0
    for index, start in order:
        if index >= len(measures):
            continue
        for kind, signs in found.items():
            now = in_force[index].get(kind)
            changed = now is not None and (not signs or signs[-1][1:] != now[1:])
            late = kind is Meter and bar_due is not None and start != bar_due
            if now is not None and (changed or late):
                signs.append(now._replace(tick=start))
        for sign in measures[index]:
            if sign.tick > 0:
                found[type(sign)].append(sign._replace(tick=start + sign.tick))
        meter = found[Meter][-1] if found[Meter] else Meter(0, 4, 4)
        bar_due = start + meter.bar_ticks if isinstance(meter, Meter) else None
    return Signs(
        tuple(sign for sign in found[Key] if isinstance(sign, Key)),
        tuple(sign for sign in found[Meter] if isinstance(sign, Meter)),
        tuple(sign for sign in found[Tempo] if isinstance(sign, Tempo)),
    )


def _carried(measures: Iterable[Sequence[Sign]]) -> list[dict[type[Sign], Sign]]:
    """Return, for each measure, the sign of each kind that holds at its start."""
    in_force: list[dict[type[Sign], Sign]] = []
    holding: dict[type[Sign], Sign] = {}
    for signs in measures:
        holding |= {type(sign): sign for sign in signs if sign.tick == 0}
        in_force.append(dict(holding))
        holding |= {type(sign): sign for sign in signs if sign.tick > 0}
    return in_force


def _keys(attributes: Element, tick: int, chromatic: int) -> list[Sign]:
    key = attributes.find("key")
    fifths = None if key is None else _whole(key.findtext("fifths"))
    if key is None or fifths is None or not -7 <= fifths <= 7:
        return []
    sounding = (fifths + 7 * chromatic + 6) % 12 - 6 if chromatic % 12 else fifths
    return [Key(tick, sounding, key.findtext("mode") == "minor")]


def _meters(attributes: Element, tick: int) -> list[Sign]:
    """Return the metre; 3+2 over 8 is 5/8, and 2/4 + 3/8 the metre of the sum, 7/8."""
    time = attributes.find("time")
    if time is None:
        return []
    total, denominator = Fraction(0), 0
    for beats, beat_type in zip(time.findall("beats"), time.findall("beat-type"), strict=False):
        count = sum(_whole(each) or 0 for each in (beats.text or "").split("+"))
        unit = _whole(beat_type.text) or 0
        if not 0 < count < 256 or unit not in (1, 2, 4, 8, 16, 32):
            return []  # senza misura, or nothing a bar could be made of
        total += Fraction(count, unit)
        denominator = max(denominator, unit)
    return [Meter(tick, int(total * denominator), denominator)] if denominator else []


def _tempos(element: Element, tick: int) -> list[Sign]:
    sounds = [element] if element.tag == "sound" else element.findall("sound")
    for sound in sounds:
        if quarters := number(sound.get("tempo")):
            return _tempo(quarters, tick)
    metronome = element.find("direction-type/metronome")
    if metronome is None:
        return []
    unit = _QUARTERS.get(metronome.findtext("beat-unit") or "")
    per_minute = number(metronome.findtext("per-minute"))
    if unit is None or per_minute is None:
        return []
    dots = len(metronome.findall("beat-unit-dot"))
    return _tempo(per_minute * unit * (2 - Fraction(1, 2**dots)), tick)


def _tempo(quarters_per_minute: Fraction, tick: int) -> list[Sign]:
    if quarters_per_minute <= 0:
        return []
    microseconds = round(60_000_000 / quarters_per_minute)
    return [Tempo(tick, microseconds)] if _FASTEST <= microseconds <= _SLOWEST else []


def _advance(element: Element, divisions: Fraction) -> Fraction:
    if element.find("chord") is not None:
        return Fraction(0)
    duration = (number(element.findtext("duration")) or Fraction(0)) / divisions
    return -duration if element.tag == "backup" else duration


def _tick(quarters: Fraction) -> int:
    return max(round(quarters * TICKS_PER_QUARTER), 0)


def number(text: str | None) -> Fraction | None:
    """Return a plain decimal number other than 0, None where `text` is none: not 1e99, nor 1/3."""
    digits = (text or "").strip()
    if not re.fullmatch(r"-?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})", digits, re.ASCII):
        return None
    return Fraction(digits) or None


def _whole(text: str | None) -> int | None:
    digits = (text or "").strip()
    return int(digits) if re.fullmatch(r"[+-]?\d{1,6}", digits, re.ASCII) else None

"""The music lines of one ABC voice -> written bars, with exact fractions of ticks.

Surprising decision: a single note is read as a chord of one, so there is one path for both. The
file `abc` beside this one deals the lines out to the voices and plays the repeats.

Source: sections 3, 4 and 7 of https://abcnotation.com/wiki/abc:standard:v2.1
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, NoReturn

from hocket.errors import ScoreError
from hocket.music.piece import DEFAULT_VELOCITY, TICKS_PER_QUARTER, Meter
from hocket.scores.abc_fields import (
    ALTERATIONS,
    NO_SIGNS,
    KeySign,
    read_key,
    read_meter,
    read_shift,
    read_tempo,
    read_unit,
)

MAX_WRITTEN = 60_000  # notes, rests, bars, fields and marks of a tune, in all voices together
_LONGEST_CHORD = 2_000  # characters
_WHOLE = 4 * TICKS_PER_QUARTER

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_DYNAMICS = {"pppp": 10, "ppp": 20, "pp": 35, "p": 50, "mp": 65, "mf": DEFAULT_VELOCITY}
_DYNAMICS |= {"f": 95, "ff": 110, "fff": 120, "ffff": 127}
_REMARKS = {"w": "lyrics", "W": "lyrics", "s": "symbol lines", "P": "part order"}
_REMARKS |= {"U": "user symbols", "m": "macros", "I": "instructions"}

_LENGTH = r"(?:[1-9]\d{0,3})?(?:/[1-9]\d{0,3}|/{0,6})"
_PITCH = r"(?:\^{1,2}|_{1,2}|=)?[A-Ga-g][,']{0,9}"
_INNER = re.compile(rf"(?P<notes>{_PITCH})(?P<length>{_LENGTH})(?P<tie>-?)")
_TOKEN = re.compile(
    rf"""(?P<space>[\s`\\$]+|y\d{{0,3}})
    | \[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]
    | (?P<bar>\.?:{{0,9}}\|[|\]:]*|::|\[\|[|\]:]*)
    | (?:\[|(?<=\|))(?P<ending>[1-9](?:[,-][1-9])*)
    | !(?P<decoration>[^!]*)! | (?P<symbol>"[^"]*") | (?P<grace>\{{[^}}]*\}})
    | \((?P<p>[2-9])(?::(?P<q>\d{{0,2}}))?(?::(?P<r>\d{{0,2}}))?
    | (?P<slur>\.?\(|\)) | (?P<short>[.~H-Wh-w]) | (?P<broken><{{1,3}}|>{{1,3}}) | (?P<overlay>&)
    | (?P<rest>[zx])(?P<span>{_LENGTH}) | (?P<bars>[ZX])(?P<count>\d{{0,3}})
    | (?P<notes>{_PITCH}|\[[^\]\[|]*\])(?P<length>{_LENGTH})(?P<tie>-?)""",
    re.VERBOSE,
)


class Sound(NamedTuple):
    """A note in its bar; `start` and `duration` in ticks, still fractions."""

    start: Fraction
    duration: Fraction
    pitch: int
    velocity: int
    tied: bool


@dataclass(slots=True)
class Bar:
    """A written bar; `layers` are the lengths of its overlays in ticks, the last one growing."""

    meter: Meter | None
    key: KeySign
    endings: frozenset[int] = frozenset()
    opens: bool = False
    closes: bool = False
    sounds: list[Sound] = field(default_factory=list)
    layers: list[Fraction] = field(default_factory=lambda: [Fraction()])
    tempos: list[tuple[Fraction, int]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not any(self.layers)


@dataclass(slots=True)
class Tally:
    """Counts what is written in a file, so that a hostile one cannot make work without end."""

    file: str
    written: int = 0

    def add(self, more: int = 1) -> None:
        """Count some more; raises `ScoreError` where that is too much."""
        self.written += more
        if self.written > MAX_WRITTEN:
            raise ScoreError(
                f"{self.file}: more than {MAX_WRITTEN} notes, bars and signs; split the file"
            )


@dataclass(slots=True)
class Voice:
    """Reads the music of one voice into bars; also holds the fields that are now in force."""

    file: str
    remarks: dict[str, None]
    tally: Tally
    id: str = ""
    name: str = ""
    shift: int = 0  # semitones, from octave=, transpose= and clefs with +8 or -8
    meter: Meter | None = None  # None: free
    unit: Fraction | None = None  # of a whole note; None: as the metre says
    key: KeySign = NO_SIGNS
    velocity: int = DEFAULT_VELOCITY
    tempo: int | None = None  # of the header, microseconds per quarter
    bars: list[Bar] = field(default_factory=list)
    accidentals: dict[str, int] = field(default_factory=dict)
    tied: dict[str, int] = field(default_factory=dict)  # alterations held on by a tie
    carried: dict[str, int] = field(default_factory=dict)  # the same, over the last bar line
    tuplet: tuple[int, Fraction] = (0, Fraction(1))  # notes to go, factor
    broken: Fraction = Fraction(1)  # factor for the next note, after > or <
    last: tuple[int, Fraction] | None = None  # first sound and length of the last note or rest

    def fail(self, what: str, advice: str) -> NoReturn:
        where = f"bar {len(self.bars)}, voice {self.id}" if self.bars else "header"
        raise ScoreError(f"{self.file}: {where}: {what}; {advice}")

    def remark(self, what: str) -> None:
        self.remarks[f"{what} ignored"] = None

    def set(self, letter: str, value: str) -> None:
        """Put the field `letter:value` in force; fields that carry no music do nothing."""
        self.tally.add()
        bar = self.bars[-1] if self.bars else None
        try:
            if letter == "M":
                self.meter = read_meter(value)
            elif letter == "L":
                self.unit = read_unit(value)
            elif letter == "K":
                self.name_and_shift(value)
                self.key = read_key(value) or self.key
            elif letter == "Q":
                self._tempo(read_tempo(value, self.unit_ticks / _WHOLE))
            elif letter in _REMARKS:
                self.remark(_REMARKS[letter])
        except ValueError as error:
            self.fail(*str(error).split("; ", 1))
        if bar is not None and bar.empty:
            bar.meter, bar.key = self.meter, self.key

    def name_and_shift(self, value: str) -> None:
        """Take name= and what moves the pitch from the text of a V: or K: field."""
        if named := re.search(r"\b(?:name|nm)=(?:\"([^\"]*)\"|(\S+))", value):
            self.name = named[1] or named[2] or self.name
        shift = read_shift(value)
        self.shift = self.shift if shift is None else shift

    def _tempo(self, microseconds: int | None) -> None:
        if microseconds is None:
            self.remark("tempo words")
        elif not self.bars:
            self.tempo = microseconds
        else:
            self.bars[-1].tempos.append((self.bars[-1].layers[-1], microseconds))

    def read(self, text: str) -> None:
        """Read a piece of a music line."""
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if not token:
                rest = text[position : position + 12]
                self.fail(f"cannot read {rest!r}", "write it as in ABC 2.1 or delete it")
            position = token.end()
            self.tally.add()
            self._token(token)

    def _token(self, token: re.Match[str]) -> None:
        kind, bar = token.lastgroup, self.bars[-1]
        if token["notes"]:
            self._notes(token["notes"], token["length"], bool(token["tie"]))
        elif token["rest"]:
            self._advance(self._length(token["span"]), len(bar.sounds))
        elif token["bar"]:
            self._bar_line(token["bar"])
        elif token["bars"]:
            for _ in range(int(token["count"] or 1)):
                self._bar_line("|")
                self._advance(Fraction((self.meter or Meter(0, 4, 4)).bar_ticks), 0)
        elif token["field"]:
            self.set(token["field"], token["value"].strip())
        elif token["ending"]:
            ends = [re.split("-", part) for part in token["ending"].split(",")]
            bar.endings = frozenset(n for e in ends for n in range(int(e[0]), int(e[-1]) + 1))
        elif token["p"]:
            p, compound = (
                int(token["p"]),
                self.meter is not None and self.meter.numerator in (6, 9, 12),
            )
            usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if compound else 2)
            self.tuplet = (int(token["r"] or p), Fraction(int(token["q"] or usual), p))
        elif token["broken"]:
            self._broken(token["broken"])
        elif token["overlay"]:
            bar.layers.append(Fraction())
            self.accidentals, self.last = {}, None
        elif kind == "decoration" and token["decoration"] in _DYNAMICS:
            self.velocity = _DYNAMICS[token["decoration"]]
        elif kind in ("decoration", "short"):
            self.remark("decorations")
        elif kind in ("symbol", "grace", "slur"):
            self.remark({"symbol": "chord symbols", "grace": "grace notes", "slur": "slurs"}[kind])

    def _length(self, text: str) -> Fraction:
        """Return the ticks of one written length, with tuplet and broken rhythm; use them up."""
        to_go, factor = self.tuplet
        ticks = _fraction(text) * self.unit_ticks * self.broken * (factor if to_go else 1)
        self.tuplet, self.broken = (max(to_go - 1, 0), factor), Fraction(1)
        return ticks

    @property
    def unit_ticks(self) -> Fraction:
        if self.unit is not None:
            return self.unit * _WHOLE
        short = self.meter is not None and 4 * self.meter.numerator < 3 * self.meter.denominator
        return Fraction(_WHOLE, 16 if short else 8)

    def _advance(self, ticks: Fraction, first: int) -> None:
        self.bars[-1].layers[-1] += ticks
        if self.bars[-1].layers[-1].denominator > 10**6:  # keeps hostile files from growing numbers
            self.fail("lengths too odd to add up", "use whole ticks, 24 a quarter")
        self.last = (first, ticks)

    def _notes(self, text: str, length: str, tie: bool) -> None:
        bar, chord = self.bars[-1], text.startswith("[")
        if len(text) > _LONGEST_CHORD:
            self.fail("a chord without end", "write notes in it only, as in [CEG]")
        notes = list(_INNER.finditer(text))
        if not notes or re.sub(r"![^!]*!|[\s\[\].~]", "", _INNER.sub("", text)):
            self.fail(f"cannot read the chord {text!r}", "write notes in it only, as in [CEG]")
        self.tally.add(len(notes))
        start, first, ticks = bar.layers[-1], len(bar.sounds), self._length(length)
        for note in notes:
            duration = ticks * (_fraction(note["length"]) if chord else 1)
            held = tie or bool(note["tie"])
            pitch = self._pitch(note["notes"], held)
            bar.sounds.append(Sound(start, duration, pitch, self.velocity, held))
        self._advance(bar.sounds[first].duration, first)

    def _pitch(self, text: str, tie: bool) -> int:
        mark = text.rstrip(",'")[:-1]
        place = text[len(mark) :]
        letter = place[0].upper()
        if mark:
            alteration = self.accidentals[letter] = ALTERATIONS[mark]
        elif letter in self.accidentals:
            alteration = self.accidentals[letter]
        else:
            alteration = self.carried.get(place, self.key.alterations.get(letter, 0))
        self.carried.pop(place, None)
        self.tied.pop(place, None)
        if tie:
            self.tied[place] = alteration
        octave = place.count("'") - place.count(",") + (place[0] != letter)
        pitch = 60 + 12 * octave + _SEMITONES[letter] + alteration + self.shift
        if not 0 <= pitch <= 127:
            self.fail(f"{text} is outside the range of MIDI", "use fewer octave marks")
        return pitch

    def _broken(self, mark: str) -> None:
        if self.last is None:
            self.fail(f"{mark} without a note before it", "write it between two notes")
        short = Fraction(1, 2 ** len(mark))
        here, self.broken = (2 - short, short) if mark[0] == ">" else (short, 2 - short)
        (first, ticks), bar = self.last, self.bars[-1]
        bar.layers[-1] += ticks * (here - 1)
        bar.sounds[first:] = [s._replace(duration=s.duration * here) for s in bar.sounds[first:]]

    def _bar_line(self, mark: str) -> None:
        opens, closes = mark.endswith(":"), mark.startswith(":")
        bar = self.bars[-1]
        if bar.empty:
            bar.opens |= opens
            if len(self.bars) > 1:
                self.bars[-2].closes |= closes
            return
        bar.closes = closes
        self.tally.add()
        ends = opens or closes or "||" in mark or "]" in mark
        self.bars.append(Bar(self.meter, self.key, frozenset() if ends else bar.endings, opens))
        self.carried, self.tied, self.accidentals, self.last = self.tied, {}, {}, None


def _fraction(text: str) -> Fraction:
    """Return a written length as a multiple: "" 1, "3/2" 3/2, "/" 1/2, "//" 1/4."""
    top, slash, bottom = text.partition("/")
    return Fraction(int(top or 1), int(bottom) if bottom.isdigit() else 2 ** len(slash + bottom))

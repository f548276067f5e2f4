"""What a piece of music is: immutable values, in whole ticks, compared exactly.

Surprising decision: 24 ticks to the quarter, and integers only. Both grids of the grammar (1/8 and
1/12 of a quarter) are whole there, 3 and 2 ticks; twelve triplet steps of .083 do not make a quarter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import NamedTuple, TypeVar

from hocket.errors import ScoreError

TICKS_PER_QUARTER = 24
DEFAULT_VELOCITY = 80
DEFAULT_TEMPO = 500_000  # microseconds per quarter: 120 beats a minute, as in the MIDI standard


class Note(NamedTuple):
    """One note: `start` and `duration` in ticks, `pitch` and `velocity` as in MIDI, `part` an index."""

    start: int
    duration: int
    pitch: int
    velocity: int = DEFAULT_VELOCITY
    part: int = 0

    @property
    def end(self) -> int:
        """The first tick at which the note no longer sounds."""
        return self.start + self.duration


class Part(NamedTuple):
    """One instrument or staff: its `name` and General MIDI `program` (0 to 127)."""

    name: str = "Piano"
    program: int = 0


class Meter(NamedTuple):
    """A time signature from `tick` on: `numerator` / `denominator`."""

    tick: int
    numerator: int
    denominator: int

    @property
    def bar_ticks(self) -> int:
        """Length of one bar in ticks."""
        return 4 * TICKS_PER_QUARTER * self.numerator // self.denominator

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


class Tempo(NamedTuple):
    """A tempo from `tick` on, in whole microseconds per quarter."""

    tick: int
    microseconds: int


class Key(NamedTuple):
    """A key signature from `tick` on: `fifths` sharps (flats if negative), -7 to 7, and the mode."""

    tick: int
    fifths: int
    minor: bool = False


class Pedal(NamedTuple):
    """The sustain pedal goes `down` or up at `tick`.

    Going down while it is down, it is lifted and pressed again in that instant.
    """

    tick: int
    down: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of music; `==` is exact.

    `notes` are sorted; `meters`, `tempos`, `keys` and `pedals` are sorted by tick, and the first
    meter and tempo stand at tick 0. All parts share one pedal, which is up at first and need not be
    let go at the end. Build a piece with `Piece.of`, which sorts and fills in what is missing. A
    metre without a bar of at least a tick raises `ScoreError`.
    """

    notes: tuple[Note, ...]
    parts: tuple[Part, ...] = (Part(),)
    meters: tuple[Meter, ...] = (Meter(0, 4, 4),)
    tempos: tuple[Tempo, ...] = (Tempo(0, DEFAULT_TEMPO),)
    keys: tuple[Key, ...] = ()
    title: str = ""
    pedals: tuple[Pedal, ...] = ()

    def __post_init__(self) -> None:
        for meter in self.meters:
            if meter.denominator < 1 or meter.bar_ticks < 1:
                raise ScoreError(
                    f"metre {meter}: its bar is shorter than a tick; give a longer one"
                )

    @classmethod
    def of(
        cls,
        notes: Iterable[Note],
        *,
        parts: Iterable[Part] = (Part(),),
        meters: Iterable[Meter] = (),
        tempos: Iterable[Tempo] = (),
        keys: Iterable[Key] = (),
        title: str = "",
        pedals: Iterable[Pedal] = (),
    ) -> Piece:
        """Return a piece with everything sorted, and 4/4 and 120 bpm from tick 0 if not said.

        What the pedal does at one tick is one `Pedal` afterwards, up before down.
        """
        meter_list = _latest_by_tick(meters)
        if not meter_list or meter_list[0].tick > 0:
            meter_list.insert(0, Meter(0, 4, 4))
        tempo_list = _latest_by_tick(tempos)
        if not tempo_list or tempo_list[0].tick > 0:
            tempo_list.insert(0, Tempo(0, DEFAULT_TEMPO))
        return cls(
            tuple(sorted(notes)),
            tuple(parts),
            tuple(meter_list),
            tuple(tempo_list),
            tuple(_latest_by_tick(keys)),
            title,
            _once_a_tick(pedals),
        )

    @property
    def end(self) -> int:
        """The tick at which the last note ends; 0 if there is none."""
        return max((note.start + note.duration for note in self.notes), default=0)

    @property
    def main_meter(self) -> Meter:
        """The metre that most of the piece stands in, placed at tick 0."""
        return _longest(self.meters, self.end)._replace(tick=0)

    @property
    def main_tempo(self) -> Tempo:
        """The tempo that most of the piece stands in, placed at tick 0."""
        return _longest(self.tempos, self.end)._replace(tick=0)

    def bars(self) -> tuple[range, ...]:
        """Return the bars up to the end of the piece, as ranges of ticks.

        A meter change restarts the bar, so the bar before it may be shorter than its meter says.
        """
        bars: list[range] = []
        end = self.end
        for meter, following in zip(self.meters, (*self.meters[1:], None), strict=True):
            stop = end if following is None else min(following.tick, end)
            bars.extend(
                range(start, min(start + meter.bar_ticks, following.tick))
                if following is not None
                else range(start, start + meter.bar_ticks)
                for start in range(meter.tick, stop, meter.bar_ticks)
            )
        return tuple(bars)

    def excerpt(self, ticks: range) -> tuple[Note, ...]:
        """Return the notes that begin in a range of ticks, cut at its end and moved to begin at 0."""
        return tuple(
            note._replace(
                start=note.start - ticks.start, duration=min(note.end, ticks.stop) - note.start
            )
            for note in self.notes
            if ticks.start <= note.start < ticks.stop
        )

    def transposed(self, semitones: int) -> Piece:
        """Return the piece `semitones` higher, its key signatures moved along."""
        return replace(
            self,
            notes=tuple(sorted(note._replace(pitch=note.pitch + semitones) for note in self.notes)),
            keys=tuple(
                key._replace(fifths=(key.fifths + 7 * semitones + 6) % 12 - 6) for key in self.keys
            ),
        )

    def seconds(self, tick: int) -> float:
        """Return the time in seconds at which `tick` is played."""
        total = 0
        for tempo, following in zip(self.tempos, (*self.tempos[1:], None), strict=True):
            stop = tick if following is None else min(following.tick, tick)
            total += max(stop - tempo.tick, 0) * tempo.microseconds
        return total / (TICKS_PER_QUARTER * 1_000_000)

    def _repr_html_(self) -> str:
        """Show a piano roll and a player where a notebook displays the piece."""
        shown: str = import_module("hocket.notebook").shown(self)  # which stands above music
        return shown


_Change = TypeVar("_Change", Meter, Tempo, Key)


def _latest_by_tick(changes: Iterable[_Change]) -> list[_Change]:
    """Sort changes by tick; of several at one tick the last one given counts."""
    return [change for _, change in sorted({change.tick: change for change in changes}.items())]


def _once_a_tick(pedals: Iterable[Pedal]) -> tuple[Pedal, ...]:
    """Sort what the pedal does; drop an up while it is up, and one at the tick of a down."""
    kept: list[Pedal] = []
    for pedal in sorted(pedals):
        if pedal.down:
            if kept and kept[-1].tick == pedal.tick:
                kept.pop()
            kept.append(pedal)
        elif kept and kept[-1].down:
            kept.append(pedal)
    return tuple(kept)


def _longest(changes: tuple[_Change, ...], end: int) -> _Change:
    """Return the first change with the value that is in force for most ticks."""
    lengths: dict[tuple[int, ...], int] = {}
    for change, following in zip(changes, (*changes[1:], None), strict=True):
        stop = end if following is None else min(following.tick, end)
        lengths[change[1:]] = lengths.get(change[1:], 0) + max(stop - change.tick, 0)
    longest = max(lengths, key=lambda value: lengths[value])
    return next(change for change in changes if change[1:] == longest)

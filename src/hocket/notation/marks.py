"""Tempos and pedalling of a piece to MusicXML directions, each at its place in a bar.

Surprising decision: a tempo says its beats as the metre is felt, dotted in 6/8, and its sound exactly,
so that what is read back is not what the rounded number says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from hocket.music.piece import TICKS_PER_QUARTER, Pedal, Tempo
from hocket.notation.layout import Bar
from hocket.notation.values import pulse


def directions(
    tempos: Sequence[Tempo], pedals: Sequence[Pedal], bars: Sequence[Bar], staves: int
) -> list[list[str]]:
    """Return the lines of MusicXML at the start of each bar that say tempo and pedalling.

    Pedalling stands below the last of so many `staves`. A mark within the bar stands between a step
    forward and the step back. Marks after the end of the last bar are left out: they change nothing.
    """
    signs = sorted([*_tempos(tempos, bars), *_pedals(pedals, staves)])
    lines: list[list[str]] = [[] for _ in bars]
    at = 0
    for tick, mark in signs:
        while at + 1 < len(bars) and tick >= bars[at].ticks.stop:
            at += 1
        away = tick - bars[at].ticks.start
        if tick > bars[at].ticks.stop:
            break
        if away:
            lines[at] += [
                f"<forward><duration>{away}</duration></forward>",
                mark,
                f"<backup><duration>{away}</duration></backup>",
            ]
        else:
            lines[at].append(mark)
    return lines


def _tempos(tempos: Sequence[Tempo], bars: Sequence[Bar]) -> Iterable[tuple[int, str]]:
    at = 0
    shown = None
    for tempo in tempos:
        while at + 1 < len(bars) and tempo.tick >= bars[at].ticks.stop:
            at += 1
        if tempo.microseconds != shown:
            yield tempo.tick, _metronome(tempo, bars[at])
        shown = tempo.microseconds


def _metronome(tempo: Tempo, bar: Bar) -> str:
    """Return a tempo mark, in dotted beats where the metre is felt so."""
    quarters = 60_000_000 / tempo.microseconds
    beats = pulse(bar.meter.numerator, bar.meter.denominator)
    unit, dot, ticks = "quarter", "", TICKS_PER_QUARTER
    if beats.compound and beats.beat in (36, 72):
        unit, dot, ticks = {36: "quarter", 72: "half"}[beats.beat], "<beat-unit-dot/>", beats.beat
    elif bar.meter.denominator == 2 and not beats.compound:
        unit, ticks = "half", 48
    per_minute = round(quarters * TICKS_PER_QUARTER / ticks)
    return (
        '<direction placement="above"><direction-type><metronome>'
        f"<beat-unit>{unit}</beat-unit>{dot}<per-minute>{per_minute}</per-minute></metronome>"
        f'</direction-type><sound tempo="{quarters:.6f}"/></direction>'
    )


def _pedals(pedals: Sequence[Pedal], staff: int) -> Iterable[tuple[int, str]]:
    below = f"<staff>{staff}</staff>" if staff > 1 else ""
    for before, pedal in pairwise((Pedal(0, False), *pedals)):
        kind = ("change" if before.down else "start") if pedal.down else "stop"
        yield (
            pedal.tick,
            f'<direction placement="below"><direction-type><pedal type="{kind}" line="yes"/>'
            f"</direction-type>{below}</direction>",
        )

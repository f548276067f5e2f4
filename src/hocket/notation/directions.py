"""Tempos and the pedal to MusicXML directions."""

from __future__ import annotations

from hocket.music.piece import TICKS_PER_QUARTER, Pedal, Tempo
from hocket.notation.layout import Bar
from hocket.notation.values import pulse


def metronome(tempo: Tempo, bar: Bar) -> str:
    """Return a tempo mark, in dotted beats where the metre is felt so."""
    quarters = 60_000_000 / tempo.microseconds
    beats = pulse(bar.meter.numerator, bar.meter.denominator)
    unit, dot, ticks = "quarter", "", TICKS_PER_QUARTER
    if beats.compound and beats.beat == 36:
        unit, dot, ticks = "quarter", "<beat-unit-dot/>", 36
    elif bar.meter.denominator == 2:
        unit, ticks = "half", 48
    per_minute = round(quarters * TICKS_PER_QUARTER / ticks)
    return (
        '<direction placement="above"><direction-type><metronome>'
        f"<beat-unit>{unit}</beat-unit>{dot}<per-minute>{per_minute}</per-minute></metronome>"
        f'</direction-type><sound tempo="{quarters:.6f}"/></direction>'
    )


def pedalling(pedal: Pedal, down: bool, staff: int) -> str:
    kind = ("change" if down else "start") if pedal.down else "stop"
    below = f"<staff>{staff}</staff>" if staff > 1 else ""
    return (
        f'<direction placement="below"><direction-type><pedal type="{kind}" line="yes"/>'
        f"</direction-type>{below}</direction>"
    )

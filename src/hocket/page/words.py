"""What was measured of a take, in sentences that need no manual.

Surprising decision: each figure that could flatter stands beside what unrelated pieces have by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MUCH = 0.8
"""Of notes in one key: above this it is in that key."""


def in_words(
    take: Mapping[str, Any], themes: Mapping[str, Any], chance: Mapping[str, Any]
) -> list[str]:
    """Return sentences about a take: what it is, what is known in it, what is new, how it plays.

    All three are from report.json: the take's entry, the themes by letter, and the levels of chance.
    """
    measures = take["measures"]
    return [
        _what(take),
        _known(measures, themes, chance),
        _new(measures, chance, take["settings"].get("max_quote", 0)),
        _plays(measures),
    ]


def _what(take: Mapping[str, Any]) -> str:
    measures = take["measures"]
    key = f" in {take['key']}" if take.get("key") else ""
    text = f"{measures['notes']:,} notes in {measures['bars']:,} bars of {take['metre']}{key}."
    form = take.get("form", "through")
    if form != "through":
        text += f" Its form is {form}: the same letter is the same music, but for its end."
    return text


def _known(
    measures: Mapping[str, Any], themes: Mapping[str, Any], chance: Mapping[str, Any]
) -> str:
    shares = [
        f"{measures['share'].get(letter, 0):.0%} of {themes[letter]['title']}" for letter in themes
    ]
    by_chance = chance.get("known", {}).get("median")
    beside = "" if by_chance is None else f" (in unrelated pieces {by_chance:.0%})"
    return (
        f"{measures['known']:.0%} of the notes stand in runs of four or more that a theme has as "
        f"well{beside}: {_and(shares)}. The themes change {_times(measures['switches'])} in 8 bars."
    )


def _new(measures: Mapping[str, Any], chance: Mapping[str, Any], budget: int) -> str:
    longest, quoted = measures["longest"], measures["cover16"]
    by_chance = chance.get("longest", {}).get("median")
    beside = "" if by_chance is None else f" (in unrelated pieces {by_chance:.0f})"
    text = f"The longest run that a theme has as well is {longest} notes{beside}"
    if quoted:
        return f"{text}; {quoted:.0%} of the notes stand in runs of 16 or more."
    text += "; none is 16 or longer"
    return f"{text}, and no more than {budget} were allowed." if budget else f"{text}."


def _plays(measures: Mapping[str, Any]) -> str:
    stuck = measures["stuck"]
    held = f" {stuck} notes last longer than 8 quarters." if stuck else ""
    return (
        f"{measures['in_key']:.0%} of the notes are in one scale. Two hands can hold "
        f"{measures['playable']:.0%} of its chords.{held}"
    )


def _times(count: float) -> str:
    rounded = round(count)
    return {0: "hardly ever", 1: "once", 2: "twice"}.get(rounded, f"{rounded} times")


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"

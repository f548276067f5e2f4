"""Why a note stands in a take: what else might have come, and what each theme would have said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hocket.errors import ConfigError
from hocket.generation.votes import Votes
from hocket.music import TICKS_PER_QUARTER
from hocket.music.pitch import name
from hocket.tokens import GRAMMAR, VOCAB
from hocket.tokens.automaton import BAR_LENGTH, BAR_ORIGIN, PART, TICK
from hocket.tokens.vocab import LOUDNESSES, PITCHES

SHOWN = 5
"""Alternatives that are told."""


@dataclass(frozen=True)
class Choice:
    """Something that might have come, and how likely it was."""

    what: str
    chance: float
    """From 0 to 1, before temperature and rules."""
    votes: Mapping[str, float]
    """The same by each theme alone, by its letter."""


@dataclass(frozen=True)
class Reason:
    """A note of a take, with what else might have come in its place."""

    bar: int
    beat: float
    """In quarters from the bar line, from 1."""
    part: int
    """From 1."""
    note: Choice
    others: tuple[Choice, ...]
    """The likeliest `SHOWN`, likeliest first."""
    laid_out: str
    """What stood fast at that bar before the take was written, so that this was no choice."""


def reasons(votes: Votes, bar: int, note: int | None = None) -> list[Reason]:
    """Return the notes that begin in a bar, from 1 on; or one of them alone, from 1 on.

    Raises `ConfigError` for a bar or a note that is not there.
    """
    found, last, state = [], 0, GRAMMAR.start(1)
    on = VOCAB.families["NOTE_ON"]
    for place, event in enumerate(votes.events.tolist()):
        row = state.table[0]
        since = int(row[TICK] - row[BAR_ORIGIN])
        here = since // int(row[BAR_LENGTH]) + 1
        if event in on:
            last = max(last, here)
            if here == bar:
                beat = 1 + since % int(row[BAR_LENGTH]) / TICKS_PER_QUARTER
                found.append(_reason(votes, place, bar, beat, int(row[PART]) + 1))
        if not GRAMMAR.allowed(state)[0, event]:
            raise ConfigError("its events are no piece; write the take anew")
        state = GRAMMAR.step(state, np.array([event]))
    if not 1 <= bar <= last:
        raise ConfigError(f"--bar {bar}: notes begin in bars 1 to {last}")
    if note is None:
        return found
    if not 1 <= note <= len(found):
        raise ConfigError(f"--note {note}: bar {bar} has {len(found)} notes")
    return [found[note - 1]]


def _reason(votes: Votes, place: int, bar: int, beat: float, part: int) -> Reason:
    came = int(votes.events[place])
    choices = [
        Choice(
            in_words(event, votes.semitones, flats=votes.flats),
            float(np.exp(votes.mixed[place, number])),
            {
                letter: float(np.exp(votes.themes[place, theme, number]))
                for theme, letter in enumerate(votes.titles)
            },
        )
        for number, event in enumerate([came, *votes.others[place].tolist()])
        if number == 0 or event != came
    ]
    laid_out = votes.laid_out[bar - 1] if bar <= len(votes.laid_out) else ""
    return Reason(bar, beat, part, choices[0], tuple(choices[1 : 1 + SHOWN]), laid_out)


def in_words(event: int, semitones: int, *, flats: bool) -> str:
    """Return an event as a musician would say it, so much higher."""
    for family, place in VOCAB.families.items():
        if event in place:
            number = event - place.start
            if family in ("NOTE_ON", "NOTE_OFF"):
                pitch = name(PITCHES.start + number + semitones, flats=flats)
                return pitch if family == "NOTE_ON" else f"end of {pitch}"
            if family == "DUR":
                return f"wait {(number + 1) / TICKS_PER_QUARTER:.3g}"
            if family == "PART":
                return f"part {number + 2}"
            if family == "VEL":
                return f"loudness {LOUDNESSES[number]}"
    return VOCAB.names[event].lower()

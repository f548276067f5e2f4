"""Which theme has the melody and which one the accompaniment, and where the keyboard is split."""

from __future__ import annotations

from collections.abc import Mapping

from hocket.config import GenerationConfig
from hocket.errors import ConfigError
from hocket.generation.choir import Roles
from hocket.generation.openings import above, middle_of, upper_voice
from hocket.music import Piece

HEARD = 500
"""Notes of a theme that say how high its voices lie."""


def roles_of(config: GenerationConfig, themes: Mapping[str, Piece]) -> Roles | None:
    """Return the roles asked for, of themes by letter that agree in key; None if none are.

    Raises `ConfigError` for a letter that no theme has, and for one theme in both roles.
    """
    if config.melody is None and config.accompaniment is None:
        return None
    letters = list(themes)
    asked = {"--melody": config.melody, "--accompaniment": config.accompaniment}
    for flag, letter in asked.items():
        if letter is not None and letter not in letters:
            raise ConfigError(
                f"{flag} {letter}: no theme has that letter; there are {', '.join(letters)}"
            )
    given = config.melody or config.accompaniment
    other = next(letter for letter in letters if letter != given)
    melody, accompaniment = config.melody or other, config.accompaniment or other
    if melody == accompaniment:
        raise ConfigError(f"--melody and --accompaniment are both {melody}; give two themes")
    split = split_between(themes[melody], themes[accompaniment])
    return Roles(letters.index(melody), letters.index(accompaniment), split)


def split_between(melody: Piece, accompaniment: Piece) -> int:
    """Return the pitch half way between the melody of one and what lies below that of the other.

    The melody is thought to lie octaves higher where it would not be above it: see `above`.
    """
    upper = upper_voice(list(melody.notes[:HEARD]))
    other = list(accompaniment.notes[:HEARD])
    lower = sorted(set(other) - set(upper_voice(other))) or other
    return round((middle_of(above(upper, lower)) + middle_of(lower)) / 2)

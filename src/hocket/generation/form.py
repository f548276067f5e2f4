"""Forms: which sections a take has, and how long they are.

`AABA` has four sections of equal length; the second and the last come again from the first, but for
their ends, which are new (`vary`). What is left of the bars belongs to the last section.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from hocket.analysis import measure
from hocket.config import GenerationConfig
from hocket.errors import ConfigError
from hocket.generation.script import Script
from hocket.music import Piece

THROUGH, AUTO = "through", "auto"
PHRASE = 8
"""Bars after which a phrase closes where there are no sections."""
LEAST_SECTION = 4
"""Bars of a section at least, where the form is chosen by itself."""
RETURNS = ((0.4, "AABA"), (0.15, "ABAC"))
"""From how much repetition (`repetition16`) of the themes on they suggest a form, most first."""
MOST_SECTIONS = 16


def form_of(config: GenerationConfig, themes: Sequence[Piece], opening_bars: Sequence[int]) -> str:
    """Return the letters of the sections; empty for none. `auto` follows the themes.

    A mix that moves has no use for what was said before. `opening_bars` are the lengths of the
    openings, which the first section has to hold. Raises `ConfigError` for no form.
    """
    if config.form != AUTO:
        return _asked(config)
    if isinstance(config.mix, str):
        return ""
    repeats = float(np.mean([measure(theme, {}).repetition16 for theme in themes]))
    for least, form in RETURNS:
        fits = config.bars // len(form) >= max(*opening_bars, LEAST_SECTION)
        if repeats >= least and fits:
            return form
    return ""


def _asked(config: GenerationConfig) -> str:
    if config.form.lower() == THROUGH:
        return ""
    form = config.form.upper()
    if not re.fullmatch(rf"[A-Z]{{1,{MOST_SECTIONS}}}", form):
        raise ConfigError(
            f"--form {config.form}: write letters, as in AABA, at most {MOST_SECTIONS}, or {THROUGH} "
            f"or {AUTO}"
        )
    if config.bars < 2 * len(form):
        raise ConfigError(
            f"--form {form}: sections need two bars; ask for at least --bars {2 * len(form)}"
        )
    return form


def room_for_opening(config: GenerationConfig) -> int:
    """Return how many bars an opening may fill: the first section, or all but the last."""
    sections = asked_for(config)
    return config.bars // sections if sections > 1 else config.bars - 1


def asked_for(config: GenerationConfig) -> int:
    """Return how many sections are asked for; 1 where none are."""
    return max(len(_asked(config)), 1) if config.form != AUTO else 1


def phrase_of(form: str, config: GenerationConfig) -> int:
    """Return after how many bars phrases close."""
    return config.bars // len(form) if len(form) > 1 else PHRASE


def told(form: str, config: GenerationConfig, script: Script) -> list[str]:
    """Return what is said of a form and a motif, line by line."""
    lines = []
    if form:
        each = config.bars // len(form)
        new = f"{100 * config.vary:.0f} % of a section" if config.vary else "nothing"
        lines.append(f"form {form}, sections of {each} bars; {new} is new when one comes again")
    if config.motif is not None:
        bars = [bar + 1 for bar, kind in enumerate(script.kind[0]) if 0 < kind <= script.exempt]
        lines.append(f"motif {config.motif} is stated {len(bars)} times, in bars {bars}")
    return lines


def sections(form: str, bars: int) -> list[tuple[str, range]]:
    """Return the bars of each section, by letter."""
    each = bars // max(len(form), 1)
    ends = [*range(each, each * len(form), each), bars]
    return [
        (letter, range(number * each, end))
        for number, (letter, end) in enumerate(zip(form, ends, strict=True))
    ]


def beginnings(form: str, bars: int, each: int = 0) -> list[range]:
    """Return the sections that are new, after the first; without a form, phrases count as such.

    With `each`, new sections fall into stretches of so many bars, and those of the first count too.
    """
    letters: dict[str, range] = {}
    for letter, section in sections(form, bars) if form else ():
        letters.setdefault(letter, section)
    new = list(letters.values()) or [
        range(at, min(at + PHRASE, bars)) for at in range(0, bars, PHRASE)
    ]
    if each:
        new = [range(at, min(at + each, one.stop)) for one in new for at in one[::each]]
    return new[1:]

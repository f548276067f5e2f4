"""What takes have to say, bar by bar: sections that come again, motifs, and openings of sections.

Surprising decision: a motif keeps its place where a section comes again, and is then said as a motif,
whole; bars that would have only a part of it are new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.config import GenerationConfig
from hocket.errors import ConfigError
from hocket.generation.form import beginnings, sections
from hocket.generation.motifs import bars_of, inside, motifs_of
from hocket.generation.openings import Opening
from hocket.generation.script import FAR, FREE, NO_SCRIPT, OWN, Script
from hocket.music import Piece

Ints = NDArray[np.int64]


class _Told(NamedTuple):
    """Something that is told event by event: what of `Script.motifs`, and how many bars it fills."""

    kind: int
    bars: int


def script_of(
    form: str,
    config: GenerationConfig,
    openings: Sequence[Opening],
    motif: Piece | None,
    *,
    everywhere: bool = True,
    each: int = 0,
) -> Script:
    """Lay out the bars of the takes that begin with each opening.

    `everywhere`, later openings stand at the beginnings of other sections that are new, and with `each`
    of all stretches of so many bars in them. Raises `ConfigError` where
    the motif does not fit as often as it is to be stated.
    """
    seeds = list(openings) if everywhere and len(openings) > 1 else []
    if not form and motif is None and not seeds:
        return NO_SCRIPT
    motifs = [] if motif is None else motifs_of(motif)
    said = [*motifs, *(inside(opening.ids) for opening in seeds)]
    stated = [_Told(1 + n, bars_of(motif)) for n in range(len(motifs))] if motif else []
    told = [_Told(1 + len(motifs) + n, opening.bars) for n, opening in enumerate(seeds)]
    lines = [
        _line(form, config, opening.bars, stated, [*told[n + 1 :], *told[:n]], each)
        for n, opening in enumerate(openings)
    ]
    table = np.full((len(said), max(map(len, said), default=0)), -1, np.int64)
    for row, ids in zip(table, said, strict=True):
        row[: len(ids)] = ids
    kind, source, stop, halt = (np.stack(rows) for rows in zip(*lines, strict=True))
    return Script(kind, source, stop, halt, table, len(motifs))


def laid_out(script: Script, openings: Sequence[Opening], at: int, bars: int) -> tuple[str, ...]:
    """Return in words what stands fast at each bar of takes with the opening `at`."""
    told = [""] * bars
    for bar, (kind, source) in enumerate(script.stands(at)):
        if kind == OWN:
            told[bar] = f"bar {source + 1} again"
        elif kind > script.exempt:
            told[bar] = f"opening {openings[kind - 1 - script.exempt].recipe}"
        elif kind != FREE:
            told[bar] = "motif"
    for bar in range(min(openings[at].bars, bars)):
        told[bar] = f"opening {openings[at].recipe}"
    return tuple(told)


def _line(
    form: str,
    config: GenerationConfig,
    opening: int,
    motifs: Sequence[_Told],
    seeds: Sequence[_Told],
    each: int,
) -> tuple[Ints, ...]:
    """Return one take's rows (bars) of a `Script`: kind, source, stop, halt."""
    stands, source = _returns(form, config)
    begun: dict[int, int] = {}
    if motifs:
        starts = _statements(stands, opening, motifs[0].bars, config)
        for number, start in enumerate(starts):
            _state(motifs[number % len(motifs)], start, stands, source, begun)
    places = beginnings(form, config.bars, each) if seeds else []
    for number, section in enumerate(places):
        seed = seeds[number % len(seeds)]
        bars = slice(section.start, section.start + seed.bars)
        if section.start >= opening and seed.bars < len(section) and (stands[bars] == FREE).all():
            begun[bars.start], stands[bars] = bars.stop, seed.kind
    kind, stop = np.full(config.bars, FREE), np.full(config.bars, FAR)
    halts = {section.start for _, section in sections(form, config.bars)} if form else set()
    for bar in range(config.bars):
        first = bar == 0 or stands[bar - 1] != OWN or source[bar] != source[bar - 1] + 1
        if bar in begun:
            kind[bar], stop[bar] = stands[bar], begun[bar]
            halts.add(bar)
        elif stands[bar] == OWN and first:
            kind[bar], end = OWN, bar + 1
            while end < config.bars and stands[end] == OWN and source[end] == source[end - 1] + 1:
                end += 1
            stop[bar] = end
            halts |= {bar, int(source[bar])}
    halt = [min((at for at in halts if at > bar), default=FAR) for bar in range(config.bars)]
    return kind, np.where(kind == OWN, source, 0), stop, np.array(halt)


def _returns(form: str, config: GenerationConfig) -> tuple[Ints, Ints]:
    """Return what stands at each bar, `OWN` or `FREE`, and which bar comes again there (bars)."""
    stands, source = np.full(config.bars, FREE), np.full(config.bars, -1)
    first: dict[str, range] = {}
    for letter, section in sections(form, config.bars) if form else ():
        model = first.setdefault(letter, section)
        if model is not section:
            same = min(len(model), len(section))
            kept = same - (max(round(config.vary * same), 1) if config.vary else 0)
            stands[section.start : section.start + kept] = OWN
            source[section.start : section.start + kept] = model.start + np.arange(kept)
    return stands, source


def _state(motif: _Told, start: int, stands: Ints, source: Ints, begun: dict[int, int]) -> None:
    """Note a statement, and those where its bars come again, in place."""
    bars = np.arange(start, start + motif.bars)
    again = np.flatnonzero(np.isin(source, bars) & (stands == OWN))
    stands[again] = FREE
    for bar in (start, *again[source[again] == start].tolist()):
        if bar == start or np.array_equal(source[bar : bar + motif.bars], bars):
            begun[bar] = bar + motif.bars
            stands[bar : bar + motif.bars] = motif.kind


def _statements(stands: Ints, opening: int, motif: int, config: GenerationConfig) -> list[int]:
    """Return the bars at which the motif is stated: spread over what is free, but not at the end."""
    free = [
        bar
        for bar in range(opening, len(stands) - motif)
        if (stands[bar : bar + motif] == FREE).all()
    ]
    spread = np.linspace(opening, len(stands) - motif - 1, config.statements).tolist()
    chosen: list[int] = []
    for wanted in spread:
        left = [bar for bar in free if all(abs(bar - other) >= motif for other in chosen)]
        if not left:
            raise ConfigError(
                f"--motif {config.motif}: does not fit {config.statements} times beside the opening; "
                f"ask for fewer --statements or more --bars than {config.bars}"
            )
        chosen.append(min(left, key=lambda bar: (abs(bar - wanted), bar)))
    return sorted(chosen)

"""What a take has to say, laid out bar by bar: sections that come again and statements of a motif.

`AABA` has four sections of equal length; the second and the last come again from the first, but for
their ends, which are new (`vary`). Surprising decision: what is left of the bars belongs to the last
section, and a section that comes again is never longer than the first of its letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hocket.analysis import measure
from hocket.config import GenerationConfig
from hocket.errors import ConfigError
from hocket.generation.openings import Excerpt, cut, events_until, excerpt_of
from hocket.generation.script import FAR, FREE, NO_SCRIPT, OWN, Script
from hocket.music import TICKS_PER_QUARTER, Note, Piece
from hocket.music.pitch import parse_pitch
from hocket.tokens import GRAMMAR, VOCAB
from hocket.tokens.vocab import PITCHES

THROUGH, AUTO = "through", "auto"
PHRASE = 8
"""Bars after which a phrase closes where there are no sections."""
LEAST_SECTION = 4
"""Bars of a section at least, where the form is chosen by itself."""
RETURNS = ((0.4, "AABA"), (0.15, "ABAC"))
"""From how much repetition (`repetition16`) of the themes on they suggest a form, most first."""
MOST_SECTIONS = 16

_EXCERPT = re.compile(r"[A-Z]:\d+(-\d+)?$")
_NOTE = re.compile(r"([A-Ga-g][#b]?-?\d|r)(?::(\d*\.?\d+))?")


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
        stands = script.stands(0)
        bars = [
            bar + 1
            for bar, (kind, _) in enumerate(stands)
            if kind > 0 and int(script.kind[0, bar]) > 0
        ]
        lines.append(f"motif {config.motif} is stated {len(bars)} times, in bars {bars}")
    return lines


def theme_of(motif: str | None, letters: Sequence[str]) -> int | None:
    """Return which theme a motif is of; None if it is written out."""
    if motif is None or not _EXCERPT.match(motif.strip()):
        return None
    return letters.index(motif.strip()[0])


def sections(form: str, bars: int) -> list[tuple[str, range]]:
    """Return the bars of each section, by letter."""
    each = bars // max(len(form), 1)
    ends = [*range(each, each * len(form), each), bars]
    return [
        (letter, range(number * each, end))
        for number, (letter, end) in enumerate(zip(form, ends, strict=True))
    ]


def motif_of(text: str, themes: Mapping[str, Piece], semitones: int) -> Piece:
    """Return a motif from tick 0 on, whole bars of the first theme's metre long.

    Written notes are moved by so many semitones; bars of `themes`, by letter, are as they are.
    Raises `ConfigError` for text that is none.
    """
    meter = next(iter(themes.values())).main_meter._replace(tick=0)
    if _EXCERPT.match(text.strip()):
        what = f"motif {text!r}"
        notes, length = excerpt_of(Excerpt.parse(text, what), themes, what)
        notes = cut(notes, max(length // meter.bar_ticks, 1) * meter.bar_ticks)
    else:
        notes = [n._replace(pitch=n.pitch + semitones) for n in _written(text)]
    notes = [note for note in notes if note.pitch in PITCHES]
    if not notes:
        raise ConfigError(f"motif {text!r}: holds no notes that a piano has")
    return GRAMMAR.simplify(Piece.of(notes, meters=[meter]))


def _written(text: str) -> list[Note]:
    """Read notes such as `C5:1 E5:.5 r:1`."""
    notes, now = [], 0
    for word in text.split():
        if not (found := _NOTE.fullmatch(word)):
            raise ConfigError(
                f"motif {text!r}: {word!r} is no note; write bars as in A:1-2, or notes with their "
                "lengths in quarters, as in 'C5:1 E5:.5 r:.5 G5:2'"
            )
        ticks = max(round(float(found[2] or 1) * TICKS_PER_QUARTER), 1)
        if found[1] != "r":
            notes.append(Note(now, ticks, parse_pitch(found[1])))
        now += ticks
    return notes


def bars_of(motif: Piece) -> int:
    """Return how many bars a motif fills."""
    return -(-motif.end // motif.main_meter.bar_ticks)


def motifs_of(motif: Piece) -> list[NDArray[np.int64]]:
    """Return what a motif says, and what it says an octave lower, or else higher, if it may be."""
    end = bars_of(motif) * motif.main_meter.bar_ticks
    pitches = [note.pitch for note in motif.notes]
    found = []
    for octave in (0, -12, 12):
        if min(pitches) + octave in PITCHES and max(pitches) + octave in PITCHES:
            ids = events_until(motif.transposed(octave), end)
            skipped = (VOCAB.id("START"), *VOCAB.families["METER"])
            found.append(ids[~np.isin(ids, skipped)])
    return found[:2]


def script_of(
    form: str,
    config: GenerationConfig,
    opening_bars: Sequence[int],
    motif: Piece | None,
) -> Script:
    """Lay out the bars of each take, whose openings fill so many.

    Raises `ConfigError` where the motif does not fit as often as it is to be stated.
    """
    if not form and motif is None:
        return NO_SCRIPT
    motifs = [] if motif is None else motifs_of(motif)
    length = 0 if motif is None else bars_of(motif)
    lines = [_line(form, config, opening, length, len(motifs)) for opening in opening_bars]
    said = np.full((len(motifs), max(map(len, motifs), default=0)), -1, np.int64)
    for row, ids in zip(said, motifs, strict=True):
        row[: len(ids)] = ids
    kind, source, stop, halt = (np.stack(rows) for rows in zip(*lines, strict=True))
    return Script(kind, source, stop, halt, said)


def _line(
    form: str, config: GenerationConfig, opening: int, motif: int, motifs: int
) -> tuple[NDArray[np.int64], ...]:
    """Return one take's rows (bars) of a `Script`: kind, source, stop, halt."""
    bars = config.bars
    stands, source = np.full(bars, FREE), np.full(bars, -1)
    first: dict[str, range] = {}
    for letter, section in sections(form, bars) if form else ():
        model = first.setdefault(letter, section)
        if model is not section:
            same = min(len(model), len(section))
            kept = same - (max(round(config.vary * same), 1) if config.vary else 0)
            stands[section.start : section.start + kept] = OWN
            source[section.start : section.start + kept] = model.start + np.arange(kept)
    begins = np.zeros(bars, np.bool_)
    if motif:
        starts = _statements(stands, opening, motif, config)
        for number, start in enumerate(starts):
            stands[start : start + motif] = 1 + number % motifs
            begins[start] = True
            for bar in np.flatnonzero(np.isin(source, range(start, start + motif))).tolist():
                whole = source[bar] == start and np.array_equal(
                    source[bar : bar + motif], np.arange(start, start + motif)
                )
                begins[bar] = whole
                stands[bar] = 1 + number % motifs
        _drop_broken(stands, begins, motif)
    kind, stop = np.full(bars, FREE), np.full(bars, FAR)
    halts = {section.start for _, section in (sections(form, bars) if form else ())}
    for bar in range(bars):
        again = stands[bar] == OWN and bar and stands[bar - 1] == OWN
        goes_on = again and source[bar] == source[bar - 1] + 1
        if (stands[bar] == OWN and not goes_on) or begins[bar]:
            kind[bar], end = stands[bar], bar + 1
            while end < bars and (
                end < bar + motif
                if begins[bar]
                else stands[end] == OWN and source[end] == source[end - 1] + 1
            ):
                end += 1
            stop[bar] = end
            halts |= {bar} | ({int(source[bar])} if stands[bar] == OWN else set())
    halt = [min((at for at in halts if at > bar), default=FAR) for bar in range(bars)]
    return kind, np.where(kind == OWN, source, 0), stop, np.array(halt)


def _drop_broken(stands: NDArray[np.int64], begins: NDArray[np.bool_], motif: int) -> None:
    """Free bars that would state only a part of the motif, in place."""
    whole = np.zeros(len(stands), np.bool_)
    for start in np.flatnonzero(begins):
        whole[start : start + motif] = True
    stands[(stands > 0) & ~whole] = FREE


def _statements(
    stands: NDArray[np.int64], opening: int, motif: int, config: GenerationConfig
) -> list[int]:
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

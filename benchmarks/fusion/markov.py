"""The order-4 Markov model of both themes that takes are compared with, backing off as PPM does.

Words (`words.py`) of both themes, in one key, are counted after up to four others. The longest context
that was seen says what may follow, or, as often as it had different successors (method C), gives way
to a shorter one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from hocket.music import Piece
from words import Word, in_common_key, piece_of, words

ORDER = 4


def takes(themes: Sequence[Piece], count: int, bars: int, rng: int) -> list[Piece]:
    """Return takes of so many bars, each begun like one of the themes in turn."""
    said = [words(theme) for theme in in_common_key(themes)]
    follows: defaultdict[tuple[Word, ...], Counter[Word]] = defaultdict(Counter)
    for line in said:
        for place, word in enumerate(line):
            for order in range(min(ORDER, place) + 1):
                follows[tuple(line[place - order : place])][word] += 1
    meter = themes[0].main_meter
    ticks = bars * meter.bar_ticks
    found = []
    for number in range(count):
        random = np.random.default_rng((rng, number))
        line = list(said[number % len(said)][:ORDER])
        while sum(word[2] for word in line) < ticks:
            line.append(_next(line, follows, random))
        found.append(piece_of(line, ticks, meter._replace(tick=0)))
    return found


def _next(
    line: Sequence[Word],
    follows: defaultdict[tuple[Word, ...], Counter[Word]],
    random: np.random.Generator,
) -> Word:
    for order in range(ORDER, -1, -1):
        seen = follows.get(tuple(line[len(line) - order :]))
        if not seen:
            continue
        total = sum(seen.values())
        if order and random.random() * (total + len(seen)) >= total:
            continue
        choices = list(seen)
        chances = np.array([seen[word] for word in choices]) / total
        return choices[int(random.choice(len(choices), p=chances))]
    raise AssertionError("no word at all was counted")

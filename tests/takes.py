"""Takes of made-up themes, and what must be so whatever the model says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from conftest import four_four, three_four
from hocket.config import GenerationConfig
from hocket.generation import mix, rules_for, sample
from hocket.generation.choir import Stepper
from hocket.generation.openings import Recipe, build
from hocket.generation.sampler import Sampled
from hocket.music import Key, Piece
from hocket.music.pitch import agreeing
from hocket.tokens import GRAMMAR, VOCAB, decode
from hocket.tokens.automaton import VOICES
from hocket.tokens.grammar import check_walk

V = len(VOCAB)
METERS = VOCAB.families["METER"]
ON = VOCAB.families["NOTE_ON"]
DUR = VOCAB.families["DUR"]
END = VOCAB.id("END")
PLAIN = GenerationConfig(temperature=1.0, top_p=1.0, min_p=0.0, top_k=None)


def plain(piece: Piece) -> Piece:
    """Return a theme as it is: one part, without loudness and pedal."""
    return piece


Dress = Callable[[Piece], Piece]


def openings_of(
    *recipes: str, first: Callable[[], Piece] = four_four, dress: Dress = plain
) -> list[np.ndarray]:
    other = three_four if first is four_four else four_four
    moved = dict(zip("AB", agreeing([dress(first()), dress(other())]), strict=True))
    return [build(Recipe.parse(recipe), moved).ids for recipe in recipes]


def taken(
    model: Stepper,
    openings: Sequence[np.ndarray],
    config: GenerationConfig,
    rng: int = 0,
    first: int = 1,
    bar_ticks: int = 96,
    dress: Dress = plain,
) -> list[Sampled]:
    themes = [dress(four_four()), dress(three_four())]
    return sample(
        model,
        openings,
        rules_for(config, Key(0, 0), bar_ticks, themes),
        mix.following([mix.weights(float(config.mix), 2)[None]] * len(openings)),
        config,
        rng,
        first=first,
    )


def ticks_of(ids: np.ndarray) -> int:
    return int(np.where((ids >= DUR.start) & (ids < DUR.stop), ids - DUR.start + 1, 0).sum())


def assert_keeps_to_what_was_asked(
    ids: np.ndarray,
    opening: np.ndarray,
    config: GenerationConfig,
    bar_ticks: int,
    dress: Dress = plain,
) -> None:
    check_walk(GRAMMAR, ids)
    assert (ids[: len(opening)] == opening).all()
    assert ids[-1] == END
    assert ticks_of(ids) == config.bars * bar_ticks
    later = ids[len(opening) :]
    unheard = ("METER", "PART", "VEL", "PEDAL") if dress is plain else ("METER",)
    for family in unheard:
        assert not np.isin(later, VOCAB.families[family]).any()
    piece = decode(ids)
    assert piece.meters[0].bar_ticks == bar_ticks
    assert config.longest_note is not None
    assert config.voices is not None
    limit = round(24 * config.longest_note)
    begun = ticks_of(opening)
    state = GRAMMAR.start(1)
    for event in opening:
        state = GRAMMAR.step(state, np.array([event]))
    carried = int(state.table[0, VOICES])
    for note in piece.notes:
        assert note.end <= config.bars * bar_ticks
        assert note.duration <= max(limit, begun - note.start), "a note rings on"
        assert note.start % 2 == 0 or note.start % 3 == 0, "an onset off the grid"
        if note.start >= begun:
            together = sum(n.start <= note.start < n.end for n in piece.notes)
            assert together <= max(config.voices, carried)


def turns(shares: np.ndarray, lead: int, bars_each: int, bars: int) -> np.ndarray:
    """Return turns of a mix that stays the same, (bars, M)."""
    return mix.in_turns(np.tile(shares, (bars, 1)), lead, bars_each)


def leading(constant: np.ndarray, themes: Sequence[Piece]) -> np.ndarray:
    """Return the shares of bars (M) of a mix that stays the same."""
    shares: np.ndarray = mix.leading_time(constant[None], themes)[0]
    return shares

"""Two hands hold what sounds at once, whatever the model says, where the themes are for two hands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, three_four
from fakes import after
from hocket.analysis.hands import playable
from hocket.config import GenerationConfig
from hocket.generation import rules_for
from hocket.generation.pressing import _within_reach
from hocket.generation.rules import Rules
from hocket.music import Key, Note, Piece
from hocket.tokens import decode
from pressed import after as standing
from pressed import weights
from takes import PLAIN, V, openings_of, taken


@given(st.sets(st.integers(0, 87), max_size=12), st.integers(0, 87))
def test_it_is_what_is_measured(held: set[int], new: int) -> None:
    chord = Piece.of([Note(0, 24, 21 + pitch) for pitch in held | {new}])
    found = _within_reach(np.array(sorted(held), np.int64), new)
    assert found == (playable(chord) == 1.0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from((0.5, 4.0)), st.integers(0, 100))
def test_takes_are_playable_whatever_the_model_says(seed: int, scale: float, rng: int) -> None:
    model = after(scale * np.random.default_rng(seed).standard_normal((V, V)))
    openings = openings_of("A:1+B:2-3")
    config = replace(PLAIN, bars=8, voices=8, max_quote=0)
    for take in taken(model, openings, config, rng):
        assert playable(decode(take.ids)) == 1.0


def test_without_it_they_are_not() -> None:
    model = after(np.random.default_rng(5).standard_normal((V, V)))
    openings = openings_of("A:1+B:2-3")
    shares = [
        playable(decode(take.ids))
        for hands in (True, False)
        for take in taken(
            model, openings, replace(PLAIN, bars=16, voices=8, max_quote=0, hands=hands)
        )
    ]
    assert shares[0] == 1.0 > shares[1]


def test_a_rule_for_hands_is_for_themes_of_two_hands_only() -> None:
    wide = Piece.of([Note(24 * n, 24, pitch) for n in range(8) for pitch in (30, 60, 90)])
    for themes, expected in (
        ([four_four(), three_four()], True),
        ([four_four(), wide], False),
    ):
        assert rules_for(GenerationConfig(), Key(0, 0), 96, themes).reach == expected


def test_a_third_hand_is_not_there() -> None:
    found = weights(Rules(reach=True), standing("NOTE_ON 30", "NOTE_ON 60"))
    assert found["NOTE_ON 76"] - found["NOTE_ON 77"] == pytest.approx(100)

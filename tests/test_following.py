"""What takes follow: rules that quarrel, the mix bar by bar, and the opening's own lead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conftest import four_four
from fakes import UNIFORM, Fake
from hocket.config import RunConfig, SeedConfig
from hocket.generation import mix, rules_for, sample
from hocket.generation.compose import compose
from hocket.generation.openings import Recipe, build
from hocket.generation.rules import Rules, barred
from hocket.generation.sampler import log_likelihoods
from hocket.music import Meter, Note, Piece
from hocket.tokens import VOCAB, decode
from takes import (
    END,
    METERS,
    ON,
    PLAIN,
    V,
    assert_keeps_to_what_was_asked,
    openings_of,
    ticks_of,
    turns,
)

# Rules that quarrel


def excluding(*kept: int) -> np.ndarray:
    """Return as a row (V) all but some events."""
    return ~barred(kept)


@pytest.mark.parametrize(
    "quarrel",
    [
        [excluding()],
        [excluding(VOCAB.id("NOTE_ON 60")), excluding(VOCAB.id("DUR 24"))],
        [excluding(END), excluding(VOCAB.id("METER 3/4")), excluding(VOCAB.id("NOTE_OFF 30"))],
    ],
    ids=["all", "two", "three"],
)
def test_rules_that_quarrel_never_stop_a_take(quarrel: list[np.ndarray]) -> None:
    config = replace(PLAIN, bars=4, longest_note=2.0, voices=4)
    openings = openings_of("A:1+B:2-3")
    rules = rules_for(config, None, 96, [four_four()])
    rules = rules._replace(barred=np.stack((*rules.barred, *quarrel)))
    ((ids, *_),) = sample(
        UNIFORM, openings, rules, mix.following([mix.weights(0.5, 2)[None]]), config, 0
    )
    assert_keeps_to_what_was_asked(ids, openings[0], config, 96)


def test_the_earlier_rule_wins() -> None:
    config = replace(PLAIN, bars=3, voices=4)
    opening = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])
    first, second = VOCAB.id("NOTE_ON 60"), VOCAB.id("NOTE_ON 72")
    for kept, other in ((first, second), (second, first)):
        sets = (barred(METERS), excluding(kept), excluding(other))
        rules = Rules(end=288, barred=np.stack(sets))
        steady = mix.following([mix.weights(0.5, 2)[None]])
        ((ids, *_),) = sample(UNIFORM, [opening], rules, steady, config, 0)
        assert ids[2] == kept


# The mix


def test_a_take_changes_theme_at_bar_lines() -> None:
    """A model that plays low for the first theme and high for the second follows the turns."""
    wishes = np.zeros((2, V))
    wishes[1, ON.start : ON.start + 40] = wishes[0, ON.start + 40 : ON.stop] = -1e4
    model = Fake(lambda events, weights: weights @ wishes)
    opening = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])
    config = replace(PLAIN, bars=12, voices=3, longest_note=1.0)
    in_turns = mix.following([turns(np.array([0.5, 0.5]), 1, 2, 12)])
    ((ids, *_),) = sample(
        model, [opening], rules_for(config, None, 96, [four_four()]), in_turns, config, 0
    )
    piece = decode(ids)
    for bar in range(12):
        high = [note.pitch >= 61 for note in piece.notes if note.start // 96 == bar]
        assert high
        assert set(high) == {bar // 2 % 2 == 0}


def test_likelihoods_hear_the_mix_of_their_bar() -> None:
    """A model that knows which theme leads finds a low note likely in its bars only."""
    wishes = np.zeros((2, V))
    wishes[1, ON.start : ON.start + 40] = -20
    model = Fake(lambda events, weights: weights @ wishes)
    names = "START", "METER 4/4", *["NOTE_ON 40", "DUR 48", "DUR 48"] * 2
    sequence = np.array([VOCAB.id(name) for name in names])
    plans = [np.eye(2, dtype=np.float32)[order] for order in ([0, 1], [1, 0])]
    low_first, high_first = log_likelihoods(model, [sequence] * 2, mix.following(plans))
    assert low_first[2] > high_first[2] + 15
    assert high_first[5] > low_first[5] + 15


@pytest.mark.parametrize("turns", [2, 0])
@pytest.mark.parametrize(
    ("seed", "sides"),
    [("A:1-2+B:3", "LLH"), ("B:1+A:2-3", "HLL"), ("A:2/B:4", ""), ("B:2/A:4", "")],
)
def test_after_an_opening_the_theme_that_began_it_leads(seed: str, sides: str, turns: int) -> None:
    """A model that plays low for A and high for B tells what mix it heard in each bar."""
    heard: dict[int, set[tuple[float, ...]]] = {}

    events: list[int] = []

    def says(last: np.ndarray, weights: np.ndarray) -> np.ndarray:
        if last[0] == VOCAB.id("START"):
            events.clear()
        events.append(int(last[0]))
        bar = ticks_of(np.array(events)) // 96
        heard.setdefault(bar, set()).add(tuple(weights[0].tolist()))
        return np.asarray(weights @ wishes)

    wishes = np.zeros((2, V))
    wishes[1, ON.start : ON.start + 40] = wishes[0, ON.start + 40 : ON.stop] = -1e4
    config = RunConfig(
        opening=SeedConfig(seed=seed),
        generation=replace(PLAIN, takes=1, bars=10, turns=turns, mix=0.5, voices=3),
    )
    (take,) = compose({"A": four_four(), "B": four_four()}, Fake(says), config, weights="abc")
    assert take.seed == seed
    assert take.weights == "abc"
    alone = {"L": (1.0, 0.0), "H": (0.0, 1.0), "=": (0.5, 0.5)}
    lead, other = ("L", "H") if seed[0] == "A" else ("H", "L")
    later = (lead * 2 + other * 2) * 3 if turns else "=" * 10
    expected = ((sides or "=") + later)[:10]
    assert [heard[bar] for bar in range(10)] == [{alone[side]} for side in expected]
    for bar in range(len(sides or "="), 10 if turns else 0):
        low = {note.pitch < 61 for note in take.piece.notes if note.start // 96 == bar}
        assert low == {expected[bar] == "L"}


@pytest.mark.parametrize("upbeat", [Meter(0, 1, 16), Meter(0, 1, 8), Meter(0, 5, 16)], ids=str)
def test_takes_keep_to_the_places_of_a_theme_with_an_upbeat(upbeat: Meter) -> None:
    begin = upbeat.bar_ticks
    notes = [Note(begin + 12 * i, 12, 60 + i % 8) for i in range(120)]
    theme = Piece.of([Note(0, begin, 67), *notes], meters=[upbeat, Meter(begin, 4, 4)])
    opening = build(Recipe.parse("A:1+B:3"), {"A": theme, "B": theme})
    config = replace(PLAIN, bars=6)
    rules = rules_for(config, None, 96, [theme, theme])
    steady = mix.following([mix.weights(0.5, 2)[None]])
    ((ids, *_),) = sample(UNIFORM, [opening.ids], rules, steady, config, 1)
    later = [note for note in decode(ids).notes if note.start >= opening.length]
    assert {note.start % 24 for note in later} == {0, 12}
    assert {note.end % 24 for note in later} <= {0, 12}

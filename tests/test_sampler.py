"""Takes of fake models: whatever the model says, a take keeps to what was asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, three_four
from fakes import UNIFORM, after, always
from hocket.config import GenerationConfig
from hocket.errors import GenerationError
from hocket.generation import mix, rules_for, sample
from hocket.generation.choir import Choir, Singer
from hocket.generation.pressing import press
from hocket.generation.rules import Rules, barred
from hocket.generation.sampler import log_likelihoods
from hocket.music import Key
from hocket.tokens import GRAMMAR, VOCAB
from networks import engine_of, in_two_parts, lively, small
from takes import (
    METERS,
    ON,
    PLAIN,
    Dress,
    V,
    assert_keeps_to_what_was_asked,
    openings_of,
    plain,
    taken,
)

extremes = st.builds(
    lambda seed, scale, share: np.where(
        np.random.default_rng(seed).random(V) < share,
        np.random.default_rng(seed + 1).choice((-scale, scale), V),
        0.0,
    ),
    st.integers(0, 2**31),
    st.sampled_from((1.0, 30.0, 1e4)),
    st.sampled_from((0.02, 0.5, 1.0)),
)


@settings(max_examples=25, deadline=None)
@given(
    extremes,
    st.integers(3, 5),
    st.sampled_from((0.5, 2.0, 4.0, 12.0)),
    st.integers(1, 8),
    st.sampled_from(("A:1+B:2-3", "B:3+A:5", "A:2-3/B:4-6", "B:2-4/A:7-8")),
    st.booleans(),
    st.sampled_from((plain, in_two_parts)),
    st.integers(0, 100),
)
def test_a_take_keeps_to_what_was_asked_whatever_the_model_says(
    logits: np.ndarray,
    bars: int,
    longest: float,
    voices: int,
    recipe: str,
    walk_first: bool,
    dress: Dress,
    rng: int,
) -> None:
    first, bar_ticks = (four_four, 96) if walk_first else (three_four, 72)
    if not walk_first:
        recipe = recipe.translate(str.maketrans("AB", "BA"))
    config = replace(PLAIN, bars=bars + 1, longest_note=longest, voices=voices)
    (opening,) = openings_of(recipe, first=first, dress=dress)
    ((ids, log_probs, _),) = taken(
        always(logits), [opening], config, rng, bar_ticks=bar_ticks, dress=dress
    )
    assert_keeps_to_what_was_asked(ids, opening, config, bar_ticks, dress)
    assert (log_probs <= 0).all()
    assert np.isfinite(log_probs).all()


@pytest.mark.parametrize(
    "name",
    [
        *("START", "END", "METER 3/4", "NOTE_OFF 60", "NOTE_ON 108", "NOTE_ON 21"),
        *("DUR 1", "DUR 48", "PART 1", "PART 3", "VEL 16", "VEL 96", "PEDAL UP", "PEDAL DOWN"),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dress", [plain, in_two_parts])
def test_a_model_that_wants_one_event_or_all_but_one(dress: Dress, name: str, sign: int) -> None:
    logits = np.full(V, 0.0)
    logits[VOCAB.id(name)] = sign * 1e4
    config = replace(PLAIN, bars=4, longest_note=2.0, voices=4, repetition=3.0)
    openings = openings_of("A:1+B:2-3", "A:2/B:4-5", dress=dress)
    takes = taken(always(logits), openings, config, dress=dress)
    for opening, (ids, *_) in zip(openings, takes, strict=True):
        assert_keeps_to_what_was_asked(ids, opening, config, 96, dress)


# Chance


def test_a_take_is_the_same_among_few_and_among_many() -> None:
    rng = np.random.default_rng(4)
    model = after(rng.normal(size=(V, V)))
    config = replace(PLAIN, bars=5, voices=4)
    openings = openings_of("A:1+B:2-3", "B:3+A:5", "A:2-3/B:4-6", "A:4+B:2-3", "A:1/B:2-3")
    many = taken(model, openings, config)
    few = taken(model, openings[:2], config)
    for (one, score, _), (two, other, _) in zip(few, many, strict=False):
        assert (one == two).all()
        assert (score == other).all()
    later = taken(model, openings[2:4], config, first=3)
    for (one, *_), (two, *_) in zip(later, many[2:4], strict=True):
        assert (one == two).all()


def test_a_take_of_an_engine_in_int8_is_the_same_alone_and_among_many() -> None:
    """Also when the others are done before it, and the batch gets smaller."""
    model = Choir([Singer(engine_of(lively(small("theme")), exact=()))])
    config = replace(PLAIN, bars=12, voices=4)
    openings = openings_of("A:1+B:2-3", "B:3+A:5", "A:2-3/B:4-6", "A:4+B:2-3", "A:1/B:2-3")
    many = taken(model, openings, config)
    lengths = [len(take.ids) for take in many]
    assert max(lengths) > min(lengths) + 16, "some takes are done long before others"
    for number, (ids, scores, _) in enumerate(many):
        ((alone, its_scores, _),) = taken(
            model, openings[number : number + 1], config, first=number + 1
        )
        assert alone.tolist() == ids.tolist()
        assert its_scores.tolist() == scores.tolist()


def test_the_same_rng_gives_the_same_take_and_another_one_another() -> None:
    config = replace(PLAIN, bars=5, voices=4)
    openings = openings_of("A:1+B:2-3", "A:1+B:2-3")
    one, two, three = (taken(UNIFORM, openings, config, rng) for rng in (1, 1, 2))
    for a, b, c in zip(one, two, three, strict=True):
        assert a[0].tolist() == b[0].tolist()
        assert a[0].tolist() != c[0].tolist()
    assert one[0][0].tolist() != one[1][0].tolist()


def test_top_k_of_one_takes_the_likeliest() -> None:
    """Of a model after which no figure comes so often in a row that it is pressed down."""
    table = np.random.default_rng(6).normal(size=(V, V))
    config = replace(PLAIN, bars=4, voices=4, top_k=1)
    openings = openings_of("A:1+B:2-3", "A:1+B:2-3")
    (ids, *_), (again, *_) = taken(after(table), openings, config, rng=8)
    assert ids.tolist() == again.tolist()
    rules = rules_for(config, Key(0, 0), 96, [four_four(), three_four()])
    state = GRAMMAR.start(1)
    for position, event in enumerate(ids[:-1]):
        here = np.array([event])
        state = GRAMMAR.step(state, here)
        allowed = GRAMMAR.allowed(state)[0]
        weights = np.where(allowed, table[event], -np.inf).astype(np.float32)
        press(state.table[0], rules, np.zeros(88, np.float32), weights)
        if position + 1 >= len(openings[0]):
            assert ids[position + 1] == weights.argmax()


CHORD = dict(
    zip(
        ("NOTE_ON 60", "NOTE_ON 62", "NOTE_ON 64", "NOTE_ON 65"),
        (0.5, 0.3, 0.15, 0.05),
        strict=True,
    )
)
DRAWS = 600


def frequencies(config: GenerationConfig) -> list[float]:
    """Return how often the first event after START and METER is each of `CHORD`."""
    logits = np.full(V, -1e4)
    for name, probability in CHORD.items():
        logits[VOCAB.id(name)] = np.log(probability)
    opening = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])
    takes = sample(
        always(logits),
        [opening] * DRAWS,
        Rules(end=6, barred=barred(METERS)[None]),
        mix.following([mix.weights(0.5, 2)[None]] * DRAWS),
        config,
        rng=3,
    )
    drawn = [VOCAB.names[ids[2]] for ids, *_ in takes]
    assert set(drawn) <= set(CHORD)
    return [drawn.count(name) / DRAWS for name in CHORD]


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({}, (0.5, 0.3, 0.15, 0.05)),
        ({"top_k": 2}, (0.625, 0.375, 0, 0)),
        ({"top_p": 0.75}, (0.625, 0.375, 0, 0)),
        ({"top_p": 0.01}, (1, 0, 0, 0)),
        ({"min_p": 0.2}, (0.526, 0.316, 0.158, 0)),
        ({"min_p": 1.0}, (1, 0, 0, 0)),
        ({"temperature": 0.5}, (0.685, 0.247, 0.062, 0.007)),
        ({"temperature": 10.0}, (0.277, 0.263, 0.246, 0.220)),
        ({"temperature": 0.01}, (1, 0, 0, 0)),
    ],
    ids=str,
)
def test_the_knobs_shape_what_is_drawn(knobs: dict[str, float], expected: tuple[float]) -> None:
    found = frequencies(replace(PLAIN, **knobs))  # type: ignore[arg-type]
    assert found == pytest.approx(expected, abs=0.08)
    assert [f == 0 for f, e in zip(found, expected, strict=True) if e == 0] == [True] * sum(
        e == 0 for e in expected
    )


# What a take says of itself


def test_log_probs_are_those_of_the_model() -> None:
    """Of the model alone: no temperature, no rule, over what the grammar allows."""
    table = 3 * np.random.default_rng(6).normal(size=(V, V))
    config = replace(PLAIN, bars=4, voices=3, temperature=0.7, top_k=9, key_strength=5.0)
    openings = openings_of("A:1+B:2-3", "A:2-3/B:4-6")
    takes = taken(after(table), openings, config, rng=1)
    steady = mix.following([mix.weights(0.5, 2)[None]] * 2)
    scores = log_likelihoods(after(table), [take.ids for take in takes], steady)
    for (ids, log_probs, _), score in zip(takes, scores, strict=True):
        assert len(ids) == len(log_probs)
        assert log_probs[0] == 0
        assert (log_probs <= 0).all()
        np.testing.assert_allclose(log_probs, score, atol=1e-4)
        assert log_probs.sum() == pytest.approx(score.sum(), rel=1e-4)


def test_likelihoods_are_probabilities() -> None:
    """Over all that may come after START and METER they add up to one."""
    table = np.random.default_rng(7).normal(size=(V, V))
    begin = [VOCAB.id("START"), VOCAB.id("METER 4/4")]
    state = GRAMMAR.start(1)
    for event in begin:
        state = GRAMMAR.step(state, np.array([event]))
    following = np.flatnonzero(GRAMMAR.allowed(state)[0])
    sequences = [np.array([*begin, event]) for event in following]
    alone = mix.following([mix.weights(0.5, 2)[None]] * len(sequences))
    scores = log_likelihoods(after(table), sequences, alone)
    assert sum(np.exp(score[-1]) for score in scores) == pytest.approx(1, abs=1e-4)


def test_on_step_hears_of_bars() -> None:
    heard: list[float] = []
    config = replace(PLAIN, bars=6)
    sample(
        UNIFORM,
        openings_of("A:1+B:2-3"),
        rules_for(config, None, 96, [four_four()]),
        mix.following([mix.weights(0.5, 2)[None]]),
        config,
        0,
        on_step=heard.append,
    )
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert 3 < heard[-1] <= 6


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_a_model_that_says_no_numbers_is_refused(strange: float) -> None:
    logits = np.zeros(V)
    logits[ON.start :] = strange
    with pytest.raises(GenerationError, match="nothing that is a number"):
        taken(always(logits), openings_of("A:1+B:2-3"), replace(PLAIN, bars=4))

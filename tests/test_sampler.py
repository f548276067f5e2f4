"""Takes of fake models: whatever the model says, a take keeps to what was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import four_four, three_four
from hocket.config import GenerationConfig
from hocket.generation import mix, rules_for, sample
from hocket.generation.rules import EndAtBarLine, Rule, StayInMeter, Weights
from hocket.generation.sampler import log_likelihoods
from hocket.generation.seeds import Recipe, build
from hocket.model.engine import EngineState
from hocket.music import Key, Piece
from hocket.music.pitch import agreeing
from hocket.tokens import GRAMMAR, VOCAB, State, decode
from hocket.tokens.grammar import check_walk

V = len(VOCAB)
METERS = VOCAB.families["METER"]
ON = VOCAB.families["NOTE_ON"]
DUR = VOCAB.families["DUR"]
END = VOCAB.id("END")
PLAIN = GenerationConfig(temperature=1.0, top_p=1.0, min_p=0.0, top_k=None)


class Fake:
    """A model whose logits (B, V) follow from the last events (B) and the mix (B, M) alone."""

    def __init__(self, says: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        self._says = says

    def start(self, batch: int) -> EngineState:
        zeros = np.zeros((1, batch, 1), np.float32)
        return EngineState(zeros, zeros)

    def step(
        self,
        events: np.ndarray,
        sounding: np.ndarray,
        place: np.ndarray,
        mix: np.ndarray,
        state: EngineState,
    ) -> tuple[np.ndarray, EngineState]:
        return self._says(events, mix).astype(np.float32), state


def always(logits: np.ndarray) -> Fake:
    """The same logits (V) at every step."""
    return Fake(lambda events, mix: np.repeat(logits[None], len(events), axis=0))


def after(table: np.ndarray) -> Fake:
    """Logits that follow from the last event, (V, V)."""
    return Fake(lambda events, mix: table[events])


UNIFORM = always(np.zeros(V))


def openings_of(*recipes: str, first: Callable[[], Piece] = four_four) -> list[np.ndarray]:
    other = three_four if first is four_four else four_four
    moved = dict(zip("AB", agreeing([first(), other()]), strict=True))
    return [build(Recipe.parse(recipe), moved).ids for recipe in recipes]


def taken(
    model: Fake,
    openings: Sequence[np.ndarray],
    config: GenerationConfig,
    rng: int = 0,
    first: int = 1,
    bar_ticks: int = 96,
) -> list[tuple[np.ndarray, np.ndarray]]:
    themes = [four_four(), three_four()]
    return sample(
        model,
        openings,
        rules_for(config, Key(0, 0), bar_ticks, themes),
        mix.following([mix.weights(config.mix, 2)[None]] * len(openings)),
        config,
        rng,
        first=first,
    )


def ticks_of(ids: np.ndarray) -> int:
    return int(np.where((ids >= DUR.start) & (ids < DUR.stop), ids - DUR.start + 1, 0).sum())


def assert_keeps_to_what_was_asked(
    ids: np.ndarray, opening: np.ndarray, config: GenerationConfig, bar_ticks: int
) -> None:
    check_walk(GRAMMAR, ids)
    assert (ids[: len(opening)] == opening).all()
    assert ids[-1] == END
    assert ticks_of(ids) == config.bars * bar_ticks
    later = ids[len(opening) :]
    assert not ((later >= METERS.start) & (later < METERS.stop)).any()
    piece = decode(ids)
    assert piece.meters[0].bar_ticks == bar_ticks
    assert config.longest_note is not None
    assert config.voices is not None
    limit = round(24 * config.longest_note)
    begun = ticks_of(opening)
    carried = int(GRAMMAR.trace(opening).sounding[-1].sum())
    for note in piece.notes:
        assert note.end <= config.bars * bar_ticks
        assert note.duration <= max(limit, begun - note.start), "a note rings on"
        assert note.start % 2 == 0 or note.start % 3 == 0, "an onset off the grid"
        if note.start >= begun:
            together = sum(n.start <= note.start < n.end for n in piece.notes)
            assert together <= max(config.voices, carried)


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


@settings(max_examples=15, deadline=None)
@given(
    extremes,
    st.integers(3, 5),
    st.sampled_from((0.5, 2.0, 4.0, 12.0)),
    st.integers(1, 8),
    st.sampled_from(("A:1+B:2-3", "B:3+A:5", "A:2-3/B:4-6", "B:2-4/A:7-8")),
    st.booleans(),
    st.integers(0, 100),
)
def test_a_take_keeps_to_what_was_asked_whatever_the_model_says(
    logits: np.ndarray,
    bars: int,
    longest: float,
    voices: int,
    recipe: str,
    walk_first: bool,
    rng: int,
) -> None:
    first, bar_ticks = (four_four, 96) if walk_first else (three_four, 72)
    if not walk_first:
        recipe = recipe.translate(str.maketrans("AB", "BA"))
    config = replace(PLAIN, bars=bars + 1, longest_note=longest, voices=voices)
    (opening,) = openings_of(recipe, first=first)
    ((ids, log_probs),) = taken(always(logits), [opening], config, rng, bar_ticks=bar_ticks)
    assert_keeps_to_what_was_asked(ids, opening, config, bar_ticks)
    assert (log_probs <= 0).all()
    assert np.isfinite(log_probs).all()


@pytest.mark.parametrize(
    "name",
    ["START", "END", "METER 3/4", "NOTE_OFF 60", "NOTE_ON 108", "NOTE_ON 21", "DUR 1", "DUR 48"],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_model_that_wants_one_event_or_all_but_one(name: str, sign: int) -> None:
    logits = np.full(V, 0.0)
    logits[VOCAB.id(name)] = sign * 1e4
    config = replace(PLAIN, bars=4, longest_note=2.0, voices=4, repetition=3.0)
    openings = openings_of("A:1+B:2-3", "A:2/B:4-5")
    for opening, (ids, _) in zip(openings, taken(always(logits), openings, config), strict=True):
        assert_keeps_to_what_was_asked(ids, opening, config, 96)


# Chance


def test_a_take_is_the_same_among_few_and_among_many() -> None:
    rng = np.random.default_rng(4)
    model = after(rng.normal(size=(V, V)))
    config = replace(PLAIN, bars=5, voices=4)
    openings = openings_of("A:1+B:2-3", "B:3+A:5", "A:2-3/B:4-6", "A:4+B:2-3", "A:1/B:2-3")
    many = taken(model, openings, config)
    few = taken(model, openings[:2], config)
    for (one, score), (two, other) in zip(few, many, strict=False):
        assert (one == two).all()
        assert (score == other).all()
    later = taken(model, openings[2:4], config, first=3)
    for (one, _), (two, _) in zip(later, many[2:4], strict=True):
        assert (one == two).all()


def test_the_same_rng_gives_the_same_take_and_another_one_another() -> None:
    config = replace(PLAIN, bars=5, voices=4)
    openings = openings_of("A:1+B:2-3", "A:1+B:2-3")
    one, two, three = (taken(UNIFORM, openings, config, rng) for rng in (1, 1, 2))
    for a, b, c in zip(one, two, three, strict=True):
        assert a[0].tolist() == b[0].tolist()
        assert a[0].tolist() != c[0].tolist()
    assert one[0][0].tolist() != one[1][0].tolist()


def test_top_k_of_one_takes_the_likeliest() -> None:
    table = np.random.default_rng(5).normal(size=(V, V))
    config = replace(PLAIN, bars=4, voices=4, top_k=1)
    openings = openings_of("A:1+B:2-3", "A:1+B:2-3")
    (ids, _), (again, _) = taken(after(table), openings, config, rng=8)
    assert ids.tolist() == again.tolist()
    rules = rules_for(config, Key(0, 0), 96, [four_four(), three_four()])
    state = GRAMMAR.start(1)
    for position, event in enumerate(ids[:-1]):
        here = np.array([event])
        state = GRAMMAR.step(state, here)
        weighed = np.where(GRAMMAR.allowed(state), table[event].astype(np.float32), -np.inf)
        for rule in rules:
            weighed = weighed + rule(state, here)
        if position + 1 >= len(openings[0]):
            assert ids[position + 1] == weighed[0].argmax()


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
        [EndAtBarLine(6), StayInMeter()],
        mix.following([np.ones(1, np.float32)[None]] * DRAWS),
        config,
        rng=3,
    )
    drawn = [VOCAB.names[ids[2]] for ids, _ in takes]
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
    rows = np.repeat(mix.weights(0.5, 2)[None], 2, axis=0)
    scores = log_likelihoods(after(table), [ids for ids, _ in takes], rows)
    for (ids, log_probs), score in zip(takes, scores, strict=True):
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
    rows = np.ones((len(sequences), 1), np.float32)
    scores = log_likelihoods(after(table), sequences, rows)
    assert sum(np.exp(score[-1]) for score in scores) == pytest.approx(1, abs=1e-4)


def test_on_step_hears_of_bars() -> None:
    heard: list[float] = []
    config = replace(PLAIN, bars=6)
    sample(
        UNIFORM,
        openings_of("A:1+B:2-3"),
        rules_for(config, None, 96, [four_four()]),
        mix.following([mix.weights(0.5, 2)[None]] * 1),
        config,
        0,
        on_step=heard.append,
    )
    assert heard == sorted(heard)
    assert heard[0] == 0
    assert 3 < heard[-1] <= 6


# Rules that quarrel


class Excluding:
    """Excludes all but some events."""

    def __init__(self, *kept: int) -> None:
        self._kept = kept

    def __call__(self, state: State, last: np.ndarray) -> Weights:
        weights = np.full((len(state), V), -np.inf, np.float32)
        weights[:, list(self._kept)] = 0
        return weights


@pytest.mark.parametrize(
    "quarrel",
    [
        [Excluding()],
        [Excluding(VOCAB.id("NOTE_ON 60")), Excluding(VOCAB.id("DUR 24"))],
        [Excluding(END), Excluding(VOCAB.id("METER 3/4")), Excluding(VOCAB.id("NOTE_OFF 30"))],
    ],
    ids=["all", "two", "three"],
)
def test_rules_that_quarrel_never_stop_a_take(quarrel: list[Rule]) -> None:
    config = replace(PLAIN, bars=4, longest_note=2.0, voices=4)
    openings = openings_of("A:1+B:2-3")
    rules = [*rules_for(config, None, 96, [four_four()]), *quarrel]
    ((ids, _),) = sample(UNIFORM, openings, rules, mix.following([mix.weights(0.5, 2)[None]] * 1), config, 0)
    assert_keeps_to_what_was_asked(ids, openings[0], config, 96)


def test_the_earlier_rule_wins() -> None:
    config = replace(PLAIN, bars=3, voices=4)
    opening = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])
    first, second = VOCAB.id("NOTE_ON 60"), VOCAB.id("NOTE_ON 72")
    for kept, other in ((first, second), (second, first)):
        rules: list[Rule] = [EndAtBarLine(288), StayInMeter(), Excluding(kept), Excluding(other)]
        steady = mix.following([np.ones(1, np.float32)[None]] * 1)
        ((ids, _),) = sample(UNIFORM, [opening], rules, steady, config, 0)
        assert ids[2] == kept


# The mix


@given(st.floats(0, 1), st.integers(1, 6))
def test_weights_sum_to_one(share: float, themes: int) -> None:
    weights = mix.weights(share, themes)
    assert weights.shape == (themes,)
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert (weights >= 0).all()
    if themes > 1:
        assert weights[0] == pytest.approx(share, abs=1e-6)
        assert weights[1:].std() == pytest.approx(0, abs=1e-6)


def test_a_steady_mix_is_the_same_in_every_bar() -> None:
    constant = mix.weights(0.3, 3)
    steady = mix.following([constant[None]] * 2)
    for bar in (0.0, 3.5, 100.0):
        np.testing.assert_array_equal(steady(np.array([bar, bar + 1])), [constant, constant])


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=4).filter(lambda w: sum(w) > 0.1),
    st.integers(1, 8),
    st.integers(0, 3),
)
def test_turns_follow_the_shares(parts: list[float], bars_each: int, lead: int) -> None:
    shares = np.array(parts) / sum(parts)
    count, lead = len(shares), lead % len(shares)
    turns = mix.in_turns(shares, [lead], bars_each)
    round_bars = bars_each * count
    rows = np.concatenate([turns(np.array([float(bar)])) for bar in range(10 * round_bars)])
    assert (rows.sum(1) == 1).all()
    assert set(np.unique(rows)) <= {0, 1}
    assert (rows[:round_bars] == rows[round_bars : 2 * round_bars]).all()
    # What a share of 0 < s < 1 bar is given, another theme gives.
    assert np.abs(rows.mean(0) - shares).max() <= count / round_bars + 1e-9
    assert (rows.mean(0)[shares == 0] == 0).all()
    if bars_each >= 2:
        assert (rows.mean(0)[shares > 0] > 0).all()
        if shares[lead] > 0:
            assert rows[0, lead] == 1
    inside = np.concatenate([turns(np.array([bar + 0.99])) for bar in range(round_bars)])
    assert (inside == rows[:round_bars]).all(), "a turn changes inside a bar"


def test_each_take_has_its_own_lead() -> None:
    turns = mix.in_turns(np.array([0.5, 0.5]), [0, 1, 0], 2)
    assert turns(np.array([0.0, 0.0, 2.0])).argmax(1).tolist() == [0, 1, 1]


def test_a_busy_theme_leads_for_less_time() -> None:
    even = mix.weights(0.5, 2)
    slow, busy = three_four(), four_four()
    densities = [len(theme.notes) / theme.end for theme in (slow, busy)]
    shares = mix.leading_time(even, [slow, busy])
    assert shares.sum() == pytest.approx(1)
    assert (shares[0] > shares[1]) == (densities[0] < densities[1])
    assert mix.leading_time(even, [busy, busy]).tolist() == [0.5, 0.5]
    assert mix.leading_time(mix.weights(1.0, 2), [slow, busy]).tolist() == [1, 0]


def test_a_take_changes_theme_at_bar_lines() -> None:
    """A model that plays low for the first theme and high for the second follows the turns."""
    wishes = np.zeros((2, V))
    wishes[1, ON.start : ON.start + 40] = wishes[0, ON.start + 40 : ON.stop] = -1e4
    model = Fake(lambda events, weights: weights @ wishes)
    opening = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])
    config = replace(PLAIN, bars=12, voices=3, longest_note=1.0)
    turns = mix.in_turns(np.array([0.5, 0.5]), [1], 2)
    ((ids, _),) = sample(
        model, [opening], rules_for(config, None, 96, [four_four()]), turns, config, 0
    )
    piece = decode(ids)
    for bar in range(12):
        high = [note.pitch >= 61 for note in piece.notes if note.start // 96 == bar]
        assert high
        assert set(high) == {bar // 2 % 2 == 0}

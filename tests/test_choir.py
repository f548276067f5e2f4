"""Engines that sing together: what each hears, how they are mixed, and that nothing gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.config import GenerationConfig
from hocket.corpus import input_sizes
from hocket.generation import mix, sample
from hocket.generation.choir import ROOM, Choir, Singer, Voices
from hocket.generation.rules import Rules, barred
from hocket.model import checking, convert
from hocket.model.checking import Heard
from hocket.model.engine import Engine
from hocket.music import Note, Piece
from hocket.tokens import FEATURES, VOCAB, encode, sight
from hocket.tokens.memory import TAPES, Memory
from networks import arrays_of, engine_of, in_two_parts, lively, small
from takes import turns

ALONE = input_sizes(0)
"""What a network of one theme sees: no weights of themes."""
OPENING = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])


def soloist(seed: int, exact: Sequence[str] | None = None) -> Engine:
    """Return the engine of a network that knows one theme, each seed another."""
    config = replace(small("theme"), sees_themes=False)
    arrays = arrays_of(lively(config, seed, ALONE))
    exact = convert.parts(config) if exact is None else exact
    return convert.engine(convert.to_onnx(arrays, config, ALONE, exact), threads=1)


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    return [soloist(1), soloist(2)]


@pytest.fixture(scope="module")
def whole_numbers() -> list[Engine]:
    """Engines in int8, which say the same bits in any batch."""
    return [soloist(1, ()), soloist(2, ())]


def said(voices: Voices, rows: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the logits (T, B, V) after each event of sequences of one length; weights (T, B, M)."""
    logits = []
    for events, shares in zip(np.stack(rows, axis=1), weights, strict=True):
        voices.events[:], voices.mix[:] = events, shares
        voices.step()
        logits.append(voices.logits.copy())
    return np.stack(logits)


def heard(ids: np.ndarray, mind: Memory | None = None, mix: np.ndarray | None = None) -> Heard:
    """Return what an engine should hear of a sequence, that begins with a memory."""
    walkers = sight.begin(1, len(ids))
    if mind is not None:
        walkers = walkers._replace(memory=mind)
        walkers = sight.with_room(walkers, len(ids) + int(mind.at[0, 0]))
    themes = 0 if mix is None else mix.shape[1]
    seen = np.zeros((len(ids), FEATURES + themes), np.float32)
    recalled = np.zeros((len(ids), TAPES), np.int64)
    sight.follow(walkers, ids, seen, recalled)
    if mix is not None:
        seen[:, FEATURES:] = mix
    return Heard(ids, seen, recalled, np.full(len(ids), -1))


def shares_of(random: np.random.Generator, times: int, rows: int) -> np.ndarray:
    first = random.random((times, rows, 1), np.float32)
    return np.concatenate((first, 1 - first), axis=2)


@pytest.fixture(scope="module")
def rows(themes: list[Piece]) -> list[np.ndarray]:
    """The beginnings of three pieces."""
    pieces = (themes[0], themes[1], in_two_parts(themes[0]))
    return [encode(piece)[:60].astype(np.int64) for piece in pieces]


def test_one_that_sees_the_mix_hears_what_the_network_was_taught(rows: list[np.ndarray]) -> None:
    engine = engine_of(lively(small("theme")))
    weights = shares_of(np.random.default_rng(1), 60, 3)
    choir = Choir([Singer(engine)])
    assert choir.themes == 2
    found = said(choir.start(3), rows, weights)
    for row, ids in enumerate(rows):
        expected = checking.said(engine, heard(ids, mix=weights[:, row]))
        np.testing.assert_allclose(found[:, row], expected, rtol=0, atol=1e-5)


def test_a_choir_says_the_weighted_sum_of_its_singers(
    engines: list[Engine], rows: list[np.ndarray]
) -> None:
    weights = shares_of(np.random.default_rng(2), 60, 3)
    choir = Choir([Singer(engine) for engine in engines])
    assert choir.themes == 2
    found = said(choir.start(3), rows, weights)
    for row, ids in enumerate(rows):
        alone = [checking.said(engine, heard(ids)) for engine in engines]
        assert np.abs(alone[0] - alone[1]).max() > 0.1
        expected = sum(weights[:, row, [m]] * logits for m, logits in enumerate(alone))
        np.testing.assert_allclose(found[:, row], expected, rtol=1e-5, atol=1e-4)


def test_a_push_takes_off_what_a_stranger_would_say(
    engines: list[Engine], rows: list[np.ndarray]
) -> None:
    weights = shares_of(np.random.default_rng(2), 60, 3)
    singers, stranger = [Singer(engine) for engine in engines], Singer(soloist(3))
    mixed = said(Choir(singers).start(3), rows, weights)
    alone = said(Choir([stranger]).start(3), rows, np.ones((60, 3, 1), np.float32))
    pushed = Choir(singers, stranger, 0.5)
    assert pushed.themes == 2
    found = said(pushed.start(3), rows, weights)
    np.testing.assert_allclose(found, 1.5 * mixed - 0.5 * alone, rtol=1e-5, atol=1e-4)
    without = said(Choir(singers, stranger, 0.0).start(3), rows, weights)
    np.testing.assert_array_equal(without, mixed)


def test_a_singer_whose_weight_is_all_is_heard_alone(
    whole_numbers: list[Engine], rows: list[np.ndarray]
) -> None:
    choir = Choir([Singer(engine) for engine in whole_numbers])
    for theme, engine in enumerate(whole_numbers):
        weights = np.zeros((60, 3, 2), np.float32)
        weights[..., theme] = 1
        found = said(choir.start(3), rows, weights)
        alone = said(Choir([Singer(engine)]).start(3), rows, np.ones((60, 3, 1), np.float32))
        np.testing.assert_array_equal(found, alone)


@given(st.integers(1, 59), st.lists(st.integers(0, 2), min_size=1, max_size=4))
@settings(max_examples=15)
def test_a_state_goes_on_in_other_rows(
    whole_numbers: list[Engine], rows: list[np.ndarray], stop: int, kept: list[int]
) -> None:
    """What thins out a batch: rows that go on are what they were, in any number and order."""
    choir = Choir([Singer(engine) for engine in whole_numbers])
    weights = shares_of(np.random.default_rng(3), 60, 3)
    expected = said(choir.start(3), rows, weights)
    first = choir.start(3)
    said(first, [row[:stop] for row in rows], weights[:stop])
    second = choir.start(len(kept))
    second.state = {name: array[kept] for name, array in first.state.items()}
    rest = said(second, [rows[row][stop:] for row in kept], weights[stop:][:, kept])
    np.testing.assert_array_equal(rest, expected[stop:][:, kept])


def test_a_state_is_a_copy(engines: list[Engine], rows: list[np.ndarray]) -> None:
    voices = Choir([Singer(engine) for engine in engines]).start(3)
    weights = np.full((60, 3, 2), 0.5, np.float32)
    said(voices, [row[:20] for row in rows], weights[:20])
    kept = {name: array.copy() for name, array in voices.state.items()}
    state = voices.state
    said(voices, [row[20:] for row in rows], weights[20:])
    for name, array in kept.items():
        np.testing.assert_array_equal(state[name], array)


def tune(offset: int = 0) -> Piece:
    return Piece.of(Note(12 * i, 12, 60 + offset + (5 * i * i + 3 * i) % 13) for i in range(30))


def test_the_memory_of_a_singer_is_used(engines: list[Engine], rows: list[np.ndarray]) -> None:
    """It recalls its own theme, the other one nothing; in every row alike."""
    theme = encode(tune()).astype(np.int64)
    mind = sight.remembered([theme])
    ids = theme[2:50]  # from its first note on
    steady = np.repeat(np.eye(2, dtype=np.float32)[None, :1], len(ids), axis=0).repeat(2, axis=1)
    choir = Choir([Singer(engines[0], mind), Singer(engines[1])])
    sequence = np.concatenate((OPENING, ids))
    steady = np.concatenate((steady[:2], steady))
    found = said(choir.start(2), [sequence] * 2, steady)
    recalling = heard(sequence, sight.remembered([theme]))
    assert (recalling.recalled[10:-1, 0] == sequence[11:]).all()
    expected = checking.said(engines[0], recalling)
    for row in range(2):
        np.testing.assert_allclose(found[:, row], expected, rtol=1e-5, atol=1e-4)
    without = checking.said(engines[0], heard(sequence))
    assert np.abs(without - expected).max() > 0.1
    other = said(choir.start(2), [sequence] * 2, steady[..., ::-1])
    untaught = checking.said(engines[1], heard(sequence))
    np.testing.assert_allclose(other[:, 0], untaught, rtol=1e-5, atol=1e-4)


def test_a_memory_is_not_written_to(engines: list[Engine]) -> None:
    mind = sight.remembered([encode(tune())])
    before = [array.copy() for array in mind]
    voices = Choir([Singer(engines[0], mind)]).start(2)
    ids = encode(tune(3)).astype(np.int64)
    said(voices, [ids, ids], np.ones((len(ids), 2, 1), np.float32))
    for array, kept in zip(mind, before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_memory_grows_beyond_its_first_room(engines: list[Engine]) -> None:
    long = encode(Piece.of(Note(12 * i, 12, 40 + (i * i) % 41) for i in range(500)))
    ids = long.astype(np.int64)
    assert len(ids) > ROOM
    found = said(Choir([Singer(engines[0])]).start(1), [ids], np.ones((len(ids), 1, 1), np.float32))
    expected = checking.said(engines[0], heard(ids))
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5, atol=1e-4)


def test_takes_of_a_choir_are_the_same_alone_and_among_many(whole_numbers: list[Engine]) -> None:
    """Also when others are done before, and the batch gets smaller."""
    minds = [sight.remembered([encode(tune(offset))]) for offset in (0, 7)]
    choir = Choir([Singer(e, mind) for e, mind in zip(whole_numbers, minds, strict=True)])
    config = GenerationConfig(temperature=1.0, top_p=1.0)
    rules = Rules(end=8 * 96, voices=4, barred=barred(VOCAB.families["METER"])[None])
    plans = [turns(np.array([0.5, 0.5]), lead, 1, 8) for lead in (0, 1, 0, 1, 0)]
    many = sample(choir, [OPENING] * 5, rules, mix.following(plans), config, 4)
    lengths = [len(take.ids) for take in many]
    assert max(lengths) > min(lengths) + 16
    for number, (ids, scores, _) in enumerate(many):
        alone = mix.following(plans[number : number + 1])
        ((again, its, _),) = sample(choir, [OPENING], rules, alone, config, 4, first=number + 1)
        assert again.tolist() == ids.tolist()
        assert its.tolist() == scores.tolist()


def test_a_mix_of_another_number_of_themes_is_refused(engines: list[Engine]) -> None:
    choir = Choir([Singer(engine) for engine in engines])
    three = mix.following([mix.weights(0.5, 3)[None]])
    with pytest.raises(ValueError, match="does not fit"):
        sample(choir, [OPENING], Rules(end=96), three, GenerationConfig(), 0)

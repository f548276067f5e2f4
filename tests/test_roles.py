"""Melody of one theme, accompaniment of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conftest import four_four, three_four
from fakes import UNIFORM
from hocket.config import GenerationConfig, RunConfig, SeedConfig
from hocket.corpus import input_sizes
from hocket.errors import ConfigError, GenerationError
from hocket.generation.choir import Choir, Roles, Singer
from hocket.generation.compose import check_wishes, compose
from hocket.generation.rank import cast
from hocket.generation.roles import roles_of, split_between
from hocket.generation.sampler import Take
from hocket.model import convert
from hocket.model.engine import Engine
from hocket.music import Note, Piece
from hocket.tokens import VOCAB, encode
from networks import arrays_of, engine_of, lively, small

ON = VOCAB.families["NOTE_ON"]
SPLIT = 60
LINE = ON.start + SPLIT - 21
THEMES = {"A": four_four(), "B": three_four()}


def soloist(seed: int) -> Engine:
    """Return the engine of a network that knows one theme."""
    config, sizes = replace(small("theme"), sees_themes=False), input_sizes(0)
    arrays = arrays_of(lively(config, seed, sizes))
    return convert.engine(convert.to_onnx(arrays, config, sizes, convert.parts(config)), threads=1)


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    return [soloist(1), soloist(2)]


def said(choir: Choir, ids: np.ndarray, mix: tuple[float, ...]) -> np.ndarray:
    """Return the logits (T, V) after each event."""
    voices = choir.start(1)
    logits = []
    for event in ids:
        voices.events[:], voices.mix[:] = event, mix
        voices.step()
        logits.append(voices.logits[0].copy())
    return np.array(logits)


def log_probs(logits: np.ndarray) -> np.ndarray:
    most = logits.max(-1, keepdims=True)
    found: np.ndarray = logits - most - np.log(np.exp(logits - most).sum(-1, keepdims=True))
    return found


def test_each_hand_is_one_singers(engines: list[Engine]) -> None:
    ids = encode(four_four())[:50].astype(np.int64)
    singers = [Singer(engine) for engine in engines]
    found = said(Choir(singers).in_roles(Roles(1, 0, SPLIT)), ids, (0.25, 0.75))
    first, second = (log_probs(said(Choir([singer]), ids, (1.0,))) for singer in singers)
    expected = 0.25 * first + 0.75 * second
    expected[:, ON.start : LINE] = first[:, ON.start : LINE]
    expected[:, LINE : ON.stop] = second[:, LINE : ON.stop]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_a_push_is_kept_in_roles(engines: list[Engine]) -> None:
    ids = encode(four_four())[:20].astype(np.int64)
    singers, stranger = [Singer(e) for e in engines], Singer(engines[0])
    roles = Roles(1, 0, SPLIT)
    plain = said(Choir(singers).in_roles(roles), ids, (0.5, 0.5))
    pushed = said(Choir(singers, stranger, 0.5).in_roles(roles), ids, (0.5, 0.5))
    alone = said(Choir([stranger]), ids, (1.0,))
    np.testing.assert_allclose(pushed, 1.5 * plain - 0.5 * alone, rtol=1e-4, atol=1e-3)


def test_one_model_of_all_themes_has_no_roles() -> None:
    choir = Choir([Singer(engine_of(lively(small("theme"))))])
    with pytest.raises(GenerationError, match="--melody and --accompaniment need a model of each"):
        choir.in_roles(Roles(0, 1, SPLIT))


@pytest.mark.parametrize(
    ("melody", "accompaniment", "expected"),
    [("A", None, (0, 1)), (None, "A", (1, 0)), ("B", "A", (1, 0)), ("B", None, (1, 0))],
)
def test_who_is_left_has_the_other_role(
    melody: str | None, accompaniment: str | None, expected: tuple[int, int]
) -> None:
    wanted = GenerationConfig(melody=melody, accompaniment=accompaniment)
    roles = roles_of(wanted, THEMES)
    assert roles is not None
    assert roles[:2] == expected
    assert roles_of(GenerationConfig(), THEMES) is None


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"melody": "C"}, "--melody C: no theme has that letter; there are A, B"),
        ({"accompaniment": "b"}, "--accompaniment b: no theme has that letter"),
        ({"melody": "A", "accompaniment": "A"}, "both A; give two themes"),
    ],
)
def test_roles_that_cannot_be_are_refused_before_learning(
    knobs: dict[str, str], words: str
) -> None:
    config = RunConfig(generation=GenerationConfig(bars=16, **knobs))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=words):
        check_wishes(THEMES, config)


def line(pitches: list[int], length: int = 12) -> list[Note]:
    return [Note(length * i, length, pitch) for i, pitch in enumerate(pitches)]


@pytest.mark.parametrize(("tune", "expected"), [(72, 60), (60, 60 - 6), (36, 54)])
def test_the_keyboard_is_split_between_the_two(tune: int, expected: int) -> None:
    """A tune that lies too low is thought to lie octaves higher."""
    melody = Piece.of(line([tune] * 8))
    accompaniment = Piece.of([*line([48] * 8), *line([80] * 8)])
    assert split_between(melody, accompaniment) == expected


def test_takes_of_roles_begin_with_the_melody_over_the_accompaniment(engines: list[Engine]) -> None:
    config = RunConfig(
        opening=SeedConfig(seeds=4),
        generation=GenerationConfig(takes=4, bars=8, melody="B", push=0.0, temperature=1.0),
    )
    takes = compose(THEMES, Choir([Singer(engine) for engine in engines]), config)
    for take in takes:
        assert "B:" in take.seed.partition("/")[0]
        assert "A:" in take.seed.partition("/")[2]


def test_a_take_is_scored_by_who_has_the_melody() -> None:
    rng = np.random.default_rng(3)
    tunes = [rng.integers(70, 90, 32).tolist(), rng.integers(30, 50, 32).tolist()]
    high, low = (Piece.of(line(tune)) for tune in tunes)
    both = Piece.of([*high.notes, *(n._replace(start=n.start + 6) for n in low.notes)])
    take = Take(
        both, encode(four_four()).astype(np.int64), np.zeros(1, np.float32), "", (0.5, 0.5),
        GenerationConfig(melody="A"), 1, 1, "",
    )  # fmt: skip
    themes = {"A": high, "B": low}
    found = cast(take, themes)
    wrong = cast(replace(take, config=GenerationConfig(melody="B")), themes)
    assert (found, wrong) == (1.0, 0.0)


def test_without_a_choir_nothing_is_cast() -> None:
    config = RunConfig(generation=GenerationConfig(takes=1, bars=8))
    assert compose(THEMES, UNIFORM, config)

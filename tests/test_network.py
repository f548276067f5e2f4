"""The engine says what the network says, and weights that do not fit are refused in one line."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hocket import config as settings
from hocket.config import ModelConfig
from hocket.errors import CheckpointError
from hocket.model.engine import Engine
from hocket.model.network import InputSizes, Network
from hocket.model.weights import (
    CARD_FILE,
    WEIGHTS_FILE,
    Learned,
    Weights,
    fingerprint,
    load,
    to_bytes,
)
from hocket.music import Piece
from hocket.tokens import GRAMMAR, VOCAB, Features, encode


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small products only: where the machine is busy, threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(preset: str, layers: int = 2) -> ModelConfig:
    return replace(settings.preset(preset).model, layers=layers, width=16, embedding=8)


def networks(config: ModelConfig, theme_count: int = 2) -> tuple[Network, Engine]:
    """Return a network with lively random weights and the engine made of it."""
    torch.manual_seed(7)
    network = Network(config, InputSizes(len(VOCAB), 88, (24, 16, 16), theme_count)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network, Engine(arrays_of(network), config)


def arrays_of(network: Network) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}


def stacked(themes: list[Piece], length: int) -> tuple[np.ndarray, Features, np.ndarray]:
    """Return ids (3, T) of real music, their features, and a mix that changes along the way."""
    pieces = [themes[0], themes[1], themes[0].transposed(5)]
    ids = [encode(piece)[:length].astype(np.int64) for piece in pieces]
    traced = [GRAMMAR.trace(row) for row in ids]
    features = Features(np.stack([f.sounding for f in traced]), np.stack([f.place for f in traced]))
    weight = np.random.default_rng(0).random((3, length)).astype(np.float32)
    return np.stack(ids), features, np.stack([weight, 1 - weight], axis=-1)


def forward(network: Network, ids: np.ndarray, features: Features, mix: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        logits, _ = network(
            torch.from_numpy(ids),
            torch.from_numpy(features.sounding).float(),
            torch.from_numpy(features.place),
            torch.from_numpy(mix),
            network.start(len(ids)),
        )
    return np.asarray(logits.numpy())


def stepped(engine: Engine, ids: np.ndarray, features: Features, mix: np.ndarray) -> np.ndarray:
    state = engine.start(len(ids))
    said = []
    for t in range(ids.shape[1]):
        sounding, place = features.sounding[:, t], features.place[:, t]
        logits, state = engine.step(ids[:, t], sounding, place, mix[:, t], state)
        said.append(logits)
    return np.stack(said, axis=1)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("preset", settings.PRESETS)
def test_engine_equals_network(preset: str, layers: int, themes: list[Piece]) -> None:
    network, engine = networks(small(preset, layers))
    ids, features, mix = stacked(themes, 60)
    expected = forward(network, ids, features, mix)
    assert expected.std() > 0.1
    np.testing.assert_allclose(stepped(engine, ids, features, mix), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("left_out", ["sounding", "place", "theme"])
def test_each_input_counts_and_may_be_left_out(left_out: str, themes: list[Piece]) -> None:
    ids, features, mix = stacked(themes, 30)
    changed = {
        "sounding": (features._replace(sounding=~features.sounding), mix),
        "place": (features._replace(place=(features.place + 1) % 16), mix),
        "theme": (features, 1 - mix),
    }[left_out]
    _, seeing = networks(small("hybrid"))
    with_it = stepped(seeing, ids, features, mix)
    assert np.abs(with_it - stepped(seeing, ids, *changed)).max() > 1e-3
    network, blind = networks(replace(small("hybrid"), **{left_out: False}))
    without = stepped(blind, ids, features, mix)
    np.testing.assert_array_equal(without, stepped(blind, ids, *changed))
    np.testing.assert_allclose(without, forward(network, ids, features, mix), rtol=0, atol=1e-4)


@pytest.mark.parametrize("preset", settings.PRESETS)
def test_a_row_in_a_batch_is_that_row_alone(preset: str, themes: list[Piece]) -> None:
    network, engine = networks(small(preset))
    ids, features, mix = stacked(themes, 40)
    both: list[Callable[[np.ndarray, Features, np.ndarray], np.ndarray]] = [
        lambda *batch: stepped(engine, *batch),
        lambda *batch: forward(network, *batch),
    ]
    for said in both:
        together = said(ids, features, mix)
        for row in range(3):
            one = slice(row, row + 1)
            alone = said(ids[one], Features(features.sounding[one], features.place[one]), mix[one])
            np.testing.assert_allclose(together[one], alone, rtol=0, atol=1e-5)


def test_windows_in_a_row_carry_the_state_on(themes: list[Piece]) -> None:
    network, _ = networks(small("hybrid"))
    ids, features, mix = stacked(themes, 40)
    state, parts = network.start(3), []
    with torch.no_grad():
        for window in (slice(0, 11), slice(11, 40)):
            logits, state = network(
                torch.from_numpy(ids[:, window]),
                torch.from_numpy(features.sounding[:, window]).float(),
                torch.from_numpy(features.place[:, window]),
                torch.from_numpy(mix[:, window]),
                state,
            )
            parts.append(logits.numpy())
    expected = forward(network, ids, features, mix)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), expected, rtol=0, atol=1e-5)


def test_stepping_changes_neither_engine_nor_state(themes: list[Piece]) -> None:
    _, engine = networks(small("hybrid"))
    ids, features, mix = stacked(themes, 3)
    here = (ids[:, 0], features.sounding[:, 0], features.place[:, 0], mix[:, 0])
    start = engine.start(3)
    first, _ = engine.step(*here, start)
    again, _ = engine.step(*here, start)
    np.testing.assert_array_equal(first, again)
    assert not start.hidden.any()
    assert not start.cell.any()


# Weights on disk


def some_weights() -> Weights:
    config = small("hybrid")
    network, _ = networks(config)
    arrays = arrays_of(network)
    learned = Learned(25, 1.5, "it was stopped")
    return Weights(
        arrays, config, VOCAB.fingerprint, ("Walk", "Türn"), learned, fingerprint(arrays)
    )


def save(weights: Weights, folder: Path) -> None:
    data, card = to_bytes(weights)
    (folder / WEIGHTS_FILE).write_bytes(data)
    (folder / CARD_FILE).write_bytes(card)


def refused(folder: Path, vocab: str = VOCAB.fingerprint) -> str:
    """Return the one line with which weights are refused, when loaded or when put to use."""

    def use() -> None:
        weights = load(folder, vocab)
        Engine(weights.arrays, weights.model)

    with pytest.raises(CheckpointError) as caught:
        use()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_saved_weights_load_exactly(tmp_path: Path) -> None:
    saved = some_weights()
    save(saved, tmp_path)
    loaded = load(tmp_path, VOCAB.fingerprint)
    assert loaded.arrays.keys() == saved.arrays.keys()
    for name, array in saved.arrays.items():
        assert loaded.arrays[name].dtype == np.float32
        np.testing.assert_array_equal(loaded.arrays[name], array)
    assert (loaded.model, loaded.themes, loaded.learned) == (
        saved.model,
        saved.themes,
        saved.learned,
    )
    assert loaded.fingerprint == saved.fingerprint
    assert to_bytes(loaded) == to_bytes(saved)
    Engine(loaded.arrays, loaded.model)


def test_the_fingerprint_follows_the_values() -> None:
    arrays = dict(some_weights().arrays)
    before = fingerprint(arrays)
    assert fingerprint(dict(reversed(arrays.items()))) == before
    arrays["output.bias"] = arrays["output.bias"] + np.float32(1e-6)
    assert fingerprint(arrays) != before


@pytest.mark.parametrize("missing", [WEIGHTS_FILE, CARD_FILE])
def test_a_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    (tmp_path / missing).unlink()
    message = refused(tmp_path)
    assert missing in message
    assert "learn first" in message


def test_weights_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    assert "another vocabulary" in refused(tmp_path, vocab="0123456789abcdef")


@pytest.mark.parametrize("at", [0, 9, 200, -1])
def test_a_flipped_byte_is_noticed(at: int, tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    data = bytearray((tmp_path / WEIGHTS_FILE).read_bytes())
    data[at] ^= 0x10
    (tmp_path / WEIGHTS_FILE).write_bytes(data)
    refused(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_torn_file_is_noticed(share: float, tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    data = (tmp_path / WEIGHTS_FILE).read_bytes()
    (tmp_path / WEIGHTS_FILE).write_bytes(data[: int(share * len(data))])
    refused(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float, tmp_path: Path) -> None:
    weights = some_weights()
    weights.arrays["output.bias"][3] = value
    save(weights, tmp_path)
    assert "not finite" in refused(tmp_path)


_NAMES = sorted(some_weights().arrays)


@pytest.mark.parametrize("name", _NAMES)
def test_each_array_is_needed(name: str, tmp_path: Path) -> None:
    weights = some_weights()
    arrays = dict(weights.arrays)
    del arrays[name]
    save(replace(weights, arrays=arrays), tmp_path)
    assert "do not fit" in refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "axis"),
    [
        (name, axis)
        for name, array in sorted(some_weights().arrays.items())
        for axis in range(array.ndim)
        # how many pitches sound and places there are is the grammar's affair
        if (name, axis) != ("sounding.weight", 1) and (name[:6], axis) != ("place.", 0)
    ],
)
def test_each_array_has_one_shape(name: str, axis: int, tmp_path: Path) -> None:
    weights = some_weights()
    arrays = dict(weights.arrays)
    arrays[name] = np.ascontiguousarray(np.delete(arrays[name], 0, axis=axis))
    save(replace(weights, arrays=arrays), tmp_path)
    assert "not fit" in refused(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"width": 24}, {"layers": 1}, {"layers": 3}, {"theme": False}, {"embedding": 9}],
    ids=str,
)
def test_a_card_for_another_network_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    weights = some_weights()
    save(replace(weights, model=replace(weights.model, **change)), tmp_path)
    assert "do not fit" in refused(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "vocab = 3",
        "sha256 = false",
        "themes = 7",
        "themes = [1, 2]",
        'themes = ["only one"]',
        "model = 1",
        "model = {width = 'wide'}",
        "model = {breadth = 3}",
        "learned = 'well'",
        "learned = {}",
        "learned = {step = 1, held_out = 'low'}",
        "learned = [1]",
    ],
)
def test_a_card_of_wrong_types_is_refused(line: str, tmp_path: Path) -> None:
    import tomli_w

    save(some_weights(), tmp_path)
    card = tomllib.loads((tmp_path / CARD_FILE).read_text(encoding="utf-8"))
    text = tomli_w.dumps(card | tomllib.loads(line))
    (tmp_path / CARD_FILE).write_text(text, encoding="utf-8")
    refused(tmp_path)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"vocab = ", b"vocab = 'x'"])
def test_a_card_that_is_none_is_refused(text: bytes, tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    (tmp_path / CARD_FILE).write_bytes(text)
    refused(tmp_path)

"""Weights on disk: what was saved loads exactly, and what does not fit is refused in one line."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hocket.config import RunConfig
from hocket.engines import engine_of
from hocket.errors import CheckpointError
from hocket.model import convert
from hocket.model.checking import Conversion
from hocket.model.mapped import arrays_in
from hocket.model.network import Network
from hocket.model.weights import (
    CARD_FILE,
    FILES,
    Learned,
    Weights,
    fingerprint,
    load,
    to_files,
)
from hocket.tokens import VOCAB
from networks import SIZES, arrays_of, lively, small


def some_weights() -> Weights:
    config = small("theme")
    arrays = arrays_of(lively(config))
    return Weights(
        arrays,
        config,
        VOCAB.fingerprint,
        ("Walk", "Türn"),
        Learned(25, 1.5, "it was stopped"),
        convert.to_onnx(arrays, config, SIZES, ["output"]),
        Conversion(("output",), 1.5, 1.501),
        fingerprint(arrays),
    )


def save(weights: Weights, folder: Path) -> None:
    for name, data in to_files(weights).items():
        (folder / name).write_bytes(data)


def refused(folder: Path, vocab: str = VOCAB.fingerprint) -> str:
    """Return the one line with which weights are refused."""
    with pytest.raises(CheckpointError) as caught:
        load(folder, vocab)
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
    assert loaded.conversion == saved.conversion
    assert to_files(loaded) == to_files(saved)
    convert.engine(loaded.engine).start(1).step()


def test_an_engine_of_another_vocabulary_or_more_themes_is_refused() -> None:
    weights = some_weights()
    for sizes in (SIZES._replace(events=5), SIZES._replace(themes=3)):
        network = Network(weights.model, sizes)
        model = convert.to_onnx(arrays_of(network), weights.model, sizes, ())
        with pytest.raises(CheckpointError, match="does not fit"):
            engine_of(replace(weights, engine=model), RunConfig())
    engine_of(weights, RunConfig())


@pytest.mark.parametrize(
    "header",
    [b"[" * 9000, b"[]", b'{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}', b"{"],
)
def test_a_header_that_lies_is_refused(header: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own words
        arrays_in(len(header).to_bytes(8, "little") + header + bytes(8))


def test_the_fingerprint_follows_the_values() -> None:
    arrays = dict(some_weights().arrays)
    before = fingerprint(arrays)
    assert fingerprint(dict(reversed(arrays.items()))) == before
    arrays["output.bias"] = arrays["output.bias"] + np.float32(1e-6)
    assert fingerprint(arrays) != before


@pytest.mark.parametrize("missing", FILES)
def test_a_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    (tmp_path / missing).unlink()
    message = refused(tmp_path)
    assert missing in message
    assert "not there; give a folder" in message


def test_weights_of_another_vocabulary_are_refused(tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    assert "another vocabulary" in refused(tmp_path, vocab="0123456789abcdef")


DIGESTED = [name for name in FILES if name != CARD_FILE]


@pytest.mark.parametrize("name", DIGESTED)
@pytest.mark.parametrize("at", [0, 9, 200, -1])
def test_a_flipped_byte_is_noticed(at: int, name: str, tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[at] ^= 0x10
    (tmp_path / name).write_bytes(data)
    refused(tmp_path)


@pytest.mark.parametrize("name", DIGESTED)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_torn_file_is_noticed(share: float, name: str, tmp_path: Path) -> None:
    save(some_weights(), tmp_path)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(share * len(data))])
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
    assert "not fit" in refused(tmp_path)


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
    [
        {"width": 24},
        {"layers": 1},
        {"layers": 3},
        {"sees_themes": False},
        {"memory": False},
        {"embedding": 9},
    ],
    ids=str,
)
def test_a_card_for_another_network_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    weights = some_weights()
    save(replace(weights, model=replace(weights.model, **change)), tmp_path)
    assert "not fit" in refused(tmp_path)


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
        "engine = 'fast'",
        "engine = {exact = 3, nats = 1.0, nats_int8 = 1.0}",
        "engine = {exact = [], nats = 'few', nats_int8 = 1.0}",
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

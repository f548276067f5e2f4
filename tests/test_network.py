"""The engine says what the network says: in float32, in int8, in a batch, on any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from hocket import config as settings
from hocket.errors import CheckpointError
from hocket.model import checking, convert
from hocket.model.checking import Heard, converted, nats, said
from hocket.model.engine import BoundSteps, Engine
from hocket.model.folding import PLACES, RECALLED_EVENTS
from hocket.music import Piece
from hocket.tokens import FEATURES, PLACE_SIZES
from hocket.tokens.memory import NOTHING, TAPES
from networks import SIZES, arrays_of, engine_of, heard, lively, network_says, small


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Small products only: where the machine is busy, threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tell(steps: BoundSteps, sequence: Heard, t: int) -> None:
    steps.events[:], steps.seen[:] = sequence.events[t], sequence.seen[t]
    steps.recalled[:] = sequence.recalled[t]


def together(engine: Engine, sequences: list[Heard]) -> np.ndarray:
    """Return the logits (B, T, V) of sequences stepped as one batch."""
    steps = engine.start(len(sequences))
    rows = []
    for t in range(len(sequences[0].events)):
        steps.events[:] = [sequence.events[t] for sequence in sequences]
        steps.seen[:] = [sequence.seen[t] for sequence in sequences]
        steps.recalled[:] = [sequence.recalled[t] for sequence in sequences]
        steps.step()
        rows.append(steps.logits.copy())
    return np.stack(rows, axis=1)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("preset", settings.PRESETS)
def test_engine_equals_network(preset: str, layers: int, themes: list[Piece]) -> None:
    network = lively(small(preset, layers))
    sequences = heard(themes, 60)
    expected = np.stack(network_says(network, sequences))
    assert expected.std() > 0.1
    found = together(engine_of(network), sequences)
    np.testing.assert_allclose(found, expected, rtol=0, atol=checking.TOLERANCE)


COLUMNS = {
    "sounding": slice(0, SIZES.pitches),
    "place": slice(SIZES.pitches, FEATURES),
    "sees_themes": slice(FEATURES, None),
}


@pytest.mark.parametrize("left_out", [*COLUMNS, "memory"])
def test_each_input_counts_and_may_be_left_out(left_out: str, themes: list[Piece]) -> None:
    sequences = heard(themes, 30)
    changed = [s._replace(seen=s.seen.copy(), recalled=s.recalled.copy()) for s in sequences]
    for _, seen, recalled, _ in changed:
        if left_out == "memory":
            recalled[:] = (recalled + 7) % SIZES.events
        else:
            seen[:, COLUMNS[left_out]] = seen[:, COLUMNS[left_out]][:, ::-1]
    seeing = engine_of(lively(small("theme")))
    assert np.abs(together(seeing, sequences) - together(seeing, changed)).max() > 1e-3
    network = lively(replace(small("theme"), **{left_out: False}))
    blind = engine_of(network)
    without = together(blind, sequences)
    np.testing.assert_array_equal(without, together(blind, changed))
    np.testing.assert_allclose(
        without, np.stack(network_says(network, sequences)), rtol=0, atol=checking.TOLERANCE
    )


@pytest.mark.parametrize("tape", range(TAPES))
def test_each_tape_of_memory_counts(tape: int, themes: list[Piece]) -> None:
    (sequence, *_) = heard(themes, 40)
    assert (sequence.recalled != NOTHING).any()
    other = sequence._replace(recalled=sequence.recalled.copy())
    other.recalled[20, tape] = (other.recalled[20, tape] + 1) % SIZES.events
    engine = engine_of(lively(small("theme")))
    one, two = said(engine, sequence), said(engine, other)
    np.testing.assert_array_equal(one[:20], two[:20])
    assert np.abs(one[20] - two[20]).max() > 1e-3


@pytest.mark.parametrize("exact", [None, ()], ids=["float32", "int8"])
@pytest.mark.parametrize("preset", settings.PRESETS)
def test_a_row_in_a_batch_is_that_row_alone(
    preset: str, exact: tuple[str, ...] | None, themes: list[Piece]
) -> None:
    engine = engine_of(lively(small(preset)), exact)
    sequences = heard(themes, 40)
    in_a_batch = together(engine, sequences)
    for row, sequence in enumerate(sequences):
        alone = said(engine, sequence)
        if exact is None:
            np.testing.assert_allclose(in_a_batch[row], alone, rtol=0, atol=1e-5)
        else:
            np.testing.assert_array_equal(in_a_batch[row], alone)


@pytest.mark.parametrize("exact", [(), ("output",), None], ids=str)
@pytest.mark.parametrize("batch", [2, 5, 13, 32])
def test_a_batch_of_any_size_says_the_same_bits(
    batch: int, exact: tuple[str, ...] | None, themes: list[Piece]
) -> None:
    """In int8 for certain; where ONNX Runtime's float32 differs, it does so in the last bits only."""
    engine = engine_of(lively(replace(small("theme"), width=64)), exact)
    sequences = [heard(themes, 30)[row % 3] for row in range(batch)]
    found = together(engine, sequences)
    for row in range(3 if batch > 3 else batch):
        alone = said(engine, sequences[row])
        if exact == ():
            np.testing.assert_array_equal(found[row], alone)
        np.testing.assert_allclose(found[row], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("exact", [None, (), ("output",)], ids=str)
def test_threads_change_no_bit(exact: tuple[str, ...] | None, themes: list[Piece]) -> None:
    network, sequences = lively(replace(small("theme"), width=96)), heard(themes, 30)
    one, two = (together(engine_of(network, exact, n), sequences) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, together(engine_of(network, exact, None), sequences))


def test_a_state_can_be_kept_and_given_back(themes: list[Piece]) -> None:
    for exact in (None, ()):
        engine = engine_of(lively(small("theme")), exact)
        (sequence, *_) = heard(themes, 40)
        steps, rows = engine.start(1), []
        for t in range(40):
            if t == 20:
                kept = steps.state
                steps = engine.start(1)
                steps.state = kept
            tell(steps, sequence, t)
            steps.step()
            rows.append(steps.logits[0].copy())
        np.testing.assert_array_equal(rows, said(engine, sequence))


def test_two_batches_of_an_engine_do_not_meddle(themes: list[Piece]) -> None:
    engine = engine_of(lively(small("theme")))
    first, second, _ = heard(themes, 20)
    one, two = engine.start(1), engine.start(1)
    for t in range(20):
        for steps, sequence in ((one, first), (two, second)):
            tell(steps, sequence, t)
            steps.step()
    np.testing.assert_array_equal(one.logits[0], said(engine, first)[-1])
    np.testing.assert_array_equal(two.logits[0], said(engine, second)[-1])


# Conversion


def test_int8_is_near_and_keeps_in_float_what_it_must(
    themes: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, sequences = lively(small("theme")), heard(themes, 60)
    arrays, expected = arrays_of(network), network_says(network, sequences)
    truth = nats(expected, sequences)
    losses = []
    for most_lost in (np.inf, 0.005, -np.inf):
        monkeypatch.setattr(checking, "MOST_LOST", most_lost)
        model, conversion = converted(arrays, network.config, SIZES, sequences, expected)
        assert conversion.nats == pytest.approx(truth, rel=1e-5)
        found = [said(convert.engine(model, 1), sequence) for sequence in sequences]
        assert conversion.nats_int8 == pytest.approx(nats(found, sequences), rel=1e-6)
        losses.append((conversion.exact, abs(conversion.nats_int8 / conversion.nats - 1)))
    (freely, lost), (_, within), (everything, nothing) = losses
    assert freely == ()
    assert 0 < lost < 0.05
    assert within <= 0.005
    assert everything == convert.parts(network.config)
    assert nothing < 1e-6


def test_nats_are_those_of_the_next_events() -> None:
    logits = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [1, 1, 1]], np.float32))
    seen, recalled = np.zeros((3, 1), np.float32), np.zeros((3, TAPES), np.int64)
    sequence = Heard(np.array([2, 0, 1]), seen, recalled, np.array([0, 1, -1]))
    expected = -(np.log(0.5) + np.log(0.8)) / 2
    assert nats([logits], [sequence]) == pytest.approx(expected, rel=1e-6)
    first = sequence._replace(following=np.array([0, -1, -1]))
    assert nats([logits], [first]) == pytest.approx(-np.log(0.5), rel=1e-6)
    assert nats([logits], [sequence._replace(following=np.full(3, -1))]) == 0


def test_an_engine_that_is_not_the_network_is_refused(themes: list[Piece]) -> None:
    network, sequences = lively(small("theme")), heard(themes, 20)
    other = [rows + np.float32(1e-3) for rows in network_says(network, sequences)]
    with pytest.raises(CheckpointError, match="away from the network"):
        converted(arrays_of(network), network.config, SIZES, sequences, other)


@pytest.mark.parametrize(
    "change", [{"themes": 3}, {"events": 5}, {"pitches": 87}, {"recalled": 1}], ids=str
)
def test_weights_for_other_inputs_are_refused(change: dict[str, Any]) -> None:
    network = lively(small("theme"))
    with pytest.raises(CheckpointError, match="do not fit"):
        convert.to_onnx(arrays_of(network), network.config, SIZES._replace(**change), ())


@pytest.mark.parametrize("graph", [b"", b"no graph", b"\x08\x09"])
def test_a_graph_that_is_none_is_refused(graph: bytes) -> None:
    with pytest.raises(CheckpointError, match="cannot be used") as caught:
        Engine(graph, {})
    assert "\n" not in str(caught.value)


def test_a_graph_of_others_is_refused() -> None:
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph([helper.make_node("Tanh", ["x"], ["y"])], "g", [value], [other])
    opset = helper.make_opsetid("", convert.OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=convert.IR_VERSION)
    with pytest.raises(CheckpointError, match="no model of hocket's"):
        Engine(model.SerializeToString(), {})


def test_weights_that_are_no_numbers_are_refused(themes: list[Piece]) -> None:
    network, sequences = lively(small("theme")), heard(themes, 20)
    arrays = arrays_of(network)
    arrays["output.bias"][0] = np.nan
    with pytest.raises(CheckpointError, match="went astray"):
        converted(arrays, network.config, SIZES, sequences)


def test_sizes_are_those_of_the_grammar() -> None:
    """Features come before the mix; what checks weights before sizes are known knows the same."""
    assert SIZES.seen == FEATURES + SIZES.themes
    assert (len(PLACE_SIZES), TAPES) == (PLACES, RECALLED_EVENTS)
    assert SIZES.events == NOTHING

"""What a theme changes in the base model's weights: the same in torch and in numpy, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from hocket.config import RunConfig
from hocket.corpus import build, training_batch
from hocket.errors import CheckpointError
from hocket.model.changes import BIAS, LEFT, RIGHT, changed, merged
from hocket.model.network import Network
from hocket.music import Piece
from hocket.training.gradients import OnGpu, OnProcessor
from hocket.training.workers import Workers
from networks import SIZES, arrays_of, heard, lively, network_says, small

RANK = 3


def adapted(layers: int = 2) -> tuple[Network, dict[str, np.ndarray]]:
    """Return a network with changes that are not zero, and its weights before them."""
    network = lively(small("theme", layers))
    before = arrays_of(network)
    network.adapted_by(RANK)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
                assert name.startswith("adapter.")
    return network, before


def changes_of(network: Network, kind: type = np.float32) -> dict[str, np.ndarray]:
    assert network.adapter is not None
    return {
        name: parameter.detach().numpy().astype(kind)
        for name, parameter in network.adapter.named_parameters()
    }


def says(network: Network, themes: list[Piece]) -> np.ndarray:
    (sequence, *_) = heard(themes, 40)
    batch = [torch.from_numpy(array)[None] for array in sequence[:3]]
    ends = np.cumsum((SIZES.pitches, *SIZES.places))
    sounding, *places, mix = np.split(sequence.seen, ends, axis=1)
    place = torch.from_numpy(np.stack([p.argmax(1) for p in places], axis=1))[None]
    with torch.no_grad():
        logits, _ = network(
            batch[0],
            torch.from_numpy(sounding)[None],
            place,
            batch[2],
            torch.from_numpy(mix)[None],
            network.start(1),
        )
    return np.asarray(logits[0].numpy())


def test_at_first_nothing_is_changed(themes: list[Piece]) -> None:
    plain, network = lively(small("theme")), lively(small("theme"))
    network.adapted_by(RANK)
    np.testing.assert_array_equal(says(network, themes), says(plain, themes))
    arrays = arrays_of(plain)
    for name, array in merged(arrays, changes_of(network)).items():
        np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_merged_weights_say_what_the_adapted_network_says(layers: int, themes: list[Piece]) -> None:
    network, before = adapted(layers)
    whole = lively(small("theme", layers))
    arrays = merged(before, changes_of(network))
    whole.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    found = says(network, themes)
    np.testing.assert_allclose(says(whole, themes), found, rtol=1e-4, atol=1e-4)
    (first, *_) = network_says(whole, heard(themes, 40))
    np.testing.assert_allclose(first, found, rtol=1e-4, atol=1e-4)
    assert np.abs(found - says(lively(small("theme", layers)), themes)).max() > 0.1


def test_lstms_and_output_are_changed_and_each_bias_once() -> None:
    network, before = adapted()
    after = merged(before, changes_of(network))
    different = {name for name in before if (before[name] != after[name]).any()}
    expected = {name for name in before if name.startswith(("lstms.", "output."))}
    expected -= {name for name in before if "bias_hh" in name}
    assert different == expected == {name for name in before if changed(name)}
    assert all(after[name].dtype == np.float32 for name in after)
    for name, array in before.items():
        if changed(name) and array.ndim == 2:
            assert np.linalg.matrix_rank(after[name] - array, tol=1e-3) == RANK


def test_only_the_changes_are_learned_and_both_ways_learn_the_same(
    themes: list[Piece], tiny: RunConfig
) -> None:
    """On shards as by plain torch; the weights below have no gradient."""
    model = replace(small("theme"), dropout=0.0, hidden=0.0)
    training = replace(tiny.training, precision="float32", shards=2)
    config = replace(tiny, model=model, training=training)
    batch = training_batch(build(themes), training, 1, 0)
    torch.manual_seed(3)
    network = lively(model)
    network.adapted_by(RANK)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    found = []
    for way in (OnProcessor(network, config, Workers(1)), OnGpu(network, config)):
        loss, _ = way.learn(batch, network.start(training.batch), 0)
        gradients = {
            name: parameter.grad.clone()
            for name, parameter in network.named_parameters()
            if parameter.grad is not None
        }
        found.append((loss, gradients))
    (mine, gradients), (theirs, others) = found
    assert mine == pytest.approx(theirs, rel=1e-5)
    assert gradients.keys() == others.keys()
    assert all(name.startswith("adapter.") for name in gradients)
    for name, gradient in gradients.items():
        assert float((gradient - others[name]).norm()) <= 1e-4 * float(others[name].norm())
        assert gradient.abs().max() > 0


def test_changes_in_sixteen_bits_are_nearly_the_same() -> None:
    network, before = adapted()
    exact, rounded = (
        merged(before, changes_of(network, kind)) for kind in (np.float32, np.float16)
    )
    for name, array in exact.items():
        np.testing.assert_allclose(rounded[name], array, rtol=0, atol=1e-2)


def test_changes_that_do_not_fit_are_refused() -> None:
    network, before = adapted()
    changes = changes_of(network)
    name = next(name for name in changes if name.startswith(LEFT))
    key = name.removeprefix(LEFT)
    for broken in (
        {**changes, name: changes[name][1:]},
        {**changes, name: changes[name][:, 1:]},
        {n: array for n, array in changes.items() if n != RIGHT + key},
        {**changes, f"{BIAS}lstms-7-bias_ih_l0": np.zeros(3, np.float32)},
        {**changes, f"{BIAS}output-bias": np.zeros(3, np.float32)},
    ):
        with pytest.raises(CheckpointError, match="do not fit the base model"):
            merged(before, broken)

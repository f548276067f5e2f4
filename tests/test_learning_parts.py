"""The fast parts of learning say what torch's own say, and chance depends on nothing but its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hocket.model import floats
from hocket.model.chance import Chance, dropout, hidden_events
from hocket.model.lstm import lstm
from hocket.model.surprise import surprise
from hocket.model.workspace import Workspace, array

KINDS = [torch.float32, torch.bfloat16]
ODD_SHAPES = [(1, 1, 1, 1), (7, 3, 13, 17), (5, 16, 32, 64), (12, 2, 40, 33)]
"""Times, rows, inputs, width."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(5)
    yield
    torch.set_num_threads(before)


def distance(one: Tensor, two: Tensor) -> float:
    """Return how far apart two tensors are, as a share of their length."""
    return float(((one - two).norm() / one.norm().clamp(min=1e-12)).detach())


# The LSTM layer


@pytest.mark.parametrize("shape", ODD_SHAPES, ids=str)
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_the_layer_and_its_gradients_are_those_of_torch(
    kind: torch.dtype, tolerance: float, shape: tuple[int, int, int, int]
) -> None:
    """bfloat16 has 8 bits of precision, 4e-3; what is summed up over time is a little further off."""
    times, rows, size, width = shape
    theirs = nn.LSTM(size, width)
    weights = tuple(theirs.parameters())
    inputs = torch.randn(times, rows, size, requires_grad=True)
    state = 0.3 * torch.randn(rows, width), 0.3 * torch.randn(rows, width)
    above = torch.randn(times, rows, width)
    expected, after = theirs(inputs, (state[0][None], state[1][None]))
    gradients = torch.autograd.grad((expected * above).sum(), (inputs, *weights))
    memory = Workspace()
    for _ in range(2):  # memory is used again
        hidden, mine = lstm(inputs.to(kind), state, weights, memory)
        assert hidden.dtype == kind
        assert distance(expected, hidden.float()) < tolerance
        for one, two in zip(after, mine, strict=True):
            assert two.dtype == torch.float32
            assert distance(one[0], two) < tolerance
        found = torch.autograd.grad((hidden.float() * above).sum(), (inputs, *weights))
        for one, two in zip(gradients, found, strict=True):
            assert two.shape == one.shape
            assert distance(one, two) < tolerance


def test_without_torch_s_private_product_the_layer_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = nn.LSTM(12, 20)
    inputs = torch.randn(6, 4, 12).bfloat16()
    state = torch.zeros(4, 20), torch.zeros(4, 20)
    with torch.no_grad():
        one, _ = lstm(inputs, state, tuple(theirs.parameters()), Workspace())
        monkeypatch.setattr("hocket.model.lstm._is_arranging_bfloat16", lambda: False)
        two, _ = lstm(inputs, state, tuple(theirs.parameters()), Workspace())
    assert distance(one.float(), two.float()) < 1e-2


# The output layer and its loss


@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 17, 33), (40, 32, 323)], ids=str)
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_the_loss_and_its_gradients_are_those_of_torch(
    kind: torch.dtype, tolerance: float, shape: tuple[int, int, int]
) -> None:
    count, width, size = shape
    layer = nn.Linear(width, size)
    hidden = torch.randn(count, width, requires_grad=True)
    targets = torch.randint(0, size, (count,))
    targets[1::3] = -100
    wanted = (hidden, layer.weight, layer.bias)
    expected = nn.functional.cross_entropy(3 * layer(hidden), targets, reduction="sum") / 7
    tripled = nn.Parameter(3 * layer.weight.detach()), nn.Parameter(3 * layer.bias.detach())
    mine = surprise(hidden.to(kind), tripled, targets.numpy(), 1 / 7, Workspace())
    assert mine.item() == pytest.approx(expected.item(), rel=tolerance, abs=tolerance)
    gradients = torch.autograd.grad(expected, wanted)
    found = torch.autograd.grad(2 * mine, (hidden, *tripled))
    scales = (1 / 2, 3 / 2, 3 / 2)
    for one, two, scale in zip(gradients, found, scales, strict=True):
        assert float((one - scale * two).abs().max()) <= tolerance * max(
            float(one.abs().max()), 1e-3
        )


# Numbers


def test_bfloat16_is_torch_s() -> None:
    values = torch.cat([torch.randn(1000) * 10.0**e for e in (-30, -3, 0, 3, 30)])
    values = torch.cat([values, torch.tensor([0.0, -0.0, 1 + 2.0**-8, 1 + 3 * 2.0**-8])])[None]
    narrow, wide = torch.empty(values.shape[1], 1).bfloat16(), torch.empty_like(values)
    floats.transpose(array(values), array(narrow))
    assert torch.equal(narrow, values.bfloat16().t())
    floats.transpose(array(narrow), array(wide))
    assert torch.equal(wide, values.bfloat16().float())


@pytest.mark.parametrize("block", [1, 31, 32, 70])
def test_a_matrix_is_turned_over(block: int) -> None:
    values = np.arange(block * 45, dtype=np.float32).reshape(block, 45)
    turned = np.empty((45, block), np.float32)
    floats.transpose(values, turned)
    np.testing.assert_array_equal(turned, values.T)


@pytest.mark.parametrize(
    ("mine", "exact", "low", "high"),
    [
        (floats.tanh, np.tanh, -20, 20),
        (floats.sigmoid, lambda x: 1 / (1 + np.exp(-x)), -20, 20),
        (floats.exp, np.exp, -80, 0),
    ],
)
def test_approximations_are_near(mine: Any, exact: Any, low: float, high: float) -> None:
    points = np.linspace(low, high, 20_001).astype(np.float32)
    found = np.array([mine(x) for x in points])
    assert np.abs(found - exact(points.astype(np.float64))).max() < 4e-7


# Chance


def dropped(rows: slice, chance: Chance, purpose: int = 1) -> Tensor:
    values = torch.ones(6, 8, 32)[:, rows].contiguous()
    return dropout(values, 0.25, chance, purpose, Workspace())


def test_a_row_has_its_own_chance_in_whatever_part_it_is_learned() -> None:
    whole = dropped(slice(0, 8), Chance(1, 2, 0))
    part = dropped(slice(3, 5), Chance(1, 2, 3))
    assert torch.equal(whole[:, 3:5], part)
    events = hidden_events((6, 8), 0.5, Chance(1, 2, 0), 0)
    assert torch.equal(events[:, 3:5], hidden_events((6, 2), 0.5, Chance(1, 2, 3), 0))


def test_chance_follows_rng_step_and_purpose_and_not_torch_s_generator() -> None:
    one = dropped(slice(0, 8), Chance(1, 2, 0))
    torch.rand(3)
    assert torch.equal(one, dropped(slice(0, 8), Chance(1, 2, 0)))
    for other in (dropped(slice(0, 8), Chance(2, 2, 0)), dropped(slice(0, 8), Chance(1, 3, 0))):
        assert not torch.equal(one, other)
    assert not torch.equal(one, dropped(slice(0, 8), Chance(1, 2, 0), purpose=2))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_keeps_the_sum_and_drops_the_same_in_the_gradient(kind: torch.dtype) -> None:
    values = torch.ones(40, 16, 64, dtype=kind, requires_grad=True)
    kept = dropout(values, 0.25, Chance(3, 0, 0), 1, Workspace())
    (gradient,) = torch.autograd.grad(kept, values, torch.ones_like(values))
    assert torch.equal(gradient, kept)
    assert set(kept.flatten().tolist()) == {0.0, float(torch.tensor(4 / 3).to(kind))}
    assert float((kept == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    for axis in (0, 1, 2):  # no time, row or unit is dropped more often than another
        others = [a for a in range(3) if a != axis]
        assert float(((kept == 0).float().mean(others) - 0.25).abs().max()) < 0.1
    pairs = (kept[:, :, 1:] == 0) & (kept[:, :, :-1] == 0)
    assert float(pairs.float().mean()) == pytest.approx(0.25**2, abs=0.01)
    assert dropout(values, 0.0, Chance(3, 0, 0), 1, Workspace()) is values

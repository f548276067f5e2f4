"""One LSTM layer that learns fast on a processor, in float32 or bfloat16.

`nn.LSTM` spends most of its time between the products. Here what the inputs add to the gates is one
product for all times; each time step is one product and one compiled loop (`cells.py`), forward and
backward; the gradients of the weights are again one product for all times. Activations are kept in
the data type of the inputs, cell states and sums in float32. Surprising decisions: times come first,
(T, B, H), so that one time step is one piece of memory; and all memory is used again in the next
step, since the system takes as long to hand out a fresh page as a product takes to fill it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from hocket.model import cells
from hocket.model.workspace import Workspace, array


def lstm(
    inputs: Tensor,
    state: tuple[Tensor, Tensor],
    weights: Sequence[Tensor],
    memory: Workspace,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return hidden values (T, B, H) in the data type of inputs (T, B, I), and the state after.

    The state is hidden and cell, float32 (B, H); no gradient flows through it. The weights are those
    of `nn.LSTM`: input (4H, I), hidden (4H, H) and both biases (4H), float32. What is returned and
    the gradient of the inputs stay valid until `memory` is used again.
    """
    hidden, *after = _Lstm.apply(memory, inputs, *state, *weights)  # type: ignore[no-untyped-call]
    return hidden, (after[0], after[1])


class _Lstm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, memory: Workspace, *tensors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs, hidden_before, cell_before, w_input, w_hidden, b_input, b_hidden = tensors
        (times, rows, _), width, kind = inputs.shape, w_hidden.shape[1], inputs.dtype
        w_input, w_hidden = w_input.to(kind), w_hidden.to(kind)
        gates = memory.tensor("gates", (times, rows, 4 * width), kind)
        hidden = memory.tensor("hidden", (times + 1, rows, width), kind)
        cell = memory.tensor("cell", (times + 1, rows, width), torch.float32)
        torch.mm(inputs.flatten(0, 1), w_input.t(), out=gates.flatten(0, 1))
        hidden[0], cell[0] = hidden_before, cell_before
        turned = memory.transposed("w_hidden", w_hidden)
        multiplied = _multiplier(w_hidden, turned, rows)
        bias, scratch = array(b_input + b_hidden), array(torch.empty(4 * width))
        arrays = bias, array(cell), array(hidden), scratch
        gates_array = array(gates)
        for t, before in enumerate(hidden[:-1].unbind()):
            cells.forward_step(gates_array, array(multiplied(before)), *arrays, t)
        ctx.save_for_backward(inputs)
        ctx.kept = memory, gates, hidden, cell, w_input, (turned, w_hidden)
        last = hidden[times].to(torch.float32, copy=True), cell[times].clone()
        ctx.mark_non_differentiable(*last)
        return hidden[1:], *last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (inputs,), (memory, gates, hidden, cell, w_input, w_hidden) = ctx.saved_tensors, ctx.kept
        (times, rows, size), width, kind = inputs.shape, hidden.shape[2], inputs.dtype
        multiplied = _multiplier(w_hidden[0], w_hidden[1], rows)
        d_hidden = torch.zeros(rows, width, dtype=kind)
        d_cell, d_bias = torch.zeros(rows, width), torch.zeros(4 * width)
        sums = array(d_cell), array(d_bias), array(torch.empty(4 * width))
        arrays = array(gates), array(cell), array(grads[0].contiguous())
        by_time = gates.unbind()
        for t in reversed(range(times)):
            cells.backward_step(*arrays, array(d_hidden), *sums, t)
            if t:
                d_hidden = multiplied(by_time[t])
        d_gates = gates.flatten(0, 1)
        d_inputs = None
        if ctx.needs_input_grad[1]:
            d_inputs = memory.tensor("d_inputs", (times, rows, size), kind)
            torch.mm(d_gates, w_input, out=d_inputs.flatten(0, 1))
        d_input = memory.outer("d_input", d_gates, inputs.flatten(0, 1))
        d_hidden = memory.outer("d_hidden", d_gates, hidden[:-1].flatten(0, 1))
        return None, d_inputs, None, None, d_input, d_hidden, d_bias, d_bias


def _multiplier(weight: Tensor, turned: Tensor, rows: int) -> Callable[[Tensor], Tensor]:
    """Return what multiplies (rows, K) by a weight, given as (N, K) and as (K, N), again and again.

    In bfloat16, oneDNN arranges the weight for the matrix unit once instead of in each product: up to
    twice as fast for few rows. PyTorch offers that under a private name only, so it may be missing;
    and it refuses where the processor has no instructions for it.
    """
    if weight.dtype == torch.bfloat16 and _is_arranging_bfloat16():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        product = torch.ops.mkldnn._linear_pointwise.default
        return lambda values: product(values, packed, None, "none", [], "")
    return lambda values: torch.mm(values, turned)


@cache
def _is_arranging_bfloat16() -> bool:
    """Whether oneDNN can arrange weights in bfloat16 here."""
    reorder = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
    try:
        return (
            reorder is not None and reorder(torch.zeros(1, 1, dtype=torch.bfloat16), 1) is not None
        )
    except RuntimeError:  # this processor has none of the instructions
        return False

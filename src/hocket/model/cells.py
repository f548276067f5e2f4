"""The pointwise half of an LSTM step, forward and backward, over rows of float32 or bfloat16.

Gates stand in the order input, forget, cell, output, as in `torch.nn.LSTM`; H is the width. bfloat16
arrives as its bits in uint16 and is computed with in float32. Surprising decision: each row passes
through a float32 scratch line in several small loops, since LLVM makes vectors only of loops that
touch few arrays; the line stays in the fastest cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.model.floats import Values, narrowed, sigmoid, tanh, widened


@compiled
def forward_step(
    gates: Values,
    recurrent: Values,
    bias: NDArray[np.float32],
    cell: NDArray[np.float32],
    hidden: Values,
    scratch: NDArray[np.float32],
    t: int,
) -> None:
    """Turn the inputs' share of the gates (T, B, 4H) at time t into activations, in place.

    recurrent (B, 4H) is the state's share; bias (4H). Reads cell[t] and writes cell[t + 1] and
    hidden[t + 1], both (T + 1, B, H). scratch (4H) holds anything.
    """
    rows, width = cell.shape[1], cell.shape[2]
    i_f, g, o = scratch[: 2 * width], scratch[2 * width : 3 * width], scratch[3 * width :]
    i, f = scratch[:width], scratch[width : 2 * width]
    for b in range(rows):
        gate, state = gates[t, b], recurrent[b]
        before, after, out = cell[t, b], cell[t + 1, b], hidden[t + 1, b]
        for j in range(4 * width):
            scratch[j] = widened(gate[j]) + widened(state[j]) + bias[j]
        for j in range(2 * width):
            i_f[j] = sigmoid(i_f[j])
        for j in range(width):
            g[j] = tanh(g[j])
        for j in range(width):
            o[j] = sigmoid(o[j])
        for j in range(4 * width):
            gate[j] = narrowed(scratch[j], gate[j])
        for j in range(width):
            after[j] = f[j] * before[j] + i[j] * g[j]
        for j in range(width):
            out[j] = narrowed(o[j] * tanh(after[j]), out[j])


@compiled
def backward_step(
    gates: Values,
    cell: NDArray[np.float32],
    d_output: Values,
    d_hidden: Values,
    d_cell: NDArray[np.float32],
    d_bias: NDArray[np.float32],
    scratch: NDArray[np.float32],
    t: int,
) -> None:
    """Turn the activations (T, B, 4H) at time t into the gradients of the gates' inputs, in place.

    d_output (T, B, H) comes from above, d_hidden (B, H) from time t + 1; d_cell (B, H) is carried to
    t - 1 in place, d_bias (4H) is added to. scratch (4H) holds anything.
    """
    rows, width = cell.shape[1], cell.shape[2]
    di, df = scratch[:width], scratch[width : 2 * width]
    dg, do = scratch[2 * width : 3 * width], scratch[3 * width :]
    one = np.float32(1)
    for b in range(rows):
        gate, before, after = gates[t, b], cell[t, b], cell[t + 1, b]
        i, f = gate[:width], gate[width : 2 * width]
        g, o = gate[2 * width : 3 * width], gate[3 * width :]
        above, right, carried = d_output[t, b], d_hidden[b], d_cell[b]
        for j in range(width):
            dg[j] = tanh(after[j])
        for j in range(width):
            do[j] = (widened(above[j]) + widened(right[j])) * widened(o[j])
        for j in range(width):
            carried[j] += do[j] * (one - dg[j] * dg[j])
        for j in range(width):
            do[j] *= dg[j] * (one - widened(o[j]))
        for j in range(width):
            di[j] = carried[j] * widened(g[j]) * widened(i[j]) * (one - widened(i[j]))
        for j in range(width):
            df[j] = carried[j] * before[j] * widened(f[j]) * (one - widened(f[j]))
        for j in range(width):
            dg[j] = carried[j] * widened(i[j]) * (one - widened(g[j]) * widened(g[j]))
        for j in range(width):
            carried[j] *= widened(f[j])
        for j in range(4 * width):
            gate[j] = narrowed(scratch[j], gate[j])
        for j in range(4 * width):
            d_bias[j] += scratch[j]

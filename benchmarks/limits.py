"""What the machine can do at most, measured: the rates that limit a network's steps.

    python benchmarks/limits.py

Reading: a compiled loop that sums a buffer again and again, and does hardly anything else; a step of an
LSTM needs every weight once, so it can be no faster. Products: square matrices in torch (float32,
bfloat16) and in ONNX Runtime (int8). The best of several tries counts. Surprising decisions: the
buffers are as large as the weights are, int8 and float32, since 3.3 MB of weights stay in cache and
main memory does not limit them; and every second turn goes backwards, which finds the end of the turn
before still in the nearest cache, and is half as fast again as going round and round.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.tokens import FEATURES, VOCAB

BEYOND_CACHES = 1 << 30
BLOCK = 1024
SEEN = FEATURES + 2
"""Numbers that hocket's engine sees beside the event: features, and the weights of two themes."""


@dataclass(frozen=True)
class Limits:
    """Bytes read a second by buffer, and operations a second by precision; two a multiply-add."""

    read: Mapping[str, float]
    """By `BUFFER, N threads`, the buffer being `int8 weights`, `float32 weights` or `memory`."""
    products: Mapping[str, float]
    """By `PRECISION, N threads`."""


def weights_read(width: int, seen: int, events: int) -> int:
    """Return how many weights a step of hocket's two-layer engine multiplies with.

    `seen` are the numbers beside the event, folded to weights of the first gates; the event itself and
    those recalled are rows that are looked up, and left out here.
    """
    return 4 * width * (seen + 3 * width) + width * events


def weights_trained(width: int, inputs: int, events: int) -> int:
    """Return how many weights an event is multiplied with in training."""
    return 4 * width * (inputs + 3 * width) + width * events


def training_flops(width: int, inputs: int, events: int) -> int:
    """Return the operations of learning from one event: forward, and twice that backward."""
    return 6 * weights_trained(width, inputs, events)


def measure(width: int = 512, threads: int = 2, *, quick: bool = False) -> Limits:
    """Measure all limits; half a minute, or a moment (and of no use) if it must be quick."""
    size, seconds = (256, 0.01) if quick else (2048, 0.5)
    weights = weights_read(width, SEEN, len(VOCAB))
    beyond = 1 << 22 if quick else BEYOND_CACHES
    buffers = {"int8 weights": weights, "float32 weights": 4 * weights, "memory": beyond}
    counts = sorted({1, threads})
    return Limits(
        {
            f"{name}, {_threads(count)}": read_rate(buffer, count, seconds)
            for name, buffer in buffers.items()
            for count in counts
        },
        {
            f"{name}, {_threads(count)}": rate(size, count, seconds)
            for name, rate in PRODUCTS.items()
            for count in counts
        },
    )


def best_of(one: Limits, other: Limits) -> Limits:
    """Return the higher of each two rates: what was measured while others worked is no limit."""
    return Limits(
        {name: max(rate, other.read[name]) for name, rate in one.read.items()},
        {name: max(rate, other.products[name]) for name, rate in one.products.items()},
    )


def read_rate(size: int, threads: int, seconds: float) -> float:
    """Return the bytes a second that threads read at best, each going over a buffer of its own."""
    buffers = [np.ones(max(size // 8, 8), np.int64) for _ in range(threads)]
    _sum(buffers[0], 1)
    began = time.perf_counter()
    _sum(buffers[0], 1)
    times = max(1, int(seconds / 4 / max(time.perf_counter() - began, 1e-7)))

    def work() -> float:
        readers = [threading.Thread(target=_sum, args=(buffer, times)) for buffer in buffers]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return float(sum(buffer.nbytes for buffer in buffers) * times)

    return best_rate(work, seconds)


def best_rate(work: Callable[[], float], seconds: float) -> float:
    """Return the best rate that work reached in some seconds of trying."""
    began, best = time.perf_counter(), 0.0
    while not best or time.perf_counter() - began < seconds:
        before = time.perf_counter()
        done = work()
        best = max(best, done / (time.perf_counter() - before))
    return best


@compiled
def _sum(buffer: NDArray[np.int64], times: int) -> int:
    blocks = (len(buffer) + BLOCK - 1) // BLOCK
    total = 0
    for turn in range(times):
        for i in range(blocks):
            block = blocks - 1 - i if turn & 1 else i
            part = buffer[block * BLOCK : (block + 1) * BLOCK]
            for k in range(len(part)):
                total += part[k]
    return total


def _torch_rate(precision: str) -> Callable[[int, int, float], float]:
    def rate(size: int, threads: int, seconds: float) -> float:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        left = torch.ones(size, size, dtype=getattr(torch, precision))
        right, result = torch.ones_like(left), torch.empty_like(left)

        def work() -> float:
            torch.mm(left, right, out=result)
            return 2.0 * size**3

        work()
        best = best_rate(work, seconds)
        torch.set_num_threads(before)
        return best

    return rate


def _int8_rate(size: int, threads: int, seconds: float) -> float:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    weights = np.ones((size, size), np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [size, size])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [size, size])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    inputs = {"x": np.ones((size, size), np.uint8)}

    def work() -> float:
        session.run(None, inputs)
        return 2.0 * size**3

    work()
    return best_rate(work, seconds)


PRODUCTS = {
    "float32": _torch_rate("float32"),
    "bfloat16": _torch_rate("bfloat16"),
    "int8": _int8_rate,
}
"""How the rate of products (size, threads, seconds) is measured, by precision."""


def _threads(count: int) -> str:
    return f"{count} thread" if count == 1 else f"{count} threads"


def described(limits: Limits) -> dict[str, Any]:
    """Return the limits as a table's cells: rate by name."""
    return {
        **{f"read: {name}": f"{rate / 1e9:.0f} GB/s" for name, rate in limits.read.items()},
        **{f"product: {name}": f"{rate / 1e9:,.0f} G/s" for name, rate in limits.products.items()},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: says nothing")
    parser.add_argument("--json", action="store_true", help="plain rates")
    options = parser.parse_args()
    limits = measure(quick=options.quick)
    if options.json:
        print(json.dumps(asdict(limits), indent=1))
        return
    for name, rate in described(limits).items():
        print(f"{name:32}{rate:>12}")


if __name__ == "__main__":
    main()

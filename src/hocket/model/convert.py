"""Weights to an ONNX graph of one step, in float32 or with whole numbers of 8 bits; needs no torch.

All inputs of the first LSTM are linear up to its gates, so they are folded (`model.folding`).
Surprising decision: in int8 the scale of what flows is fixed, since hidden values lie in -1 to 1 and
the inputs in 0 to 1. So a row says the same alone and in a batch, which a scale found on the fly would
not promise. Weights keep to -63..63: processors before VNNI add two products in 16 bits, and more would
overflow.
"""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.config import ModelConfig
from hocket.errors import CheckpointError
from hocket.model import mapped
from hocket.model.engine import AFTER, EVENTS, LOGITS, RECALLED, SEEN, ZERO_POINT, Engine
from hocket.model.folding import Array, bias_of, check_shapes, folded
from hocket.model.sizes import InputSizes

WEIGHT_STEPS = 63
VALUE_STEPS = 127
GRAPH_FILE, ARRAYS_FILE = "engine.onnx", "engine.safetensors"
OPSET, CONTRIB, IR_VERSION = 17, "com.microsoft", 9


class Model(NamedTuple):
    """An ONNX graph, and the safetensors file in which its arrays lie under the same names."""

    graph: bytes
    arrays: bytes | mmap.mmap


def parts(config: ModelConfig) -> tuple[str, ...]:
    """Return the parts of a network that may be kept in float32, the most sensitive first."""
    return ("output", *(f"lstm.{layer}" for layer in range(config.layers)))


def to_onnx(
    weights: Mapping[str, Array],
    config: ModelConfig,
    sizes: InputSizes,
    exact: Collection[str],
) -> Model:
    """Return the model of a step, with the parts named in `exact` in float32, the others in int8.

    `weights` are named as in `model.network`. Raises `CheckpointError` where they do not fit their
    config.
    """
    try:
        check_shapes(weights, config)
        tables, beside = folded(weights, config, sizes)
        rows = [len(table) for table in (*tables, beside)]
        if rows != [sizes.events, *[sizes.events + 1] * sizes.recalled, sizes.seen]:
            raise ValueError(f"tables and inputs of {rows} rows, not {sizes}")
        return _Graph(config, exact).built(weights, tables, beside)
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(f"weights do not fit their config: {error}") from None


def engine(model: Model, threads: int | None = None) -> Engine:
    """Return an engine of a model that lies in memory."""
    return Engine(model.graph, mapped.arrays_in(model.arrays), threads)


class _Graph:
    """The nodes and arrays of a graph, while it is built."""

    def __init__(self, config: ModelConfig, exact: Collection[str]) -> None:
        self._config, self._exact = config, exact
        self._nodes: list[Any] = []
        self._small: list[Any] = []
        self._arrays: dict[str, NDArray[Any]] = {}

    def built(self, weights: Mapping[str, Array], tables: Sequence[Array], beside: Array) -> Model:
        """Return the graph; the tables and `beside` (F + M, 4H) are what inputs give the gates."""
        from onnx import TensorProto, helper

        config, width = self._config, self._config.width
        order = _gates_apart(width)
        self._constant("step", np.array(1 / VALUE_STEPS, np.float32))
        self._constant("zero", np.array(ZERO_POINT, np.uint8))
        self._constant("gates", np.array([3 * width, width]))
        self._constant("each", np.array([width] * 3))
        row = self._gathered([table[:, order] for table in tables])
        heard = {True: SEEN, False: f"{SEEN}.whole"}  # what a part hears, if it is exact and if not
        states = []
        chain = [*(f"lstm.{layer}" for layer in range(config.layers)), "output"]
        self._quantised(heard, unless=chain[0] in self._exact)
        for layer, (part, following) in enumerate(itertools.pairwise(chain)):
            exact, hidden = part in self._exact, f"hidden.{layer}"
            joined = self._node("Concat", [hidden, heard[exact]], f"{part}.in", axis=1)
            before = weights[f"lstms.{layer}.weight_hh_l0"].T
            if layer == 0:
                matrix, bias = np.concatenate((before, beside)), None
            else:
                matrix = np.concatenate((before, weights[f"lstms.{layer}.weight_ih_l0"].T))
                bias = bias_of(weights, layer)[order]
            gates = self._product(joined, matrix[:, order], bias, part, f"{part}.gates")
            if layer == 0:
                gates = self._node("Add", [gates, row], f"{part}.all_gates")
            heard = {exact: AFTER + hidden, not exact: f"{part}.other"}
            self._cell(gates, layer, heard[True])
            self._quantised(heard, unless=exact and following in self._exact)
            kind = TensorProto.FLOAT if exact else TensorProto.UINT8
            states += [(hidden, kind), (f"cell.{layer}", TensorProto.FLOAT)]
        matrix, bias = weights["output.weight"].T, weights["output.bias"]
        self._product(heard["output" in self._exact], matrix, bias, "output", LOGITS)

        stored = mapped.saved(self._arrays)

        def value(name: str, kind: int, *shape: int) -> Any:
            return helper.make_tensor_value_info(name, kind, ["batch", *shape])

        graph = helper.make_graph(
            self._nodes,
            "step",
            [
                value(EVENTS, TensorProto.INT64),
                value(SEEN, TensorProto.FLOAT, len(beside)),
                value(RECALLED, TensorProto.INT64, len(tables) - 1),
                *(value(name, kind, width) for name, kind in states),
            ],
            [
                value(LOGITS, TensorProto.FLOAT, len(tables[0])),
                *(value(AFTER + name, kind, width) for name, kind in states),
            ],
            self._small + _elsewhere(self._arrays, stored),
        )
        model = helper.make_model(
            graph,
            producer_name="hocket",
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)],
            ir_version=IR_VERSION,
        )
        return Model(model.SerializeToString(deterministic=True), stored)

    def _gathered(self, tables: Sequence[Array]) -> str:
        """Add what the event and the recalled events give the gates: a row of each table, together."""
        self._arrays["events.table"] = np.ascontiguousarray(tables[0])
        sum_ = self._node("Gather", ["events.table", EVENTS], "event")
        for number, table in enumerate(tables[1:]):
            name = f"recalled.{number}"
            if not table.any():
                continue
            self._arrays[f"{name}.table"] = np.ascontiguousarray(table)
            self._constant(f"{name}.column", np.array(number))
            which = self._node("Gather", [RECALLED, f"{name}.column"], f"{name}.id", axis=1)
            row = self._node("Gather", [f"{name}.table", which], name)
            sum_ = self._node("Add", [sum_, row], f"{name}.sum")
        return sum_

    def _cell(self, gates: str, layer: int, hidden: str) -> None:
        """Add an LSTM cell; its gates are enter, forget, leave (one sigmoid) and candidate."""
        name = f"lstm.{layer}"
        open_, candidate = f"{name}.open", f"{name}.candidate"
        self._node("Split", [gates, "gates"], open_, candidate, axis=1)
        self._node("Sigmoid", [open_], f"{open_}.s")
        enter, forget, leave = (f"{name}.{gate}" for gate in ("enter", "forget", "leave"))
        self._node("Split", [f"{open_}.s", "each"], enter, forget, leave, axis=1)
        kept = self._node("Mul", [forget, f"cell.{layer}"], f"{name}.kept")
        new = self._node("Tanh", [candidate], f"{name}.tanh")
        new = self._node("Mul", [enter, new], f"{name}.new")
        cell = self._node("Add", [kept, new], f"{AFTER}cell.{layer}")
        shown = self._node("Tanh", [cell], f"{name}.shown")
        self._node("Mul", [leave, shown], hidden)

    def _product(self, values: str, matrix: Array, bias: Array | None, part: str, out: str) -> str:
        """Add a product with a matrix (K, N), in float32 or in int8 with a scale for each column."""
        exact = part in self._exact
        stored = np.ascontiguousarray(matrix, np.float32)
        inputs = [values, f"{part}.matrix"]
        if not exact:
            scale = np.maximum(np.abs(stored).max(0), 1e-9) / WEIGHT_STEPS
            stored = np.round(stored / scale).astype(np.int8)
            self._arrays[f"{part}.scale"] = scale.astype(np.float32)
            inputs += ["step", f"{part}.scale", "zero", ""]
        self._arrays[f"{part}.matrix"] = stored
        if bias is not None:
            self._arrays[f"{part}.bias"] = np.ascontiguousarray(bias, np.float32)
            inputs.append(f"{part}.bias")
        if not exact:
            return self._node("MatMulIntegerToFloat", inputs, out, domain=CONTRIB)
        return self._node("MatMul" if bias is None else "Gemm", inputs, out)

    def _quantised(self, heard: Mapping[bool, str], unless: bool) -> None:
        if not unless:
            self._node("QuantizeLinear", [heard[True], "step", "zero"], heard[False])

    def _node(
        self, kind: str, inputs: list[str], out: str, *more: str, domain: str = "", **how: Any
    ) -> str:
        """Add a node with one output, or `more`; returns the name of the first."""
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [out, *more], domain=domain, **how))
        return out

    def _constant(self, name: str, value: NDArray[Any]) -> None:
        from onnx import numpy_helper

        self._small.append(numpy_helper.from_array(value, name))


def _elsewhere(arrays: Mapping[str, NDArray[Any]], stored: bytes) -> list[Any]:
    """Return the arrays as ONNX names them when they lie in a safetensors file."""
    from onnx import TensorProto, helper

    tensors = []
    for name, (offset, length) in mapped.places(stored).items():
        array = arrays[name]
        tensor = TensorProto(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (("location", ARRAYS_FILE), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
    return tensors


def _gates_apart(width: int) -> NDArray[np.int64]:
    """Return the order enter, forget, leave, candidate of columns that stand as torch has them."""
    enter, forget, candidate, leave = np.arange(4 * width).reshape(4, width)
    return np.concatenate((enter, forget, leave, candidate))

"""Steps the network for a batch of takes, by ONNX Runtime: no torch needed.

Surprising decision: a batch has fixed places in memory, bound once. The caller writes the last events
and what is seen into them, says `step`, and reads the logits; hidden and cell values go back and forth
between two sets of arrays. So a step costs nothing but the network, and is the same whatever else is
in the batch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.errors import CheckpointError
from hocket.processor import cores

Array = NDArray[np.float32]

EVENTS, SEEN, RECALLED, LOGITS = "events", "seen", "recalled", "logits"
AFTER = "after."
"""In front of the name of a state: the same state after the step."""

ZERO_POINT = 128
"""What stands for 0 where values are stored in 8 bits."""

_TYPES = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(uint8)": np.uint8}
MOST_COLUMNS = 1 << 20
_PROBE_STEPS = 12
_WORTH_A_THREAD = 1.25
"""A second thread must make steps so much faster: it takes a core from whatever else runs."""


class Engine:
    """An ONNX model written by `model.convert`, in a session; stepping changes nothing in it."""

    def __init__(
        self, graph: bytes, arrays: Mapping[str, NDArray[Any]], threads: int | None = None
    ) -> None:
        """Take an ONNX graph and its arrays; raises `CheckpointError` if they are none of ours.

        The arrays may be windows onto a file. Without `threads` their number is probed once for
        batches of about a size; it changes no bit of a result.
        """
        self._graph, self._arrays = graph, arrays
        self._threads = threads
        self._sessions: dict[int, Any] = {}
        self._chosen: dict[int, int] = {}
        inputs = {i.name: (i.type, tuple(i.shape)) for i in self._session(1).get_inputs()}
        outputs = {o.name: (o.type, tuple(o.shape)) for o in self._session(1).get_outputs()}
        seen, logits = inputs.get(SEEN, ("", ())), outputs.pop(LOGITS, ("", ()))
        recalled = inputs.get(RECALLED, ("", ()))
        given = (EVENTS, SEEN, RECALLED)
        states = {name: value for name, value in inputs.items() if name not in given}
        rows = [seen, recalled, logits, *states.values()]
        if (
            inputs.get(EVENTS) != ("tensor(int64)", ("batch",))
            or outputs != {AFTER + name: value for name, value in states.items()}
            or any(len(shape) != 2 or shape[0] != "batch" for _, shape in rows)
            or not all(isinstance(shape[1], int) and shape[1] <= MOST_COLUMNS for _, shape in rows)
            or (seen[0], recalled[0], logits[0])
            != ("tensor(float)", "tensor(int64)", "tensor(float)")
            or not {kind for kind, _ in states.values()} <= {"tensor(float)", "tensor(uint8)"}
        ):
            raise CheckpointError("an ONNX file, but no model of hocket's; learn again")
        self._inputs = inputs
        self.vocabulary: int = logits[1][1]
        """V, the number of events that the model knows."""
        self.sees: int = seen[1][1]
        """F + M, the numbers it sees beside the event."""
        self.recalls: int = recalled[1][1]
        """How many recalled events it is told."""

    def start(self, batch: int) -> BoundSteps:
        """Return `batch` sequences before their first event, in their zero state."""
        size = batch.bit_length()
        if size not in self._chosen:
            self._chosen[size] = self._threads or self._probed(batch)
        return self._bound(batch, self._chosen[size])

    def _bound(self, batch: int, threads: int) -> BoundSteps:
        arrays = {
            name: np.zeros((batch, *shape[1:]), _TYPES[kind])
            for name, (kind, shape) in self._inputs.items()
        }
        logits = np.zeros((batch, self.vocabulary), np.float32)
        return BoundSteps(self._session(threads), arrays, logits)

    def _session(self, threads: int) -> Any:
        if threads not in self._sessions:
            # Here, not above: loading it takes time that reading a file should not.
            import onnxruntime as ort

            options = ort.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 4
            try:
                options.add_external_initializers(
                    list(self._arrays),
                    [ort.OrtValue.ortvalue_from_numpy(array) for array in self._arrays.values()],
                )
                self._sessions[threads] = ort.InferenceSession(
                    self._graph, options, providers=["CPUExecutionProvider"]
                )
            except Exception as error:  # ONNX Runtime has no exception of its own to catch
                reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
                raise CheckpointError(f"the engine cannot be used: {reason}; learn again") from None
        return self._sessions[threads]

    def _probed(self, batch: int) -> int:
        """Return how many threads pay for this batch now: two sets of steps, in turn."""
        if cores() == 1:
            return 1
        tried = {threads: self._bound(batch, threads) for threads in (1, 2)}
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(_PROBE_STEPS):
            for threads, steps in tried.items():
                began = time.perf_counter()
                steps.step()
                seconds[threads].append(time.perf_counter() - began)
        one, two = (statistics.median(seconds[threads]) for threads in (1, 2))
        return 2 if one > _WORTH_A_THREAD * two else 1


class BoundSteps:
    """A batch that an `Engine` steps on, over arrays that its session reads from and writes to.

    To be written before a step: `events` (B), the last of each sequence; `seen` (B, F + M), the
    features of the place it leads to, then the weights of the themes for the next event; `recalled`
    (B, 2). To be read after it: `logits` (B, V).
    """

    def __init__(self, session: Any, arrays: dict[str, NDArray[Any]], logits: Array) -> None:
        self.events: NDArray[np.int64] = arrays.pop(EVENTS)
        self.seen: Array = arrays.pop(SEEN)
        self.recalled: NDArray[np.int64] = arrays.pop(RECALLED)
        self.logits = logits
        self._states = (arrays, {name: np.zeros_like(array) for name, array in arrays.items()})
        for name, array in arrays.items():
            array[:] = ZERO_POINT if array.dtype == np.uint8 else 0
            self._states[1][name][:] = array
        self._run = session.run_with_iobinding
        self._bindings = [self._binding(session, *pair) for pair in (self._states, self._swapped())]
        self._turn = 0

    def step(self) -> None:
        """Take the events in, and write the logits of what may come next."""
        self._run(self._bindings[self._turn])
        self._turn = 1 - self._turn

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """What the network remembers of each sequence, arrays (B, H) by name: a copy."""
        return {name: array.copy() for name, array in self._states[self._turn].items()}

    @state.setter
    def state(self, values: Mapping[str, NDArray[Any]]) -> None:
        for name, array in self._states[self._turn].items():
            array[:] = values[name]

    def _swapped(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        return self._states[1], self._states[0]

    def _binding(
        self, session: Any, before: dict[str, NDArray[Any]], after: dict[str, NDArray[Any]]
    ) -> Any:
        binding = session.io_binding()
        given: dict[str, NDArray[Any]] = {
            EVENTS: self.events,
            SEEN: self.seen,
            RECALLED: self.recalled,
            **before,
        }
        for name, array in given.items():
            binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        for name, array in after.items():
            binding.bind_output(
                AFTER + name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data
            )
        logits = self.logits
        binding.bind_output(LOGITS, "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
        return binding

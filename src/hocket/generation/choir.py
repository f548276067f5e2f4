"""Engines to one model that takes are sampled from: each engine hears the take, their logits are mixed.

An engine that knows one theme counts by that theme's weight: the product of experts. One that was
taught several sees the weights instead. What an engine that knows no theme would say anyway may be
taken off, which pushes takes towards what only the themes have (classifier-free guidance: Ho and
Salimans, 2022). Surprising decision: each engine has a memory of its own, which may begin with its
theme, so what it recalls is of that theme and of the take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.errors import GenerationError
from hocket.model.engine import Engine
from hocket.tokens import FEATURES, VOCAB, sight
from hocket.tokens.memory import Memory, passed
from hocket.tokens.sight import Walkers, observe
from hocket.tokens.vocab import PITCHES

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

_ON, _COUNT = VOCAB.families["NOTE_ON"].start, len(PITCHES)
ROOM = 1024
"""Events that a memory has room for at first."""


class Steps(Protocol):
    """A batch of sequences that is stepped on, event by event."""

    events: Ids
    """(B): to be written, the last event of each sequence."""
    mix: Floats
    """(B, M): to be written, the weights of the themes for the next event."""
    logits: Floats
    """(B, V): to be read after a step."""

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """What the model remembers of each sequence, arrays (B, …) by name: a copy."""

    @state.setter
    def state(self, values: Mapping[str, NDArray[Any]]) -> None:
        """Give it back what it remembered."""

    def step(self) -> None:
        """Take the events in, and write the logits of what may come next."""


class Stepper(Protocol):
    """What the sampler asks of a model; a fake one can be scripted in tests."""

    def start(self, batch: int) -> Steps:
        """Return `batch` sequences before their first event."""


class Singer(NamedTuple):
    """An engine, and what its memory begins with."""

    engine: Engine
    memory: Memory | None = None
    """Of one sequence; None is empty."""


class Roles(NamedTuple):
    """Which theme has the melody and which one the accompaniment, by number from 0."""

    melody: int
    accompaniment: int
    split: int
    """The MIDI pitch from which on notes belong to the melody."""


class Choir:
    """A `Stepper` over singers: one that sees the weights of all themes, or one for each theme.

    With a `stranger`, who knows none, logits are (1 + push) times theirs less `push` times the
    stranger's. With `roles`, the singer of the melody alone says which notes are struck from the split
    on, and that of the accompaniment which ones below it; all else goes by the weights.
    """

    def __init__(
        self,
        singers: Sequence[Singer],
        stranger: Singer | None = None,
        push: float = 0.0,
        roles: Roles | None = None,
    ) -> None:
        self._singers, self._push = list(singers), push if stranger else 0.0
        self._roles = roles
        if stranger and push:
            self._singers.append(stranger)
        self.themes = singers[0].engine.sees - FEATURES or len(singers)
        """M"""

    def in_roles(self, roles: Roles) -> Choir:
        """Return the same singers in roles; raises `GenerationError` for one that sees all themes."""
        if self._singers[0].engine.sees > FEATURES:
            raise GenerationError(
                "--melody and --accompaniment need a model of each theme; leave out --preset, or give "
                "--start base"
            )
        singers, push = self._singers[: self.themes], self._push
        stranger = self._singers[-1] if push else None
        return Choir(singers, stranger, push, roles)

    def soloists(self) -> list[tuple[Choir, Floats]]:
        """Return for each theme the model of it alone, and the weights (M) it is heard with."""
        if self._singers[0].engine.sees > FEATURES:
            return [(self, weights) for weights in np.eye(self.themes, dtype=np.float32)]
        alone = np.ones(1, np.float32)
        return [(Choir([singer]), alone) for singer in self._singers[: self.themes]]

    def start(self, batch: int) -> Voices:
        """Return `batch` sequences before their first event."""
        return Voices(self._singers, batch, self.themes, self._push, self._roles)


class Voices:
    """`Steps` of a `Choir`."""

    def __init__(
        self,
        singers: Sequence[Singer],
        batch: int,
        themes: int,
        push: float = 0.0,
        roles: Roles | None = None,
    ) -> None:
        self._push, self._roles = np.float32(push), roles
        self.events = np.zeros(batch, np.int64)
        self.mix = np.zeros((batch, themes), np.float32)
        self._steps = [singer.engine.start(batch) for singer in singers]
        self._walkers = [sight.begin(batch, ROOM, singer.memory) for singer in singers]
        self._passed = max(passed(walkers.memory) for walkers in self._walkers)
        self._alone = len(singers) == 1
        self.logits = self._steps[0].logits if self._alone else np.empty_like(self._steps[0].logits)

    def step(self) -> None:
        """Take the events in, and write the logits of what may come next."""
        self._passed += 1
        for number, (steps, walkers) in enumerate(zip(self._steps, self._walkers, strict=True)):
            if self._passed > walkers.memory.past.shape[2]:
                walkers = self._walkers[number] = sight.with_room(walkers, self._passed)
            _hear(walkers, self.events, self.mix, steps.events, steps.seen, steps.recalled)
            steps.step()
            if self._roles and number < self.mix.shape[1]:
                high, low, split = self._roles
                ends = np.float32(number == low), np.float32(number == high)
                line = _ON + split - PITCHES.start
                _share(self.mix[:, number], ends, line, steps.logits, self.logits, number == 0)
            elif number == self.mix.shape[1]:
                _push(self._push, steps.logits, self.logits)
            elif not self._alone:
                _mix(self.mix[:, number], steps.logits, self.logits, number == 0)

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """What the singers remember of each sequence, arrays (B, …) by name: a copy."""
        found: dict[str, NDArray[Any]] = {}
        for number, (steps, walkers) in enumerate(zip(self._steps, self._walkers, strict=True)):
            found |= {f"{number}.{name}": array for name, array in steps.state.items()}
            found[f"{number}.table"] = walkers.table.copy()
            found |= {f"{number}.{n}": a.copy() for n, a in walkers.memory._asdict().items()}
        return found

    @state.setter
    def state(self, values: Mapping[str, NDArray[Any]]) -> None:
        for number, steps in enumerate(self._steps):
            own = {
                name.partition(".")[2]: array
                for name, array in values.items()
                if name.partition(".")[0] == str(number)
            }
            memory = Memory(own.pop("past"), own.pop("slots"), own.pop("at"))
            self._walkers[number] = Walkers(own.pop("table"), memory)
            steps.state = own
        self._passed = max(passed(walkers.memory) for walkers in self._walkers)


@compiled
def _hear(
    walkers: Walkers, events: Ids, mix: Floats, heard: Ids, seen: Floats, recalled: Ids
) -> None:
    """Move the walkers on by events (B), and write what an engine takes in: see `BoundSteps`."""
    for b in range(len(events)):
        heard[b] = events[b]
        observe(walkers, b, events[b], seen[b], recalled[b])
        if seen.shape[1] > FEATURES:
            seen[b, FEATURES:] = mix[b]


@compiled
def _mix(weight: Floats, logits: Floats, mixed: Floats, first: bool) -> None:
    """Add logits (B, V) by weight (B) to what is mixed (B, V); the first are written."""
    for b in range(len(weight)):
        for v in range(logits.shape[1]):
            before = np.float32(0) if first else mixed[b, v]
            mixed[b, v] = before + weight[b] * logits[b, v]


@compiled
def _share(
    weight: Floats,
    ends: tuple[np.float32, np.float32],
    line: int,
    logits: Floats,
    mixed: Floats,
    first: bool,
) -> None:
    """Add log-probabilities of logits (B, V) to what is mixed: see `_mix`.

    Those of NOTE_ONs have the first weight of `ends` below the event `line`, and the second from it on.
    """
    for b in range(len(weight)):
        most, total = logits[b].max(), np.float32(0)
        for v in range(logits.shape[1]):
            total += np.exp(logits[b, v] - most)
        norm = most + np.log(total)
        for v in range(logits.shape[1]):
            own = weight[b]
            if _ON <= v < _ON + _COUNT:
                own = ends[0] if v < line else ends[1]
            before = np.float32(0) if first else mixed[b, v]
            mixed[b, v] = before + own * (logits[b, v] - norm)


@compiled
def _push(push: np.float32, strange: Floats, logits: Floats) -> None:
    """Move logits (B, V) away from strange ones (B, V), in place."""
    for b in range(len(logits)):
        for v in range(logits.shape[1]):
            logits[b, v] += push * (logits[b, v] - strange[b, v])

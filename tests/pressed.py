"""States reached by hand, and what rules leave of what the grammar allows there."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from hocket.generation.pressing import press
from hocket.generation.rules import (
    Rules,
    barred,
    grid,
    soft_key,
    whole_on_both_grids,
)
from hocket.music import Key
from hocket.tokens import GRAMMAR, VOCAB, State


def after(*names: str) -> State:
    """Return where one sequence stands after START, METER 4/4 and these events."""
    state = GRAMMAR.start(1)
    for name in ("START", "METER 4/4", *names):
        event = VOCAB.id(name)
        assert GRAMMAR.allowed(state)[0, event], f"{name} cannot stand there"
        state = GRAMMAR.step(state, np.array([event]))
    return state


IN_METER = Rules(barred=barred(VOCAB.families["METER"])[None])
NOTHING_STRUCK = np.zeros(88, np.float32)


def on_the_grid(places: Collection[int]) -> Rules:
    return Rules(off_grid=grid(places)[None])


def longest_note(ticks: int) -> Rules:
    return Rules(longest=whole_on_both_grids(ticks))


def in_key(key: Key, strength: float, end: int, bar_ticks: int) -> Rules:
    foreign, restless = soft_key(key, strength)
    return Rules(foreign=foreign, closing=foreign + restless, last_bar=end - bar_ticks)


def weights(
    rules: Rules, state: State, struck: NDArray[np.float32] = NOTHING_STRUCK
) -> dict[str, float]:
    """Return what rules give each event that the grammar allows."""
    allowed = GRAMMAR.allowed(state)[0]
    given = np.where(allowed, 0, -np.inf).astype(np.float32)
    press(state.table[0], rules, struck, given)
    assert (given <= 0).all()
    assert (given[~allowed] == -np.inf).all()
    return {VOCAB.names[i]: float(given[i]) for i in np.flatnonzero(allowed)}


def left(rule: Rules, state: State) -> set[str]:
    """Return the events that the grammar allows and the rule does not exclude."""
    return {name for name, weight in weights(rule, state).items() if weight > -np.inf}


def steps(names: set[str]) -> list[int]:
    return sorted(int(name.removeprefix("DUR ")) for name in names if name.startswith("DUR"))


def on(state: State, *names: str) -> State:
    """Return where a state leads by these events."""
    for name in names:
        state = GRAMMAR.step(state, np.array([VOCAB.id(name)]))
    return state

"""The compiled loop between two steps of the model: from its logits to the next events and mix.

Surprising decision: all that stands around the model is one call. A step of the model sweeps the
processor's caches, so each further call from Python costs many times what it costs when repeated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hocket.compiled import compiled
from hocket.generation.budget import keep_within, read_on
from hocket.generation.choosing import draw, weigh
from hocket.generation.loops import hear_on, press_loops
from hocket.generation.pressing import press, remember
from hocket.generation.rules import Rules
from hocket.generation.script import (
    AT,
    FAR,
    KIND,
    Script,
    follow,
    is_at_halt,
    next_halt,
    press_halt,
    waits_beyond,
)
from hocket.tokens.automaton import (
    BAR_LENGTH,
    BAR_ORIGIN,
    PHASE,
    TICK,
    Phase,
    advance_one,
    allow_one,
)
from hocket.tokens.vocab import VOCAB

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

_ENDED = int(Phase.ENDED)
_END = VOCAB.id("END")
_EXCLUDED = np.float32(-np.inf)


class Knobs(NamedTuple):
    """How events are drawn; see `choosing`."""

    temperature: np.float32
    top_p: float
    min_p: float
    top_k: int


@compiled
def hear(table: Ids, events: Ids, plan: Floats, mix: Floats) -> bool:
    """Move each row of the grammar's table (B, ROW) on by its event (B), and write the mix of the next.

    Into `mix` (B, M) go the themes' weights in the bar come to, of the `plan` (B, bars, M), whose last
    bar goes on. Returns whether any take goes on.
    """
    alive = False
    for b in range(len(table)):
        row = table[b]
        advance_one(row, events[b])
        bar = (row[TICK] - row[BAR_ORIGIN]) // row[BAR_LENGTH]
        mix[b] = plan[b, min(bar, plan.shape[1] - 1)]
        alive = alive or row[PHASE] != _ENDED
    return alive


@compiled
def go_on(
    step: int,
    takes: Ids,
    forced: Ids,
    script: Script,
    knobs: Knobs,
    rules: Rules,
    plan: Floats,
    darts: NDArray[np.float64],
    table: Ids,
    struck: Floats,
    heard: Ids,
    read: Ids,
    follows: Ids,
    prices: NDArray[np.float64],
    logits: Floats,
    events: Ids,
    mix: Floats,
    history: Ids,
    scores: Floats,
) -> bool:
    """Choose the next event of each take, and move on to the mix after it.

    Row b of the arrays (B, …) is of the take `takes[b]`. `forced` (N, takes) are events that are not
    to be chosen, -1 where they may be; after them comes what the script says, and `follows`
    (takes, K) is where each take stands in it. `darts` (BLOCK, takes) are numbers from 0 to 1; the
    events go into `history` (steps, takes), their log-probabilities for the model into `scores`
    (BLOCK, takes) at `step` modulo BLOCK. `heard` and `read` (B, K) are what is known of their
    figures and quotes, and to `prices` (takes) is added what the budget costs, in nats. A take that
    is done gets END, and so does one for which the model says nothing that is a number: its score is
    then NaN. Read: logits (B, V). Returns as `hear` does.
    """
    mask = np.empty(logits.shape[1], np.bool_)
    weights = np.empty(logits.shape[1], np.float32)
    scratch = np.empty(logits.shape[1], np.float32)
    line = step % len(darts)
    for b in range(len(table)):
        take = takes[b]
        remember(events[b], struck[b])
        if table[b, PHASE] == _ENDED:
            events[b] = _END
            continue
        allow_one(table[b], mask)
        norm = weigh(logits[b], mask, knobs.temperature, weights, scratch)
        event = follow(script, follows, take, table[b], mask, history, step)
        halt = next_halt(script, take, table[b])
        bound = min(rules.end if rules.end >= 0 else FAR, halt)
        if step < len(forced) and forced[step, take] >= 0:
            event = forced[step, take]
        elif event >= 0 and not 0 < follows[take, KIND] <= script.exempt:
            scratch[:] = logits[b]
            keep_within(table[b], read[b], rules.budget, rules.end, bound, mask, logits[b], scratch)
            if scratch[event] == _EXCLUDED or waits_beyond(table[b], event, bound):
                event = follows[take, AT] = -1  # it would quote too much here
        if event < 0:
            press(table[b], rules, struck[b], weights)
            press_loops(table[b], heard[b], rules.times, weights)
            if halt < FAR:
                press_halt(table[b], halt, is_at_halt(script, take, table[b]), weights)
            prices[take] += keep_within(
                table[b], read[b], rules.budget, rules.end, bound, mask, logits[b], weights
            )
            dart = darts[line, take]
            event = draw(weights, dart, knobs.top_p, knobs.min_p, knobs.top_k, scratch)
            if event < 0:
                events[b], scores[line, take] = _END, np.nan
                history[step, take] = _END
                continue
        hear_on(table[b], heard[b], event)
        read_on(table[b], read[b], rules.budget, event)
        events[b] = history[step, take] = event
        scores[line, take] = min(logits[b, event] - norm, np.float32(0))
    return hear(table, events, plan, mix)


@compiled
def score(table: Ids, logits: Floats, events: Ids, scores: Floats) -> None:
    """Write the log-probabilities (B) that logits (B, V) give to events (B)."""
    mask = np.empty(logits.shape[1], np.bool_)
    weights = np.empty(logits.shape[1], np.float32)
    for b in range(len(table)):
        if table[b, PHASE] == _ENDED:
            scores[b] = 0
        else:
            allow_one(table[b], mask)
            norm = weigh(logits[b], mask, np.float32(1), weights, weights)
            scores[b] = min(logits[b, events[b]] - norm, np.float32(0))

"""How many notes a network is expected to quote, against counting over all runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.corpus.batches import IGNORED
from hocket.tokens import VOCAB
from hocket.training.quoting import quoted_notes

ON, DUR = VOCAB.families["NOTE_ON"].start, VOCAB.families["DUR"].start


def counted(nats: np.ndarray, targets: np.ndarray) -> list[float]:
    """The same by definition: the sum over lengths of the probability of a run so long."""
    strikes = [n for n, t in enumerate(targets) if ON <= t < ON + 88]
    means = []
    for first in range(len(strikes) - 1):
        total, chance = 0.0, 1.0
        for before, after in zip(strikes[first:], strikes[first + 1 :], strict=False):
            between = slice(before + 1, after + 1)
            lost = (targets[between] == IGNORED).any()
            chance *= 0.0 if lost else float(np.exp(-nats[between].sum()))
            total += chance
        means.append(total)
    return means


@given(
    st.lists(st.tuples(st.sampled_from([ON, ON + 7, DUR, IGNORED]), st.floats(0, 4)), max_size=30)
)
def test_the_expected_quote_is_the_sum_over_all_runs(events: list[tuple[int, float]]) -> None:
    targets = np.array([target for target, _ in events], np.int64)
    nats = np.array([cost for _, cost in events], np.float64)
    assert quoted_notes(nats, targets).tolist() == pytest.approx(counted(nats, targets))


def test_what_is_known_by_heart_is_quoted_to_its_end() -> None:
    targets = np.array([ON + n for n in range(6)])
    assert quoted_notes(np.zeros(6), targets).tolist() == [5, 4, 3, 2, 1]


def test_a_held_out_bar_ends_a_quote() -> None:
    targets = np.array([ON, ON + 1, IGNORED, ON + 2, ON + 3])
    assert quoted_notes(np.zeros(5), targets).tolist() == [1, 0, 1]

"""What `make soak` does for hours, for a minute or two; see docs/reliability.md."""

from __future__ import annotations

import sys

import pytest

from soak import preparing, training

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="processes are found as Linux tells of them"
)


def test_training_that_is_killed_again_and_again_learns_the_same() -> None:
    found = training.soaked(kills=4, worker_kills=2, node_losses=1, ranks=(2,), rng=1, steps=120)
    kinds = {name: told for name, told in found.items() if isinstance(told, dict)}
    assert len(kinds) == 3
    for name, told in kinds.items():
        assert told["disturbances"] >= 1, name
        assert told["runs_with_other_bits"] == told["left_orphans"] == 0, (name, told)
        # an interval is .3 s, but on a busy machine a step may take longer
        assert told["most_seconds_learned_again"] < 5, (name, told)
    assert found["2 ranks, undisturbed: weights of one process"] is True


def test_preparing_that_is_killed_again_and_again_gives_the_same_corpus() -> None:
    found = preparing.soaked(None, [700], kills=3, rng=1, ways=[(2, 0)])
    assert found["killed"]["kills"] >= 1
    assert preparing.met(found), found

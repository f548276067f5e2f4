"""The automaton beside what all runs of a text, written out, say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hocket.analysis.suffixes import MOST_GAP, joined, matches, suffixes, symbol

texts = st.lists(st.integers(0, 3), max_size=40)


def longest_by_hand(text: list[int], read: list[int], place: int) -> int:
    """Return the length of the longest run of `read` that ends at a place and stands in the text."""
    runs = {tuple(text[a:b]) for a in range(len(text)) for b in range(a, len(text) + 1)} | {()}
    return max(n for n in range(place + 2) if tuple(read[place + 1 - n : place + 1]) in runs)


@given(texts, texts)
def test_the_longest_run_is_found_at_every_place(text: list[int], read: list[int]) -> None:
    lengths, ends = matches(suffixes(np.array(text, np.int64)), np.array(read, np.int64))
    for place in range(len(read)):
        assert lengths[place] == longest_by_hand(text, read, place)
        if (length := int(lengths[place])) > 0:
            end = int(ends[place]) + 1
            assert text[end - length : end] == read[place + 1 - length : place + 1]
        else:
            assert ends[place] == -1


@given(st.lists(texts, max_size=4), texts)
def test_no_run_reaches_from_one_sequence_into_the_next(
    sequences: list[list[int]], read: list[int]
) -> None:
    text = joined([np.array(sequence, np.int64) for sequence in sequences])
    lengths, _ = matches(suffixes(text), np.array(read, np.int64))
    for place in range(len(read)):
        apart = [longest_by_hand(sequence, read, place) for sequence in sequences]
        assert lengths[place] == max(apart, default=0)


@given(texts)
def test_there_are_at_most_two_states_for_each_symbol(text: list[int]) -> None:
    automaton = suffixes(np.array(text, np.int64))
    assert 1 <= len(automaton.longest) <= max(2 * len(text), 1)
    for state in range(1, len(automaton.longest)):
        assert automaton.longest[automaton.link[state]] < automaton.longest[state]


def test_a_symbol_tells_intervals_and_gaps_apart() -> None:
    said = {symbol(i, g) for i in range(-127, 128) for g in (0, 1, 24, MOST_GAP)}
    assert len(said) == 255 * 4
    assert symbol(3, MOST_GAP + 5) == symbol(3, MOST_GAP)
    separators = set(joined([np.zeros(0, np.int64)] * 3).tolist())
    assert len(separators) == 3
    assert not separators & said

"""Figures that come again and again: counted as they are heard, pressed down beyond what is usual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fakes import always
from hocket.generation import mix, rules_for, sample
from hocket.generation.loops import (
    FIGURE,
    LEAST,
    hear_on,
    press_loops,
    times_in,
    unheard,
    usual_times,
)
from hocket.generation.rules import Rules
from hocket.music import Meter, Note, Part, Piece
from hocket.tokens import GRAMMAR, VOCAB, decode, encode
from hocket.tokens.automaton import advance_one
from takes import PLAIN, V

FIGURES = [[60], [60, 64], [60, 64, 67, 64], list(range(40, 40 + FIGURE))]


def line(pitches: list[int], gap: int = 6) -> Piece:
    notes = [Note(gap * n, gap, pitch) for n, pitch in enumerate(pitches, 1)]
    return Piece.of(notes, meters=[Meter(0, 4, 4)])


@pytest.mark.parametrize("figure", FIGURES)
def test_how_often_a_figure_came_in_a_row(figure: list[int]) -> None:
    assert times_in(encode(line(figure * 5))).max() == 5
    other = [pitch + 1 + n for n, pitch in enumerate(figure)]
    assert times_in(encode(line([*figure * 2, *other, *figure * 3]))).max() == 3


def test_a_figure_longer_than_is_watched_for_is_no_figure() -> None:
    assert times_in(encode(line(list(range(40, 41 + FIGURE)) * 4))).max() == 1


def test_another_rhythm_is_another_figure_and_parts_are_heard_together() -> None:
    even = line([60] * 8)
    uneven = Piece.of([note._replace(start=note.start + note.start // 12) for note in even.notes])
    assert times_in(encode(even)).max() == 8
    assert times_in(encode(uneven)).max() == 4  # long, short, long, short
    chords = [Note(6 * n, 6, p, part=p % 2) for n in range(1, 9) for p in (60, 65)]
    assert times_in(encode(Piece.of(chords, parts=[Part()] * 2))).max() == 8


def test_themes_say_what_is_usual() -> None:
    assert usual_times([line([60, 62, 64, 65, 67])]) == LEAST
    assert usual_times([line([60, 62, 64, 65, 67]), line([60, 64] * 40)]) > 30


def test_what_goes_on_too_long_is_pressed_down_and_nothing_else() -> None:
    ids = encode(line([60, 64] * 5)).astype(np.int64)
    ids = ids[: int(np.flatnonzero(ids == VOCAB.id("NOTE_ON 64"))[-1])]  # 64 would be next
    row, heard = GRAMMAR.start(1).table[0], unheard(1)[0]
    for event in ids.tolist():
        hear_on(row, heard, event)
        advance_one(row, event)
    for times, pressure in ((0, 0), (6, 0), (5, 0), (4, 1), (3, 2)):
        weights = np.zeros(V, np.float32)
        press_loops(row, heard, times, weights)
        assert weights[VOCAB.id("NOTE_ON 64")] == -pressure
        assert np.flatnonzero(weights).tolist() in ([], [VOCAB.id("NOTE_ON 64")])


def test_a_model_that_says_one_thing_forever_is_brought_to_another() -> None:
    logits = np.full(V, -9.0)
    logits[[VOCAB.id(f"NOTE_ON {p}") for p in (60, 62, 64, 65)]] = [3, 0, 0, 0]
    logits[[VOCAB.id("DUR 12"), VOCAB.id("NOTE_OFF 60"), VOCAB.id("NOTE_OFF 62")]] = [2, 0, 0]
    opening = np.array([VOCAB.id("START"), VOCAB.id("METER 4/4")])
    config = replace(PLAIN, bars=16, max_quote=0, voices=1, longest_note=1.0)
    rules = rules_for(config, None, 96, [line([60, 62, 64, 65, 67], gap=12)])
    plan = mix.following([mix.weights(0.5, 2)[None]])

    def often(rules: Rules) -> int:
        (take,) = sample(always(logits), [opening], rules, plan, config, 1)
        assert decode(take.ids).notes
        return int(times_in(take.ids).max())

    assert often(rules._replace(times=0)) > 2 * often(rules)

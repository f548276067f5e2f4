"""What a sequence remembers: a match model, held against a search by brute force."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from hocket.music import Note, Piece
from hocket.tokens import VOCAB, encode, memory, sight
from hocket.tokens.memory import CONTEXTS, LENGTHS, NOTHING, TAPES, Memory
from hocket.tokens.vocab import PITCHES

_OFF, _ON = VOCAB.families["NOTE_OFF"], VOCAB.families["NOTE_ON"]
FURTHEST = 96

Said = tuple[list[int], list[int]]
"""The events recalled by each tape, and the steps of how far it agrees."""


def recalled(ids: list[int], begun: Memory | None = None) -> list[Said]:
    """Return what is recalled after each event."""
    mind = begun or memory.blank(1, len(ids))
    events, agreed, found = np.zeros(TAPES, np.int64), np.zeros(TAPES, np.int64), []
    for event in ids:
        memory.remember(mind.past[0], mind.slots[0], mind.at[0], event)
        memory.recall(mind.past[0], mind.at[0], events, agreed)
        found.append((events.tolist(), agreed.tolist()))
    return found


class Move(NamedTuple):
    """A NOTE_OFF or NOTE_ON, so many semitones from the pitch before."""

    strikes: bool
    by: int


class Tape:
    """One tape, searched by brute force."""

    def __init__(self, context: int) -> None:
        self.context, self.past = context, list[object]()
        self.place: int | None = None
        self.agreed = 0

    def hear(self, symbol: object) -> None:
        if self.place is not None and self.past[self.place] == symbol:
            self.place, self.agreed = self.place + 1, min(self.agreed + 1, FURTHEST)
        else:
            self.place = None
        self.past.append(symbol)
        now = len(self.past)
        if self.place is None:
            last = self.past[now - self.context :]
            for before in range(now - 1, self.context - 1, -1):  # the latest first
                if self.past[before - self.context : before] == last:
                    self.place, self.agreed = before, self.alike(before)
                    break

    def alike(self, before: int) -> int:
        """Return for how many events back the two places agree."""
        count = 0
        while (
            count < min(before, FURTHEST) and self.past[before - 1 - count] == self.past[-1 - count]
        ):
            count += 1
        return count

    @property
    def contexts(self) -> int:
        ends = range(self.context, len(self.past) + 1)
        return len({tuple(self.past[end - self.context : end]) for end in ends})


def by_brute_force(ids: list[int]) -> tuple[list[Said], list[int]]:
    """Return what should be recalled, and how many contexts each tape has."""
    tapes, last, found = [Tape(int(context)) for context in CONTEXTS], len(PITCHES) // 2, []
    for event in ids:
        move: object = event
        if event in _OFF or event in _ON:
            pitch = event - (_ON if event in _ON else _OFF).start
            move, last = Move(event in _ON, pitch - last), pitch
        for tape, symbol in zip(tapes, (event, move), strict=True):
            tape.hear(symbol)
        events, agreed = [], []
        for tape in tapes:
            said = NOTHING if tape.place is None else tape.past[tape.place]
            if isinstance(said, Move):
                pitch = last + said.by
                family = _ON if said.strikes else _OFF
                said = family[pitch] if 0 <= pitch < len(PITCHES) else NOTHING
            assert isinstance(said, int)
            events.append(said)
            agreed.append(0 if said == NOTHING else step_of(tape.agreed))
        found.append((events, agreed))
    return found, [tape.contexts for tape in tapes]


def step_of(agreed: int) -> int:
    """Two steps for each doubling."""
    return min(int(2 * np.log2(agreed)) + 1, LENGTHS - 1)


def moved(ids: list[int], semitones: int) -> list[int]:
    return [i + semitones if i in _OFF or i in _ON else i for i in ids]


few = st.sampled_from((_ON[40], _ON[43], _ON[45], _OFF[40], VOCAB.id("DUR 12"), VOCAB.id("DUR 24")))
phrases = st.lists(few, min_size=1, max_size=14)


@st.composite
def repetitive(draw: st.DrawFn) -> list[int]:
    """Phrases that return, as they were or transposed."""
    known, ids = draw(st.lists(phrases, min_size=1, max_size=3)), list[int]()
    for _ in range(draw(st.integers(1, 9))):
        phrase = draw(st.sampled_from(known))
        ids += moved(phrase, draw(st.sampled_from((0, 0, 2, -3))))
    return ids


@given(repetitive())
def test_what_is_recalled_is_what_a_search_finds(ids: list[int]) -> None:
    mind = memory.blank(1, len(ids))
    found = recalled(ids, mind)
    expected, contexts = by_brute_force(ids)
    # Two contexts may fall into one slot; then the earlier one is forgotten.
    assume((np.count_nonzero(mind.slots[0], axis=1) == contexts).all())
    assert found == expected


@given(st.integers(0, 2**32))
def test_a_recalled_event_followed_where_the_same_stood(rng: int) -> None:
    """Even where slots are shared: many contexts."""
    random = np.random.default_rng(rng)
    ids = random.choice([*_ON[40:44], VOCAB.id("DUR 6")], 900).tolist()
    for now, ((event, _), (step, _)) in enumerate(recalled(ids), 1):
        if event == NOTHING:
            assert step == 0
            continue
        last = ids[max(now - CONTEXTS[0], 0) : now]
        stood = [b for b in range(len(last), now) if ids[b - len(last) : b] == last]
        assert event in {ids[before] for before in stood}
        assert step >= step_of(int(CONTEXTS[0]))


def scattered(random: np.random.Generator, count: int) -> list[int]:
    """Return events in which no four stand twice, for certain enough."""
    return [int(i) for i in random.integers(_OFF.start, len(VOCAB), count)]


def test_a_planted_repetition_is_recalled() -> None:
    random = np.random.default_rng(1)
    phrase = scattered(random, 40)
    ids = [*scattered(random, 50), *phrase, *scattered(random, 400), *phrase, *scattered(random, 9)]
    found = recalled(ids)
    again, context = 50 + 40 + 400, int(CONTEXTS[0])
    for place in range(again + context, again + 40):
        events, agreed = found[place - 1]
        assert events[0] == ids[place]
        assert agreed[0] == step_of(place - again)
    assert all(events[0] == NOTHING for events, _ in found[: again + context - 1])


def test_a_planted_transposition_is_recalled_by_moves_alone() -> None:
    tune = (60, 62, 64, 60, 67, 65, 64, 62, 71, 69, 60, 59)
    notes = [Note(12 * i, 12, pitch) for i, pitch in enumerate(tune)]
    notes += [Note(24 * i, 24, 40 + (7 * i) % 30) for i in range(12, 24)]
    notes += [Note(24 * 24 + 12 * i, 12, pitch + 5) for i, pitch in enumerate(tune)]
    ids = encode(Piece.of(notes)).tolist()
    begin = len(ids) - 1 - 3 * len(tune)  # each note ends where the next one begins
    found = recalled(ids)
    for place in range(begin + 10, len(ids) - 2):
        events, _ = found[place - 1]
        assert events[1] == ids[place]
        assert events[0] != ids[place] or ids[place] in VOCAB.families["DUR"]


def test_what_lies_beyond_the_piano_is_not_recalled() -> None:
    up = [e for pitch in range(70, 87, 2) for e in (_ON[pitch], VOCAB.id("DUR 6"), _OFF[pitch])]
    ids = [*up, *moved(up, 5)]
    found = recalled(ids)
    assert all(0 <= event <= NOTHING for events, _ in found for event in events)
    # The step up from B7 that should come next leads beyond C8.
    at_the_edge = [i for i, e in enumerate(ids) if e == _OFF[87]]
    assert at_the_edge
    for place in at_the_edge:
        assert found[place] == ([found[place][0][0], NOTHING], [found[place][1][0], 0])


@given(repetitive(), repetitive())
def test_room_and_company_change_nothing(ids: list[int], other: list[int]) -> None:
    expected = recalled(ids + other)
    mind = memory.blank(1, len(ids))
    assert recalled(ids, mind) == expected[: len(ids)]
    three = memory.of_rows(memory.with_room(mind, len(ids) + len(other)), np.zeros(3, np.int64))
    for row in range(3):  # one after the other: they share nothing
        own = memory.of_rows(three, np.array([row]))
        assert recalled(other, own) == expected[len(ids) :]
    assert recalled([], mind) == []


def test_a_memory_can_begin_with_other_sequences() -> None:
    """A take recalls its theme; only memory goes on, bars and what sounds begin anew."""
    theme = encode(Piece.of(Note(12 * i, 12, 60 + (5 * i) % 13) for i in range(30)))
    mind = sight.remembered([theme[:20], theme])
    begun = memory.with_room(mind, 2 * len(theme) + 20)
    found = recalled(theme.tolist(), begun)
    for place in range(int(CONTEXTS[0]), len(theme)):
        assert found[place - 1][0][0] == theme[place]
    assert recalled(theme[20:].tolist())[0][0][0] == NOTHING
    assert sight.remembered([]).at[0, 0] == 0

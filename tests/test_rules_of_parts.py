"""Each rule alone where several parts sound, on states reached by hand."""

from __future__ import annotations

import pytest

from hocket.generation.rules import (
    Rules,
    foreign_to,
)
from hocket.music import Note, Part, Pedal, Piece
from hocket.tokens import VOCAB
from pressed import (
    after,
    left,
    longest_note,
    on,
    steps,
    weights,
)


@pytest.mark.parametrize(
    ("begun", "way"),
    [
        (
            ("NOTE_ON 50", "PART 1", "NOTE_ON 60", "NOTE_ON 64", "PART 3", "NOTE_ON 70"),
            ("NOTE_OFF 50", "PART 1", "NOTE_OFF 60", "NOTE_OFF 64", "PART 3", "NOTE_OFF 70"),
        ),
        (("PART 2", "NOTE_ON 60"), ("PART 2", "NOTE_OFF 60")),
        (
            ("NOTE_ON 60", "NOTE_ON 64", "PART 1", "NOTE_ON 60"),
            ("NOTE_OFF 60", "NOTE_OFF 64", "PART 1", "NOTE_OFF 60"),
        ),
    ],
    ids=["all", "a later one", "one pitch"],
)
def test_at_its_bar_line_a_take_ends_each_part(
    begun: tuple[str, ...], way: tuple[str, ...]
) -> None:
    state = after(*begun, "DUR 48", "DUR 48")
    for name in (*way, "END"):
        meters = {n for n in weights(Rules(end=96), state) if n.startswith("METER")}
        assert left(Rules(end=96), state) - meters == {name}
        state = on(state, name)


def test_longest_note_leads_to_the_part_where_one_is_due() -> None:
    state = after("NOTE_ON 70", "PART 2", "NOTE_ON 60", "DUR 12", "NOTE_ON 72", "DUR 12")
    assert left(longest_note(24), state) == {"NOTE_OFF 70"}
    state = on(state, "NOTE_OFF 70")
    found = left(longest_note(24), state)
    assert {"NOTE_OFF 72", "NOTE_ON 40", "PART 1", "PART 2"} <= found
    assert not {"PART 3", *(f"DUR {n}" for n in range(1, 49))} & found
    assert left(longest_note(24), on(state, "PART 2")) == {"NOTE_OFF 60"}
    between = on(state, "PART 1")
    assert "NOTE_ON 40" in left(longest_note(24), between)
    assert not steps(left(longest_note(24), on(between, "NOTE_ON 40")))
    done = on(state, "PART 2", "NOTE_OFF 60")
    assert steps(left(longest_note(24), done)) == list(range(1, 13)), "72 is due next"


def test_voices_are_those_of_all_parts() -> None:
    """What leads to a strike is excluded with it: VEL, and the PART of one that is silent."""
    two = after("PART 1", "NOTE_ON 50", "NOTE_ON 60", "DUR 12")
    more = {f"NOTE_ON {p}" for p in range(21, 109)}
    louder = {name for name in weights(Rules(), two) if name.startswith("VEL")}
    assert len(louder) == 12
    assert left(Rules(voices=3), two) >= {*more, *louder, "PART 1", "PART 2", "PART 3"}
    few = left(Rules(voices=2), two)
    assert not few & {*more, *louder, "PART 2", "PART 3"}
    assert "PART 1" in few
    there = on(two, "PART 1")
    assert left(Rules(voices=2), there) == {
        *("NOTE_OFF 50", "NOTE_OFF 60", "NOTE_ON 50", "NOTE_ON 60"),
        *louder,
    }
    ended = on(there, "NOTE_OFF 60")
    assert left(Rules(voices=2), ended) >= more - {"NOTE_ON 60"}
    assert left(Rules(voices=1), ended) & more == {"NOTE_ON 50"}
    assert not left(Rules(voices=1), on(ended, "NOTE_ON 50")) & {*louder, "PART 2", "PART 3"}


def test_events_that_no_theme_has_are_foreign() -> None:
    plain = Piece.of([Note(0, 24, 60)])
    families = VOCAB.families
    assert set(foreign_to([plain])) == {
        event for name in ("METER", "PART", "VEL", "PEDAL") for event in families[name]
    }
    three = Piece.of([Note(0, 24, 60, part=2)], parts=(Part(),) * 3)
    assert set(families["PART"]) - set(foreign_to([plain, three])) == set(families["PART"][:2])
    loud = Piece.of([Note(0, 24, 60, 96), Note(24, 24, 60)])
    assert not set(families["VEL"]) & set(foreign_to([plain, loud]))
    pedalled = Piece.of([Note(0, 24, 60)], pedals=[Pedal(0, True)])
    assert not set(families["PEDAL"]) & set(foreign_to([pedalled, plain]))

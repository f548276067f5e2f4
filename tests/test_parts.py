"""At most so many parts: the closest become one, and no note changes but in its part."""

from __future__ import annotations

from itertools import combinations
from statistics import median

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hocket.music import Key, Note, Part, Pedal, Piece
from hocket.music.columns import Columns
from hocket.music.parts import MOST_PARTS, at_most

_PARTS = tuple(Part(f"{index}", index) for index in range(9))
_note = st.builds(
    Note,
    st.integers(0, 200),
    st.integers(1, 50),
    st.integers(60, 66) | st.integers(0, 127),
    st.integers(1, 127),
    st.integers(0, len(_PARTS) - 1),
)
_notes = st.lists(_note, max_size=30)
_most = st.integers(1, 5)


def _columns(notes: list[Note], parts: tuple[Part, ...] = _PARTS) -> Columns:
    """Return the notes as columns, in the order given."""
    start, duration, pitch, velocity, part = np.array(notes, np.int64).reshape(-1, 5).T
    frame = Piece.of((), parts=parts, keys=[Key(0, 1)], pedals=[Pedal(0, True)])
    return Columns(start, duration, pitch, velocity, part, frame)


def _playing(*parts: tuple[str, list[int]]) -> Columns:
    """Return parts by name and pitches, one note after the other; a part's program is its index."""
    notes = [
        Note(24 * i, 24, pitch, part=part)
        for part, (_, pitches) in enumerate(parts)
        for i, pitch in enumerate(pitches)
    ]
    return _columns(notes, tuple(Part(name, i) for i, (name, _) in enumerate(parts)))


@given(_notes, _most)
def test_no_note_changes_but_in_its_part(notes: list[Note], most: int) -> None:
    few, _ = at_most(_columns(notes), most)
    rows = np.array([few.start, few.duration, few.pitch, few.velocity]).T.tolist()
    assert rows == [list(note[:4]) for note in notes]
    pairs = {(note.part, part) for note, part in zip(notes, few.part.tolist(), strict=True)}
    assert len(pairs) == len({note.part for note in notes}), "a part goes as a whole"


@given(_notes, _most)
def test_parts_are_few_numbered_in_order_and_not_silent(notes: list[Note], most: int) -> None:
    few, remark = at_most(_columns(notes), most)
    before, after = {note.part for note in notes}, few.part.tolist()
    assert len(few.frame.parts) == min(len(before), most)
    assert {*after} == {*range(len(few.frame.parts))}
    assert (remark != "") == (len(before) > most)
    firsts = [min(n.part for n, p in zip(notes, after, strict=True) if p == q) for q in {*after}]
    assert firsts == sorted(firsts)
    again, nothing = at_most(few, most)
    assert again is few
    assert nothing == ""


@given(_notes, _most)
def test_the_closest_two_become_one_again_and_again(notes: list[Note], most: int) -> None:
    groups = [
        (index, part, [note.pitch for note in notes if note.part == index])
        for index, part in enumerate(_PARTS)
    ]
    groups = [group for group in groups if group[2]]
    while len(groups) > most:
        one, other = min(
            combinations(groups, 2),
            key=lambda two: (
                abs(median(two[0][2]) - median(two[1][2])),
                len(two[0][2]) + len(two[1][2]),
                two[0][0],
                two[1][0],
            ),
        )
        name = other[1] if len(other[2]) > len(one[2]) else one[1]
        groups[groups.index(one)] = (one[0], name, one[2] + other[2])
        groups.remove(other)
    few, _ = at_most(_columns(notes), most)
    assert few.frame.parts == tuple(part for _, part, _ in groups)
    for number, (_, _, pitches) in enumerate(groups):
        assert sorted(few.pitch[few.part == number].tolist()) == sorted(pitches)


def test_an_orchestra_becomes_four_parts() -> None:
    few, remark = at_most(
        _playing(
            ("Flute", [84, 86]),
            ("Violin I", [76, 77, 79]),
            ("Silence", []),
            ("Violin II", [76, 77]),
            ("Viola", [60]),
            ("", [61, 61]),
            ("Cello", [48, 50]),
            ("Bass", [36]),
        )
    )
    kept = (Part("Violin I", 1), Part("", 5), Part("Cello", 6), Part("Bass", 7))
    assert few.frame.parts == kept
    assert np.bincount(few.part).tolist() == [7, 3, 2, 1]
    assert remark == (
        "7 parts, 4 are kept: Flute went into Violin I, Violin II went into Violin I, "
        "Viola went into part 6"
    )


def test_few_parts_stay_as_they_are() -> None:
    columns = _playing(("Right", [72]), ("Left", [48]))
    few, remark = at_most(columns)
    assert few is columns
    assert remark == ""
    assert MOST_PARTS == 4


def test_a_part_without_a_note_goes_without_a_remark() -> None:
    few, remark = at_most(_playing(("Title", []), ("Right", [72]), ("Left", [48])))
    assert (few.frame.parts, few.part.tolist(), remark) == (
        (Part("Right", 1), Part("Left", 2)),
        [0, 1],
        "",
    )


def test_all_but_notes_and_parts_stays() -> None:
    few, _ = at_most(_playing(("a", [72]), ("b", [48])), 1)
    assert (few.frame.keys, few.frame.pedals) == ((Key(0, 1),), (Pedal(0, True),))

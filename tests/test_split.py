"""No composition is on two sides, and nothing near what is kept out is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.analysis.duplicates import Overlap, clusters
from hocket.corpus.split import Place, Reason, Side, places
from hocket.errors import ConfigError

LIKE, SAME = 0.5, 1.0
TRAIN, VALID = Place(Side.TRAIN), Place(Side.VALID)


def near(a: int, b: int, texture: float = 0.0) -> Overlap:
    return Overlap(a, b, LIKE, texture, 0.0)


def test_what_shares_nothing_stays_where_it_is_wanted() -> None:
    assert places("abc", [9, 9, 9], [], valid={"b"}) == [TRAIN, VALID, TRAIN]


def test_chance_moves_nothing() -> None:
    assert places("ab", [9, 9], [Overlap(0, 1, 0.1, 0.05, 0.2)], valid={"b"}) == [TRAIN, VALID]


def test_what_hangs_together_with_a_piece_kept_out_is_out() -> None:
    found = places("abcd", [9] * 4, [near(0, 1), near(1, 2)], valid={"c", "d"}, kept_out={"a"})
    assert found == [
        Place(Side.OUT, Reason.KEPT_OUT),
        Place(Side.OUT, Reason.NEAR_KEPT_OUT, "a"),
        Place(Side.OUT, Reason.NEAR_KEPT_OUT, "a"),
        VALID,
    ]


def test_a_piece_wanted_and_kept_out_is_out() -> None:
    assert places("a", [9], [], valid={"a"}, kept_out={"a"}) == [Place(Side.OUT, Reason.KEPT_OUT)]


def test_nothing_near_valid_is_learned_from() -> None:
    found = places("abcd", [9] * 4, [near(0, 1), near(1, 2, SAME)], valid={"c", "d"})
    out = Place(Side.OUT, Reason.NEAR_VALID, "c")
    assert found == [out, out, VALID, VALID]


def test_the_longest_of_several_copies_is_kept() -> None:
    copies = [near(0, 1, SAME), near(0, 2, SAME), near(1, 2, SAME), near(2, 3)]
    found = places("abcd", [5, 6, 7, 5], copies, valid=())
    out = Place(Side.OUT, Reason.COPY, "c")
    assert found == [out, out, TRAIN, TRAIN]


def test_two_pieces_with_one_excerpt_are_both_kept() -> None:
    found = places("abc", [9, 8, 3], [near(0, 2, SAME), near(1, 2, SAME)], valid=())
    assert found == [TRAIN, TRAIN, Place(Side.OUT, Reason.COPY, "a")]


def test_names_must_be_known_and_told_apart() -> None:
    with pytest.raises(ConfigError, match=r"^x: no piece of that name; 2 such names"):
        places("ab", [1, 1], [], valid={"y"}, kept_out={"x"})
    with pytest.raises(ConfigError, match="two pieces have one name"):
        places("aa", [1, 1], [], valid=())


NAMES = "abcdefgh"
some = st.sets(st.sampled_from(NAMES), max_size=3)
shares = st.sampled_from((0.0, LIKE, SAME))
shared = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] < pair[1]),
    st.tuples(shares, shares, shares),
    max_size=9,
).map(lambda pairs: [Overlap(*pair, *both) for pair, both in pairs.items()])
lengths = st.lists(st.integers(1, 3), min_size=8, max_size=8)


@given(lengths, shared, some, some)
def test_no_composition_is_on_two_sides(
    notes: list[int], overlaps: list[Overlap], valid: set[str], kept_out: set[str]
) -> None:
    found = places(NAMES, notes, overlaps, valid=valid, kept_out=kept_out)
    whole = clusters(8, [(one.a, one.b) for one in overlaps if one.is_shared]).tolist()
    sides: dict[int, set[Side]] = {}
    for number, place in zip(whole, found, strict=True):
        sides.setdefault(number, set()).add(place.side)
    assert not any({Side.TRAIN, Side.VALID} <= both for both in sides.values())
    for name, number, place in zip(NAMES, whole, found, strict=True):
        if name in kept_out:
            assert sides[number] == {Side.OUT}
        assert (place.reason is None) == (place.side is not Side.OUT)
        if place.reason is Reason.COPY:
            assert found[NAMES.index(place.like)] == TRAIN
        if place.side is Side.VALID:
            assert name in valid


@given(lengths, shared, some, some, st.permutations(range(8)))
def test_the_order_of_pieces_does_not_matter(
    notes: list[int],
    overlaps: list[Overlap],
    valid: set[str],
    kept_out: set[str],
    order: list[int],
) -> None:
    plain = dict(
        zip(NAMES, places(NAMES, notes, overlaps, valid=valid, kept_out=kept_out), strict=True)
    )
    names = [NAMES[piece] for piece in order]
    where = {piece: place for place, piece in enumerate(order)}
    turned = [
        one._replace(a=min(where[one.a], where[one.b]), b=max(where[one.a], where[one.b]))
        for one in overlaps
    ]
    other = places(names, [notes[piece] for piece in order], turned, valid=valid, kept_out=kept_out)
    assert dict(zip(names, other, strict=True)) == plain

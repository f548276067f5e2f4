"""Pieces that share music are found, whatever the key, grid, ornaments and accompaniment."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.analysis import duplicates
from hocket.analysis.duplicates import Fingerprint, Overlap, clusters, fingerprint, overlaps
from hocket.music import Note, Piece
from hocket.music.columns import Columns


def tune(rng: int, notes: int = 120, middle: int = 74) -> list[Note]:
    """A melody that wanders, part 0."""
    dice, pitch, tick, line = random.Random(rng), middle, 0, []
    for _ in range(notes):
        length = dice.choice((12, 12, 24, 36))
        line.append(Note(tick, length, pitch))
        tick += length
        pitch += dice.choice(
            [s for s in (-5, -4, -3, -2, -1, 1, 2, 3, 5, 7) if 64 < pitch + s < 88]
        )
    return line


def chords(rng: int, until: int) -> list[Note]:
    """An accompaniment, part 1: a chord each half note."""
    dice = random.Random(rng)
    roots = [dice.randint(40, 52) for _ in range(0, until, 48)]
    return [
        Note(48 * place, 48, root + step, part=1)
        for place, root in enumerate(roots)
        for step in (0, dice.choice((3, 4)), 7)
    ]


def song(rng: int, accompaniment: int | None = None) -> list[Note]:
    line = tune(rng)
    return line + chords(rng if accompaniment is None else accompaniment, line[-1].start)


def low_song() -> list[Note]:
    """The melody amid the chords, so that an octave changes the order of notes."""
    return [n if n.part else n._replace(pitch=n.pitch - 26) for n in song(1)]


def printed(notes: Iterable[Note]) -> Fingerprint:
    return fingerprint(Columns.of(Piece.of(notes)))


def moved(notes: Iterable[Note], semitones: int) -> list[Note]:
    return [note._replace(pitch=note.pitch + semitones) for note in notes]


def ornamented(notes: list[Note]) -> list[Note]:
    """A mordent on each ninth note of the melody."""
    done: list[Note] = []
    for place, (start, length, pitch, velocity, part) in enumerate(notes):
        if place % 9 or part:
            done.append(notes[place])
            continue
        for late, more in ((0, 0), (2, 2), (4, 0)):
            done.append(
                Note(start + late, 2 if late < 4 else length - 4, pitch + more, velocity, part)
            )
    return done


def only(found: list[Overlap]) -> Overlap:
    [one] = found
    return one


notes = st.lists(
    st.builds(
        Note,
        st.integers(0, 400),
        st.integers(1, 40),
        st.integers(40, 80),
        st.integers(1, 127),
        st.integers(0, 1),
    ),
    max_size=60,
)


def alike(one: Fingerprint, other: Fingerprint) -> bool:
    mine = one.texture, one.parts, *one.voices
    theirs = other.texture, other.parts, *other.voices
    return len(mine) == len(theirs) and all(map(np.array_equal, mine, theirs))


@given(notes, st.integers(-12, 12), st.integers(0, 500), st.integers(1, 7))
def test_key_beginning_and_note_values_do_not_matter(
    some: list[Note], semitones: int, late: int, times: int
) -> None:
    other = [
        note._replace(
            start=late + times * note.start,
            duration=times * note.duration,
            pitch=note.pitch + semitones,
        )
        for note in some
    ]
    assert alike(printed(some), printed(other))


@given(notes, st.randoms(use_true_random=False))
def test_the_order_of_notes_does_not_matter(some: list[Note], dice: random.Random) -> None:
    columns = Columns.of(Piece.of(some))
    order = list(range(len(columns)))
    dice.shuffle(order)
    shuffled = replace(
        columns,
        start=columns.start[order],
        duration=columns.duration[order],
        pitch=columns.pitch[order],
        part=columns.part[order],
    )
    assert alike(fingerprint(columns), fingerprint(shuffled))


def test_a_piece_without_notes_shares_nothing() -> None:
    assert overlaps([printed([]), printed([]), printed(song(1))]) == []
    assert overlaps([]) == []


def test_a_copy_in_another_key_is_the_same_piece() -> None:
    found = only(overlaps([printed(song(1)), printed(moved(song(1), 3))]))
    assert found == Overlap(0, 1, 1.0, 1.0, 1.0)
    assert found.is_shared
    assert found.is_same


def test_a_copy_on_another_grid_is_the_same_piece() -> None:
    slow = [n._replace(start=2 * n.start // 3, duration=n.duration // 2) for n in song(1)]
    assert only(overlaps([printed(song(1)), printed(slow)])).is_same


def test_a_singer_an_octave_higher_makes_no_other_piece() -> None:
    higher = [n if n.part else n._replace(pitch=n.pitch + 12) for n in low_song()]
    found = only(overlaps([printed(low_song()), printed(higher)]))
    assert found.texture < duplicates.SHARED_TEXTURE
    assert found.is_same


def test_an_excerpt_is_a_copy() -> None:
    excerpt = [n for n in song(1) if 600 <= n.start < 1400]
    found = only(overlaps([printed(song(1)), printed(song(2)), printed(excerpt)]))
    assert (found.a, found.b) == (0, 2)
    assert found.is_same


def test_an_ornamented_copy_shares_but_is_not_the_same() -> None:
    found = only(overlaps([printed(song(1)), printed(moved(ornamented(song(1)), -2))]))
    assert found.is_shared
    assert not found.is_same


def test_another_accompaniment_shares_the_melody_only() -> None:
    found = only(overlaps([printed(song(1)), printed(song(1, accompaniment=5))]))
    assert found.melody == 1.0
    assert found.texture < duplicates.SHARED_TEXTURE
    assert found.is_shared


def test_unrelated_pieces_share_nothing() -> None:
    assert overlaps([printed(song(rng)) for rng in range(40)]) == []


def test_a_bass_and_scales_that_everybody_has_prove_nothing() -> None:
    bass = [Note(12 * i, 12, 48 + (0, 7, 4, 7)[i % 4], part=1) for i in range(300)]
    white = [pitch for pitch in range(48, 96) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
    scale = [Note(3600 + 12 * i, 12, pitch) for i, pitch in enumerate(white)]
    found = overlaps([printed(tune(rng) + bass + scale) for rng in (1, 2)])
    assert not any(one.is_shared for one in found)
    assert not any(one.melody for one in found)


@pytest.mark.parametrize(("pieces", "pairs"), [(duplicates.STOP, 66), (duplicates.STOP + 1, 0)])
def test_what_stands_in_many_pieces_proves_nothing(pieces: int, pairs: int) -> None:
    common = tune(99, notes=40)
    until = common[-1].start + 48
    own = [[n._replace(start=n.start + until) for n in tune(rng)] for rng in range(pieces)]
    assert len(overlaps([printed(common + line) for line in own])) == pairs


@given(st.permutations(range(6)))
def test_the_order_of_pieces_does_not_matter(order: list[int]) -> None:
    songs = [song(1), song(2), moved(song(1), 2), ornamented(song(2)), song(1, 9), song(3)]
    prints = [printed(each) for each in songs]
    plain = {(frozenset((one.a, one.b)), *one[2:]) for one in overlaps(prints)}
    other = overlaps([prints[piece] for piece in order])
    assert all(one.a < one.b for one in other)
    assert plain == {(frozenset((order[one.a], order[one.b])), *one[2:]) for one in other}


pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


@given(pairs, st.randoms(use_true_random=False))
def test_clusters_are_what_hangs_together(some: list[tuple[int, int]], dice: random.Random) -> None:
    found = clusters(10, some)
    together = {piece: {piece} for piece in range(10)}
    for _ in range(10):
        for one, other in some:
            both = together[one] | together[other]
            together.update(dict.fromkeys(both, both))
    assert found.tolist() == [min(together[piece]) for piece in range(10)]
    turned = [pair[::-1] for pair in some]
    dice.shuffle(turned)
    assert np.array_equal(clusters(10, turned), found)

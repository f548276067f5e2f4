"""Made-up pieces for laws: several parts, any velocity, any metre, and a pedal."""

from __future__ import annotations

from hypothesis import strategies as st

from hocket.music import Meter, Note, Pedal, Piece

notes = st.builds(
    Note,
    start=st.integers(0, 400),
    duration=st.integers(1, 200),
    pitch=st.integers(0, 127),
    velocity=st.integers(1, 127),
    part=st.integers(0, 5),
)
crowded = st.builds(
    Note,
    start=st.integers(0, 9),
    duration=st.integers(1, 9),
    pitch=st.integers(40, 75),
    velocity=st.sampled_from((50, 80)),
    part=st.integers(0, 3),
)
meters = st.builds(
    Meter, st.integers(0, 500), st.integers(1, 20), st.sampled_from((1, 2, 4, 8, 16, 32))
)
pedals = st.builds(Pedal, st.integers(0, 500), st.booleans())


def pieces(of: st.SearchStrategy[Note] = notes, most: int = 60) -> st.SearchStrategy[Piece]:
    """Return pieces of notes of some kind, of at most so many."""
    return st.builds(
        lambda some, changes, presses: Piece.of(some, meters=changes, pedals=presses),
        st.lists(of, max_size=most),
        st.lists(meters, max_size=3),
        st.lists(pedals, max_size=6),
    )


def depth(piece: Piece, part: int | None = None) -> int:
    """Return how many notes sound at once at most, in all parts or in one."""
    own = [note for note in piece.notes if part in (None, note.part)]
    return max((sum(n.start <= note.start < n.end for n in own) for note in own), default=0)

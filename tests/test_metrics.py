"""Each measure against a value worked out by hand, and the laws they obey."""

from __future__ import annotations

import json
import random
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from hocket.analysis import as_json, legend, measure, medians, table
from hocket.analysis.metrics import Measures
from hocket.music.piece import Meter, Note, Piece

SCALE_UP = [60, 62, 64, 65, 67, 69, 71, 72]


def line(pitches: list[int], *, ticks: int = 24, start: int = 0) -> list[Note]:
    return [Note(start + i * ticks, ticks, pitch) for i, pitch in enumerate(pitches)]


def walk(count: int, rng: int, *, ticks: int = 12) -> list[Note]:
    """A melody of random leaps, so that no two of its runs are alike."""
    dice = random.Random(rng)
    return line([dice.randint(40, 88) for _ in range(count)], ticks=ticks)


def later(notes: list[Note], by: int) -> list[Note]:
    return [note._replace(start=note.start + by) for note in notes]


def test_a_piece_without_notes_is_all_zeros() -> None:
    found = measure(Piece.of([]), {"a": Piece.of(walk(30, 1))})
    assert found == Measures(
        0, 0, 0.0, 0, 0.0, {"a": 0.0}, 0.0, 0.0, 0.0, 0, 0.0, 0, 0.0, 0.0, 0, 0.0, 0, 1.0
    )


def test_small_values_by_hand() -> None:
    notes = [Note(0, 240, 60), Note(0, 193, 64), Note(0, 192, 67), Note(0, 1, 67, part=1)]
    notes += [Note(192, 24, 61), Note(216, 24, 61)]
    found = measure(Piece.of(notes), {})
    assert found.notes == 5  # the second 67 is a unison
    assert found.bars == 3  # ends at 240, in the third bar of 96
    assert found.in_key == 4 / 5  # C E G and C# twice: D major holds all but C
    assert found.longest_note_quarters == 10.0
    assert found.stuck == 2  # 240 and 193 ticks are more than 8 quarters, 192 are not
    assert found.polyphony == 3
    assert found.share == {}
    assert (found.known, found.cover16, found.longest, found.switches) == (0, 0, 0, 0)


@pytest.mark.parametrize(("quote", "cover"), [(15, 0.0), (16, 16 / 36), (20, 20 / 40)])
def test_cover16_of_a_planted_quote(quote: int, cover: float) -> None:
    theme = walk(60, 1)
    noise = [n._replace(duration=7, start=n.start // 12 * 7) for n in walk(20, 2)]
    piece = [*noise, *later(theme[30 : 30 + quote], 500)]
    piece = [n._replace(pitch=n.pitch + 5) for n in piece]
    found = measure(Piece.of(piece), {"a": Piece.of(theme)})
    assert found.longest == quote
    assert found.cover16 == cover
    assert found.known == quote / (20 + quote)
    assert found.share == {"a": 1.0}


def test_share_and_switches_by_hand() -> None:
    one, two = walk(40, 1), walk(40, 2, ticks=6)
    pieces = [one[:8], two[:4], one[10:14], two[20:28]]
    notes: list[Note] = []
    for part in pieces:
        # A gap of 7 ticks stands in neither theme, so no run goes on from one into the next.
        end = notes[-1].start + 7 if notes else 0
        notes += later(part, end - part[0].start)
    piece = Piece.of(notes, meters=[Meter(0, 1, 4)])
    found = measure(piece, {"one": Piece.of(one), "two": Piece.of(two)})
    assert found.known == 1.0
    assert found.share == {"one": 12 / 24, "two": 12 / 24}
    # 7*12 + 7 + 3*6 + 7 + 3*12 + 7 + 7*6 + the last 6 = 207 ticks: nine bars of 24
    assert found.bars == 9
    assert found.switches == 3 * 8 / 9


def test_a_theme_in_common_counts_for_nobody() -> None:
    theme = Piece.of(walk(20, 1))
    found = measure(theme, {"a": theme, "b": theme.transposed(3)})
    assert found.known == 1.0
    assert found.share == {"a": 0.0, "b": 0.0}
    assert found.switches == 0.0


def test_repetition_needs_sixteen_notes_again_without_overlap() -> None:
    phrase = walk(16, 1)
    twice = Piece.of([*phrase, *later(phrase, 16 * 12)])
    assert measure(twice, {}).repetition16 == 1.0
    assert measure(Piece.of([*phrase[:15], *later(phrase[:15], 180)]), {}).repetition16 == 0.0
    assert measure(Piece.of(line([60] * 31)), {}).repetition16 == 0.0
    assert measure(Piece.of(line([60] * 32)), {}).repetition16 == 1.0


def test_polyphony_ends_before_it_starts() -> None:
    assert measure(Piece.of(line(SCALE_UP)), {}).polyphony == 1
    assert (
        measure(Piece.of([Note(0, 25, 60), Note(24, 24, 62), Note(24, 1, 64)]), {}).polyphony == 3
    )


melodies = st.lists(
    st.builds(Note, st.integers(0, 400), st.integers(1, 300), st.integers(50, 70)), max_size=40
).map(Piece.of)


@given(melodies)
@settings(deadline=None)
def test_a_theme_against_itself(piece: Piece) -> None:
    found = measure(piece, {"self": piece})
    assert found.longest == (found.notes if found.notes >= 2 else 0)
    assert found.known == (1.0 if found.notes >= 4 else 0.0)
    assert found.cover16 == (1.0 if found.notes >= 16 else 0.0)


@given(melodies, melodies, st.integers(-20, 20))
@settings(deadline=None)
def test_transposition_changes_no_measure(piece: Piece, theme: Piece, by: int) -> None:
    assert measure(piece.transposed(by), {"t": theme}) == measure(piece, {"t": theme})


@given(melodies, melodies)
@settings(deadline=None)
def test_shares_are_shares(piece: Piece, theme: Piece) -> None:
    found = measure(piece, {"t": theme, "u": piece})
    for value in (found.cover16, found.known, found.in_key, found.repetition16):
        assert 0.0 <= value <= 1.0
    assert sum(found.share.values()) == pytest.approx(1.0) or not any(found.share.values())


def test_unrelated_notes_are_hardly_known() -> None:
    dice = random.Random(1)
    one, two = (
        Piece.of(Note(dice.randrange(8000), 9, dice.randint(40, 90)) for _ in range(800))
        for _ in range(2)
    )
    found = measure(one, {"two": two})
    assert found.known < 0.05
    assert found.cover16 == 0.0
    assert found.longest < 5


def test_json_is_plain_and_ordered() -> None:
    piece = Piece.of(walk(40, 1))
    found = measure(piece, {"b": piece, "a": Piece.of(walk(40, 2))})
    plain = as_json(found)
    assert list(plain)[:4] == ["notes", "bars", "cover16", "longest"]
    assert list(plain["share"]) == ["a", "b"]
    assert Measures(**json.loads(json.dumps(plain))) == found


def test_medians() -> None:
    theme = Piece.of(walk(40, 1))
    rows = [measure(Piece.of(theme.notes[:n]), {"a": theme}) for n in (10, 20, 40)]
    found = medians(rows)
    assert list(found) == [*as_json(rows[0]), "weaker"]
    assert found["weaker"] == 1.0
    assert (found["notes"], found["longest"], found["share"]) == (20, 20, {"a": 1.0})
    assert medians([]) == {}


def test_table_shows_names_as_they_are_and_legend_every_column() -> None:
    theme = Piece.of(walk(40, 1))
    rows = {"[red]x.mid": measure(theme, {"[b]a": theme}), "y": measure(theme, {"c": theme})}
    out = StringIO()
    Console(file=out, width=200).print(table(rows))
    text = out.getvalue()
    for word in ("[red]x.mid", "[b]a", "c", "1.00", "40"):
        assert word in text
    columns = [line.split("  ")[0] for line in legend().splitlines()]
    assert [c for c in columns if c not in as_json(rows["y"])] == ["A, B, …", "chance"]
    assert {"cover16", "longest", "known", "switches", "in_key"} <= set(columns)
    assert "share of notes" in legend()

"""What is read of quotes: the map of notes, the longest ones, and the level of chance."""

from __future__ import annotations

import pytest

from hocket.analysis.chance import NOTES, chance, notes_in
from hocket.analysis.metrics import Measures, measure
from hocket.analysis.quoted import COLUMNS, in_words, longest_quotes, note_map
from hocket.music import Meter, Note, Piece

TUNE = [60, 64, 62, 67, 65, 71, 69, 72, 70, 61, 66, 63]


def line(pitches: list[int], start: int = 0) -> list[Note]:
    return [Note(start + 12 * n, 12, pitch) for n, pitch in enumerate(pitches)]


THEME = Piece.of(line([50, 40, 50, 41, *TUNE], start=96), meters=[Meter(0, 4, 4)])
TAKE = Piece.of(
    [*line([80, 90, 81]), *line([p - 2 for p in TUNE[:9]], start=96)], meters=[Meter(0, 4, 4)]
)


def test_the_map_tells_of_every_note_where_it_comes_from() -> None:
    found = note_map(TAKE, {"A": THEME, "B": Piece.of(line([60, 50, 40, 99]))})
    assert found["columns"] == list(COLUMNS)
    assert found["notes"][:3] == [
        [0, 80, "new", "", 0, 0, 0],
        [12, 90, "new", "", 0, 0, 0],
        [24, 81, "new", "", 0, 0, 0],
    ]
    assert found["notes"][3:] == [
        [96 + 12 * n, p - 2, "A", "A", 2, -2, 9] for n, p in enumerate(TUNE[:9])
    ]


def test_the_longest_quotes_are_told_in_words() -> None:
    found = longest_quotes(TAKE, {"A": THEME})
    assert [len(found[view]) for view in ("texture", "melody", "tune")] == [1, 1, 1]
    (quote,) = found["texture"]
    assert in_words("texture", quote) == (
        "texture bars 2-3: 9 notes of A, from its bar 2, 2 semitones down"
    )
    again = {**quote, "last_bar": 2, "semitones": 0, "piece": 2}
    assert in_words("tune", again) == "tune bar 2: 9 notes of A, piece 3, from its bar 2"
    assert longest_quotes(TAKE, {"A": THEME}, most=0)["tune"] == []


def test_measures_of_the_melody() -> None:
    bass = [Note(96 + 24 * n, 24, 40 + n % 2) for n in range(4)]
    over = Piece.of([*TAKE.notes, *bass], meters=TAKE.meters)
    found = measure(over, {"A": THEME})
    assert found.longest < 9
    assert (found.melody_longest, found.tune_longest) == (9, 9)
    assert found.melody_known == pytest.approx(9 / 12)
    assert (found.melody_cover16, found.tune_cover16) == (0, 0)
    assert found.playable == 1


def test_chance_grows_with_the_themes() -> None:
    small, large = chance(500), chance(4000)
    assert small.keys() <= set(Measures.__dataclass_fields__)
    assert small["known"].median < large["known"].median < large["known"].high
    assert set(small["cover16"] + large["cover16"]) == {0}
    assert chance(1) == chance(NOTES[0])
    assert chance(10**6) == chance(NOTES[-1])
    between = chance(1400)["known"].median
    assert chance(1000)["known"].median <= between <= chance(2000)["known"].median
    assert notes_in([THEME, [THEME, TAKE]]) == (2 * 16 + 12) / 2

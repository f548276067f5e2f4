"""Pictures are whole PNGs, the same for the same piece, and another for other labels."""

from __future__ import annotations

import math
import random
import struct
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest

from hocket.analysis import curve_png, origins, roll_png
from hocket.music.piece import Meter, Note, Part, Piece


def some_piece(bars: int, rng: int = 1) -> Piece:
    dice = random.Random(rng)
    notes = [
        Note(96 * bar + 12 * dice.randrange(8), 12, dice.randint(36, 90))
        for bar in range(bars)
        for _ in range(6)
    ]
    return Piece.of([*notes, Note(96 * (bars - 1), 24, 60)], title="A piece")


def size(png: bytes) -> tuple[int, int]:
    """Check every chunk of a PNG, and return its width and height."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    place, kinds = 8, []
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        body = png[place + 4 : place + 8 + length]
        assert struct.unpack(">I", png[place + 8 + length : place + 12 + length])[0] == zlib.crc32(
            body
        )
        kinds.append(body[:4])
        place += 12 + length
    assert kinds[0] == b"IHDR"
    assert kinds[-1] == b"IEND"
    assert b"tEXt" not in kinds  # no version, no time
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_roll_png_is_the_same_for_the_same_and_differs_by_label() -> None:
    piece = some_piece(8)
    own = origins(piece, {"a": piece, "b": Piece.of([])})
    other = origins(piece, {"a": Piece.of([]), "b": Piece.of([])})
    first = roll_png(piece, own)
    assert size(first)[0] > 1000
    assert roll_png(piece, own) == first
    assert roll_png(piece, other) != first
    assert roll_png(piece, replace(own, names=("a", "c"))) != first
    assert roll_png(piece, own, title="Another") != first


def test_roll_png_grows_by_rows_of_16_bars_and_not_for_ever() -> None:
    heights = [size(roll_png(some_piece(bars)))[1] for bars in (16, 17, 40)]
    assert heights[0] < heights[1] < heights[2]
    width, height = size(roll_png(some_piece(600)))
    assert width <= 2100
    assert height <= 2400


@pytest.mark.parametrize(
    "name", ["$x^$", "_hidden", "a\nb\x00", "東京", "<b>", "\ud800", "", "x" * 999]
)
def test_hostile_names_are_drawn(name: str) -> None:
    piece = replace(some_piece(2), title=name)
    size(roll_png(piece, origins(piece, {name: piece, name + "2": piece})))


def test_odd_pieces_are_drawn() -> None:
    size(roll_png(Piece.of([])))
    size(roll_png(Piece.of([]), origins(Piece.of([]), {"a": some_piece(2)})))
    size(roll_png(Piece.of([Note(0, 0, 60)], meters=[Meter(0, 7, 8)])))
    band = Piece.of(
        [Note(0, 24, 60), Note(0, 24, 0, part=1), Note(5, 24, 127, part=9)],
        parts=[Part("$a"), Part("")],
    )
    size(roll_png(band))
    many = {f"theme {i}": some_piece(2, i) for i in range(9)}
    size(roll_png(some_piece(2, 3), origins(some_piece(2, 3), many)))


def test_curve_png() -> None:
    history = [
        (step, math.exp(-step / 50), math.exp(-step / 50) + step / 900 if step % 20 == 0 else None)
        for step in range(0, 200, 5)
    ]
    first = curve_png(history)
    assert size(first)[0] > 700
    assert curve_png(list(reversed(history))) == first
    assert curve_png(history[:20]) != first
    size(curve_png([]))
    size(curve_png([(1, math.nan, None), (2, math.inf, math.nan)]))
    size(curve_png([(1, 2.0, None)]))


def test_pyplot_and_matplotlib_stay_out_of_the_import() -> None:
    code = (
        "import sys, hocket.analysis as a; from hocket.music import Piece\n"
        "assert not {'matplotlib', 'rich', 'torch'} & set(sys.modules)\n"
        "a.roll_png(Piece.of([])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

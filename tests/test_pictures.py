"""Pictures are whole PNGs, the same for the same piece, and another for other labels."""

from __future__ import annotations

import math
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hocket import runs
from hocket.analysis import origins
from hocket.base import base_model
from hocket.errors import ConfigError
from hocket.model.theme import ThemeFile
from hocket.music.piece import Meter, Note, Part, Piece
from hocket.pictures import (
    bars_matrix,
    curve,
    network,
    network_text,
    roll,
    self_similarity,
    shapes_of,
)
from hocket.tokens import VOCAB
from hocket.training.checkpoint import Look


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


def test_roll_is_the_same_for_the_same_and_differs_by_label() -> None:
    piece = some_piece(8)
    own = origins(piece, {"a": piece, "b": Piece.of([])})
    other = origins(piece, {"a": Piece.of([]), "b": Piece.of([])})
    first = roll(piece, own)
    assert size(first)[0] > 1000
    assert roll(piece, own) == first
    assert roll(piece, other) != first
    assert roll(piece, replace(own, names=("a", "c"))) != first
    assert roll(piece, own, text="Another") != first


def test_roll_grows_by_rows_of_16_bars_and_not_for_ever() -> None:
    heights = [size(roll(some_piece(bars)))[1] for bars in (16, 17, 40)]
    assert heights[0] < heights[1] < heights[2]
    width, height = size(roll(some_piece(600)))
    assert width <= 2100
    assert height <= 2400


@pytest.mark.parametrize(
    "name", ["$x^$", "_hidden", "a\nb\x00", "東京", "<b>", "\ud800", "", "x" * 999]
)
def test_hostile_names_are_drawn(name: str) -> None:
    piece = replace(some_piece(2), title=name)
    size(roll(piece, origins(piece, {name: piece, name + "2": piece})))


def test_odd_pieces_are_drawn() -> None:
    for empty in (Piece.of([]), Piece.of([Note(0, 1, 60)])):
        size(self_similarity(empty, form="AABA"))
        size(bars_matrix(empty, {"": [Piece.of([])], "b": [], "c": [empty, empty]}))
        size(bars_matrix(empty, {}))
    size(roll(Piece.of([])))
    size(roll(Piece.of([]), origins(Piece.of([]), {"a": some_piece(2)})))
    size(roll(Piece.of([Note(0, 0, 60)], meters=[Meter(0, 7, 8)])))
    band = Piece.of(
        [Note(0, 24, 60), Note(0, 24, 0, part=1), Note(5, 24, 127, part=9)],
        parts=[Part("$a"), Part("")],
    )
    size(roll(band))
    many = {f"theme {i}": some_piece(2, i) for i in range(9)}
    size(roll(some_piece(2, 3), origins(some_piece(2, 3), many)))


def test_curve() -> None:
    history = [
        Look(step, math.exp(-step / 50), math.exp(-step / 50) if step % 20 == 0 else None, 0.0)
        for step in range(0, 200, 5)
    ]
    first = curve(history)
    assert size(first)[0] > 700
    assert curve(list(reversed(history))) == first
    assert curve(history[:20]) != first
    size(curve([]))
    size(curve([Look(1, math.nan, None, 0.0), Look(2, math.inf, math.nan, 0.0)]))
    size(curve([Look(1, 2.0, None, 0.0)]))
    assert curve(history, best_step=60) != first
    assert curve(history, best_step=61) == first  # which was not looked at
    quoting = [replace(look, quote=float(look.step)) for look in history]
    assert size(curve(quoting))[1] > size(first)[1]
    assert curve(quoting, most_quoted=9.0) != curve(quoting)


def test_every_picture_is_an_svg_too(themes: list[Piece], tiny_run: Path) -> None:
    named = {"A Walk": [themes[0]], "B Turn": [themes[1]]}
    shapes = shapes_of(runs.load_weights(tiny_run))
    drawings: dict[str, Callable[[str], bytes]] = {
        "roll": lambda kind: roll(themes[0], origins(themes[0], named), kind=kind),
        "curve": lambda kind: curve([Look(1, 2.0, 1.0, 0.0)], kind=kind),
        "matrix": lambda kind: bars_matrix(themes[0], named, kind=kind),
        "similarity": lambda kind: self_similarity(themes[0], kind=kind),
        "network": lambda kind: network(shapes, kind=kind),
    }
    for name, draw in drawings.items():
        size(draw("png"))
        svg = draw("svg")
        assert svg.startswith(b"<?xml"), name
        assert svg == draw("svg"), name
        assert b"<svg" in svg, name
    with pytest.raises(ConfigError, match="pictures are png or svg"):
        roll(themes[0], kind="gif")


def test_pictures_are_the_same_in_any_thread_and_whatever_the_settings() -> None:
    import matplotlib

    piece = some_piece(3)
    first = roll(piece, kind="svg")
    with matplotlib.rc_context({"svg.hashsalt": "x", "font.size": 30, "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        with ThreadPoolExecutor(4) as pool:
            several = list(pool.map(lambda _: roll(piece, kind="svg"), range(8)))
        assert dict(matplotlib.rcParams) == before
    assert set(several) == {first}


def test_what_is_left_out_of_a_picture_is_said() -> None:
    """Both pieces fill the picture alike, so that only what is said can differ."""
    least, more = (Piece.of([Note(96 * bar, 96, 60) for bar in range(n)]) for n in (400, 401))
    assert self_similarity(least) == self_similarity(replace(least, title="b"))
    assert self_similarity(least) != self_similarity(more)
    themes = {"a": [some_piece(2)]}
    assert bars_matrix(least, themes) != bars_matrix(more, themes)


def test_letters_of_the_form_stand_beside_the_bars() -> None:
    piece = some_piece(8)
    assert self_similarity(piece, form="AB") != self_similarity(piece, form="AABA")
    assert self_similarity(piece, form="through") == self_similarity(piece)
    size(self_similarity(piece, form="A" * 16))  # more sections than bars


def test_the_mix_stands_above_the_roll() -> None:
    piece = some_piece(20)
    own = origins(piece, {"a": piece, "b": Piece.of([])})
    mix = [[1 - bar / 20, bar / 20] for bar in range(20)]
    with_mix, without = roll(piece, own, mix=mix), roll(piece, own)
    assert size(with_mix)[1] > size(without)[1]
    assert roll(piece, own, mix=mix[::-1]) != with_mix
    size(roll(piece, own, mix=mix[:3]))


# The network


def test_shapes_are_those_of_the_arrays(tiny_run: Path) -> None:
    weights = runs.load_weights(tiny_run)
    shapes = shapes_of(weights)
    assert shapes.parameters == sum(array.size for array in weights.arrays.values())
    assert [layer.out for layer in shapes.lstms] == [16, 16]
    assert sum(layer.out for layer in shapes.inputs) == shapes.lstms[0].shapes[0][1]
    assert shapes.output.out == len(VOCAB)
    shuffled = dict(reversed(list(weights.arrays.items())))
    assert shapes_of(replace(weights, arrays=shuffled)).lstms == shapes.lstms
    assert network(weights) == network(shapes)
    text = network_text(shapes)
    assert f"{shapes.parameters:,}" in text
    assert "64 x 16" in text


def test_the_changes_of_a_theme_are_counted() -> None:
    base = base_model()
    changes = {
        "left_output-weight": np.zeros((len(VOCAB), 8), np.float16),
        "right_output-weight": np.zeros((8, 512), np.float16),
    }
    theme = ThemeFile("Rags", (), changes, base.fingerprint, (), 1, None, None, "")
    shapes = shapes_of(base, theme)
    assert shapes.output.rank == 8
    assert shapes.added == 8 * (len(VOCAB) + 512)
    assert "Rags" in network_text(shapes)
    assert size(network(shapes))[0] > 1000


def test_pyplot_and_matplotlib_stay_out_of_the_import() -> None:
    code = (
        "import sys, hocket.pictures as a; from hocket.music import Piece\n"
        "assert not {'matplotlib', 'rich', 'torch'} & set(sys.modules)\n"
        "a.roll(Piece.of([])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Copies in a corpus are found, transposed and a little changed too; what is no copy is let be."""

from __future__ import annotations

import csv
import itertools
import random
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import hocket
from hocket.cli import main
from hocket.corpus import Kind, Library, near
from hocket.corpus.lessons import lessons
from hocket.corpus.near import FEWEST_NOTES, SLOTS, Copy, Group
from hocket.errors import CheckpointError, ConfigError
from hocket.music import Note, Piece
from hocket.scores import write
from hocket.sources import demo_themes
from networks import in_two_parts

Notes = list[Note]


def song(rng: int, notes: int = 300) -> Notes:
    """Return a melody that wanders, with chords below, each in a part."""
    dice, pitch, tick, line = random.Random(rng), 72, 0, []
    for _ in range(notes):
        length = dice.choice((6, 12, 12, 24, 36))
        line.append(Note(tick, length, pitch))
        tick += length
        pitch += dice.choice([s for s in (-5, -3, -2, -1, 1, 2, 4, 7) if 62 < pitch + s < 84])
    roots = [(at, dice.randint(40, 50)) for at in range(0, tick, 48)]
    third = dice.choice((3, 4))
    return line + [
        Note(at, 48, root + step, part=1) for at, root in roots for step in (0, third, 7)
    ]


def moved(notes: Iterable[Note], semitones: int) -> Notes:
    return [note._replace(pitch=note.pitch + semitones) for note in notes]


def changed(notes: Notes, share: float, rng: int = 0) -> Notes:
    """Return notes of which a share is a step higher or lower."""
    dice = random.Random(rng)
    places = set(dice.sample(range(len(notes)), round(share * len(notes))))
    return [
        note._replace(pitch=note.pitch + dice.choice((-2, -1, 1, 2))) if place in places else note
        for place, note in enumerate(notes)
    ]


def corpus(folder: Path, pieces: dict[str, Notes]) -> Library:
    """Prepare a corpus of pieces by their names."""
    (folder / "in").mkdir()
    for name, notes in pieces.items():
        write(in_two_parts(Piece.of(notes)), folder / "in" / f"{name}.mid")
    return hocket.prepare(folder / "in", out=folder / "corpus", workers=1)


MADE = {
    "a": song(1),
    "a2": song(1),
    "a3": moved(song(1), -5),
    "b": song(2),
    "b2": changed(song(2), 0.05),
    "c": song(3),
    "c2": moved(changed(song(3), 0.05), 4),
    "d": song(4),
    "d2": song(4) + [note._replace(start=note.start + 99_000) for note in song(5, 20)],
    "e": song(6),
    "f": song(7),
}
LEFT_OUT = [f"in/{name}.mid" for name in ("a2", "a3", "b2", "c2", "d")]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return corpus(tmp_path_factory.mktemp("near"), MADE)


def test_copies_are_found_and_the_longest_is_kept(library: Library) -> None:
    found = hocket.duplicates(library.folder)
    assert found.pieces == len(MADE)
    assert found.left_out == LEFT_OUT
    assert [group.kept for group in found.groups] == [
        f"in/{name}.mid" for name in ("a", "b", "c", "d2")
    ]
    copies = {copy.name: copy for group in found.groups for copy in group.copies}
    assert copies["in/a2.mid"] == Copy("in/a2.mid", 1.0, 0)
    assert copies["in/a3.mid"] == Copy("in/a3.mid", 1.0, -5)
    assert copies["in/c2.mid"].semitones == 4
    assert 0.4 <= copies["in/b2.mid"].likeness < 0.95


def test_what_is_found_depends_on_nothing_else(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, (signatures, notes) = near.duplicates(library), near.signed(library)
    assert near.duplicates(library) == found
    monkeypatch.setattr(near, "_EVENTS", 1)
    alone = near.signed(library)
    assert np.array_equal(alone[0], signatures)
    assert np.array_equal(alone[1], notes)
    assert notes.tolist() == [len(MADE[Path(name).stem]) for name in library.names]


def test_other_pieces_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for file in demo_themes().values():
        shutil.copy(file, tmp_path / "in")
    for number in range(100):
        write(in_two_parts(Piece.of(song(100 + number, 60))), tmp_path / "in" / f"{number}.mid")
    library = hocket.prepare(tmp_path / "in", out=tmp_path / "corpus", workers=1)
    assert hocket.duplicates(library.folder).groups == ()
    assert hocket.duplicates(library.folder, threshold=0.3).groups == ()


def test_a_higher_threshold_finds_less(library: Library) -> None:
    strict = hocket.duplicates(library.folder, threshold=1).left_out
    assert strict == ["in/a2.mid", "in/a3.mid"]


def test_parts_and_grid_and_repeats_do_not_hide_a_copy(tmp_path: Path) -> None:
    one = song(8)
    last = max(note.end for note in one)
    pieces = {
        "one": one,
        "parts": [note._replace(part=0) for note in one],
        "played": [note._replace(start=note.start + note.start // 12 % 2) for note in one],
        "twice": one + [note._replace(start=note.start + last) for note in one],
    }
    library = corpus(tmp_path, pieces)
    assert hocket.duplicates(library.folder).left_out == [
        "in/one.mid",
        "in/parts.mid",
        "in/played.mid",
    ]


def test_what_is_too_short_is_nobodys_copy(tmp_path: Path) -> None:
    short = [Note(24 * place, 24, 60 + place) for place in range(FEWEST_NOTES - 1)]
    enough = [*short, Note(24 * len(short), 24, 50)]
    pieces = {"a": short, "b": short, "c": enough, "d": moved(enough, 2)}
    found = hocket.duplicates(corpus(tmp_path, pieces).folder)
    assert found.groups == (Group("in/c.mid", (Copy("in/d.mid", 1.0, 2),)),)


def test_likeness_is_about_the_share_of_runs_in_common(library: Library) -> None:
    runs, borders, _ = near._runs(library.ids, library.bounds)
    sets = [set(runs[a:b].tolist()) for a, b in itertools.pairwise(borders)]
    signatures, _ = near.signed(library)
    for one in range(len(sets)):
        for other in range(one):
            share = len(sets[one] & sets[other]) / len(sets[one] | sets[other])
            likeness = (signatures[one] == signatures[other]).mean()
            assert abs(share - likeness) < 4 * (0.25 / SLOTS) ** 0.5


def test_bands_are_short_enough_for_the_threshold() -> None:
    for threshold in (0.2, 0.4, 0.5, 0.8, 1.0):
        rows = near._rows(threshold)
        assert 1 - (1 - threshold**rows) ** (SLOTS // rows) >= 0.95
    assert near._rows(0.4) < near._rows(0.8) <= near._rows(1)


def test_the_list_is_what_train_leaves_out(library: Library, tmp_path: Path) -> None:
    out, table = tmp_path / "copies.txt", tmp_path / "groups.csv"
    words = ["duplicates", str(library.folder), "-o", str(out), "--table", str(table)]
    assert main(words) == 0
    names = out.read_text(encoding="utf-8").splitlines()
    assert names == LEFT_OUT
    learned = lessons(library, left_out=names).kind == Kind.NATIVE
    assert learned.sum() == len(MADE) - len(LEFT_OUT)
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(LEFT_OUT) + 4
    assert {row["piece"] for row in rows if row["kept"] == "no"} == set(LEFT_OUT)
    assert rows[0] == {
        "group": "1", "piece": "in/a.mid", "kept": "yes", "likeness": "1.00", "semitones": "0"
    }  # fmt: skip


def test_what_was_found_is_told(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", str(library.folder)]) == 0
    assert capsys.readouterr().out == "11 pieces, 4 groups of copies: 5 to leave out\n"


def test_pieces_of_one_name_are_not_left_out_with_the_copy() -> None:
    groups = (Group("x", (Copy("x", 1.0, 0), Copy("y", 1.0, 0))),)
    assert near.Duplicates(3, groups).left_out == ["y"]


def test_bad_input_is_refused(library: Library, tmp_path: Path) -> None:
    for threshold in (0.0, 0.1, 1.01, float("nan")):
        with pytest.raises(ConfigError, match=r"give 0\.2 to 1"):
            hocket.duplicates(library.folder, threshold=threshold)
    with pytest.raises(CheckpointError, match="no finished corpus"):
        hocket.duplicates(tmp_path)
    with pytest.raises(ConfigError, match="is a folder"):
        hocket.duplicates(library.folder, out=tmp_path)
    with pytest.raises(ConfigError, match="named for both"):
        hocket.duplicates(library.folder, out=tmp_path / "x", table=tmp_path / "x")
    torn = tmp_path / "torn"
    shutil.copytree(library.folder, torn)
    (torn / "names.txt").write_text("one\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match="do not belong together"):
        hocket.duplicates(torn)

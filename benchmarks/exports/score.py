"""Whether scores say what pieces sound: written, read back, and played by MuseScore where it is.

    python benchmarks/exports/score.py BASE --pieces 200 --out benchmarks/results/score.json

BASE is the base corpus, unpacked. Of so many of its pieces, drawn by chance, the onsets, ends and
pitches that are read back are compared with what was written, and the times taken. With
`--musescore N`, MuseScore opens N of them, what it plays is compared, and its bars are counted. Of
other pieces the hands are dealt without asking their parts. `--schema` is that of MusicXML 4.0,
which the package `musicxml` on PyPI has within it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, parse

from hocket import read
from hocket.errors import HocketError
from hocket.music import TICKS_PER_QUARTER, Note, Piece
from hocket.notation import engrave_svg, musicxml
from hocket.notation.hands import hands
from hocket.scores.musicxml import read_musicxml

Notes = Counter[tuple[int, ...]]
SHARES = {
    "breve": Fraction(2),
    "whole": Fraction(1),
    "half": Fraction(1, 2),
    "quarter": Fraction(1, 4),
}
SHARES |= {"eighth": Fraction(1, 8), "16th": Fraction(1, 16), "32nd": Fraction(1, 32)}
SHARES |= {"64th": Fraction(1, 64), "128th": Fraction(1, 128)}


def notes_of(piece: Piece, columns: tuple[str, ...] = ("start", "end", "pitch")) -> Notes:
    """Return how often there is each note, told by some of its values."""
    return Counter(tuple(getattr(note, name) for name in columns) for note in piece.notes)


def read_back(file: Path) -> dict[str, Any]:
    """Return how a piece comes back from MusicXML."""
    piece = read(file)
    began = time.perf_counter()
    written = musicxml(piece)
    took = time.perf_counter() - began
    again, _ = read_musicxml(written, file.name)
    lost = notes_of(piece) - notes_of(again)
    return {
        "file": file.name,
        "notes": len(piece.notes),
        "lost": sum(lost.values()),
        "same_bars": piece.bars() == again.bars(),
        "seconds": took,
        "kbytes": len(written) / 1000,
    }


def by_musescore(file: Path, program: str, folder: Path) -> dict[str, Any]:
    """Return what MuseScore makes of a piece given to it as MusicXML.

    It does not complain where nobody could answer it, so the bars that it would call corrupt are
    counted in what it saves. Two notes of one pitch that begin together it plays once.
    """
    piece = read(file)
    source, score, target = (folder / f"x.{kind}" for kind in ("musicxml", "mscx", "mid"))
    source.write_bytes(musicxml(piece))
    for given, made in ((source, score), (score, target)):
        subprocess.run(
            [program, "-o", str(made), str(given)],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            timeout=300,
            check=True,
        )
    there = set(notes_of(read(target), ("start", "pitch")))
    here = set(notes_of(piece, ("start", "pitch")))
    return {
        "file": file.name,
        "notes": len(piece.notes),
        "onsets_lost": len(here - there),
        "onsets_added": len(there - here),
        "bars": len(piece.bars()),
        "bars_not_full": uneven(parse(score).getroot(), piece),
    }


def uneven(saved: Element, piece: Piece) -> int:
    """Return how many measures of a saved MuseScore 3 score, or voices in them, are too long or short.

    MuseScore makes a measure longer where too much is in it, so they are held to the piece's bars.
    """
    lengths = [Fraction(len(bar), 4 * TICKS_PER_QUARTER) for bar in piece.bars()]
    count = 0
    for staff in saved.findall("Score/Staff"):
        measures = staff.findall("Measure")
        count += abs(len(measures) - len(lengths))
        for measure, own in zip(measures, lengths, strict=False):
            totals = [filled(voice, own) for voice in measure.findall("voice")]
            # an upper voice has to be complete, another may stop early
            count += totals[0] != own or any(total > own for total in totals)
    return count


def filled(voice: Element, bar: Fraction) -> Fraction:
    """Return how much of a bar a voice fills, in whole notes."""
    total, ratio = Fraction(0), Fraction(1)
    for element in voice:
        if element.tag == "Tuplet":
            normal, actual = element.findtext("normalNotes"), element.findtext("actualNotes")
            ratio = Fraction(int(normal or 1), int(actual or 1))
        elif element.tag == "endTuplet":
            ratio = Fraction(1)
        elif element.tag == "location":
            total += Fraction(element.findtext("fractions") or 0)
        elif element.tag in ("Chord", "Rest"):
            kind = element.findtext("durationType") or ""
            dots = int(element.findtext("dots") or 0)
            value = bar if kind == "measure" else SHARES[kind] * (2 - Fraction(1, 2**dots))
            total += ratio * value
    return total


def agreement(pieces: Sequence[Piece], deal: Callable[[Sequence[Note]], Sequence[bool]]) -> float:
    """Return the share of the notes that are dealt to the hand in whose part they are written."""
    good = sum(
        right == (note.part == 0)
        for piece in pieces
        for note, right in zip(piece.notes, deal(piece.notes), strict=True)
    )
    return good / sum(len(piece.notes) for piece in pieces)


def for_two_hands(piece: Piece) -> bool:
    """Whether the parts of a piece are the right hand's and the left hand's, well apart."""
    if len(piece.parts) != 2 or len(piece.notes) > 2500:
        return False
    right, left = (
        statistics.median([note.pitch for note in piece.notes if note.part == part])
        for part in (0, 1)
    )
    return right >= left + 5


def by_hands(paths: Iterable[Path], count: int) -> dict[str, Any]:
    """Return how hands are dealt where the parts are not asked."""
    pieces = list(islice(filter(for_two_hands, map(read, paths)), count))
    return {
        "pieces": len(pieces),
        "notes": sum(len(piece.notes) for piece in pieces),
        "as_written": agreement(pieces, hands),
        "as_written_by_middle_c": agreement(
            pieces, lambda notes: [note.pitch >= 60 for note in notes]
        ),
    }


def invalid(schema: Path, paths: Iterable[Path]) -> list[str]:
    """Return which pieces' MusicXML is not as the schema wants it."""
    from lxml import etree

    checked = etree.XMLSchema(etree.parse(str(schema)))
    return [
        path.name for path in paths if not checked.validate(etree.fromstring(musicxml(read(path))))
    ]


def main() -> None:
    """Print a summary and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("--pieces", type=int, default=200)
    parser.add_argument("--musescore", type=int, default=0)
    parser.add_argument("--hands", type=int, default=50, help="pieces whose hands are dealt")
    parser.add_argument("--schema", type=Path, help="musicxml.xsd, needs lxml")
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with (options.base / "manifest.csv").open(encoding="utf-8") as file:
        paths = [options.base / row["path"] for row in csv.DictReader(file)]
    random.Random(options.rng).shuffle(paths)
    rows, refused = [], []
    for path in paths[: options.pieces]:
        try:
            rows.append(read_back(path))
        except HocketError as error:
            refused.append(str(error))
    differing = [row for row in rows if row["lost"]]
    engraved = []
    for path in paths[:20]:
        began = time.perf_counter()
        engrave_svg(read(path))
        engraved.append(time.perf_counter() - began)
    result = {
        "pieces": len(rows),
        "refused": refused,
        "notes": sum(row["notes"] for row in rows),
        "read_back_equal": len(rows) - len(differing),
        "notes_that_differ": sum(row["lost"] for row in differing),
        "same_bars": sum(row["same_bars"] for row in rows),
        "differing": differing,
        "milliseconds_for_1000_notes": 1e6
        * statistics.median(row["seconds"] / row["notes"] for row in rows),
        "engraving_seconds": statistics.median(engraved),
        "hands": by_hands(paths[options.pieces :], options.hands),
    }
    if options.schema:
        result["invalid"] = invalid(options.schema, paths[: options.pieces])
    program = next((p for p in map(shutil.which, ("mscore", "musescore3", "mscore3")) if p), None)
    if options.musescore and program:
        with tempfile.TemporaryDirectory() as folder:
            result["musescore"] = [
                by_musescore(path, program, Path(folder)) for path in paths[: options.musescore]
            ]
    text = json.dumps(result, indent=1, ensure_ascii=False)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()

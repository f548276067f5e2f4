"""Real pieces and takes, made alike: the first bars, in the common key, as the grammar says them.

Real pieces are those of a prepared corpus that no network here has learned (`valid.txt`); only those of
at least 32 bars are used, since takes have 32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from hocket.base import BASE_FOLDER
from hocket.corpus import load_library
from hocket.errors import HocketError
from hocket.music import Piece
from hocket.music.pitch import COMMON_KEY, agreeing
from hocket.scores import read
from hocket.tokens import GRAMMAR

BARS = 32
CONTENDERS = ("hocket", "unranked", "recipe", "markov")
THEMES = "themes"
"""The row of the themes' own first bars: real music too, of the kind that takes are to be like."""

VALID, KEPT_OUT = BASE_FOLDER / "valid.txt", BASE_FOLDER / "exclude.txt"


def listed(file: Path) -> list[str]:
    """Return the names in a list, in order."""
    try:
        return [name for name in file.read_text(encoding="utf-8").splitlines() if name]
    except OSError as error:
        raise SystemExit(f"{file}: no list of pieces there ({error.strerror})") from None


def beginning(piece: Piece, bars: int = BARS) -> Piece:
    """Return the first bars of a piece in the common key, what the grammar can say of it."""
    stop = piece.bars()[:bars][-1].stop
    cut = Piece.of(
        piece.excerpt(range(stop)),
        parts=piece.parts,
        meters=[meter for meter in piece.meters if meter.tick < stop],
        pedals=[pedal for pedal in piece.pedals if pedal.tick < stop],
    )
    return GRAMMAR.simplify(agreeing([cut], COMMON_KEY)[0])


def flat(piece: Piece) -> Piece:
    """Return a piece without loudness and pedal."""
    notes = tuple(note._replace(velocity=80) for note in piece.notes)
    return GRAMMAR.simplify(replace(piece, notes=notes, pedals=()))


def in_one_part(piece: Piece) -> Piece:
    """Return a piece without loudness and pedal, all its notes in one part, as baselines write."""
    notes = [note._replace(velocity=80, part=0) for note in piece.notes]
    return GRAMMAR.simplify(Piece.of(notes, meters=piece.meters))


def real_pieces(corpus: Path, names: Collection[str], bars: int = BARS) -> dict[str, Piece]:
    """Return the first bars of the named pieces that have so many, in an order that says nothing."""
    try:
        library = load_library(corpus)
    except HocketError as error:
        raise SystemExit(str(error)) from None
    number = {name: place for place, name in enumerate(library.names)}
    if unknown := [name for name in names if name not in number]:
        raise SystemExit(f"{corpus}: holds no {unknown[0]}; see names.txt there")
    found = {}
    for name in sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest()):
        piece = GRAMMAR.decode(np.asarray(library[number[name]], np.int64))
        if len(piece.bars()) >= bars:
            found[name] = beginning(piece, bars)
    return found


def pairs_in(fusion: Path) -> list[Path]:
    """Return the folders of pairs that `fusion.py` has filled, in order."""
    folders = sorted(fusion.iterdir()) if fusion.is_dir() else []
    found = [folder for folder in folders if takes_in(folder, CONTENDERS[0])]
    if not found:
        raise SystemExit(f"{fusion}: no pair with takes there; run fusion.py first")
    return sorted(found, key=lambda folder: folder.name.zfill(4))


def takes_in(pair: Path, contender: str) -> list[Path]:
    """Return the MIDI files of a contender in a pair's folder, or of its themes; none if not there."""
    if contender == THEMES:
        return [file for file in (pair / "A.mid", pair / "B.mid") if file.exists()]
    return sorted((pair / contender).glob("*.mid"))


def digest(files: Collection[Path]) -> str:
    """Return what is another if a file is."""
    content = hashlib.sha256()
    for file in files:
        content.update(hashlib.sha256(file.read_bytes()).digest())
    return content.hexdigest()[:16]


def takes_of(files: Collection[Path]) -> list[Piece]:
    """Return the first bars of takes, as `beginning` has them; one without notes is left out."""
    pieces = [read(file) for file in files]
    return [beginning(piece) for piece in pieces if piece.notes]

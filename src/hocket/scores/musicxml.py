"""MusicXML bytes -> Piece: the notes by way of verovio's MIDI, the signs from the XML itself.

Surprising decision: repeats are played out, as verovio does it, so that a theme is what one hears.

What gets lost on the way: dynamics and articulation (every note has verovio's velocity of 90),
arpeggios, tremolos and ornaments as they sound (the written note stays), slashed grace notes and
percussion (a remark says so), and lyrics and layout, which a Piece has no place for. An unslashed
grace note takes its written time from the note after it. A measure that verovio plays at another
length than is written has a remark.

Source: MusicXML 4.0 (W3C). A score in the timewise order is refused.
"""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, tostring

from hocket.errors import ScoreError
from hocket.music.piece import TICKS_PER_QUARTER, Piece
from hocket.scores.files import beginning
from hocket.scores.midi import read_midi
from hocket.scores.mxl import MAX_XML_BYTES, unpacked
from hocket.scores.pairing import named, paired, sounding
from hocket.scores.repeats import begin_repeats
from hocket.scores.shapes import prepare
from hocket.scores.signs import lengths_in, number, played, signs_in
from hocket.scores.xmltree import parsed

# Ten times what verovio takes for scores of many sizes; see `rendering`.
_SECONDS, _SECONDS_PER_ELEMENT = 1, 1 / 5_000
_MEMORY_BYTES, _MEMORY_BYTES_PER_ELEMENT = 256 << 20, 16 << 10
_ANSWER_BYTES, _ANSWER_BYTES_PER_ELEMENT = 4 << 20, 200
_TIMEOUT_SECONDS = 60  # of the clock, at most
_OUT_OF_TIME = getattr(signal, "SIGXCPU", 0)
_INSTEAD = "export it again, or as MIDI"
_ID = "hocket-measure-"  # verovio keeps our ids, with -rend2 behind them for a second time


def read_musicxml(data: bytes, name: str) -> tuple[Piece, tuple[str, ...]]:
    """Return the piece in a .musicxml or .mxl file, and remarks on what was left out.

    Raises ScoreError, with `name` in front, where the file is damaged, no MusicXML, or silent.
    """
    if data.startswith(b"PK\x03\x04"):
        data = unpacked(data, name)
    if len(data) > MAX_XML_BYTES:
        raise ScoreError(f"{name}: larger than {MAX_XML_BYTES // 2**20} MiB; give a single piece")
    if not data.strip():
        raise ScoreError(f"{name}: not MusicXML (the file is empty); export it again")
    if b"<" not in data[:512]:
        raise ScoreError(f"{name}: not MusicXML (starts with {beginning(data)}); export it again")
    root = parsed(data, name)
    if root.tag != "score-partwise":
        raise ScoreError(
            f"{name}: not a partwise MusicXML score (it is <{root.tag[:40]}>); "
            "export it as MusicXML or MIDI"
        )
    parts = root.findall("part")
    if next(root.iter("note"), None) is None:
        raise ScoreError(f"{name}: no notes in any part; export the score, not its layout")
    remarks = _prepared(parts)
    written = named(parts)
    midi, timemap = _rendered(root, name)
    measure_starts = _measure_starts(timemap)
    remarks += _misplayed(lengths_in(parts), measure_starts)
    piece, midi_remarks = read_midi(midi, name, pedal=False, notated=True)
    keys, meters, tempos = played(signs_in(parts), measure_starts)
    piece = Piece.of(
        paired(piece.notes, sounding(timemap, written)),
        parts=piece.parts,
        meters=meters,
        tempos=tempos or piece.tempos,
        keys=keys,
        title=_title(root),
        pedals=piece.pedals,
    )
    return piece, (*remarks, *midi_remarks)


def _title(root: Element) -> str:
    words = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    return " ".join(words.split())


def _prepared(parts: list[Element]) -> list[str]:
    """Make the score one that verovio plays right, in place; return remarks on what changed."""
    graces = shapeless = 0
    for part in parts:
        divisions = Fraction(1)
        begin_repeats(part.iter("measure"))
        for index, measure in enumerate(part.iter("measure")):
            measure.set("id", f"{_ID}{index}")
            without, odd = prepare(measure, divisions)
            graces, shapeless = graces + without, shapeless + odd
            for said in measure.iterfind("attributes/divisions"):
                divisions = number(said.text) or divisions
    remarks = []
    if graces:
        remarks.append(f"slashed grace notes left out: {graces}")
    if shapeless:
        remarks.append(
            f"{shapeless} notes have no note type, and lengths that no single type has; "
            "they may sound wrong"
        )
    return remarks


def _misplayed(lengths: list[int], starts: list[tuple[int, int]]) -> list[str]:
    """Remark on the measures that verovio plays longer or shorter than they are written."""
    wrong = {
        index + 1
        for (index, start), (_, following) in pairwise(starts)
        if index < len(lengths) and abs(following - start - lengths[index]) > 1
    }
    if not wrong:
        return []
    return [
        f"{len(wrong)} measures play longer or shorter than their notes say (first: measure "
        f"{min(wrong)}); export the score as MIDI if that sounds wrong"
    ]


def _rendered(root: Element, name: str) -> tuple[bytes, list[dict[str, Any]]]:
    """Return verovio's MIDI and its timemap: events with what begins and ends, in order of time."""
    # -P, or the folder of the program would be searched for modules, and abc.py found for abc.
    program = str(Path(__file__).with_name("rendering.py"))
    size = sum(1 for _ in root.iter())
    seconds = _SECONDS + int(size * _SECONDS_PER_ELEMENT)
    memory = _MEMORY_BYTES + size * _MEMORY_BYTES_PER_ELEMENT
    answer_bytes = _ANSWER_BYTES + size * _ANSWER_BYTES_PER_ELEMENT
    command = [sys.executable, "-P", program, *map(str, (seconds, memory, answer_bytes))]
    xml, endless = tostring(root, encoding="utf-8"), "verovio found no end to this score"
    try:
        done = subprocess.run(
            command, input=xml, capture_output=True, timeout=min(10 + 4 * seconds, _TIMEOUT_SECONDS)
        )
    except subprocess.TimeoutExpired as error:
        raise ScoreError(f"{name}: {endless} in {error.timeout:g} seconds; {_INSTEAD}") from error
    except OSError as error:
        raise ScoreError(
            f"{name}: verovio cannot be started ({error.strerror}); {_INSTEAD}"
        ) from error
    if done.returncode in (-_OUT_OF_TIME, 3) and done.returncode:
        raise ScoreError(f"{name}: {endless}; {_INSTEAD}")
    if done.returncode:
        how = "cannot read" if done.returncode == 1 else "crashed on"
        raise ScoreError(f"{name}: verovio {how} this score, which may be damaged; {_INSTEAD}")
    answer = json.loads(done.stdout)
    return base64.b64decode(answer["midi"]), answer["timemap"]


def _measure_starts(timemap: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Return (index, start tick) of each measure in the order played."""
    starts: list[tuple[int, int]] = []
    for event in timemap:
        found = re.match(rf"{_ID}(\d+)", event.get("measureOn", ""))
        if found:
            starts.append((int(found[1]), round(event["qstamp"] * TICKS_PER_QUARTER)))
    return starts

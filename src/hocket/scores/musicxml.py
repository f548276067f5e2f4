"""MusicXML bytes -> Piece: the notes by way of verovio's MIDI, the signs from the XML itself.

Surprising decision: repeats are played out, as verovio does it, so that a theme is what one hears.

What gets lost on the way: dynamics and articulation (every note has verovio's velocity of 90),
arpeggios, tremolos and ornaments as they sound (the written note stays), slashed grace notes and
percussion (a remark says so), and lyrics and layout, which a Piece has no place for. An unslashed
grace note takes its written time from the note after it. Where a note says how long it sounds but
not its shape, the shape is worked out here, for verovio counts with shapes.

Source: MusicXML 4.0 (W3C). A score in the timewise order is refused.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from hocket.errors import ScoreError
from hocket.music.piece import TICKS_PER_QUARTER, Piece
from hocket.scores.files import beginning
from hocket.scores.midi import read_midi
from hocket.scores.mxl import MAX_XML_BYTES, unpacked
from hocket.scores.signs import number, played, signs_in
from hocket.scores.xmltree import parsed

_SHAPES = ("breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th", "128th")
_TIMEOUT_SECONDS = 60
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
    midi, measure_starts = _rendered(tostring(root, encoding="utf-8"), name)
    piece, midi_remarks = read_midi(midi, name, pedal=False, notated=True)
    keys, meters, tempos = played(signs_in(parts), measure_starts)
    piece = Piece.of(
        piece.notes,
        parts=piece.parts,
        meters=meters,
        tempos=tempos or piece.tempos,
        keys=keys,
        title=_title(root),
    )
    return piece, (*remarks, *midi_remarks)


def _title(root: Element) -> str:
    words = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    return " ".join(words.split())


def _prepared(parts: list[Element]) -> list[str]:
    """Give the measures ids and the notes shapes, and take slashed grace notes out."""
    graces = shapeless = 0
    for part in parts:
        divisions = Fraction(1)
        for index, measure in enumerate(part.iter("measure")):
            measure.set("id", f"{_ID}{index}")
            for element in list(measure):
                if element.tag == "attributes":
                    divisions = number(element.findtext("divisions")) or divisions
                if element.tag != "note":
                    continue
                grace = element.find("grace")
                if grace is not None and grace.get("slash") == "yes":
                    measure.remove(element)
                    graces += 1
                elif grace is None and element.find("type") is None:
                    shapeless += not _shaped(element, divisions)
    remarks = []
    if graces:
        remarks.append(f"slashed grace notes left out: {graces}")
    if shapeless:
        remarks.append(
            f"{shapeless} notes have no note type, and lengths that no single type has; "
            "they may sound wrong"
        )
    return remarks


def _shaped(note: Element, divisions: Fraction) -> bool:
    """Add the <type>, and dots, that the <duration> says; False where no single shape has it."""
    rest = note.find("rest")
    if rest is not None and rest.get("measure") == "yes":
        return True
    quarters = (number(note.findtext("duration")) or Fraction(0)) / divisions
    ratio = note.find("time-modification")
    if ratio is not None:
        actual = number(ratio.findtext("actual-notes")) or Fraction(1)
        normal = number(ratio.findtext("normal-notes")) or Fraction(1)
        quarters *= actual / normal
    for power, shape in enumerate(_SHAPES):
        for dots in range(3):
            if quarters == Fraction(8, 2**power) * (2 - Fraction(1, 2**dots)):
                SubElement(note, "type").text = shape
                for _ in range(dots):
                    SubElement(note, "dot")
                return True
    return False


def _rendered(xml: bytes, name: str) -> tuple[bytes, list[tuple[int, int]]]:
    """Return verovio's MIDI, and (index, start tick) of each measure in the order played."""
    # -P, or the folder of the program would be searched for modules, and abc.py found for abc.
    command = [sys.executable, "-P", str(Path(__file__).with_name("rendering.py"))]
    try:
        done = subprocess.run(command, input=xml, capture_output=True, timeout=_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ScoreError(
            f"{name}: verovio found no end to this score in {_TIMEOUT_SECONDS} seconds; {_INSTEAD}"
        ) from error
    except OSError as error:
        raise ScoreError(
            f"{name}: verovio cannot be started ({error.strerror}); {_INSTEAD}"
        ) from error
    if done.returncode:
        how = "cannot read" if done.returncode == 1 else "crashed on"
        raise ScoreError(f"{name}: verovio {how} this score, which may be damaged; {_INSTEAD}")
    answer = json.loads(done.stdout)
    starts: list[tuple[int, int]] = []
    for event in answer["timemap"]:
        found = re.match(rf"{_ID}(\d+)", event.get("measureOn", ""))
        if found:
            starts.append((int(found[1]), round(event["qstamp"] * TICKS_PER_QUARTER)))
    return base64.b64decode(answer["midi"]), starts

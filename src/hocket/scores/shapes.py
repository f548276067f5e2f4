"""MusicXML notes -> the same notes with the shapes that verovio counts with.

Surprising decision: a score says twice how long a note is, in <duration> for players and in shapes
for the eye, and verovio believes the eye. A note without a <type> is a whole bar to it, and a
triplet without a <tuplet> around it no triplet. Both are legal, so what is missing is filled in.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement

from hocket.scores.signs import number

_SHAPES = ("breve", "whole", "half", "quarter", "eighth", "16th", "32nd", "64th", "128th")


def prepare(measure: Element, divisions: Fraction) -> tuple[int, int]:
    """Fill in types and tuplets and take slashed grace notes out, all in place.

    `divisions` are those of one quarter where the measure starts. Returns how many grace notes
    were taken out, and how many notes are of a length that no shape has.
    """
    graces = shapeless = 0
    voices: dict[str, list[tuple[Element, Fraction]]] = defaultdict(list)
    for element in list(measure):
        if element.tag == "attributes":
            divisions = number(element.findtext("divisions")) or divisions
        grace = element.find("grace")
        if element.tag != "note":
            continue
        if grace is not None:
            if grace.get("slash") == "yes":
                measure.remove(element)
                graces += 1
            continue
        quarters = (number(element.findtext("duration")) or Fraction(0)) / divisions
        shapeless += not _shape(element, quarters)
        if element.find("chord") is None:
            voices[element.findtext("voice") or ""].append((element, quarters))
    for notes in voices.values():
        _bracket(notes)
    return graces, shapeless


def _shape(note: Element, quarters: Fraction) -> bool:
    """Add the type, and dots, that the length says; False where no single shape has it."""
    rest = note.find("rest")
    if note.find("type") is not None or (rest is not None and rest.get("measure") == "yes"):
        return True
    written = quarters * _ratio(note)
    for power, shape in enumerate(_SHAPES):
        for dots in range(3):
            if written == Fraction(8, 2**power) * (2 - Fraction(1, 2**dots)):
                SubElement(note, "type").text = shape
                for _ in range(dots):
                    SubElement(note, "dot")
                return True
    return False


def _bracket(notes: list[tuple[Element, Fraction]]) -> None:
    """Put tuplet marks around the notes of a voice that are tuplets by their lengths alone.

    A group ends as soon as it fills a length without thirds, fifths and the like.
    """
    if any(note.find("notations/tuplet") is not None for note, _ in notes):
        return  # the score marks its tuplets itself
    group: list[Element] = []
    total, ratio = Fraction(0), Fraction(1)
    for note, quarters in notes:
        if group and _ratio(note) != ratio:
            group, total = [], Fraction(0)
        ratio = _ratio(note)
        if ratio == 1:
            continue
        group.append(note)
        total += quarters
        if total.denominator & (total.denominator - 1) == 0:
            if len(group) > 1:
                for member, kind in ((group[0], "start"), (group[-1], "stop")):
                    marks = member.find("notations")
                    marks = SubElement(member, "notations") if marks is None else marks
                    SubElement(marks, "tuplet", type=kind)
            group, total = [], Fraction(0)


def _ratio(note: Element) -> Fraction:
    """Return written length over sounding length: 3/2 in a triplet."""
    ratio = note.find("time-modification")
    if ratio is None:
        return Fraction(1)
    actual = number(ratio.findtext("actual-notes")) or Fraction(1)
    return actual / (number(ratio.findtext("normal-notes")) or Fraction(1))

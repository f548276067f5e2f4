"""MusicXML repeats -> the same repeats, each with the sign at which it begins.

Surprising decision: a repeat that only ends, as in A :| B :|, goes back to where the one before it
ended. So players read it, and scores leave the sign out; verovio would go back to the very start, and
play the score ever more often with each such repeat. What is missing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement


def begin_repeats(measures: Iterable[Element]) -> None:
    """Put in the forward repeats that are left out, in place; the first may stay out."""
    over = in_ending = False  # a repeat has ended, and so has not yet what may follow it
    first: Element | None = None  # the measure in which a repeat would begin
    for measure in measures:
        kinds = {each.get("type") for each in measure.iterfind("barline/ending")}
        directions = {each.get("direction") for each in measure.iterfind("barline/repeat")}
        in_ending = in_ending or "start" in kinds
        if "forward" in directions:
            over, first = False, None
        elif over and not in_ending:
            over, first = False, measure
        if "backward" in directions:
            if first is not None:
                _begin(first)
            over, first = True, None
        if kinds & {"stop", "discontinue"}:
            in_ending = False


def _begin(measure: Element) -> None:
    barline = measure.find("barline[@location='left']")
    if barline is None:
        barline = Element("barline", location="left")
        measure.insert(0, barline)
    SubElement(barline, "repeat", direction="forward")

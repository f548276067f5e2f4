"""A piece to MusicXML: staves, voices, values, beams, ties, tuplets, accidentals, signs.

Surprising decision: the text is put together by hand, element by element in the order that the format
wants. Whatever a piece holds is written exactly: reading it back gives the same onsets, pitches and
durations. A rest is shown in the upper voice only; in others time passes unseen.

Source: MusicXML 4.0 (W3C).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from xml.sax.saxutils import escape

from hocket.errors import ConfigError, ScoreError
from hocket.music.piece import TICKS_PER_QUARTER, Note, Piece
from hocket.notation.accidentals import accidentals, names
from hocket.notation.beams import beams
from hocket.notation.layout import BASS, TREBLE, Bar, Instrument, bars, clefs, instruments
from hocket.notation.marks import directions
from hocket.notation.shapes import Seen, Shape, by_bar, rests, shapes_of, tuplet_marks
from hocket.notation.spelling import Spelled
from hocket.notation.voices import MOST_VOICES, Chord, chords, voices

MOST_NOTES = 50_000
MOST_BARS = 5_000
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_SIGN_LINE = {TREBLE: ("G", 2), BASS: ("F", 4)}
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_STEMLESS = ("whole", "breve")
LOWEST = 12
"""Pitch: MusicXML's octaves begin with 0."""
_FORTE = 90
"""The velocity that MusicXML's `dynamics` is a percentage of."""


def musicxml(piece: Piece, *, colours: Sequence[str | None] | None = None) -> bytes:
    """Return a piece as MusicXML; read again, its notes are the same but for their parts.

    `colours` has, for each of `piece.notes`, the colour of its head such as `#0072B2`, or None. The
    heads' ids are `n0`, `n1`, ... in the order of `piece.notes`; tied on they are `n0-1` and so on.
    Raises `ScoreError` for a piece that is too long to be written, `ConfigError` for another colour.
    """
    if colours is not None and len(colours) != len(piece.notes):
        raise ValueError(f"{len(colours)} colours for {len(piece.notes)} notes")
    odd = next((c for c in colours or () if c is not None and not _COLOUR.fullmatch(c)), None)
    if odd is not None:
        raise ConfigError(f"{odd[:40]!r} is no colour; write it as #RRGGBB")
    name = piece.title or "a piece without title"
    if not piece.notes:
        raise ScoreError(f"{name}: no notes to write")
    if min(note.pitch for note in piece.notes) < LOWEST:
        raise ScoreError(f"{name}: notes below C0, which MusicXML cannot say; move it up")
    if max(note.part for note in piece.notes) >= len(piece.parts):
        raise ScoreError(f"{name}: a note is in no part, of {len(piece.parts)}; add its Part")
    measures = bars(piece) if len(piece.notes) <= MOST_NOTES else []
    if not 0 < len(measures) <= MOST_BARS:
        raise ScoreError(
            f"{name}: too long for a score; at most {MOST_NOTES:,} notes in {MOST_BARS:,} bars"
        )
    players = instruments(piece)
    pianist = next((place for place, each in enumerate(players) if len(each.staves) > 1), 0)
    body = [_HEAD, _title(piece.title), _part_list(players)]
    for place, player in enumerate(players):
        body.append(f'<part id="P{place + 1}">')
        part = _Part(piece, player, measures, colours, leads=place == 0, pedalled=place == pianist)
        body += part.measures()
        body.append("</part>")
    body.append("</score-partwise>\n")
    return "\n".join(line for line in body if line).encode()


_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
    '<score-partwise version="4.0">'
)


def _text(text: str) -> str:
    """Return a text that XML can hold."""
    return escape("".join(c for c in text if c.isprintable()))


def _title(title: str) -> str:
    software = "<identification><encoding><software>hocket</software></encoding></identification>"
    named = f"<work><work-title>{_text(title)}</work-title></work>" if title.strip() else ""
    return named + software


def _part_list(players: Sequence[Instrument]) -> str:
    rows = ["<part-list>"]
    for place, player in enumerate(players, 1):
        shown = ' print-object="no"' if len(players) == 1 else ""
        name = _text(player.name).strip() or ("Piano" if len(player.staves) > 1 else "")
        rows.append(
            f'<score-part id="P{place}"><part-name{shown}>{name}</part-name>'
            f'<score-instrument id="P{place}-I1"><instrument-name>{name}</instrument-name>'
            f'</score-instrument><midi-instrument id="P{place}-I1">'
            f"<midi-channel>{(place - 1) % 9 + 1}</midi-channel>"
            f"<midi-program>{player.program + 1}</midi-program></midi-instrument></score-part>"
        )
    return "\n".join([*rows, "</part-list>"])


class _Part:
    """The measures of one player."""

    def __init__(
        self,
        piece: Piece,
        player: Instrument,
        measures: Sequence[Bar],
        colours: Sequence[str | None] | None,
        *,
        leads: bool,
        pedalled: bool,
    ) -> None:
        self._piece, self._player, self._measures = piece, player, measures
        self._colours = colours
        usual = (TREBLE, BASS) if len(player.staves) == 2 else (TREBLE,)
        self._clefs = [
            clefs(piece.notes, rows, measures, clef)
            for rows, clef in zip(player.staves, usual, strict=True)
        ]
        self._directions = directions(
            piece.tempos if leads else (),
            piece.pedals if pedalled else (),
            measures,
            len(player.staves),
        )
        self._spelled: dict[int, Spelled] = {}
        self._shapes = [self._staff(rows) for rows in player.staves]
        self._accidentals: dict[int, int] = {}
        for staff in self._shapes:
            self._accidentals |= accidentals(staff, measures, self._spelled)

    def _staff(self, rows: Sequence[int]) -> list[dict[int, list[Shape]]]:
        """Return the shapes of a staff by bar and voice, and spell its notes."""
        found = chords(self._piece.notes, rows)
        lines: dict[int, list[Chord]] = defaultdict(list)
        for chord, voice in zip(found, voices(found), strict=True):
            lines[voice].append(chord)
        shapes: list[dict[int, list[Shape]]] = [{} for _ in self._measures]
        for voice, line in sorted(lines.items()):
            self._spelled |= names(self._piece.notes, line, self._measures)
            for at, own in enumerate(by_bar(line, self._measures)):
                if own:
                    shapes[at][voice] = shapes_of(own, self._measures[at])
        return shapes

    def measures(self) -> list[str]:
        """Return the lines of all measures."""
        return [line for at in range(len(self._measures)) for line in self._measure(at)]

    def _measure(self, at: int) -> list[str]:
        bar = self._measures[at]
        implicit = ' implicit="yes"' if bar.pickup else ""
        lines = [f'<measure number="{bar.number}"{implicit}>', *self._attributes(at)]
        lines += self._directions[at]
        length, written = len(bar.ticks), 0
        for staff, staves in enumerate(self._shapes):
            own = staves[at]
            if 0 not in own:  # a whole rest would be too long in a bar that is not whole
                whole = length == bar.meter.bar_ticks and not own
                own = {0: [] if whole else shapes_of([], bar), **own}
            for voice, shapes in sorted(own.items()):
                if written:
                    lines.append(f"<backup><duration>{written}</duration></backup>")
                number = 4 * staff + voice + 1 if voice < 4 else 8 + MOST_VOICES * staff + voice
                seen = rests(own, voice, before_clef=self._clef_follows(staff, at))
                lines += self._voice(shapes, seen, bar, staff, number, down=voice == max(own) > 1)
                written = length
        if at == len(self._measures) - 1:
            lines.append('<barline location="right"><bar-style>light-heavy</bar-style></barline>')
        return [*lines, "</measure>"]

    def _clef_follows(self, staff: int, at: int) -> bool:
        own = self._clefs[staff]
        return at + 1 < len(own) and own[at] != own[at + 1]

    def _attributes(self, at: int) -> list[str]:
        bar, inner = self._measures[at], []
        if at == 0:
            inner.append(f"<divisions>{TICKS_PER_QUARTER}</divisions>")
        if bar.new_key:
            mode = "minor" if bar.key.minor else "major"
            inner.append(f"<key><fifths>{bar.key.fifths}</fifths><mode>{mode}</mode></key>")
        if bar.new_meter:
            beats, kind = bar.meter.numerator, bar.meter.denominator
            inner.append(f"<time><beats>{beats}</beats><beat-type>{kind}</beat-type></time>")
        if at == 0 and len(self._shapes) > 1:
            inner.append(f"<staves>{len(self._shapes)}</staves>")
        for staff, own in enumerate(self._clefs):
            if at == 0 or own[at] != own[at - 1]:
                sign, line = _SIGN_LINE[own[at]]
                number = f' number="{staff + 1}"' if len(self._shapes) > 1 else ""
                inner.append(f"<clef{number}><sign>{sign}</sign><line>{line}</line></clef>")
        return [f"<attributes>{''.join(inner)}</attributes>"] if inner else []

    def _voice(
        self,
        shapes: Sequence[Shape],
        seen: Sequence[Seen],
        bar: Bar,
        staff: int,
        number: int,
        *,
        down: bool,
    ) -> list[str]:
        """Return the notes of a voice; `seen` says how its rests are written.

        With `down` its stems go down; else programs choose, and take each second voice for a lower one.
        """
        tail = f"<staff>{staff + 1}</staff>" if len(self._shapes) > 1 else ""
        if not shapes:
            return [
                f'<note><rest measure="yes"/><duration>{len(bar.ticks)}</duration>'
                f"<voice>{number}</voice>{tail}</note>"
            ]
        beamed = beams([(s.value, s.chord is not None) for s in shapes], bar)
        lines = []
        ends = tuplet_marks(shapes)
        for place, shape in enumerate(shapes):
            value, chord = shape.value, shape.chord
            if chord is None and seen[place] is Seen.PASSED:
                lines.append(
                    f"<forward><duration>{value.ticks}</duration>"
                    f"<voice>{number}</voice>{tail}</forward>"
                )
                continue
            form = f"<type>{value.type}</type>" + "<dot/>" * value.dots
            ratio = ""
            if value.tuplet is not None:
                actual, normal = value.tuplet.actual, value.tuplet.normal
                ratio = (
                    f"<time-modification><actual-notes>{actual}</actual-notes>"
                    f"<normal-notes>{normal}</normal-notes></time-modification>"
                )
            stem = "<stem>down</stem>" if down and value.type not in _STEMLESS else ""
            marks = ends.get(place, "")
            if chord is None:
                hidden = "" if seen[place] is Seen.PRINTED else ' print-object="no"'
                notations = f"<notations>{marks}</notations>" if marks else ""
                lines.append(
                    f"<note{hidden}><rest/><duration>{value.ticks}</duration>"
                    f"<voice>{number}</voice>{form}{ratio}{tail}{notations}</note>"
                )
                continue
            for above, row in enumerate(chord.rows):
                lines.append(
                    self._note(
                        row,
                        shape,
                        above > 0,
                        self._accidentals.get(row) if shape.first else None,
                        (f"<voice>{number}</voice>", form, ratio + stem, tail),
                        "" if above else beamed[place],
                        "" if above else marks,
                    )
                )
        return lines

    def _note(
        self,
        row: int,
        shape: Shape,
        in_chord: bool,
        accidental: int | None,
        pieces: tuple[str, str, str, str],
        beam: str,
        marks: str,
    ) -> str:
        voice, form, ratio, tail = pieces
        step, alter, octave = self._spelled[row]
        note: Note = self._piece.notes[row]
        again = f"-{shape.part}" if shape.part else ""
        loud = f"{100 * note.velocity / _FORTE:.2f}"
        pitch = (
            f"<pitch><step>{'CDEFGAB'[step]}</step>"
            + (f"<alter>{alter}</alter>" if alter else "")
            + f"<octave>{octave}</octave></pitch>"
        )
        ties = ("" if shape.first else '<tie type="stop"/>') + (
            "" if shape.last else '<tie type="start"/>'
        )
        tied = ties.replace("<tie ", "<tied ")
        sign = "" if accidental is None else f"<accidental>{_ACCIDENTALS[accidental]}</accidental>"
        colour = self._colours[row] if self._colours is not None else None
        head = "" if colour is None else f'<notehead color="{colour}">normal</notehead>'
        notations = f"<notations>{tied}{marks}</notations>" if tied or marks else ""
        return (
            f'<note id="n{row}{again}" dynamics="{loud}">{"<chord/>" if in_chord else ""}{pitch}'
            f"<duration>{shape.value.ticks}</duration>{ties}{voice}{form}{sign}{ratio}{head}{tail}"
            f"{beam}{notations}</note>"
        )

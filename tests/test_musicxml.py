"""What MusicXML says arrives: notes, ties, tuplets, signs, pick-ups, repeats; or else one line."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

from hocket import scores
from hocket.errors import ScoreError
from hocket.music.piece import Key, Meter, Part, Pedal, Piece, Tempo
from hocket.scores import musicxml, mxl, xmltree
from hocket.scores.musicxml import read_musicxml

_TRIPLET = (
    "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes>"
    "</time-modification>"
)
_TYPES = {1: "16th", 2: "eighth", 4: "quarter", 8: "half", 16: "whole"}  # 4 divisions a quarter


def _note(pitch: str, duration: int, extra: str = "", kind: str | None = None) -> str:
    """Return a note: `pitch` as in C4, or "" for a rest; `kind` "" leaves the type out."""
    what = f"<pitch><step>{pitch[0]}</step><octave>{pitch[1]}</octave></pitch>" if pitch else ""
    before, after = ("<chord/>", "") if extra == "chord" else ("", extra)
    kind = _TYPES.get(duration, "") if kind is None else kind
    shape = f"<type>{kind}</type>" if kind else ""
    length = f"<duration>{duration}</duration>"
    return f"<note>{before}{what or '<rest/>'}{length}{shape}{after}</note>"


def _signs(fifths: int = 0, beats: str = "4", unit: int = 4, more: str = "") -> str:
    return (
        f"<attributes><divisions>4</divisions><key><fifths>{fifths}</fifths>{more}</key>"
        f"<time><beats>{beats}</beats><beat-type>{unit}</beat-type></time></attributes>"
    )


def _score(*parts: list[str], head: str = "") -> bytes:
    """Return a score; each part is the list of its measures' contents."""
    names = "".join(
        f'<score-part id="P{i}"><part-name>Voice {i}</part-name></score-part>'
        for i in range(len(parts))
    )
    bodies = "".join(
        f'<part id="P{i}">'
        + "".join(f'<measure number="{n}">{body}</measure>' for n, body in enumerate(part, 1))
        + "</part>"
        for i, part in enumerate(parts)
    )
    return (
        f'<?xml version="1.0"?><score-partwise version="4.0">{head}'
        f"<part-list>{names}</part-list>{bodies}</score-partwise>"
    ).encode()


def _read(*parts: list[str], head: str = "") -> Piece:
    piece, remarks = read_musicxml(_score(*parts, head=head), "a.musicxml")
    assert remarks == ()
    return piece


def _heard(piece: Piece, part: int = 0) -> list[tuple[int, int, int]]:
    return [note[:3] for note in piece.notes if note.part == part]


def test_notes_chords_and_two_parts() -> None:
    high = [_signs() + _note("C5", 4) + _note("E5", 4, "chord") + _note("", 4) + _note("G5", 8)]
    piece = _read(high, [_signs() + _note("C3", 16)])
    assert piece.parts == (Part("Voice 0"), Part("Voice 1"))
    assert _heard(piece) == [(0, 24, 72), (0, 24, 76), (48, 48, 79)]
    assert _heard(piece, 1) == [(0, 96, 48)]


def test_triplets_and_the_shortest_notes() -> None:
    # 12 divisions a quarter, said again in the same measure
    triplet = "".join(_note(pitch, 4, _TRIPLET, "eighth") for pitch in ("C5", "D5", "E5"))
    short = _note("F5", 3, kind="16th") + _note("G5", 9, "<dot/>", "eighth")
    body = _signs(beats="2") + "<attributes><divisions>12</divisions></attributes>"
    piece = _read([body + triplet + short])
    assert [note[:2] for note in _heard(piece)] == [(0, 8), (8, 8), (16, 8), (24, 6), (30, 18)]


def test_ties_across_a_bar() -> None:
    start, stop = (
        f'<tie type="{side}"/><notations><tied type="{side}"/></notations>'
        for side in ("start", "stop")
    )
    piece = _read([_signs() + _note("C5", 8) + _note("D5", 8, start), _note("D5", 16, stop)])
    assert _heard(piece) == [(0, 48, 72), (48, 144, 74)]


def test_signs_and_their_changes() -> None:
    minor = "<mode>minor</mode>"
    middle = '<direction><direction-type><words>a</words></direction-type><sound tempo="131"/>'
    beat = "<beat-unit>quarter</beat-unit><beat-unit-dot/><per-minute>40</per-minute>"
    dotted = (
        f"<direction><direction-type><metronome>{beat}</metronome></direction-type></direction>"
    )
    piece = _read(
        [
            '<sound tempo="66.5"/>' + _signs(-3, more=minor) + _note("C5", 16),
            dotted + _note("C5", 8) + middle + "</direction>" + _note("D5", 8),
            _signs(2, "3+2", 8) + _note("C5", 8) + _note("D5", 2),
            _signs(2, "3", 8) + _note("C5", 4) + _note("D5", 2),
        ],
        head="<work><work-title>Two\n Airs</work-title></work>",
    )
    assert piece.title == "Two Airs"
    assert piece.keys == (Key(0, -3, True), Key(192, 2))
    assert piece.meters == (Meter(0, 4, 4), Meter(192, 5, 8), Meter(252, 3, 8))
    assert piece.tempos == (Tempo(0, 902_256), Tempo(96, 1_000_000), Tempo(144, 458_015))


def test_pick_up_and_the_bars_after_it() -> None:
    piece = _read([_signs(beats="3") + _note("C5", 4), _note("D5", 8) + _note("E5", 4)])
    assert piece.meters == (Meter(0, 3, 4), Meter(24, 3, 4))
    assert piece.bars() == (range(24), range(24, 96))


def test_repeats_are_played() -> None:
    back = '<barline location="right"><repeat direction="backward"/></barline>'
    tempo = '<sound tempo="60"/>'
    piece = _read([_signs() + _note("C5", 16), tempo + _note("D5", 16) + back, _note("E5", 16)])
    assert [note[2] for note in _heard(piece)] == [72, 74, 72, 74, 76]
    assert [tempo.tick for tempo in piece.tempos] == [0, 96]


def test_transposing_instruments_sound_and_their_key_too() -> None:
    clarinet = "<attributes><divisions>4</divisions><key><fifths>2</fifths></key><transpose>"
    clarinet += "<diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>"
    piece = _read([clarinet + _note("D5", 16)])
    assert _heard(piece) == [(0, 96, 72)]
    assert piece.keys == (Key(0, 0),)


def test_the_pedal_is_kept() -> None:
    start, change, stop = (
        f'<direction><direction-type><pedal type="{kind}"/></direction-type></direction>'
        for kind in ("start", "change", "stop")
    )
    high = [start + _note("C5", 8) + change + _note("D5", 8), _note("E5", 8) + stop + _note("", 8)]
    piece = _read([_signs() + high[0], high[1]], [_signs() + _note("C3", 16), _note("C3", 16)])
    early = 3  # ticks: verovio lets go a tenth of a quarter before the sign
    assert piece.pedals == (Pedal(0, True), Pedal(48, True), Pedal(144 - early, False))


def test_notes_without_a_type_get_one() -> None:
    body = "".join(_note(pitch, length, kind="") for pitch, length in (("C5", 6), ("D5", 2)))
    twelve = "<attributes><divisions>12</divisions></attributes>"
    triplet = twelve + "".join(_note(pitch, 16, _TRIPLET, "") for pitch in ("E5", "F5", "G5"))
    piece = _read([_signs(beats="2") + body, _signs(beats="4") + triplet])
    assert [note[:2] for note in _heard(piece)] == [
        (0, 36),
        (36, 12),
        (48, 32),
        (80, 32),
        (112, 32),
    ]


def test_what_is_left_out_is_said() -> None:
    grace = '<note><grace slash="yes"/><pitch><step>D</step><octave>5</octave></pitch></note>'
    piece, remarks = read_musicxml(
        _score([_signs() + grace + _note("C5", 8) + _note("C5", 5, kind="") + _note("", 3)]), "a"
    )
    assert _heard(piece)[0] == (0, 48, 72)
    assert remarks[0] == "slashed grace notes left out: 1"
    assert remarks[1].startswith("1 notes have no note type")


def test_a_measure_that_plays_at_another_length_is_said() -> None:
    wrong = _note("C5", 4, kind="whole")  # a quarter to the player, a whole note to the eye
    _, remarks = read_musicxml(_score([_signs() + wrong, _note("C5", 16)]), "a.xml")
    assert remarks[0].startswith("1 measures play longer or shorter")


def test_utf_16_and_mxl_are_read(tmp_path: Path) -> None:
    plain = _score([_signs() + _note("C5", 16)])
    wide = plain.decode().replace('"1.0"', '"1.0" encoding="UTF-16"').encode("utf-16")
    packed = io.BytesIO()
    container = b'<container><rootfiles><rootfile full-path="music/x.xml"/></rootfiles></container>'
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.xml", "<not-this-one/>")
        archive.writestr("music/x.xml", plain)
        archive.writestr("META-INF/container.xml", container)
    for name, data in (("w.xml", wide), ("p.mxl", packed.getvalue()), ("b.mid", plain)):
        (tmp_path / name).write_bytes(data)
        reading = scores.read_with_remarks(tmp_path / name)
        assert _heard(reading.piece) == [(0, 96, 72)]
        assert reading.piece.title == Path(name).stem


def _refused(data: bytes) -> str:
    with pytest.raises(ScoreError, match=r"^a\.musicxml: [^\n]*; [^\n]*$") as caught:
        read_musicxml(data, "a.musicxml")
    return str(caught.value)


def test_a_score_cut_anywhere_is_refused() -> None:
    whole = _score([_signs() + _note("C5", 16), _note("D5", 16)])
    for length in range(0, len(whole) - 1, len(whole) // 50):
        _refused(whole[:length])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp037"])
def test_declared_entities_are_refused(encoding: str) -> None:
    text = '<!DOCTYPE a [<!ENTITY lol "lol"><!ENTITY b "&lol;&lol;">]><score-partwise>&b;'
    text = f'<?xml version="1.0" encoding="{encoding}"?>{text}</score-partwise>'
    with pytest.raises(ScoreError, match=r"entities|not MusicXML"):
        read_musicxml(text.encode(encoding), "a.xml")


def test_a_doctype_is_read_and_its_address_not_fetched() -> None:
    doctype = b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD" "http://localhost:1/a.dtd">'
    plain = _score([_signs() + _note("C5", 16)])
    data = plain.replace(b"<score-partwise", doctype + b"<score-partwise", 1)
    assert read_musicxml(data, "a.musicxml")[0].notes


def test_deep_long_and_silent_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "too deep" in _refused(b"<a>" * 100 + b"</a>" * 100)
    assert "timewise" not in _refused(b"<html/>")
    assert "no notes" in _refused(_score([_signs()]))
    assert "no notes" in _refused(_score([_signs() + _note("", 16)]))
    monkeypatch.setattr(xmltree, "MAX_ELEMENTS", 3)
    assert "too long" in _refused(_score([_signs()]))
    monkeypatch.setattr(mxl, "MAX_MEMBERS", -1)
    packed = io.BytesIO()
    zipfile.ZipFile(packed, "w").close()
    with pytest.raises(ScoreError, match=r"damaged|not MusicXML"):
        read_musicxml(packed.getvalue(), "a.mxl")


def test_a_score_that_verovio_crashes_on_or_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = _score([_signs(unit=-1) + _note("C5", 16), _note("C5", 16)])
    monkeypatch.setattr(musicxml, "_TIMEOUT_SECONDS", 2)
    assert "verovio" in _refused(endless)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "cannot be started" in _refused(_score([_signs() + _note("C5", 16)]))

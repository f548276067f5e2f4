"""Hostile MusicXML files, and archives of them."""

# ruff: noqa: E501

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

from soak.hostile_case import Case, Verdict

Odd = tuple[str, bytes, Verdict, str, int | None]
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_SIGNS = "<divisions>4</divisions><key><fifths>0</fifths></key><time><beats>4</beats><beat-type>4</beat-type></time>"
_DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)


def note(
    step: str = "C", octave: object = 4, duration: object = 4, more: str = "", kind: str = "quarter"
) -> str:
    """Return a note; `more` stands before its type."""
    return (
        f"<note><pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration><voice>1</voice>{more}<type>{kind}</type></note>"
    )


BAR = "".join(note(step) for step in "CDEF")
"""Four notes, a quarter each."""


def score(
    *measures: str, signs: str = _SIGNS, title: str = "t", part: str = "P", before: str = _HEAD
) -> str:
    """Return a score in one part."""
    bars = "".join(
        f'<measure number="{i + 1}">{f"<attributes>{signs}</attributes>" if i == 0 else ""}{bar}</measure>'
        for i, bar in enumerate(measures)
    )
    return (
        f'{before}<score-partwise version="4.0"><work><work-title>{title}</work-title></work><part-list>'
        f'<score-part id="P1"><part-name>{part}</part-name></score-part></part-list>'
        f'<part id="P1">{bars}</part></score-partwise>'
    )


WHOLE = score(BAR, BAR)


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content, method)
    return buffer.getvalue()


def container(path: str) -> bytes:
    """Return the file of an archive that says where the score is."""
    return f'<?xml version="1.0"?><container><rootfiles><rootfile full-path="{path}"/></rootfiles></container>'.encode()


def cases() -> Iterator[Case]:
    """Yield texts, scores and archives."""
    for odd in (*_texts(), *_entities(), *_signs(), *_notes(), *_bombs()):
        name, data, verdict, why, notes = odd
        yield Case(f"{name}.musicxml", data, verdict, why, notes)
    for name, data, verdict, why, notes in _archives():
        yield Case(f"{name}.mxl", data, verdict, why, notes)


def _texts() -> Iterator[Odd]:
    raw = WHOLE.encode()
    yield "xml-plain", raw, "read", "a plain score", 8
    yield "xml-bom", b"\xef\xbb\xbf" + raw, "read", "a byte order mark", 8
    for name in ("utf-16", "utf-16-le", "utf-16-be"):
        text = WHOLE.replace('encoding="UTF-8"', 'encoding="UTF-16"')
        mark = {"utf-16": "", "utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}[name]
        data = b"\xff\xfe" + text.encode("utf-16-le") if not mark else (mark + text).encode(name)
        yield f"xml-{name}", data, "read", name, 8
    yield (
        "xml-latin-1",
        score(BAR, title="é").replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        "read",
        "Latin-1",
        4,
    )
    yield (
        "xml-wrong-encoding",
        score(BAR, title="é").encode("latin-1"),
        "refuse",
        "Latin-1 that says UTF-8",
        None,
    )
    yield (
        "xml-unknown-encoding",
        WHOLE.replace("UTF-8", "klingon").encode(),
        "refuse",
        "an unknown encoding",
        None,
    )
    yield (
        "xml-hex-encoding",
        WHOLE.replace("UTF-8", "hex").encode(),
        "refuse",
        "a codec that is no encoding",
        None,
    )
    yield "xml-utf-7", WHOLE.replace("UTF-8", "utf-7").encode(), "either", "UTF-7", None
    yield "xml-without-head", score(BAR, before="").encode(), "read", "no XML declaration", 4
    for place in range(40, len(raw) - 1, len(raw) // 9):
        yield f"xml-cut-{place:04d}", raw[:place], "refuse", f"cut after {place} bytes", None
    yield "xml-null", raw.replace(b"quarter", b"quar\0ter"), "refuse", "a null character", None
    yield "xml-trailing", raw + b"<again/>", "refuse", "two roots", None
    yield (
        "xml-timewise",
        b"<score-timewise><measure/></score-timewise>",
        "refuse",
        "timewise, empty",
        None,
    )
    yield "xml-html", b"<html><body>404</body></html>", "refuse", "a web page", None
    yield "xml-svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "refuse", "a picture", None
    yield "xml-spaces", b" \n" * 5000, "refuse", "nothing but spaces", None
    yield (
        "xml-deep",
        b"<score-partwise>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</score-partwise>",
        "refuse",
        "100,000 deep",
        None,
    )
    yield "xml-deep-unclosed", b"<a>" * 1_000_000, "refuse", "a million deep", None
    yield (
        "xml-attribute",
        score(BAR, part="P").replace('number="1"', f'number="{"1" * 2_000_000}"').encode(),
        "either",
        "an attribute of 2 MB",
        None,
    )
    yield (
        "xml-attributes",
        score(BAR)
        .replace('number="1"', 'number="1" ' + " ".join(f'a{i}=""' for i in range(20_000)))
        .encode(),
        "either",
        "20,000 attributes",
        None,
    )
    yield (
        "xml-attribute-twice",
        score(BAR).replace('number="1"', 'number="1" number="1"').encode(),
        "refuse",
        "an attribute twice",
        None,
    )
    yield "xml-comments", score(BAR + "<!-- x -->" * 20_000).encode(), "read", "20,000 comments", 4
    yield (
        "xml-instructions",
        score(BAR + "<?php system('id') ?>").encode(),
        "read",
        "a processing instruction",
        4,
    )
    yield (
        "xml-cdata",
        score(BAR).replace("<step>C</step>", "<step><![CDATA[C]]></step>").encode(),
        "read",
        "CDATA",
        4,
    )
    yield (
        "xml-style",
        score(
            BAR, before='<?xml version="1.0"?><?xml-stylesheet href="file:///etc/passwd"?>'
        ).encode(),
        "read",
        "a style sheet elsewhere",
        4,
    )
    yield (
        "xml-xinclude",
        score(
            BAR + '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'
        ).encode(),
        "either",
        "XInclude",
        None,
    )
    for name, text in (
        ("ansi", "&#x9b;31m"),
        ("html", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("dots", "../../x"),
        ("formula", "=1+cmd|x"),
        ("long", "n" * 100_000),
        ("bidi", "&#x202e;gnp"),
    ):
        yield (
            f"xml-name-{name}",
            score(BAR, title=text, part=text).encode(),
            "read",
            f"{name} in names",
            4,
        )
    yield (
        "xml-name-escape",
        score(BAR, title="&#27;[31m").encode(),
        "refuse",
        "an escape that XML forbids",
        None,
    )


def _entities() -> Iterator[Odd]:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    yield (
        "entity-laughs",
        score(
            BAR, title="&l9;", before=f'{_HEAD}<!DOCTYPE s [<!ENTITY l0 "ha">{laughs}]>'
        ).encode(),
        "refuse",
        "a billion laughs",
        None,
    )
    large = f'<!ENTITY a "{"a" * 100_000}">'
    yield (
        "entity-quadratic",
        score(BAR, title="&a;" * 10_000, before=f"{_HEAD}<!DOCTYPE s [{large}]>").encode(),
        "refuse",
        "a large entity 10,000 times",
        None,
    )
    yield (
        "entity-itself",
        score(BAR, title="&a;", before=f'{_HEAD}<!DOCTYPE s [<!ENTITY a "&a;">]>').encode(),
        "refuse",
        "an entity of itself",
        None,
    )
    for name, where in (
        ("file", "file:///etc/passwd"),
        ("http", "http://127.0.0.1:9/x"),
        ("random", "/dev/random"),
    ):
        dtd = f'{_HEAD}<!DOCTYPE s [<!ENTITY x SYSTEM "{where}">]>'
        yield (
            f"entity-{name}",
            score(BAR, title="&x;", before=dtd).encode(),
            "refuse",
            f"an external entity: {where}",
            None,
        )
        dtd = f'{_HEAD}<!DOCTYPE s [<!ENTITY % x SYSTEM "{where}"> %x;]>'
        yield (
            f"entity-parameter-{name}",
            score(BAR, before=dtd).encode(),
            "refuse",
            f"an external parameter entity: {where}",
            None,
        )
    yield (
        "entity-undeclared",
        score(BAR, title="&nbsp;").encode(),
        "refuse",
        "an entity nobody declares",
        None,
    )
    laughs = score(BAR, before=f'{_HEAD.replace("UTF-8", "UTF-16")}<!DOCTYPE s [<!ENTITY a "a">]>')
    yield (
        "entity-utf-16",
        b"\xff\xfe" + laughs.encode("utf-16-le"),
        "refuse",
        "an entity in UTF-16",
        None,
    )
    for version in ("1.0", "2.0", "3.1", "4.0"):
        dtd = _DOCTYPE.replace("4.0", version)
        yield (
            f"doctype-{version}",
            score(BAR, before=_HEAD + dtd).encode(),
            "read",
            f"the DTD of real exports, {version}",
            4,
        )
    yield (
        "doctype-system",
        score(BAR, before=_HEAD + '<!DOCTYPE score-partwise SYSTEM "partwise.dtd">').encode(),
        "read",
        "a DTD beside the file",
        4,
    )
    yield (
        "doctype-passwd",
        score(BAR, before=_HEAD + '<!DOCTYPE score-partwise SYSTEM "file:///etc/passwd">').encode(),
        "either",
        "a DTD that is a file elsewhere",
        None,
    )
    yield (
        "doctype-subset",
        score(
            BAR, before=_HEAD + "<!DOCTYPE score-partwise [<!ATTLIST note x CDATA #IMPLIED>]>"
        ).encode(),
        "either",
        "a DTD with an attribute list",
        None,
    )
    yield (
        "doctype-unclosed",
        score(BAR, before=_HEAD + "<!DOCTYPE score-partwise [").encode(),
        "refuse",
        "a DTD without an end",
        None,
    )


def _signs() -> Iterator[Odd]:
    for value in ("0", "-4", "NaN", "1e9", "99999999999999999999", "", "x", "4.5", "0.0001"):
        signs = _SIGNS.replace("<divisions>4", f"<divisions>{value}")
        yield (
            f"divisions-{value or 'empty'}",
            score(BAR, signs=signs).encode(),
            "either",
            f"divisions {value!r}",
            None,
        )
    for beats, unit in (
        ("4", "0"),
        ("0", "4"),
        ("-4", "4"),
        ("4", "-1"),
        ("4", "3"),
        ("999999999", "4"),
        ("4", "1000000000"),
        ("x", "y"),
        ("4", ""),
    ):
        signs = _SIGNS.replace("<beats>4", f"<beats>{beats}").replace(
            "<beat-type>4", f"<beat-type>{unit}"
        )
        yield (
            f"time-{beats}-{unit or 'empty'}",
            score(BAR, BAR, signs=signs).encode(),
            "either",
            f"a metre of {beats}/{unit}",
            None,
        )
    for fifths in ("99", "-2147483649", "x", "1e99", ""):
        signs = _SIGNS.replace("<fifths>0", f"<fifths>{fifths}")
        yield (
            f"fifths-{fifths or 'empty'}",
            score(BAR, signs=signs).encode(),
            "either",
            f"a key of {fifths!r} sharps",
            None,
        )
    for tempo in ("0", "-1", "NaN", "inf", "1e99", "0.000001", "999999999", "x"):
        yield (
            f"tempo-{tempo}",
            score(f'<sound tempo="{tempo}"/>{BAR}').encode(),
            "either",
            f"a tempo of {tempo!r}",
            None,
        )
    for steps in ("99999", "-99999", "x"):
        signs = f"{_SIGNS}<transpose><chromatic>{steps}</chromatic></transpose>"
        yield (
            f"transpose-{steps}",
            score(BAR, signs=signs).encode(),
            "either",
            f"transposed by {steps}",
            None,
        )
    yield (
        "staves-million",
        score(BAR, signs=f"{_SIGNS}<staves>1000000</staves>").encode(),
        "either",
        "a million staves",
        None,
    )
    yield (
        "rest-of-measures",
        score(
            BAR,
            f"<attributes><measure-style><multiple-rest>2000000000</multiple-rest></measure-style></attributes>{BAR}",
        ).encode(),
        "either",
        "2 * 10^9 measures of rest",
        None,
    )


def _notes() -> Iterator[Odd]:
    for duration in (
        "0",
        "-4",
        "NaN",
        "1000000000",
        "99999999999999999999",
        "x",
        "",
        "0.333333333333",
    ):
        yield (
            f"duration-{duration or 'empty'}",
            score(note(duration=duration) + BAR).encode(),
            "either",
            f"a duration of {duration!r}",
            None,
        )
    for octave in ("99", "-99", "10", "x", "", "2147483648", "NaN"):
        yield (
            f"octave-{octave or 'empty'}",
            score(note(octave=octave) + BAR).encode(),
            "either",
            f"octave {octave!r}",
            None,
        )
    for step in ("H", "", "CC", "&lt;b&gt;"):
        yield (
            f"step-{len(step)}-{step[:1] or 'empty'}",
            score(note(step) + BAR).encode(),
            "either",
            f"step {step!r}",
            None,
        )
    for alter in ("99", "-2147483649", "0.5", "NaN"):
        data = score(note().replace("<octave>", f"<alter>{alter}</alter><octave>") + BAR).encode()
        yield f"alter-{alter}", data, "either", f"altered by {alter}", None
    for kind in ("1024th", "maxima", "eternity", ""):
        yield (
            f"type-{kind or 'empty'}",
            score(note(kind=kind) + BAR).encode(),
            "either",
            f"a note type of {kind!r}",
            None,
        )
    for amount in ("1", "16", "1000000000", "-8", "NaN"):
        data = score(f"<backup><duration>{amount}</duration></backup>{BAR}").encode()
        yield f"backup-{amount}", data, "either", f"backed up by {amount} before the start", None
        data = score(f"<forward><duration>{amount}</duration></forward>{BAR}").encode()
        yield f"forward-{amount}", data, "either", f"forward by {amount}", None
    yield "no-notes", score("", "").encode(), "refuse", "no notes", None
    yield (
        "rests-only",
        score("<note><rest/><duration>16</duration></note>").encode(),
        "refuse",
        "rests only",
        None,
    )
    yield (
        "chord-first",
        score(note().replace("<pitch>", "<chord/><pitch>") + BAR).encode(),
        "either",
        "a chord without a first note",
        None,
    )
    yield (
        "tie-never-ends",
        score(BAR.replace("<voice>", '<tie type="start"/><voice>')).encode(),
        "either",
        "ties that never end",
        None,
    )
    yield (
        "tuplet-0",
        score(
            note(
                more="<time-modification><actual-notes>0</actual-notes><normal-notes>0</normal-notes></time-modification>"
            )
            + BAR
        ).encode(),
        "either",
        "0 in the time of 0",
        None,
    )
    yield (
        "tuplet-huge",
        score(
            note(
                more="<time-modification><actual-notes>999999999</actual-notes><normal-notes>1</normal-notes></time-modification>"
            )
            + BAR
        ).encode(),
        "either",
        "10^9 in the time of 1",
        None,
    )
    yield (
        "voice-huge",
        score(note().replace("<voice>1", "<voice>99999999999") + BAR).encode(),
        "either",
        "voice 99999999999",
        None,
    )
    yield (
        "staff-huge",
        score(note(more="<staff>99999999</staff>") + BAR).encode(),
        "either",
        "staff 99999999",
        None,
    )
    yield (
        "part-missing",
        score(BAR).replace('<part id="P1">', '<part id="P9">').encode(),
        "either",
        "a part nobody lists",
        None,
    )
    yield (
        "part-twice",
        score(BAR)
        .replace(
            "</score-partwise>",
            f'<part id="P1"><measure number="1">{BAR}</measure></part></score-partwise>',
        )
        .encode(),
        "either",
        "a part twice",
        None,
    )
    yield (
        "measures-missing",
        score(BAR).replace("<measure", "<bar").replace("</measure", "</bar").encode(),
        "refuse",
        "no measures",
        None,
    )
    yield (
        "note-outside",
        f"<score-partwise>{note()}</score-partwise>".encode(),
        "refuse",
        "a note in no part",
        None,
    )
    yield (
        "midi-program",
        score(BAR)
        .replace(
            "</part-name>",
            '</part-name><midi-instrument id="P1-I1"><midi-channel>99</midi-channel><midi-program>999</midi-program></midi-instrument>',
        )
        .encode(),
        "either",
        "program 999",
        None,
    )


def _bombs() -> Iterator[Odd]:
    repeat = '<barline location="right"><repeat direction="backward" times="1000000000"/></barline>'
    yield "repeat-times", score(BAR + repeat).encode(), "either", "repeated 10^9 times", None
    yield "repeats", score(*[BAR + repeat] * 60).encode(), "either", "60 repeats in a row", None
    once = repeat.replace(' times="1000000000"', "")
    yield (
        "repeats-plain",
        score(*[BAR + once] * 60).encode(),
        "read",
        "60 plain repeats in a row",
        480,
    )
    opens = '<barline location="left"><repeat direction="forward"/></barline>'
    yield (
        "repeats-nested",
        score(*[opens + BAR] * 30, *[BAR + repeat] * 30).encode(),
        "either",
        "30 repeats in each other",
        None,
    )
    ending = '<barline location="left"><ending number="1-99999999" type="start"/></barline>'
    yield (
        "ending-many",
        score(BAR, ending + BAR + repeat, BAR).encode(),
        "either",
        "an ending of 10^8 times",
        None,
    )
    jumps = '<direction><sound dacapo="yes"/></direction>'
    yield "da-capo-many", score(*[BAR + jumps] * 20).encode(), "either", "da capo 20 times", None
    yield (
        "elements-million",
        b"<score-partwise>" + b"<a/>" * 2_000_000 + b"</score-partwise>",
        "refuse",
        "two million elements",
        None,
    )
    yield (
        "beams",
        score(BAR.replace("<type>", '<beam number="1">continue</beam><type>')).encode(),
        "either",
        "beams without a start",
        None,
    )


def _archives() -> Iterator[Odd]:
    raw, name = WHOLE.encode(), "META-INF/container.xml"
    good = packed({name: container("s.xml"), "s.xml": raw})
    yield "mxl-plain", good, "read", "a plain archive", 8
    yield (
        "mxl-stored",
        packed({name: container("s.xml"), "s.xml": raw}, zipfile.ZIP_STORED),
        "read",
        "not compressed",
        8,
    )
    yield "mxl-no-container", packed({"s.musicxml": raw}), "read", "no container", 8
    yield (
        "mxl-container-lies",
        packed({name: container("none.xml"), "s.xml": raw}),
        "either",
        "the container names no member",
        None,
    )
    yield (
        "mxl-container-garbage",
        packed({name: b"\0\xff" * 99, "s.xml": raw}),
        "either",
        "a container of garbage",
        None,
    )
    yield (
        "mxl-container-itself",
        packed({name: container(name), "s.xml": raw}),
        "either",
        "a container that names itself",
        None,
    )
    yield "mxl-empty", packed({}), "refuse", "an empty archive", None
    yield "mxl-no-score", packed({"readme.txt": b"hello"}), "refuse", "no score in it", None
    yield "mxl-jpeg", packed({"s.xml": b"\xff\xd8\xff\xe0" * 99}), "refuse", "a JPEG in it", None
    yield (
        "mxl-nested",
        packed({name: container("s.mxl"), "s.mxl": good}),
        "refuse",
        "an archive in the archive",
        None,
    )
    yield (
        "mxl-nested-xml",
        packed({"s.xml": good}),
        "refuse",
        "an archive that is called .xml",
        None,
    )
    for slip in (
        "../../../tmp/hostile-slip.xml",
        "/tmp/hostile-slip.xml",
        "C:\\hostile-slip.xml",
        "..\\..\\slip.xml",
        "a/../../slip.xml",
    ):
        label = "".join(c if c.isalnum() else "-" for c in slip)
        yield (
            f"mxl-slip{label}",
            packed({name: container(slip), slip: raw}),
            "either",
            f"a member called {slip}",
            None,
        )
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as archive:
        info = zipfile.ZipInfo("s.xml", (1980, 1, 1, 0, 0, 0))
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    yield "mxl-symlink", link.getvalue(), "refuse", "a member that is a link to /etc/passwd", None
    space = b"<score-partwise>" + b" " * (100 << 20)
    yield "mxl-bomb-100-mib", packed({"s.xml": space}), "refuse", "unpacks to 100 MiB", None
    yield (
        "mxl-bomb-container",
        packed({name: b" " * (100 << 20), "s.xml": raw}),
        "refuse",
        "its container unpacks to 100 MiB",
        None,
    )
    yield (
        "mxl-bomb-elements",
        packed({"s.xml": b"<a>" * 3_000_000}),
        "refuse",
        "unpacks to three million elements",
        None,
    )
    yield (
        "mxl-bomb-unused",
        packed({name: container("s.xml"), "s.xml": raw, "b.bin": bytes(50 << 20)}),
        "either",
        "a bomb beside the score",
        None,
    )
    yield (
        "mxl-many",
        packed({f"{i}.txt": b"" for i in range(60_000)}),
        "refuse",
        "60,000 members",
        None,
    )
    place = good.rindex(b"PK\1\2")
    size = bytearray(good)
    size[place + 24 : place + 28] = struct.pack("<I", 1)
    yield "mxl-size-too-small", bytes(size), "either", "a member larger than it says", None
    size[place + 24 : place + 28] = struct.pack("<I", 0xFFFFFFF0)
    yield "mxl-size-4-gib", bytes(size), "either", "a member of 4 GiB, it says", None
    locked = bytearray(good)
    locked[place + 8] |= 1
    locked[good.index(b"PK\3\4", 10) + 6] |= 1
    yield "mxl-encrypted", bytes(locked), "refuse", "encrypted", None
    for method in (1, 9, 12, 14, 93, 99):
        odd = bytearray(good)
        odd[place + 10] = odd[good.index(b"PK\3\4", 10) + 8] = method
        yield f"mxl-method-{method}", bytes(odd), "refuse", f"compression method {method}", None
    wrong = bytearray(good)
    wrong[place + 16] ^= 0xFF
    yield "mxl-checksum", bytes(wrong), "refuse", "a wrong checksum", None
    wrong = bytearray(good)
    wrong[place + 42 : place + 46] = struct.pack("<I", 0x7FFFFFFF)
    yield "mxl-offset", bytes(wrong), "refuse", "a member beyond the end", None
    for cut in (30, len(good) // 2, len(good) - 30, len(good) - 1):
        yield f"mxl-cut-{cut}", good[:cut], "refuse", f"cut after {cut} bytes", None
    yield "mxl-trailing", good + b"x" * 100, "either", "bytes behind the end", None
    yield "mxl-word", packed({"word/document.xml": b"<w/>"}), "refuse", "a Word document", None

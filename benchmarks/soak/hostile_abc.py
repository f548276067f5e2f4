"""Hostile ABC files."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Iterator

from soak.hostile_case import Case, Verdict

_HEAD = "X:1\nT:t\nM:4/4\nL:1/4\nK:C\n"
TUNE = "CDEF|GABc|]\n"
"""Eight notes."""


def cases() -> Iterator[Case]:
    """Yield texts that are called ABC."""
    for name, text, verdict, why, notes in (*_texts(), *_fields(), *_music(), *_bombs()):
        data = text if isinstance(text, bytes) else text.encode()
        yield Case(f"abc-{name}.abc", data, verdict, why, notes)


def _texts() -> Iterator[tuple[str, str | bytes, Verdict, str, int | None]]:
    good = _HEAD + TUNE
    yield "plain", good, "read", "a plain tune", 8
    yield "crlf", good.replace("\n", "\r\n"), "read", "Windows line ends", 8
    yield "bom", b"\xef\xbb\xbf" + good.encode(), "read", "a byte order mark", 8
    yield (
        "latin-1",
        _HEAD.replace("T:t", "T:Pr\xe9lude").encode("latin-1") + TUNE.encode(),
        "read",
        "Latin-1",
        8,
    )
    yield "utf-16", good.encode("utf-16-le"), "refuse", "UTF-16", None
    yield (
        "garbage",
        "".join(chr(33 + i * 7919 % 94) for i in range(5000)),
        "refuse",
        "garbage",
        None,
    )
    yield (
        "garbage-behind-key",
        _HEAD + "".join(chr(33 + i * 7919 % 94) for i in range(500)),
        "refuse",
        "garbage behind K:",
        None,
    )
    yield (
        "bytes-behind-key",
        _HEAD.encode() + bytes(range(128, 256)) * 9,
        "refuse",
        "bytes behind K:",
        None,
    )
    yield "nulls", _HEAD + "C\0D\0", "refuse", "null characters", None
    yield "prose", "Dear Sir,\nplease find my tune.\n", "refuse", "a letter", None
    yield "header-only", _HEAD, "refuse", "no music", None
    yield "rests-only", _HEAD + "z4|z4|]\n", "refuse", "rests only", None
    yield "no-key", "X:1\nT:t\nM:4/4\n" + TUNE, "refuse", "no K: line", None
    yield "tunes-two", good + "\n" + good, "read", "two tunes, of which the first is read", 8
    for name, title in (
        ("ansi", "\x1b[31m"),
        ("html", "<script>alert(1)</script>"),
        ("dots", "../../x"),
        ("formula", "=1+1"),
        ("long", "n" * 100_000),
    ):
        yield f"name-{name}", good.replace("T:t", f"T:{title}"), "read", f"{name} in the title", 8
    yield (
        "key-ansi",
        good.replace("K:C", "K:\x1b[31m"),
        "refuse",
        "an escape sequence for a key",
        None,
    )


def _fields() -> Iterator[tuple[str, str, Verdict, str, int | None]]:
    good = _HEAD + TUNE
    for value in ("1/0", "0/4", "4/3", "-4/4", "99999/4", "4/99999", "x", "4/", "/4"):
        yield (
            f"metre-{value.replace('/', '-')}",
            good.replace("M:4/4", f"M:{value}"),
            "refuse",
            f"M:{value}",
            None,
        )
    for value in ("0", "1/0", "0/1", "-1/4", "1/99999", "x", "1/3.5"):
        yield (
            f"unit-{value.replace('/', '-')}",
            good.replace("L:1/4", f"L:{value}"),
            "refuse",
            f"L:{value}",
            None,
        )
    for value in ("0", "1/4=0", "1/0=60", "1/4=-5", "99999999", "1/4=1e9", "0/4=60", "1/4=NaN"):
        yield (
            f"tempo-{value.replace('/', '-')}",
            good.replace("K:C", f"Q:{value}\nK:C"),
            "refuse",
            f"Q:{value}",
            None,
        )
    for value in ("H", "C####", "9", "Cbanana", "G#", "%s"):
        yield (
            f"key-{value.replace('%', 'p')}",
            good.replace("K:C", f"K:{value}"),
            "either",
            f"K:{value}",
            None,
        )
    yield "octave-99", good.replace("K:C", "K:C octave=99"), "refuse", "99 octaves up", None
    yield (
        "transpose-99",
        good.replace("K:C", "K:C transpose=-99"),
        "refuse",
        "99 semitones down",
        None,
    )


def _music() -> Iterator[tuple[str, str, Verdict, str, int | None]]:
    odd: list[tuple[str, str, Verdict, int | None]] = [
        ("octave-marks", "C" + "'" * 99 + "|", "refuse", None), ("octave-low", "C,,,,,,,|", "refuse", None),
        ("length-0", "C0 D|", "refuse", None), ("length-by-0", "C1/0 D|", "refuse", None),
        ("length-huge", "C9999|", "either", None), ("length-huger", "C99999999|", "refuse", None),
        ("length-tiny", "C/9999|", "refuse", None), ("slashes", "C" + "/" * 99 + "|", "refuse", None),
        ("tuplet-0", "(0CDE|", "refuse", None), ("tuplet-by-0", "(3:0:3CDE|", "either", None),
        ("tuplet-99", "(9:99:99CDEF|", "either", None), ("tuplet-open", "(3CD|", "either", None),
        ("broken-first", ">C D|", "refuse", None), ("broken-many", "C>>>>>>>>>D|", "either", None),
        ("chord-open", "[CEG|", "refuse", None), ("chord-empty", "[]|", "refuse", None),
        ("chord-in-chord", "[C[EG]]|", "refuse", None), ("grace-open", "{gab C|", "refuse", None),
        ("text-open", '"Am C|', "refuse", None), ("decoration-open", "!trill C|", "refuse", None),
        ("field-open", "[K:G CDEF|", "refuse", None), ("field-inline-0", "[M:1/0]CDEF|", "refuse", None),
        ("tie-nowhere", "C-|", "read", 1), ("tie-to-other", "C-D|", "read", 2), ("tie-first", "-C|", "refuse", None),
        ("accidentals", "^^^^C|", "refuse", None), ("overlay", "CDEF&GABc|", "read", 8),
        ("overlays", "C&" * 500 + "C|", "either", None), ("repeat", "|:CDEF:|", "read", 8),
        ("repeat-open", "|:CDEF|", "read", 4), ("repeat-closed-only", "CDEF:|", "read", 8),
        ("repeats", "|:CDEF:|" * 100, "read", 800), ("repeats-deep", "|:" * 200 + "CDEF" + ":|" * 200, "either", None),
        ("endings", "|:C4|[1D4:|[2E4:|[3F4|]", "either", None), ("ending-9", "|:C4|[1-9D4:|", "either", None),
        ("ending-none", "[2C4|]", "refuse", None), ("bars-999", "Z999|C4|", "either", None),
        ("voice-spaces", "[V:    ]CDEF|", "either", None), ("backslashes", "\\" * 500 + "C|", "read", 1),
    ]  # fmt: skip
    for name, music, verdict, notes in odd:
        yield f"music-{name}", f"{_HEAD}{music}\n", verdict, music[:40], notes


def _bombs() -> Iterator[tuple[str, str, Verdict, str, int | None]]:
    yield "bomb-notes", _HEAD + "CDEF|" * 190_000, "refuse", "760,000 notes", None
    yield "bomb-one-line", _HEAD + "C" * 990_000, "refuse", "990,000 notes in a bar", None
    yield "bomb-rests", _HEAD + "z" * 990_000, "refuse", "990,000 rests", None
    yield (
        "bomb-chord",
        _HEAD + "[" + "C" * 900_000 + "]|",
        "refuse",
        "a chord of 900,000 notes",
        None,
    )
    yield "bomb-colons", _HEAD + ":" * 900_000, "refuse", "900,000 colons", None
    yield (
        "bomb-voices-inline",
        _HEAD + "[V:" * 300_000,
        "refuse",
        "300,000 voices without an end",
        None,
    )
    yield (
        "bomb-fields-inline",
        _HEAD + "[K:" * 300_000,
        "refuse",
        "300,000 keys without an end",
        None,
    )
    yield "bomb-bars", _HEAD + "Z999|" * 100_000 + "C|", "refuse", "100 million bars of rest", None
    yield (
        "bomb-voices",
        _HEAD + "".join(f"V:{i}\nC|\n" for i in range(100_000)),
        "refuse",
        "100,000 voices",
        None,
    )
    header = "".join(f"V:{i}\n" for i in range(64)) + "L:1/8\n" * 100_000
    yield (
        "bomb-header",
        f"X:1\n{header}K:C\n{TUNE}",
        "refuse",
        "64 voices, each with 100,000 fields",
        None,
    )
    yield (
        "bomb-too-long",
        _HEAD + " " * 1_100_000 + TUNE,
        "refuse",
        "more than a million characters",
        None,
    )
    yield "bomb-spaces", _HEAD + " " * 900_000 + TUNE, "either", "900,000 spaces", None
    yield "bomb-quotes", _HEAD + '"' * 900_001, "refuse", "900,001 quotes", None
    yield "bomb-percent", _HEAD + "\\%" * 450_000, "refuse", "450,000 escaped comments", None
    yield (
        "bomb-fractions",
        _HEAD + "".join(f"C{i}/{i + 1}" for i in range(1, 3000)),
        "refuse",
        "lengths of growing denominators",
        None,
    )
    yield "bomb-overlays", _HEAD + "C&" * 400_000, "refuse", "400,000 overlays", None

"""Compressed MusicXML (.mxl) -> the XML in it, in memory.

Source: MusicXML 4.0, "Compressed .mxl files": a zip archive whose META-INF/container.xml names the
score. Surprising decision: sizes are checked while unpacking, not read from the archive, which can
lie about them.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib

from hocket.errors import ScoreError

MAX_XML_BYTES = 64 * 2**20
MAX_MEMBERS = 1_000
MAX_RATIO = 250  # music shrinks 20 to 60 times, even when it repeats itself
_RATIO_MATTERS = 2**20  # bytes: below this a high ratio does no harm

_CONTAINER = "META-INF/container.xml"


def unpacked(data: bytes, name: str) -> bytes:
    """Return the MusicXML in a .mxl archive; raises ScoreError where there is none to be had."""
    if data.count(b"PK\x01\x02") > 2 * MAX_MEMBERS:  # before each of them becomes an object
        raise ScoreError(f"{name}: too many files in the archive; give a single score")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) > MAX_MEMBERS:
                raise ScoreError(f"{name}: {len(names)} files in the archive; give a single score")
            return _member(archive, _score_name(archive, names, name), name)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError) as error:
        raise ScoreError(f"{name}: damaged archive ({error}); export it again") from error
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise ScoreError(f"{name}: archive cannot be opened ({error}); export it again") from error


def _score_name(archive: zipfile.ZipFile, names: list[str], name: str) -> str:
    if _CONTAINER in names:
        found = re.search(rb"""full-path\s*=\s*["']([^"']+)""", _member(archive, _CONTAINER, name))
        if found and (member := found[1].decode(errors="replace")) in names:
            return member
    for member in names:
        if member.lower().endswith((".musicxml", ".xml")) and not member.startswith("META-INF/"):
            return member
    raise ScoreError(f"{name}: a zip archive without MusicXML in it; export it as .mxl or .mid")


def _member(archive: zipfile.ZipFile, member: str, name: str) -> bytes:
    info = archive.getinfo(member)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError(f"compression {info.compress_type}")  # as the format demands
    with archive.open(info) as file:
        xml = file.read(MAX_XML_BYTES + 1)
    ratio = len(xml) / max(info.compress_size, 1)
    if len(xml) > MAX_XML_BYTES or (len(xml) > _RATIO_MATTERS and ratio > MAX_RATIO):
        raise ScoreError(f"{name}: unpacks to more than a score can be; export it again")
    return xml

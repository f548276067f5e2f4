"""MusicXML bytes -> element tree, with nothing in it that could harm.

Surprising decision: expat is driven by hand. The tree of the standard library would expand the
entities that a file declares (a page of them can fill the memory); here a declaration is refused,
whatever encoding it hides in, and so is a tree that is too deep for the C++ of verovio.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from hocket.errors import ScoreError

MAX_DEPTH = 64  # MusicXML itself goes about a dozen deep
MAX_ELEMENTS = 600_000  # some 75,000 notes, which verovio takes a quarter of a minute for
_OTHER_TAGS = 100_000  # comments and the like


def parsed(xml: bytes, name: str) -> Element:
    """Return the root element; raises ScoreError where `xml` is damaged or declares entities."""
    if xml.count(b"<") > 2 * MAX_ELEMENTS + _OTHER_TAGS:
        raise ScoreError(f"{name}: XML too deep or too long for a score; export it again")
    builder = TreeBuilder()
    depth = count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise ScoreError(f"{name}: XML too deep or too long for a score; export it again")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def entity(*_: object) -> None:
        raise ScoreError(
            f"{name}: declares XML entities, which scores need not; export it again as MusicXML"
        )

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ScoreError(
            f"{name}: damaged XML in line {error.lineno} ({expat.ErrorString(error.code)}); "
            "export it again"
        ) from error
    except (LookupError, ValueError) as error:  # an encoding nobody knows
        raise ScoreError(f"{name}: damaged XML ({error}); export it again") from error
    return builder.close()

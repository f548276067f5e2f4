"""A piece to a small piano roll in SVG, for notebooks: rows of bars, a rectangle per note.

Surprising decision: lines and text are drawn in `currentColor`, and the notes in middling tones, so
that one picture reads well on a light and on a dark page without any style sheet that could leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hocket.music.piece import Note, Piece
from hocket.music.pitch import name

BARS_PER_ROW = 16
MOST_BARS = 64
MOST_NOTES = 4_000
MOST_TITLE = 80

WIDTH, LEFT, RIGHT = 960, 34, 6
ROW_HEIGHT, ROW_GAP, TITLE_HEIGHT = 120, 24, 26
PART_COLOURS = ("#3a8fd6", "#e0802e", "#2fa37c", "#c76a9f", "#9a86d8", "#b0983a")


def roll_svg(piece: Piece, colours: Sequence[str] | None = None) -> str:
    """Return the piece as one self-contained `<svg>` element, the same for the same piece.

    `colours` is one CSS colour per note of `piece.notes`; without it notes are coloured by part. At
    most 64 bars and 4,000 notes are drawn, and the picture says so when it leaves some out. The
    title and the colours are escaped.
    """
    if colours is not None and len(colours) != len(piece.notes):
        raise ValueError(f"{len(colours)} colours for {len(piece.notes)} notes")
    if colours is None:
        colours = [PART_COLOURS[note.part % len(PART_COLOURS)] for note in piece.notes]
    all_bars = piece.bars()
    bars = all_bars[:MOST_BARS]
    stop = bars[-1].stop if bars else 0
    drawn = [pair for pair in zip(piece.notes, colours, strict=True) if pair[0].start < stop]
    drawn = drawn[:MOST_NOTES]

    rows = [bars[first : first + BARS_PER_ROW] for first in range(0, len(bars), BARS_PER_ROW)]
    pitches = _pitch_range([note.pitch for note, _ in drawn])
    height = TITLE_HEIGHT + max(1, len(rows)) * (ROW_HEIGHT + ROW_GAP)
    body = [_heading(piece, len(bars), len(all_bars), len(drawn))]
    widest = max((row[-1].stop - row[0].start for row in rows), default=1)
    for index, row in enumerate(rows):
        top = TITLE_HEIGHT + index * (ROW_HEIGHT + ROW_GAP) + 14
        scale = (WIDTH - LEFT - RIGHT) / widest
        body += _row(row, index * BARS_PER_ROW, top, scale, pitches)
        body += _notes(drawn, row, top, scale, pitches)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" style="max-width:100%;height:auto" role="img" '
        f'font-family="sans-serif" font-size="10">\n' + "\n".join(body) + "\n</svg>"
    )


def _pitch_range(pitches: Sequence[int]) -> range:
    """Return the pitches the rows show: those of the notes, at least an octave and a half."""
    if not pitches:
        return range(60, 78)
    low, high = min(pitches) - 1, max(pitches) + 2
    missing = max(0, 18 - (high - low))
    return range(low - missing // 2, high + missing - missing // 2)


def _heading(piece: Piece, bars: int, all_bars: int, notes: int) -> str:
    title = " ".join(piece.title.split())
    title = title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1] + "…"
    counts = f"{len(piece.notes):,} notes, {all_bars:,} bars"
    if bars < all_bars:
        counts += f"; only the first {bars} bars shown"
    if notes == MOST_NOTES < len(piece.notes):
        counts += f"; only the first {notes:,} notes shown"
    named = f'<tspan font-weight="bold">{_text(title)}</tspan> &#160; ' if title else ""
    return (
        f"<title>{_text(title or 'Piano roll')}</title>\n"
        f'<text x="{LEFT}" y="16" font-size="13" fill="currentColor">{named}'
        f'<tspan font-size="11" fill-opacity=".65">{counts}</tspan></text>'
    )


def _row(bars: Sequence[range], first: int, top: int, scale: float, pitches: range) -> list[str]:
    """Draw bar lines with their numbers, and a line at every C, which is named."""
    left, right = LEFT, LEFT + (bars[-1].stop - bars[0].start) * scale
    lines = [
        f'<rect x="{left}" y="{top}" width="{right - left:.1f}" height="{ROW_HEIGHT - 14}" '
        'fill="currentColor" fill-opacity=".05"/>'
    ]
    step = (ROW_HEIGHT - 14) / len(pitches)
    for pitch in pitches:
        if pitch % 12 == 0:
            y = top + (pitches.stop - pitch - 0.5) * step
            lines.append(
                f'<path d="M{left} {y:.1f}H{right:.1f}" stroke="currentColor" '
                'stroke-opacity=".25" stroke-dasharray="2 3"/>'
                f'<text x="{left - 4}" y="{y + 3:.1f}" text-anchor="end" fill="currentColor" '
                f'fill-opacity=".7">{name(pitch)}</text>'
            )
    for index, bar in enumerate(bars):
        x = left + (bar.start - bars[0].start) * scale
        lines.append(
            f'<path d="M{x:.1f} {top}v{ROW_HEIGHT - 14}" stroke="currentColor" '
            'stroke-opacity=".35"/>'
            f'<text x="{x + 2:.1f}" y="{top - 3}" fill="currentColor" fill-opacity=".7">'
            f"{first + index + 1}</text>"
        )
    return lines


def _notes(
    drawn: Sequence[tuple[Note, str]], bars: Sequence[range], top: int, scale: float, pitches: range
) -> list[str]:
    """Draw what sounds within these bars; a note over the end of a row goes on in the next."""
    start, stop = bars[0].start, bars[-1].stop
    step = (ROW_HEIGHT - 14) / len(pitches)
    tall = max(3.0, step - 0.4)
    marks = []
    for note, colour in drawn:
        onset, end = max(note.start, start), min(note.end, stop)
        if note.start >= stop or onset > end or (onset == end and note.start < start):
            continue
        # A hair short, so that a repeated note is seen as two.
        width = max(1.0, (end - onset) * scale - 0.6)
        y = top + (pitches.stop - 0.5 - note.pitch) * step - tall / 2
        marks.append(
            f'<rect x="{LEFT + (onset - start) * scale:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{tall:.1f}" rx="1" fill="{_text(colour)}"/>'
        )
    return marks


def _text(text: str) -> str:
    """Escape text, and drop what XML cannot hold: control characters, surrogates and the like."""
    kept = (c for c in text if c.isprintable() or c in "\t ")
    return escape("".join(kept), quote=True)

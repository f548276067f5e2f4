"""A run's folder to what its page shows of each take: sound, score, notes with their origins, words.

Surprising decision: everything is made of the files in the folder, so a page can be made again later,
and shows takes that were written in several goes.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hocket import reports, runs
from hocket.analysis.provenance import origins
from hocket.audio import audio_bytes, render
from hocket.errors import CheckpointError, HocketError
from hocket.music import Piece
from hocket.music.bars import numbered_bars
from hocket.notation import engrave_svg, musicxml
from hocket.pictures.style import ink
from hocket.processor import cores
from hocket.scores.files import read_bytes
from hocket.scores.midi import read_midi
from hocket.sources import Theme

MOST_BYTES = 6_000_000
"""Of a page."""
KBPS = (96, 80, 64, 56, 48, 40, 32)
"""Bit rates of the sound, the best that leaves the page small enough."""
MOST_SCORE_BYTES, ALL_SCORE_BYTES = 600_000, 2_000_000
"""Of a take's pages as SVG, and of all takes'."""
TAIL_SECONDS = 2.5
"""That a take rings on, about."""
Say = Callable[[str], None]
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class TakeView:
    """What a page shows of a take."""

    name: str
    """Its file name without suffix."""
    entry: Mapping[str, Any]
    """Its entry in report.json."""
    piece: Piece
    midi: bytes
    mxl: bytes
    """MusicXML, zipped."""
    svg: Sequence[str]
    """Pages of its score."""
    codes: Sequence[int]
    """(N): for each note a theme, then several, then none; see `Origins.codes`."""
    shares: Sequence[float]


class Heard(NamedTuple):
    """A take as it sounds."""

    mp3: bytes
    engine: str
    credit: str


def views(
    folder: Path, themes: Mapping[str, Theme], report: Mapping[str, Any], say: Say
) -> list[TakeView]:
    """Return what there is to show of the takes in a run's folder."""
    named = runs.named(themes)
    most = min(MOST_SCORE_BYTES, ALL_SCORE_BYTES // max(len(report["takes"]), 1))

    def view(entry: Mapping[str, Any]) -> TakeView:
        file = folder / entry["file"]
        midi = read_bytes(file, runs.MOST_TEXT_BYTES)
        piece = read_midi(midi, file.name, pedal=False, notated=True)[0]
        traced = origins(piece, named)
        heads = ink(traced)
        return TakeView(
            file.stem,
            entry,
            piece,
            midi,
            _or_nothing(partial(_mxl, piece, file.stem), say) or b"",
            _or_nothing(partial(_score, piece, heads, most, say), say) or [],
            traced.codes.tolist(),
            traced.shares,
        )

    there = [entry for entry in report["takes"] if (folder / entry["file"]).is_file()]
    for entry in report["takes"]:
        if entry not in there:
            say(f"not on the page: {entry['file']} is gone")
    with ThreadPoolExecutor(cores()) as threads:  # most of it is arithmetic without the lock
        return list(threads.map(view, there))


def load_report(folder: Path) -> dict[str, Any]:
    """Return a run's report; raises `CheckpointError` where it cannot be read."""
    file = folder / reports.REPORT_FILE
    try:
        report: dict[str, Any] = json.loads(read_bytes(file, runs.MOST_TEXT_BYTES))
        for entry in report["takes"]:
            entry["measures"], entry["settings"], entry["rng"], entry["number"]
            if not reports.TAKE.fullmatch(entry["file"]) or not entry["file"].endswith(".mid"):
                raise ValueError(entry["file"])
        report["themes"], report["chance"]
    except (ValueError, LookupError, TypeError):
        raise CheckpointError(
            f"{file}: no report of a run; write takes again with `hocket fuse --from {folder}`"
        ) from None
    return report


def sounds(takes: Sequence[TakeView], room: int, say: Say) -> list[Heard | None]:
    """Return the takes as MP3, of those that fit into so many bytes; the others are not rendered."""
    seconds = [take.piece.seconds(take.piece.end) + TAIL_SECONDS for take in takes]
    kbps = next((k for k in KBPS if sum(seconds) * k * 125 <= room), KBPS[-1])
    fitting = []
    for take, length in zip(takes, seconds, strict=True):
        fits = length * kbps * 125 <= room
        if not fits:
            say(f"{take.name}: no room for its sound on the page; hear it with `hocket render`")
        fitting.append(take if fits else None)
        room -= int(length * kbps * 125) if fits else 0

    def heard(take: TakeView | None) -> Heard | None:
        if take is None:
            return None
        sound = render(take.piece)
        return Heard(audio_bytes(sound, "mp3", kbps=kbps), sound.engine, sound.credit)

    with ThreadPoolExecutor(cores()) as threads:
        return list(threads.map(lambda take: _or_nothing(partial(heard, take), say), fitting))


def notes_of(piece: Piece, codes: Sequence[int], entry: Mapping[str, Any]) -> list[list[Any]]:
    """Return each note that has a code as [start, duration in seconds, pitch, code, bar, source].

    `entry` is the take's in report.json, or empty.
    """
    told = {(row[0], row[1]): row for row in entry.get("map", {}).get("notes", [])}
    starts = [bar.start for bar in numbered_bars(piece)]
    rows, bar = [], 0
    for note, code in zip(piece.notes, codes, strict=False):
        while bar < len(starts) and starts[bar] <= note.start:
            bar += 1
        begin = piece.seconds(note.start)
        source = told.get((note.start, note.pitch))
        rows.append(
            [
                round(begin, 3),
                round(piece.seconds(note.end) - begin, 3),
                note.pitch,
                code,
                bar,
                *(source[3:7] if source else ("", 0, 0, 0)),
            ]
        )
    return rows


def bars_of(piece: Piece) -> list[float]:
    """Return the seconds at which bars begin, and the end of the last."""
    bars = piece.bars()
    ends = [bars[-1].stop] if bars else []
    return [round(piece.seconds(tick), 3) for tick in [*(bar.start for bar in bars), *ends]]


def drawn(piece: Piece, codes: Sequence[int], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a roll is drawn of: notes, bars, the place of bar 1 from 1 on, the mix bar by bar.

    `entry` is the take's in report.json, or empty.
    """
    bars = bars_of(piece)
    return {
        "notes": notes_of(piece, codes, entry),
        "bars": bars,
        "first": 2 if len(numbered_bars(piece)) < len(piece.bars()) else 1,
        "mix": (entry.get("plan") or [])[: len(bars) - 1],
    }


def _score(piece: Piece, colours: Sequence[str | None], most: int, say: Say) -> list[str]:
    pages = engrave_svg(piece, colours=colours, screen=True)
    kept: list[str] = []
    for page in pages:
        if sum(map(len, kept)) + len(page) > most:
            say(
                f"{piece.title}: {len(kept)} of {len(pages)} pages of its score are on the page; "
                "write all with `hocket engrave`"
            )
            break
        kept.append(page)
    return kept


def _mxl(piece: Piece, name: str) -> bytes:
    """Return a piece as an .mxl file, zipped MusicXML; the same for the same piece."""
    container = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
        f'<rootfile full-path="{name}.musicxml"/></rootfiles></container>\n'
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, content in (
            ("META-INF/container.xml", container.encode()),
            (f"{name}.musicxml", musicxml(piece)),
        ):
            archive.writestr(zipfile.ZipInfo(inner), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _or_nothing(make: Callable[[], _T], say: Say) -> _T | None:
    """Return what can be made; where it cannot, the page goes without, and says why."""
    try:
        return make()
    except HocketError as error:
        say(f"not on the page: {error}")
        return None

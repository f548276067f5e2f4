"""What is made of a piece for people, one function a verb: sound, score, pictures, a page.

    read     a file -> a piece
    render   a piece -> an audio file
    cut      some bars of a piece -> a piece
    write    a piece -> a file of the kind that its name says: MIDI, score or audio
    engrave  a piece -> MusicXML, or pages as SVG, PDF or PNG
    draw     a piece -> a picture of it
    write_page  a run's folder -> one HTML file to share
    model    weights -> what the network is made of, as text and picture

Like `workflows`, this is what the command line and the Python API are thin skins over, and imports
what is heavy only where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hocket.errors import CheckpointError, ConfigError
from hocket.reporter import Reporter, Silent
from hocket.sources import THEME_SUFFIX, Source, lettered, read_against, read_source

if TYPE_CHECKING:
    from hocket.analysis.provenance import Origins
    from hocket.audio import Sound
    from hocket.music import Piece

DRAWINGS = ("roll", "origins", "similarity")


def render(
    take: Source,
    *,
    out: str | Path | None = None,
    engine: str = "auto",
    room: str = "studio",
    soundfont: str | Path | None = None,
    instrument: str | Path | None = None,
    effects: Sequence[str | Path] = (),
    rate: int = 44_100,
    kbps: int | None = None,
    pedal: bool = False,
    reporter: Reporter | None = None,
) -> Sound:
    """Play a piece: return its sound, and write it to `out`, as .wav, .mp3, .flac or .ogg.

    `engine` is the instrument, `auto` the best one present; `soundfont` an SF2 for FluidSynth,
    `instrument` and `effects` VST3 plugins. `kbps` bounds the bit rate of MP3. Raises `ScoreError` or
    `ConfigError`.
    """
    from hocket import audio

    heard = reporter or Silent()
    if out is not None:
        audio.check_name(out)
    piece = read_source(take, pedal, heard)
    if others := sum(part.program not in audio.PIANOS for part in piece.parts):
        heard.remark(
            f"{others} part{'s' * (others != 1)} for another instrument "
            f"{'are' if others != 1 else 'is'} played by the piano"
        )
    sound = audio.render(
        piece,
        engine=engine,
        room=room,
        soundfont=soundfont,
        instrument=instrument,
        effects=effects,
        rate=rate,
    )
    if out is not None:
        audio.write_audio(sound, out, kbps=kbps)
    return sound


def engrave(
    take: Source,
    *,
    out: str | Path,
    against: Source | Sequence[Source] = (),
    pedal: bool = False,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Write a piece as a score: .musicxml, .pdf, or pages as .svg or .png; return the files.

    With `against`, themes, noteheads have the colours of the themes they come from. Raises `ScoreError`
    or `ConfigError`.
    """
    from hocket import notation

    heard = reporter or Silent()
    piece = read_source(take, pedal, heard)
    colours = None
    if found := _origins(piece, against, pedal, heard):
        from hocket.pictures.style import ink

        colours = ink(found)
    return notation.write_score(piece, out, colours=colours)


def read(source: Source, *, pedal: bool = False) -> Piece:
    """Return the piece in a score file, or a demo theme such as `demo:elise`.

    What was left out is warned of (`ScoreWarning`); `pedal` lets the pedal lengthen notes. Raises
    `ScoreError`.
    """
    return read_source(source, pedal, Silent())


def write(piece: Piece, path: str | Path) -> None:
    """Write a piece in the format that the suffix of `path` names: MIDI, a score, or audio.

    Raises `ScoreError` for a suffix that nothing is written as, and where the writing fails.
    """
    from hocket import notation, scores
    from hocket.audio.writing import KINDS

    suffix = Path(path).suffix.lower()
    if suffix.removeprefix(".") in KINDS:
        render(piece, out=path)
    elif suffix in notation.KINDS:
        notation.write_score(piece, path)
    else:
        scores.write(piece, path)


def cut(
    source: Source,
    *,
    bars: str | range,
    out: str | Path | None = None,
    pedal: bool = False,
    reporter: Reporter | None = None,
) -> Piece:
    """Return some bars of a piece, such as `5-20` or `range(5, 21)`, and write them to `out` as MIDI.

    Bars are numbered from 1; an upbeat has no number. Raises `ScoreError` or `ConfigError`.
    """
    from hocket.music import bars as of_music
    from hocket.scores import write

    piece = read_source(source, pedal, reporter or Silent())
    part = of_music.cut(piece, bars if isinstance(bars, range) else range_of(bars))
    if out is not None:
        write(part, out)
    return part


def range_of(text: str) -> range:
    """Return bars such as `5-20` as a range; raises `ConfigError`."""
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text.replace(" ", ""))
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise ConfigError(f"bars {text!r}: write them as 5-20")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def draw(
    take: Source,
    *,
    out: str | Path,
    what: str = "roll",
    form: str = "",
    against: Source | Sequence[Source] = (),
    pedal: bool = False,
    reporter: Reporter | None = None,
) -> Path:
    """Draw a piece as .png or .svg: its piano roll, its bars beside the themes', or beside its own.

    `what` is `roll`, `origins` (needs `against`) or `similarity`, beside which a `form` such as AABA is
    marked. Raises `ScoreError` or `ConfigError`.
    """
    from hocket import pictures
    from hocket.scores.files import atomic_write

    if what not in DRAWINGS:
        raise ConfigError(f"{what!r}: no such picture; there are {', '.join(DRAWINGS)}")
    kind, heard = _kind_of_picture(out), reporter or Silent()
    piece = read_source(take, pedal, heard)
    if what == "similarity":
        content = pictures.self_similarity(piece, form=form, kind=kind)
    elif what == "origins":
        if not (themes := _themes(against, pedal, heard)):
            raise ConfigError("origins are drawn against themes; name them with --against")
        content = pictures.bars_matrix(piece, themes, kind=kind)
    else:
        content = pictures.roll(piece, _origins(piece, against, pedal, heard), kind=kind)
    atomic_write(out, content)
    return Path(out)


def write_page(run: str | Path, *, reporter: Reporter | None = None) -> Path:
    """Make the page of a run's folder again, from its files; return where it is.

    Raises `CheckpointError` where there is no run.
    """
    from hocket import page

    return page.write_page(Path(run), say=(reporter or Silent()).say)


def model(source: str | Path | None = None, *, plot: str | Path | None = None) -> str:
    """Return what a network is made of, read off its weights, and draw it to `plot`.

    `source` is a run's folder, a base model's, or a theme file; without it, the base model that ships.
    Raises `CheckpointError` or `ConfigError`.
    """
    from hocket import pictures, runs
    from hocket.base import base_of
    from hocket.config import RunConfig
    from hocket.model import theme
    from hocket.model.weights import FILES, load
    from hocket.scores.files import atomic_write
    from hocket.tokens import VOCAB

    kind = None if plot is None else _kind_of_picture(plot)
    is_theme = source is not None and str(source).endswith(THEME_SUFFIX)
    learned = theme.load(Path(source)) if source is not None and is_theme else None
    if source is None or learned is not None:
        known = base_of(RunConfig())
        if learned is not None and learned.base != known.fingerprint:
            raise CheckpointError(
                f"{source}: learned on top of another base model; look at a run that has it"
            )
    else:
        folder = Path(source)
        own = (folder / FILES[0]).exists() or not runs.is_run(folder)
        known = load(folder, VOCAB.fingerprint) if own else base_of(runs.load_settings(folder)[0])
    shapes = pictures.shapes_of(known, learned)
    if plot is not None and kind is not None:
        atomic_write(plot, pictures.network(shapes, kind=kind))
    return pictures.network_text(shapes)


def _kind_of_picture(out: str | Path) -> str:
    kind = Path(out).suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ConfigError(f"{out}: pictures are .png or .svg; give a name that ends so")
    return kind


def _themes(
    against: Source | Sequence[Source], pedal: bool, reporter: Reporter
) -> dict[str, Sequence[Piece]]:
    """Return the pieces of themes by letter and title."""
    from hocket.music import Piece

    given = [against] if isinstance(against, (str, Path, Piece)) else against
    themes = lettered([read_against(one, pedal, reporter) for one in given])
    return {f"{letter} {theme.title}": theme.pieces for letter, theme in themes.items()}


def _origins(
    piece: Piece, against: Source | Sequence[Source], pedal: bool, reporter: Reporter
) -> Origins | None:
    from hocket.analysis.provenance import origins

    themes = _themes(against, pedal, reporter)
    return origins(piece, themes) if themes else None

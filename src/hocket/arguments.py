"""The words of the command line: verbs and their options, and nothing that they do."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hocket import __version__, config
from hocket.knobs import OF_LEARNING, OF_TAKES, OF_TRAINING, add_knobs


def parser() -> argparse.ArgumentParser:
    """Return what reads a command line; `verb` of its answer names what to do."""
    words = argparse.ArgumentParser(
        prog="hocket",
        description="Learns two or more musical themes and writes new pieces that fuse them.",
        epilog="Example: hocket fuse demo:gymnopedie demo:elise -o out/",
    )
    words.add_argument("--version", action="version", version=f"hocket {__version__}")
    verbs = words.add_subparsers(required=True, metavar="VERB", dest="verb")
    _fuse_parser(verbs)
    _check_parser(verbs)
    _why_parser(verbs)
    _tokens_parser(verbs)
    _prepare_parser(verbs)
    _duplicates_parser(verbs)
    _learn_parser(verbs)
    _seeds_parser(verbs)
    _train_parser(verbs)
    _render_parser(verbs)
    _engrave_parser(verbs)
    _cut_parser(verbs)
    _draw_parser(verbs)
    _page_parser(verbs)
    _model_parser(verbs)
    if find_spec("hocket.studio"):
        _studio_parser(verbs)
    for verb in verbs.choices.values():
        verb.add_argument("--debug", action="store_true", help="show the trace of an error")
    return words


def _fuse_parser(verbs: Any) -> None:
    fuse = verbs.add_parser(
        "fuse",
        help="learn themes and write takes that fuse them",
        description="Learn two or more themes and write takes that fuse them.",
    )
    fuse.add_argument(
        "themes",
        nargs="*",
        metavar="FILE",
        help="MIDI, MusicXML or ABC files, folders of them, .theme files, or demo:NAME",
    )
    fuse.add_argument(
        "--theme",
        dest="named",
        action="append",
        default=[],
        type=_named,
        metavar="NAME=FILE",
        help="a theme with its name; a comma between several files or folders",
    )
    fuse.add_argument("-o", "--out", metavar="FOLDER", help="folder for the results")
    fuse.add_argument(
        "--from", dest="source", metavar="RUN", help="write more takes of what a run has learned"
    )
    fuse.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped")
    fuse.add_argument(
        "--overwrite", action="store_true", help="let a new run take the place of an old one"
    )
    _add_settings(fuse)
    add_knobs(fuse)


def _learn_parser(verbs: Any) -> None:
    learn = verbs.add_parser(
        "learn",
        help="learn one theme and keep it in a file that fuse takes",
        description="Learn a theme, of one piece or several, on top of the base model.",
    )
    learn.add_argument(
        "files", nargs="+", metavar="FILE", help="score files, folders of them, or demo:NAME"
    )
    learn.add_argument("-o", "--out", metavar="FILE.theme", required=True, help="where to keep it")
    learn.add_argument("--title", default="", help="what the theme is called")
    _add_settings(learn)
    add_knobs(learn, OF_LEARNING)


def _seeds_parser(verbs: Any) -> None:
    seeds = verbs.add_parser(
        "seeds",
        help="list the openings that takes of learned themes would start from",
        description="List the openings made of learned themes, the best first; --seed takes one.",
    )
    seeds.add_argument("themes", nargs="+", metavar="FILE.theme", help="what `hocket learn` wrote")
    seeds.add_argument("-o", "--out", metavar="FOLDER", help="write each as MIDI into this folder")
    seeds.add_argument("--json", action="store_true", help="print JSON instead of lines")
    _add_settings(seeds)
    add_knobs(seeds, OF_TAKES)


def _train_parser(verbs: Any) -> None:
    train = verbs.add_parser(
        "train",
        help="train a base model on a prepared corpus",
        description="Train a base model on a corpus; stopped and called again, go on exactly.",
    )
    train.add_argument(
        "corpus",
        metavar="CORPUS",
        help="what `hocket prepare` made: a folder, or an address such as s3://bucket/corpus",
    )
    train.add_argument(
        "-o", "--out", metavar="FOLDER", required=True, help="folder or address for the model"
    )
    for flag, use in (("--valid", "judge it"), ("--exclude", "are left out")):
        train.add_argument(
            flag, metavar="LIST", help=f"file with names of pieces, one a line, that {use}"
        )
    _add_settings(train)
    add_knobs(train, OF_TRAINING)


def _add_settings(verb: Any) -> None:
    verb.add_argument("--preset", choices=config.PRESETS, help="settings to start from")
    verb.add_argument("--config", metavar="TOML", help="settings to start from, such as a run.toml")


def _check_parser(verbs: Any) -> None:
    check = verbs.add_parser(
        "check",
        help="measure what a piece quotes from themes, how it mixes them and keeps its key",
        description="Measure a piece beside themes: what it quotes, how it mixes, its key.",
    )
    check.add_argument("take", metavar="TAKE", help="the piece to look at")
    check.add_argument("--against", nargs="+", metavar="FILE", required=True, help="the themes")
    check.add_argument("--json", action="store_true", help="print JSON instead of a table")
    check.add_argument("--pedal", action="store_true", help="let the pedal lengthen notes")


def _why_parser(verbs: Any) -> None:
    why = verbs.add_parser(
        "why",
        help="tell for the notes of a bar what else might have come, and what each theme wanted",
        description="Tell why notes stand in a take: the likeliest others, and each theme's vote.",
    )
    why.add_argument("take", metavar="TAKE.mid", help="a take that `hocket fuse` kept")
    why.add_argument("--bar", type=int, required=True, metavar="N", help="bar, from 1")
    why.add_argument("--note", type=int, metavar="N", help="one note of it alone, from 1")
    why.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _tokens_parser(verbs: Any) -> None:
    tokens = verbs.add_parser(
        "tokens",
        help="print a piece as the events that the network sees",
        description="Print a piece as events, one instant a line: bar:tick, then its events.",
    )
    tokens.add_argument("file", metavar="FILE", help="MIDI, MusicXML or ABC")
    tokens.add_argument("--pedal", action="store_true", help="let the pedal lengthen notes")


def _prepare_parser(verbs: Any) -> None:
    prepare = verbs.add_parser(
        "prepare",
        help="turn folders of score files into a corpus to learn from",
        description="Turn all score files below folders into a corpus; killed and called again, go on.",
    )
    prepare.add_argument("folders", nargs="+", metavar="FOLDER", help="where the score files are")
    prepare.add_argument("-o", "--out", metavar="CORPUS", required=True, help="folder for it")
    prepare.add_argument("--workers", type=int, metavar="N", help="processes (default: all cores)")
    prepare.add_argument("--pedal", action="store_true", help="let the pedal lengthen notes")
    prepare.add_argument("--overwrite", action="store_true", help="let it replace another corpus")


def _duplicates_parser(verbs: Any) -> None:
    duplicates = verbs.add_parser(
        "duplicates",
        help="find the pieces of a corpus that are copies of others, in whatever key",
        description="Find copies in a corpus, transposed or a little changed; the longest are kept.",
    )
    duplicates.add_argument("corpus", metavar="CORPUS", help="what `hocket prepare` made")
    duplicates.add_argument(
        "-o", "--out", metavar="LIST", help="write the copies' names, for `hocket train --exclude`"
    )
    duplicates.add_argument("--table", metavar="FILE.csv", help="write all groups, piece by piece")
    duplicates.add_argument(
        "--threshold",
        type=float,
        metavar="X",
        help="share of their runs of notes that copies have in common, .2 to 1 (default: .4)",
    )


def _render_parser(verbs: Any) -> None:
    render = verbs.add_parser(
        "render",
        help="play a piece into an audio file",
        description="Play a piece into an audio file: WAV, MP3, FLAC or OGG, by its name's ending.",
    )
    _add_piece(render)
    render.add_argument("-o", "--out", metavar="FILE", required=True, help="the audio file")
    render.add_argument(
        "--engine",
        default="auto",
        choices=("auto", "embedded", "sfizz", "fluidsynth", "vst"),
        help="what plays it; auto: the best one present",
    )
    render.add_argument(
        "--room", default="studio", choices=("none", "studio", "hall"), help="where it is played"
    )
    render.add_argument("--soundfont", metavar="FILE", help="a SoundFont, for FluidSynth")
    render.add_argument("--instrument", metavar="VST3", help="a plugin of yours that plays it")
    render.add_argument(
        "--effect", action="append", default=[], metavar="VST3", help="a plugin of yours behind it"
    )
    render.add_argument("--rate", type=int, default=44_100, help="samples a second")
    render.add_argument("--kbps", type=int, metavar="N", help="bit rate of MP3")


def _engrave_parser(verbs: Any) -> None:
    engrave = verbs.add_parser(
        "engrave",
        help="write a piece as a score",
        description="Write a piece as a score: MusicXML, PDF, or pages as SVG or PNG, by its name.",
    )
    _add_piece(engrave)
    engrave.add_argument("-o", "--out", metavar="FILE", required=True, help="the score")
    engrave.add_argument(
        "--against", nargs="+", default=[], metavar="FILE", help="themes, to colour the notes by"
    )


def _cut_parser(verbs: Any) -> None:
    cut = verbs.add_parser(
        "cut",
        help="keep some bars of a piece",
        description="Write some bars of a piece, numbered from 1, as MIDI.",
    )
    _add_piece(cut)
    cut.add_argument("--bars", metavar="FIRST-LAST", required=True, help="such as 5-20")
    cut.add_argument("-o", "--out", metavar="FILE.mid", required=True, help="the MIDI file")


def _draw_parser(verbs: Any) -> None:
    draw = verbs.add_parser(
        "draw",
        help="draw a piece: its piano roll, or its bars beside the themes' or its own",
        description="Draw a piece as PNG or SVG, by the name's ending.",
    )
    _add_piece(draw)
    draw.add_argument("-o", "--out", metavar="FILE", required=True, help="the picture")
    draw.add_argument(
        "--what",
        default="roll",
        choices=("roll", "origins", "similarity"),
        help="its piano roll, which bars of the themes each bar comes from, or which bars are alike",
    )
    draw.add_argument("--against", nargs="+", default=[], metavar="FILE", help="the themes")
    draw.add_argument(
        "--form", default="", help="sections to mark beside what is alike, as in AABA"
    )


def _page_parser(verbs: Any) -> None:
    page = verbs.add_parser(
        "page",
        help="make the page of a run again: one file to hear, see and share its takes",
        description="Make the page of a run, index.html in its folder, again.",
    )
    page.add_argument("run", metavar="RUN", help="a folder that `hocket fuse` wrote")


def _model_parser(verbs: Any) -> None:
    model = verbs.add_parser(
        "model",
        help="tell what a network is made of",
        description="Print a network's layers, read off its weights; --plot draws it.",
    )
    model.add_argument(
        "source", nargs="?", metavar="MODEL", help="a run, a base model's folder or a .theme file"
    )
    model.add_argument(
        "--plot",
        nargs="?",
        const="model.png",
        metavar="FILE",
        help="draw it, as .png or .svg (model.png)",
    )


def _studio_parser(verbs: Any) -> None:
    studio = verbs.add_parser(
        "studio",
        help="open a local web page where all of it is done with the mouse or the keyboard",
        description="Serve a page on this machine: bring themes, learn, fuse, hear, and take home.",
    )
    studio.add_argument("--port", type=int, default=4625, metavar="N", help="0 takes a free one")
    studio.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to serve at; one that others reach needs a password",
    )
    studio.add_argument(
        "--password-file", metavar="FILE", help="file whose first line is asked for as a password"
    )
    studio.add_argument("--data", metavar="FOLDER", help="where projects are kept")
    studio.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="jobs at the same time (default: 1)"
    )
    studio.add_argument(
        "--browser", action=argparse.BooleanOptionalAction, default=True, help="open the page"
    )


def _add_piece(verb: Any) -> None:
    verb.add_argument("take", metavar="TAKE", help="MIDI, MusicXML or ABC, or demo:NAME")
    verb.add_argument("--pedal", action="store_true", help="let the pedal lengthen notes")


def _named(text: str) -> tuple[str, list[str]]:
    """Return name and files of a theme such as `Bach=folder/,fugue.mid`."""
    name, equals, files = text.partition("=")
    if not (name and equals and files):
        raise argparse.ArgumentTypeError(f"{text!r}: write it as NAME=FILE or NAME=FOLDER")
    return name, [files] if Path(files).exists() else files.split(",")

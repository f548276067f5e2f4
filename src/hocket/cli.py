"""The command line: verbs to workflows, results and errors to the terminal; nothing else.

Options are made from the config's fields, so a knob is described in one place. Exit codes: 0 done,
1 an error that hocket explains in one line, 2 wrong usage, 3 done but for files that could not be
used, 130 interrupted, 141 nobody reads on.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import signal
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hocket import __version__, config, workflows
from hocket.errors import ConfigError, HocketError

SOME_DROPPED = 3
INTERRUPTED = 130
READER_GONE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows few characters is no error
            stream.reconfigure(errors="replace")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small products gain nothing
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader went away, as in `hocket tokens a.mid | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except (HocketError, OSError) as error:
        if options.debug:
            raise
        from hocket.scores import printable

        print(f"hocket: {printable(str(error), 2000)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if options.debug:
            raise
        print("hocket: interrupted; nothing half-written is left", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hocket",
        description="Learns two or more musical themes and writes new pieces that fuse them.",
        epilog="Example: hocket fuse demo:gymnopedie demo:elise -o out/",
    )
    parser.add_argument("--version", action="version", version=f"hocket {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _fuse_parser(verbs)
    _check_parser(verbs)
    _tokens_parser(verbs)
    _prepare_parser(verbs)
    for verb in verbs.choices.values():
        verb.add_argument("--debug", action="store_true", help="show the trace of an error")
    return parser


def _fuse_parser(verbs: Any) -> None:
    fuse = verbs.add_parser(
        "fuse",
        help="learn themes and write takes that fuse them",
        description="Learn two or more themes and write takes that fuse them.",
    )
    fuse.set_defaults(run=_fuse)
    fuse.add_argument(
        "themes", nargs="*", metavar="FILE", help="MIDI, MusicXML or ABC files, or demo:NAME"
    )
    fuse.add_argument("-o", "--out", metavar="FOLDER", help="folder for the results")
    fuse.add_argument(
        "--from", dest="source", metavar="RUN", help="write more takes of what a run has learned"
    )
    fuse.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped")
    fuse.add_argument(
        "--overwrite", action="store_true", help="let a new run take the place of an old one"
    )
    fuse.add_argument(
        "--preset", choices=config.PRESETS, help="settings to start from (default: hybrid)"
    )
    fuse.add_argument("--config", metavar="TOML", help="settings to start from, such as a run.toml")
    for title, section in _sections():
        group = fuse.add_argument_group(title)
        for knob in dataclasses.fields(section):
            if not dataclasses.is_dataclass(knob.default):
                _add_knob(group, section, knob)


def _check_parser(verbs: Any) -> None:
    check = verbs.add_parser(
        "check",
        help="measure what a piece quotes from themes, how it mixes them and keeps its key",
        description="Measure a piece beside themes: what it quotes, how it mixes, its key.",
    )
    check.set_defaults(run=_check)
    check.add_argument("take", metavar="TAKE", help="the piece to look at")
    check.add_argument("--against", nargs="+", metavar="FILE", required=True, help="the themes")
    check.add_argument("--json", action="store_true", help="print JSON instead of a table")
    check.add_argument("--pedal", action="store_true", help="let the pedal lengthen notes")


def _tokens_parser(verbs: Any) -> None:
    tokens = verbs.add_parser(
        "tokens",
        help="print a piece as the events that the network sees",
        description="Print a piece as events, one instant a line: bar:tick, then its events.",
    )
    tokens.set_defaults(run=_tokens)
    tokens.add_argument("file", metavar="FILE", help="MIDI, MusicXML or ABC")
    tokens.add_argument("--pedal", action="store_true", help="let the pedal lengthen notes")


def _prepare_parser(verbs: Any) -> None:
    prepare = verbs.add_parser(
        "prepare",
        help="turn folders of score files into a corpus to learn from",
        description="Turn all score files below folders into a corpus; killed and called again, go on.",
    )
    prepare.set_defaults(run=_prepare)
    prepare.add_argument("folders", nargs="+", metavar="FOLDER", help="where the score files are")
    prepare.add_argument("-o", "--out", metavar="CORPUS", required=True, help="folder for it")
    prepare.add_argument("--workers", type=int, metavar="N", help="processes (default: all cores)")
    prepare.add_argument("--pedal", action="store_true", help="let the pedal lengthen notes")
    prepare.add_argument("--overwrite", action="store_true", help="let it replace another corpus")


def _fuse(options: argparse.Namespace) -> int:
    from hocket.display import Display

    knobs = {
        knob.name: getattr(options, knob.name)
        for _, section in _sections()
        for knob in dataclasses.fields(section)
        if hasattr(options, knob.name)
    }
    _check_way(options)
    with Display() as display:
        previous = signal.signal(signal.SIGINT, display.interrupt)
        try:
            if options.resume:
                run = workflows.resume(options.resume, reporter=display, **knobs)
            elif options.source:
                run = workflows.more(
                    options.source,
                    out=options.out,
                    overwrite=options.overwrite,
                    reporter=display,
                    **knobs,
                )
            else:
                run = workflows.fuse(
                    *options.themes,
                    out=options.out or "out",
                    config=_settings(options),
                    overwrite=options.overwrite,
                    reporter=display,
                    **knobs,
                )
        finally:
            signal.signal(signal.SIGINT, previous)
    if not run.takes:
        display.say(
            f"stopped; what was learned is kept: `hocket fuse --from {run.folder}` makes takes of it, "
            f"`hocket fuse --resume {run.folder}` goes on"
        )
        return INTERRUPTED
    display.show(run, learned=not options.source)
    return 0


def _check_way(options: argparse.Namespace) -> None:
    """Raise `ConfigError` for an option that could change nothing in the way chosen."""
    way = "--from" if options.source is not None else "--resume"
    if options.source is None and options.resume is None:
        return
    given = {
        "--resume": options.resume is not None and way == "--from",
        "themes": options.themes,
        "--preset": options.preset,
        "--config": options.config,
        "-o": way == "--resume" and options.out,
        "--overwrite": options.overwrite and (way == "--resume" or not options.out),
    }
    if unwanted := [name for name, there in given.items() if there]:
        where = "" if way == "--from" else " in the run's own folder"
        raise ConfigError(f"{way} goes on with what a run has{where}; leave out {unwanted[0]}")


def _check(options: argparse.Namespace) -> int:
    from hocket.display import Display, show_check

    measures = workflows.check(
        options.take, against=options.against, pedal=options.pedal, reporter=Display()
    )
    if options.json:
        from hocket.analysis import as_json

        print(json.dumps(as_json(measures), indent=2))
        return 0
    show_check(Path(options.take).name, options.against, measures)
    return 0


def _tokens(options: argparse.Namespace) -> int:
    from hocket.display import Display

    print(workflows.tokens(options.file, pedal=options.pedal, reporter=Display()))
    return 0


def _prepare(options: argparse.Namespace) -> int:
    from hocket.display import Display

    with Display() as display:
        try:
            corpus = workflows.prepare(
                *options.folders,
                out=options.out,
                pedal=options.pedal,
                workers=options.workers,
                overwrite=options.overwrite,
                reporter=display,
            )
        except KeyboardInterrupt:
            display.say("stopped; the same command goes on from here")
            raise
    display.show_corpus(corpus)
    return SOME_DROPPED if corpus.dropped else 0


def _settings(options: argparse.Namespace) -> config.RunConfig:
    if options.config is None:
        return config.preset(options.preset or "hybrid")
    if options.preset is not None:
        raise ConfigError("--preset and --config both give settings; choose one")
    try:
        text = Path(options.config).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{options.config}: cannot be read as settings: {error}") from None
    return config.loads(text, options.config)


def _sections() -> list[tuple[str, Any]]:
    return [
        ("openings", config.SeedConfig),
        ("takes", config.GenerationConfig),
        ("learning", config.TrainingConfig),
        ("network", config.ModelConfig),
        ("run", config.RunConfig),
    ]


def _add_knob(group: Any, section: Any, knob: dataclasses.Field[Any]) -> None:
    kind = typing.get_type_hints(section)[knob.name]
    kinds = [k for k in typing.get_args(kind) if k is not type(None)] or [kind]
    flag = f"--{knob.name.replace('_', '-')}"
    said = [config.bounds_of(knob)] if config.bounds_of(knob) else []
    if isinstance(knob.default, bool):
        said.append(f"default: {'on' if knob.default else 'off'}")
    elif knob.default is not None:
        said.append(f"default: {knob.default}")
    text = knob.metadata["help"] + (f" ({'; '.join(said)})" if said else "")
    options = {"dest": knob.name, "default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
    if kinds == [bool]:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
    else:
        options["metavar"] = kinds[0].__name__.upper()
        group.add_argument(flag, type=_value_of(knob, kinds[0]), **options)


def _value_of(knob: dataclasses.Field[Any], kind: Any) -> Callable[[str], Any]:
    """Return what turns a word into a knob's value; a word that cannot be one is wrong usage."""

    def value(word: str) -> Any:
        try:
            given = kind(word)
        except ValueError:
            given = word
        if words := config.fault(given, (kind,), knob.metadata):
            raise argparse.ArgumentTypeError(words)
        return given

    return value

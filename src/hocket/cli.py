"""The command line: verbs to workflows, results and errors to the terminal; nothing else.

Options are made from the config's fields, so a knob is described in one place. Exit codes: 0 done,
1 an error that hocket explains in one line, 2 wrong usage, 3 done but for files that could not be
used, 130 interrupted, 141 nobody reads on.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hocket import config, exports, team, workflows
from hocket.arguments import parser
from hocket.errors import ConfigError, HocketError
from hocket.knobs import given

if TYPE_CHECKING:
    from hocket.display import Display

SOME_DROPPED = 3
INTERRUPTED = 130
READER_GONE = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows few characters is no error
            stream.reconfigure(errors="replace")
    options = parser().parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small products gain nothing
    try:
        code = _VERBS[options.verb](options)
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


def _fuse(options: argparse.Namespace) -> int:
    from hocket.display import Display

    knobs = given(options)
    _check_way(options)
    with Display() as display, _interruptible(display):
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
                *(files for _, files in options.named),
                *options.themes,
                titles=[name for name, _ in options.named],
                out=options.out or "out",
                config=_settings(options, "theme"),
                overwrite=options.overwrite,
                reporter=display,
                **knobs,
            )
    if not run.takes:
        some = f"`hocket fuse --from {run.folder}` makes takes of it, "
        display.say(
            f"stopped; what was learned is kept: {some if run.config.start == 'nothing' else ''}"
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
    said = {
        "--resume": options.resume is not None and way == "--from",
        "themes": options.themes or options.named,
        "--preset": options.preset,
        "--config": options.config,
        "-o": way == "--resume" and options.out,
        "--overwrite": options.overwrite and (way == "--resume" or not options.out),
    }
    if unwanted := [name for name, there in said.items() if there]:
        where = "" if way == "--from" else " in the run's own folder"
        raise ConfigError(f"{way} goes on with what a run has{where}; leave out {unwanted[0]}")


def _check(options: argparse.Namespace) -> int:
    from hocket.display import Display, show_check

    found = workflows.compare(
        options.take, against=options.against, pedal=options.pedal, reporter=Display()
    )
    if options.json:
        from hocket.analysis import as_json

        chance = {name: level._asdict() for name, level in found.chance().items()}
        more = {"chance": chance, "quotes": found.quotes()}
        print(json.dumps(as_json(found.measures) | more, indent=2))
        return 0
    show_check(Path(options.take).name, options.against, found)
    return 0


def _why(options: argparse.Namespace) -> int:
    found = workflows.why(options.take, bar=options.bar, note=options.note)
    if options.json:
        from dataclasses import asdict

        print(json.dumps([asdict(reason) for reason in found], indent=2))
        return 0
    from hocket.display import show_reasons

    show_reasons(found)
    return 0


def _tokens(options: argparse.Namespace) -> int:
    from hocket.display import Display

    print(workflows.tokens(options.file, pedal=options.pedal, reporter=Display()))
    return 0


def _prepare(options: argparse.Namespace) -> int:
    from hocket.display import Display

    first = team.is_first()
    with Display(quiet=not first) as display:
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
    # torchrun takes any other code for a failure, and would start the finished work again
    return SOME_DROPPED if corpus.dropped and team.size() == 1 else 0


def _duplicates(options: argparse.Namespace) -> int:
    from hocket.display import Display

    found = workflows.duplicates(
        options.corpus, out=options.out, table=options.table, threshold=options.threshold
    )
    Display().show_duplicates(found, options.out)
    return 0


def _learn(options: argparse.Namespace) -> int:
    from hocket.display import Display

    with Display() as display, _interruptible(display):
        theme = workflows.learn(
            *options.files,
            out=options.out,
            title=options.title,
            config=_settings(options, "theme"),
            reporter=display,
            **given(options),
        )
    if theme.learned is None:
        display.say("stopped; what was learned is kept: the same command goes on")
        return INTERRUPTED
    display.show_theme(theme, Path(options.out))
    return 0


def _seeds(options: argparse.Namespace) -> int:
    from hocket.display import Display, show_seeds

    found = workflows.seeds(
        *options.themes,
        out=options.out,
        config=_settings(options, "theme"),
        reporter=Display(),
        **given(options),
    )
    if options.json:
        print(json.dumps([opening.told() for opening in found], indent=2))
    else:
        show_seeds(found)
    return 0


@contextmanager
def _interruptible(display: Display, *others: signal.Signals) -> Iterator[None]:
    """Let the first Ctrl-C, or other such signal, stop learning in order, the second break off."""
    signals = (signal.SIGINT, *others)
    previous = [signal.signal(one, display.interrupt) for one in signals]
    try:
        yield
    finally:
        for one, before in zip(signals, previous, strict=True):
            signal.signal(one, before)


def _train(options: argparse.Namespace) -> int:
    from hocket.display import Display

    first = team.is_first()
    with Display(quiet=not first) as display, _interruptible(display, signal.SIGTERM):
        weights = workflows.train(
            options.corpus,
            out=options.out,
            valid=_names(options.valid),
            exclude=_names(options.exclude),
            config=_settings(options, "base"),
            reporter=display,
            **given(options),
        )
    if first:
        display.show_base(weights, Path(options.out))
    return INTERRUPTED if display.should_stop() else 0


def _names(file: str | None) -> list[str]:
    if file is None:
        return []
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as lines: {error}") from None


def _settings(options: argparse.Namespace, usual: str) -> config.RunConfig:
    if options.config is None:
        return config.preset(options.preset or usual)
    if options.preset is not None:
        raise ConfigError("--preset and --config both give settings; choose one")
    try:
        text = Path(options.config).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{options.config}: cannot be read as settings: {error}") from None
    return config.loads(text, options.config)


def _render(options: argparse.Namespace) -> int:
    from hocket.display import Display

    display = Display()
    sound = exports.render(
        options.take,
        out=options.out,
        engine=options.engine,
        room=options.room,
        soundfont=options.soundfont,
        instrument=options.instrument,
        effects=options.effect,
        rate=options.rate,
        kbps=options.kbps,
        pedal=options.pedal,
        reporter=display,
    )
    display.say(f"{options.out}: {sound.seconds:.1f} s, played by {sound.engine}")
    if sound.credit:
        display.say(sound.credit)
    return 0


def _engrave(options: argparse.Namespace) -> int:
    from hocket.display import Display

    display = Display()
    files = exports.engrave(
        options.take,
        out=options.out,
        against=options.against,
        pedal=options.pedal,
        reporter=display,
    )
    for file in files:
        display.say(str(file))
    return 0


def _cut(options: argparse.Namespace) -> int:
    from hocket.display import Display

    display = Display()
    part = exports.cut(
        options.take, bars=options.bars, out=options.out, pedal=options.pedal, reporter=display
    )
    display.say(f"{options.out}: {len(part.notes):,} notes in {len(part.bars())} bars")
    return 0


def _draw(options: argparse.Namespace) -> int:
    from hocket.display import Display

    exports.draw(
        options.take,
        out=options.out,
        what=options.what,
        form=options.form,
        against=options.against,
        pedal=options.pedal,
        reporter=Display(),
    )
    return 0


def _page(options: argparse.Namespace) -> int:
    from hocket.display import Display

    display = Display()
    display.say(f"{exports.write_page(options.run, reporter=display)}: open it in a browser")
    return 0


def _model(options: argparse.Namespace) -> int:
    print(exports.model(options.source, plot=options.plot))
    return 0


def _studio(options: argparse.Namespace) -> int:
    from importlib import import_module

    password = ""
    if options.password_file is not None:
        password = (_names(options.password_file) or [""])[0].strip()
        if len(password) < 8:
            raise ConfigError(f"{options.password_file}: its first line needs 8 characters or more")
    if not 1 <= options.jobs <= 64:
        raise ConfigError(f"--jobs {options.jobs}: give 1 to 64")
    import_module("hocket.studio.server").serve(
        host=options.host,
        port=options.port,
        data=options.data,
        password=password,
        jobs=options.jobs,
        browser=options.browser,
        say=lambda text: print(text, flush=True),
    )
    return 0


_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "fuse": _fuse,
    "check": _check,
    "why": _why,
    "tokens": _tokens,
    "prepare": _prepare,
    "duplicates": _duplicates,
    "learn": _learn,
    "seeds": _seeds,
    "train": _train,
    "render": _render,
    "engrave": _engrave,
    "cut": _cut,
    "draw": _draw,
    "page": _page,
    "model": _model,
    "studio": _studio,
}

"""What hocket does, one function a verb: the file to read first.

    fuse   themes -> corpus -> training -> weights -> openings -> takes -> measures -> a run's folder
    check  a piece beside themes -> measures
    tokens a piece -> its events, readably
    prepare folders of score files -> ids on disk

The command line and the Python API are thin skins over this. Heavy parts (torch, symusic,
matplotlib) are imported where they are used, so that `hocket --help` and `import hocket` stay fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import config as settings
from hocket.config import RunConfig
from hocket.errors import CheckpointError, ConfigError
from hocket.reporter import Reporter, Silent
from hocket.sources import lettered, read_source, read_theme

if TYPE_CHECKING:
    from hocket.analysis import Measures
    from hocket.corpus import Library
    from hocket.model.weights import Weights
    from hocket.music import Piece
    from hocket.runs import Run

MOST_THEMES = 16


def fuse(
    *themes: str | Path | Piece,
    out: str | Path | None = None,
    config: RunConfig | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> Run:
    """Learn two or more themes and write takes that fuse them.

    A theme is a file, a `Piece`, or `demo:NAME` for one that ships with hocket. With `out` the results
    are also written to that folder. `knobs` are settings by name, such as `takes=8, temperature=.8`.
    Raises `ScoreError`, `ConfigError` or `GenerationError`.
    """
    heard = reporter or Silent()
    config = settings.replaced(config or RunConfig(), knobs)
    if not 2 <= len(themes) <= MOST_THEMES:
        raise ConfigError(f"{len(themes)} themes given; fuse takes 2 to {MOST_THEMES}")
    pieces = lettered([read_theme(theme, config.pedal, heard) for theme in themes])
    _check_wishes(pieces, config, heard)
    _check_device(config)
    folder = None if out is None else Path(out)
    if folder is not None:
        from hocket import runs

        runs.prepare(folder, overwrite, len(pieces))
        runs.save_settings(folder, config, pieces)
    return _learn_and_write(pieces, config, folder, heard, resume=False)


def resume(run: str | Path, *, reporter: Reporter | None = None, **knobs: Any) -> Run:
    """Go on with a run whose learning was stopped, exactly where it was, and write its takes.

    `knobs` are `minutes` and settings of openings and takes; the run keeps them. Raises `ConfigError`
    for any other, since what was learned with the old ones would not go on.
    """
    from hocket import runs

    settings.refuse_all_but_takes(
        knobs, "minutes", "a resumed run goes on as it was; start afresh to change this"
    )
    heard, (config, pieces) = reporter or Silent(), runs.load_settings(Path(run))
    config = settings.replaced(config, knobs)
    _check_wishes(pieces, config, heard)
    _check_device(config)
    return _learn_and_write(pieces, config, Path(run), heard, resume=True)


def more(
    run: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> Run:
    """Write more takes from what a run has learned: numbered on in its folder, or into `out`.

    `knobs` are `rng` and settings of openings and takes. Raises `ConfigError` for any other, which
    could change nothing now.
    """
    from hocket import runs

    settings.refuse_all_but_takes(
        knobs, "rng", "nothing is read or learned here, so it would change nothing; leave it out"
    )
    heard, source = reporter or Silent(), Path(run)
    config, pieces = runs.load_settings(source)
    config = settings.replaced(config, knobs)
    weights = runs.load_weights(source)
    if len(weights.themes) != len(pieces):
        raise CheckpointError(
            f"{source}: weights of {len(weights.themes)} themes beside {len(pieces)}; learn again"
        )
    _check_wishes(pieces, config, heard)
    folder = None if out is None else Path(out)
    if folder is None or folder.resolve() == source.resolve():
        folder = source
    else:
        runs.prepare(folder, overwrite, len(pieces))
        runs.save_settings(folder, config, pieces)
        runs.save_weights(folder, weights)
    first = runs.last_take(folder) + 1
    return _write_takes(pieces, weights, config, folder, heard, first)


def check(
    take: str | Path | Piece,
    *,
    against: str | Path | Piece | Sequence[str | Path | Piece],
    pedal: bool = False,
    reporter: Reporter | None = None,
) -> Measures:
    """Measure a piece beside themes: what it quotes, how it mixes, whether it keeps its key."""
    from hocket.analysis import measure
    from hocket.music import Piece

    if isinstance(against, (str, Path, Piece)):
        against = [against]
    if not 1 <= len(against) <= MOST_THEMES:
        raise ConfigError(f"{len(against)} themes to check against; give 1 to {MOST_THEMES}")
    heard = reporter or Silent()
    pieces = lettered([read_source(theme, pedal, heard) for theme in against])
    return measure(read_source(take, pedal, heard), pieces)


def tokens(
    piece: str | Path | Piece, *, pedal: bool = False, reporter: Reporter | None = None
) -> str:
    """Return the events of a piece readably: one instant a line, after its bar and tick."""
    from hocket.tokens import encode, text

    return text(encode(read_source(piece, pedal, reporter or Silent())))


def prepare(
    *folders: str | Path,
    out: str | Path,
    pedal: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Library:
    """Turn all score files below the folders into a corpus of events in the folder `out`.

    `workers` processes read, by default one for each core, so a script must call this below
    `if __name__ == "__main__":`. Files that cannot be used are left out; `dropped.csv` in `out` says
    why. Killed and called again it goes on. Raises `ScoreError` or `ConfigError`.
    """
    from hocket.corpus.ingest import ingest

    if not folders:
        raise ConfigError("no folder given; name one with score files in it")
    if workers is not None and workers < 1:
        raise ConfigError(f"{workers} workers; give at least 1")
    heard = reporter or Silent()
    return ingest(
        [Path(folder) for folder in folders],
        Path(out),
        pedal=pedal,
        workers=workers,
        overwrite=overwrite,
        say=heard.say,
        on_progress=heard.preparing,
    )


def _learn_and_write(
    themes: Mapping[str, Piece],
    config: RunConfig,
    folder: Path | None,
    reporter: Reporter,
    *,
    resume: bool,
) -> Run:
    from hocket import learning, runs

    corpus = learning.corpus_of(themes, config, reporter)
    checkpoint = learning.learn(corpus, config, folder, reporter, resume=resume)
    weights = learning.weights_of(checkpoint, corpus, config, themes)
    position = checkpoint.position
    if folder is not None:
        from hocket.analysis.pictures import curve_png
        from hocket.scores.files import atomic_write

        runs.save_config(folder, config)  # a resumed run may have got other takes' settings
        runs.save_weights(folder, weights)
        points = [(look.step, look.loss, look.held_out) for look in position.history]
        atomic_write(folder / runs.CURVE_FILE, curve_png(points))
    if learning.was_asked_to_stop(checkpoint):
        held_out, stopped = position.best_held_out, position.stopped
        return runs.Run(themes, (), (), config, held_out, stopped, folder)
    return _write_takes(themes, weights, config, folder, reporter, 1)


def _write_takes(
    themes: Mapping[str, Piece],
    weights: Weights,
    config: RunConfig,
    folder: Path | None,
    reporter: Reporter,
    first: int,
) -> Run:
    from hocket import runs
    from hocket.analysis import measure
    from hocket.engines import engine_of
    from hocket.generation.compose import compose

    takes = compose(
        themes,
        engine_of(weights, config),
        config,
        weights=weights.fingerprint,
        first=first,
        say=reporter.say,
        on_step=lambda bars: reporter.writing(bars, config.generation.bars),
    )
    reporter.writing(config.generation.bars, config.generation.bars)
    measures = [measure(take.piece, themes) for take in takes]
    learned = weights.learned
    run = runs.Run(themes, takes, measures, config, learned.held_out, learned.stopped, folder)
    if folder is not None:
        runs.save_takes(folder, run)
    return run


def _check_wishes(themes: Mapping[str, Piece], config: RunConfig, reporter: Reporter) -> None:
    """Raise for a key or an opening that cannot be, before time is spent on learning."""
    from hocket.generation.compose import check_wishes

    check_wishes(themes, config)
    wanted, usual = config.generation, settings.GenerationConfig()
    if not config.model.theme and (wanted.mix, wanted.turns) != (usual.mix, usual.turns):
        reporter.say(
            "this network does not see the themes' weights (theme is off, as in --preset classic): "
            "--mix sets only the takes' tempo, and --turns does nothing"
        )


def _check_device(config: RunConfig) -> None:
    """Raise for a device that is not there; torch is loaded only if one is asked for."""
    if config.training.device != "cpu":
        from hocket.training import choose_device

        choose_device(config.training.device)

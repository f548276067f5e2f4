"""What hocket does, one function a verb: the file to read first.

    fuse   themes -> corpus -> training -> weights -> openings -> takes -> measures -> a run's folder
    check  a piece beside themes -> measures
    tokens a piece -> its events, readably
    prepare folders of score files -> ids on disk

The command line and the Python API are thin skins over this. Heavy parts (torch, symusic,
matplotlib) are imported where they are used, so that `hocket --help` and `import hocket` stay fast.
"""

from __future__ import annotations

import math
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
    from hocket.model.checking import Heard
    from hocket.model.engine import Engine
    from hocket.model.sizes import InputSizes
    from hocket.model.weights import Weights
    from hocket.music import Piece
    from hocket.runs import Run
    from hocket.training import Checkpoint

MOST_THEMES = 16
SECONDS_BETWEEN_SAVES = 10.0
MOST_HEARD = 2048
"""Events of the themes on which a converted model is checked."""


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
    from hocket import runs

    checkpoint = _learned(themes, config, folder, reporter, resume=resume)
    weights = _weights(checkpoint, config, themes)
    position = checkpoint.position
    if folder is not None:
        from hocket.analysis.pictures import curve_png
        from hocket.scores.files import atomic_write

        runs.save_config(folder, config)  # a resumed run may have got other takes' settings
        runs.save_weights(folder, weights)
        points = [(look.step, look.loss, look.held_out) for look in position.history]
        atomic_write(folder / runs.CURVE_FILE, curve_png(points))
    from hocket.training import ASKED

    if position.stopped == ASKED:
        return runs.Run(themes, (), (), config, position.best_held_out, ASKED, folder)
    return _write_takes(themes, weights, config, folder, reporter, 1)


def _learned(
    themes: Mapping[str, Piece],
    config: RunConfig,
    folder: Path | None,
    reporter: Reporter,
    *,
    resume: bool,
) -> Checkpoint:
    import time

    from hocket import training
    from hocket.corpus import build
    from hocket.generation.compose import key_of_takes
    from hocket.runs import CHECKPOINT_FILE
    from hocket.scores.files import atomic_write
    from hocket.tokens import VOCAB
    from hocket.training import checkpoint as checkpoints

    corpus = build(
        list(themes.values()),
        key=key_of_takes(themes, config),
        held_out=config.training.held_out,
        hocket_count=config.training.hocket_pieces,
        rng=config.rng,
    )
    for letter, keys in zip(themes, corpus.keys_of_themes, strict=True):
        if keys < 12:
            reporter.say(f"theme {letter} spans so much that only {keys} of 12 keys fit it")
    earlier = None
    if resume:
        assert folder is not None
        earlier = checkpoints.load(
            folder / CHECKPOINT_FILE, training.settings_fingerprint(config, corpus)
        )
    saved = -math.inf

    def save(checkpoint: Checkpoint) -> None:
        nonlocal saved
        due = time.monotonic() - saved >= SECONDS_BETWEEN_SAVES
        if folder is not None and (due or checkpoint.position.stopped):
            atomic_write(folder / CHECKPOINT_FILE, checkpoints.to_bytes(checkpoint))
            saved = time.monotonic()

    return training.learn(
        corpus,
        config,
        len(VOCAB),
        resume=earlier,
        on_progress=reporter.learning,
        on_checkpoint=save,
        should_stop=reporter.should_stop,
    )


def _weights(checkpoint: Checkpoint, config: RunConfig, themes: Mapping[str, Piece]) -> Weights:
    """Return what was learned, and the engine made of it and checked on the themes."""
    from hocket.model.checking import converted
    from hocket.model.weights import Learned, Weights, fingerprint
    from hocket.tokens import VOCAB
    from hocket.training import hearing

    arrays = {name: tensor.numpy() for name, tensor in checkpoint.best.items()}
    sizes, heard = _sizes(len(themes)), _heard(themes, config)
    expected = hearing.said(checkpoint.best, config.model, sizes, heard)
    engine, conversion = converted(arrays, config.model, sizes, heard, expected)
    position = checkpoint.position
    return Weights(
        arrays,
        config.model,
        VOCAB.fingerprint,
        tuple(theme.title for theme in themes.values()),
        Learned(position.best_step, position.best_held_out, position.stopped),
        engine,
        conversion,
        fingerprint(arrays),
    )


def _sizes(themes: int) -> InputSizes:
    from hocket.model.sizes import InputSizes
    from hocket.tokens import PLACE_SIZES, VOCAB
    from hocket.tokens.vocab import PITCHES

    return InputSizes(len(VOCAB), len(PITCHES), PLACE_SIZES, themes)


def _heard(themes: Mapping[str, Piece], config: RunConfig) -> list[Heard]:
    """Return the beginnings of the themes, in the key of the takes, as a model hears them."""
    import numpy as np

    from hocket.generation.compose import key_of_takes
    from hocket.model.checking import Heard
    from hocket.music.pitch import agreeing
    from hocket.tokens import FEATURES, GRAMMAR, encode

    heard = []
    for number, theme in enumerate(agreeing(list(themes.values()), key_of_takes(themes, config))):
        ids = encode(theme)[: MOST_HEARD // len(themes)].astype(np.int64)
        seen = np.zeros((len(ids), FEATURES + len(themes)), np.float32)
        GRAMMAR.see(ids, seen)
        seen[:, FEATURES + number] = 1
        heard.append(Heard(ids, seen))
    return heard


def _engine(weights: Weights, config: RunConfig) -> Engine:
    from hocket.model import convert

    if config.generation.engine == "int8":
        return convert.engine(weights.engine)
    sizes = _sizes(len(weights.themes))
    exact = convert.parts(weights.model)
    return convert.engine(convert.to_onnx(weights.arrays, weights.model, sizes, exact))


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
    from hocket.generation.compose import compose

    takes = compose(
        themes,
        _engine(weights, config),
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

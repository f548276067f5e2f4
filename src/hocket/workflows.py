"""What hocket does, one function a verb: the file to read first.

    fuse   themes -> corpus -> training -> weights -> openings -> takes -> measures -> a run's folder
    check  a piece beside themes -> measures
    tokens a piece -> its events, readably

The command line and the Python API are thin skins over this. Heavy parts (torch, symusic,
matplotlib) are imported where they are used, so that `hocket --help` and `import hocket` stay fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hocket import config as settings
from hocket.config import RunConfig
from hocket.errors import ConfigError, ScoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hocket.analysis import Measures
    from hocket.generation import Opening, Take
    from hocket.model.weights import Weights
    from hocket.music import Piece
    from hocket.runs import Run
    from hocket.training import Checkpoint, Progress

LEAST_NOTES = 16
LEAST_BARS = 4
MOST_THEMES = 16
SECONDS_BETWEEN_SAVES = 10.0


class Reporter(Protocol):
    """Hears how a workflow goes on; the command line shows it, a script may ignore it."""

    def say(self, text: str) -> None:
        """One line that a person should see."""

    def learning(self, progress: Progress) -> None:
        """A step of learning was taken."""

    def writing(self, bars: float, of: int) -> None:
        """Takes have come to a bar, of so many."""

    def should_stop(self) -> bool:
        """Whether learning should stop now and keep what it has."""


class Silent:
    """A reporter that shows nothing."""

    def say(self, text: str) -> None:
        """Ignore it."""

    def learning(self, progress: Progress) -> None:
        """Ignore it."""

    def writing(self, bars: float, of: int) -> None:
        """Ignore it."""

    def should_stop(self) -> bool:
        """Go on."""
        return False


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
    pieces = _lettered([_theme(theme, config.pedal, heard) for theme in themes])
    folder = _prepared(out, overwrite)
    if folder is not None:
        from hocket import runs

        runs.save_settings(folder, config, pieces)
    return _learn_and_write(pieces, config, folder, heard, resume=False)


def resume(run: str | Path, *, reporter: Reporter | None = None, **knobs: Any) -> Run:
    """Go on with a run whose learning was stopped, exactly where it was, and write its takes."""
    from hocket import runs

    config, pieces = runs.load_settings(Path(run))
    config = settings.replaced(config, knobs)
    return _learn_and_write(pieces, config, Path(run), reporter or Silent(), resume=True)


def more(
    run: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> Run:
    """Write more takes from what a run has learned: numbered on in its folder, or into `out`."""
    from hocket import runs

    source = Path(run)
    config, pieces = runs.load_settings(source)
    config = settings.replaced(config, knobs)
    weights = runs.load_weights(source)
    folder = source if out is None else _prepared(out, overwrite)
    assert folder is not None
    if folder != source:
        runs.clear_takes(folder)
        runs.save_settings(folder, config, pieces)
        runs.save_weights(folder, weights)
    first = runs.last_take(folder) + 1
    return _write_takes(pieces, weights, config, folder, reporter or Silent(), first, "earlier")


def check(
    take: str | Path | Piece, *, against: Sequence[str | Path | Piece], pedal: bool = False
) -> Measures:
    """Measure a piece beside themes: what it quotes, how it mixes, whether it keeps its key."""
    from hocket.analysis import measure

    if not against:
        raise ConfigError("nothing to check against; give at least one theme")
    quiet = Silent()
    pieces = _lettered([_read(theme, pedal, quiet) for theme in against])
    return measure(_read(take, pedal, quiet), pieces)


def tokens(piece: str | Path | Piece, *, pedal: bool = False) -> str:
    """Return the events of a piece readably: one instant a line, after its bar and tick."""
    from hocket.tokens import encode, text

    return text(encode(_read(piece, pedal, Silent())))


def demo_themes() -> dict[str, Path]:
    """Return the themes that ship with hocket, by name."""
    folder = Path(__file__).parent / "assets" / "themes"
    return {file.stem: file for file in sorted(folder.glob("*.abc"))}


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

        runs.save_weights(folder, weights)
        points = [(look.step, look.loss, look.held_out) for look in position.history]
        atomic_write(folder / runs.CURVE_FILE, curve_png(points))
    from hocket.training import ASKED

    if position.stopped == ASKED:
        return runs.Run(themes, (), (), config, position.best_held_out, ASKED, folder)
    if folder is not None and not resume:
        runs.clear_takes(folder)
    return _write_takes(themes, weights, config, folder, reporter, 1, position.stopped)


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
    from hocket.runs import CHECKPOINT_FILE
    from hocket.scores.files import atomic_write
    from hocket.tokens import VOCAB
    from hocket.training import checkpoint as checkpoints

    corpus = build(
        list(themes.values()),
        held_out=config.training.held_out,
        hocket_count=config.training.hocket_pieces,
        rng=config.rng,
    )
    for letter, shifts in zip(themes, corpus.shifts, strict=False):
        if len(shifts) < 12:
            reporter.say(f"theme {letter} spans so much that only {len(shifts)} of 12 keys fit it")
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
    from hocket.model.weights import Weights, fingerprint
    from hocket.tokens import VOCAB

    arrays = {name: tensor.numpy() for name, tensor in checkpoint.best.items()}
    position = checkpoint.position
    return Weights(
        arrays,
        config.model,
        VOCAB.fingerprint,
        tuple(theme.title for theme in themes.values()),
        {"step": position.best_step, "held_out": position.best_held_out},
        fingerprint(arrays),
    )


def _write_takes(
    themes: Mapping[str, Piece],
    weights: Weights,
    config: RunConfig,
    folder: Path | None,
    reporter: Reporter,
    first: int,
    stopped: str,
) -> Run:
    from threadpoolctl import threadpool_limits

    from hocket import runs
    from hocket.analysis import measure

    with threadpool_limits(1, "blas"):  # small products: threads cost more than they bring
        takes = _takes(themes, weights, config, reporter, first)
    measures = [measure(take.piece, themes) for take in takes]
    held_out = float(weights.learned["held_out"])
    run = runs.Run(themes, takes, measures, config, held_out, stopped, folder)
    if folder is not None:
        runs.save_takes(folder, run)
    return run


def _takes(
    themes: Mapping[str, Piece],
    weights: Weights,
    config: RunConfig,
    reporter: Reporter,
    first: int,
) -> list[Take]:
    from hocket.generation import Take, mix, rules_for, sample, search
    from hocket.model.engine import Engine
    from hocket.music.pitch import agreeing, estimate_key, parse_key
    from hocket.tokens import decode

    wanted, letters = config.generation, list(themes)
    key = parse_key(wanted.key) if wanted.key not in ("auto", "off") else None
    key = key or estimate_key(themes[letters[0]].notes)
    moved = dict(zip(letters, agreeing(list(themes.values()), key), strict=True))
    engine = Engine(weights.arrays, weights.model)
    constant = mix.weights(wanted.mix, len(themes))
    kept = search(moved, engine, constant, config.opening, config.rng)
    openings = [kept[(first - 1 + i) % len(kept)] for i in range(wanted.takes)]
    for opening in dict.fromkeys(openings):
        reporter.say(
            f"opening {opening.recipe}: likelihood {opening.likelihood:.2f} nats an event, "
            f"harmonic distance {opening.distance:.2f}"
        )
    _fit(openings, wanted.bars)
    bar_ticks = openings[0].piece.main_meter.bar_ticks
    if wanted.turns:
        leads = [letters.index(opening.recipe.second.theme) for opening in openings]
        shares = mix.leading_time(constant, list(themes.values()))
        followed = mix.in_turns(shares, leads, wanted.turns)
    else:
        followed = mix.steady(constant, wanted.takes)
    sampled = sample(
        engine,
        [opening.ids for opening in openings],
        rules_for(wanted, None if wanted.key == "off" else key, bar_ticks, list(themes.values())),
        followed,
        wanted,
        config.rng,
        first=first,
        on_step=lambda bars: reporter.writing(bars, wanted.bars),
    )
    reporter.writing(wanted.bars, wanted.bars)
    tempo = _blended_tempo(list(themes.values()), constant)
    title = " × ".join(theme.title or letter for letter, theme in themes.items())
    return [
        Take(
            replace(
                decode(ids),
                tempos=(tempo,),
                keys=() if wanted.key == "off" else (key,),
                title=f"Take {first + i}: {title}",
            ),
            ids,
            log_probs,
            str(openings[i].recipe),
            tuple(float(weight) for weight in constant),
            wanted,
            config.rng,
            first + i,
            weights.fingerprint,
        )
        for i, (ids, log_probs) in enumerate(sampled)
    ]


def _fit(openings: Sequence[Opening], bars: int) -> None:
    """Raise `ConfigError` if an opening leaves nothing to write."""
    for opening in openings:
        used = -(-opening.piece.end // opening.piece.main_meter.bar_ticks)
        if used >= bars:
            raise ConfigError(f"opening {opening.recipe} fills {used} bars; ask for more --bars")


def _blended_tempo(themes: Sequence[Piece], weights: NDArray[np.float32]) -> Any:
    """Return the tempo between the themes' own, by the mix: the weighted geometric mean."""
    tempos = [theme.main_tempo for theme in themes]
    logs = [math.log(tempo.microseconds) for tempo in tempos]
    mean = sum(float(w) * log for w, log in zip(weights, logs, strict=True))
    return tempos[0]._replace(microseconds=round(math.exp(mean)))


def _prepared(out: str | Path | None, overwrite: bool) -> Path | None:
    """Return the folder for results, made if need be; an earlier run there is not lost unasked."""
    if out is None:
        return None
    from hocket import runs

    folder = Path(out)
    if runs.is_run(folder) and not overwrite:
        raise ConfigError(
            f"{folder}: holds a run already; choose another folder with -o, make more takes of it "
            "with --from, go on learning with --resume, or say --overwrite"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScoreError(
            f"{folder}: cannot be made: {error.strerror}; choose another with -o"
        ) from None
    return folder


def _theme(source: str | Path | Piece, pedal: bool, reporter: Reporter) -> Piece:
    """Read a theme and refuse one that is too short to be learned."""
    piece = _read(source, pedal, reporter)
    if len(piece.notes) < LEAST_NOTES or len(piece.bars()) < LEAST_BARS:
        notes, bars = len(piece.notes), len(piece.bars())
        raise ScoreError(
            f"{piece.title or source}: only {notes} note{'s' * (notes != 1)} in {bars} "
            f"bar{'s' * (bars != 1)}; a theme needs at least {LEAST_NOTES} in {LEAST_BARS}"
        )
    return piece


def _read(source: str | Path | Piece, pedal: bool, reporter: Reporter) -> Piece:
    from hocket.music import Piece
    from hocket.scores import read_with_remarks

    if isinstance(source, Piece):
        return source
    path = Path(source)
    if str(source).startswith("demo:"):
        name = str(source).removeprefix("demo:")
        demos = demo_themes()
        found = [file for stem, file in demos.items() if name in stem]
        if len(found) != 1:
            raise ScoreError(f"{source}: no single demo theme; there are: {', '.join(demos)}")
        path = found[0]
    piece, remarks = read_with_remarks(path, pedal=pedal)
    for remark in remarks:
        reporter.say(f"{path.name}: {remark}")
    return piece


def _lettered(themes: Sequence[Piece]) -> dict[str, Piece]:
    """Give the themes the letters A, B, …; the same music twice is refused."""
    from hocket.runs import LETTERS
    from hocket.tokens import simplify

    simple = [simplify(theme) for theme in themes]
    for i, theme in enumerate(simple):
        if theme in simple[:i]:
            first, second = LETTERS[simple.index(theme)], LETTERS[i]
            raise ConfigError(f"themes {first} and {second} hold the same notes; give another one")
    return dict(zip(LETTERS, themes, strict=False))

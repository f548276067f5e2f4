"""Themes to takes in a run's folder: learn, compose, measure, save, for `fuse`, `resume` and `more`.

Surprising decision: there are two ways to learn. On top of the base model each theme is learned by
itself and kept in a theme file, so any themes can be mixed later; from nothing, one network learns all
of them together. What comes after is the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket.config import GenerationConfig, ModelConfig, RunConfig, TrainingConfig
from hocket.errors import CheckpointError, ConfigError
from hocket.processor import trim
from hocket.reporter import Reporter
from hocket.runs import Run
from hocket.sources import Theme, firsts, wholes

if TYPE_CHECKING:
    from hocket.generation.choir import Choir
    from hocket.generation.openings import Opening
    from hocket.training import Checkpoint

Learned = Mapping[str, Theme]
"""Themes by letter, each with what was learned of it."""


def learn_and_write(
    themes: Learned, config: RunConfig, folder: Path | None, reporter: Reporter, *, resume: bool
) -> Run:
    """Learn the themes and write takes; a run without takes if it was stopped while learning."""
    if config.start == "base":
        return _from_base(themes, config, folder, reporter, resume=resume)
    return _from_nothing(themes, config, folder, reporter, resume=resume)


def write_learned(
    themes: Learned, config: RunConfig, folder: Path | None, reporter: Reporter, first: int
) -> Run:
    """Write takes from themes that are learned already, on top of the base model."""
    from hocket.base import base_of
    from hocket.engines import choir_of_themes

    held_out, stopped = _how_learned(themes)
    choir = choir_of_themes(list(themes.values()), base_of(config), config)
    known = "+".join(theme.learned.fingerprint for theme in themes.values() if theme.learned)
    run = Run(themes, (), (), config, held_out, stopped, folder)
    return _write_takes(run, choir, known, reporter, first)


def openings(themes: Learned, config: RunConfig) -> list[Opening]:
    """Return the openings that takes of learned themes would start from, in the takes' key."""
    from hocket.base import base_of
    from hocket.engines import choir_of_themes
    from hocket.generation import compose

    for letter, theme in themes.items():
        if theme.learned is None:
            raise ConfigError(
                f"theme {letter}, {theme.title}: not learned yet; `hocket learn` makes a .theme of it"
            )
    choir = choir_of_themes(list(themes.values()), base_of(config), config)
    every = [piece for theme in themes.values() for piece in theme.pieces]
    return compose.openings(firsts(themes), choir, config, unquoted=every)


def write_together(
    themes: Learned, config: RunConfig, folder: Path, reporter: Reporter, first: int, source: Path
) -> Run:
    """Write takes from weights that know all themes, which the run in `source` has."""
    from hocket import runs
    from hocket.engines import choir_of

    weights = runs.load_weights(source)
    if len(weights.themes) != len(themes):
        raise CheckpointError(
            f"{source}: weights of {len(weights.themes)} themes beside {len(themes)}; learn again"
        )
    if folder != source:
        runs.save_weights(folder, weights)
    learned = weights.learned
    run = Run(themes, (), (), config, learned.held_out, learned.stopped, folder)
    return _write_takes(run, choir_of(weights, config), weights.fingerprint, reporter, first)


def _from_base(
    themes: Learned, config: RunConfig, folder: Path | None, reporter: Reporter, *, resume: bool
) -> Run:
    from hocket import learning, runs
    from hocket.base import base_of

    base, known = base_of(config), dict(themes)
    for letter, theme in themes.items():
        if theme.learned is not None and theme.learned.base == base.fingerprint:
            reporter.say(f"theme {letter}, {theme.title}: already learned")
            continue
        reporter.say(f"learning theme {letter}, {theme.title}")
        learned, checkpoint = learning.learn_theme(
            letter, theme, base, config, folder, reporter, resume=resume
        )
        if learning.was_asked_to_stop(checkpoint):
            position = checkpoint.position
            return Run(known, (), (), config, position.best_held_out, position.stopped, folder)
        known[letter] = replace(theme, learned=learned)
        if folder is not None:
            runs.save_learned(folder, letter, learned)
            _save_curve(folder / f"loss-{letter}.png", checkpoint, config.training.quote)
    if folder is not None:
        runs.save_config(folder, config)  # a resumed run may have got other takes' settings
    return write_learned(known, config, folder, reporter, 1)


def _from_nothing(
    themes: Learned, config: RunConfig, folder: Path | None, reporter: Reporter, *, resume: bool
) -> Run:
    from hocket import learning, runs
    from hocket.engines import choir_of

    corpus = learning.corpus_of(themes, config, reporter)
    checkpoint = learning.learn(corpus, config, folder, reporter, resume=resume)
    titles = [theme.title for theme in themes.values()]
    weights = learning.weights_of(checkpoint, corpus, config, titles)
    position = checkpoint.position
    if folder is not None:
        runs.save_config(folder, config)
        runs.save_weights(folder, weights)
        _save_curve(folder / runs.CURVE_FILE, checkpoint, config.training.quote)
    run = Run(themes, (), (), config, position.best_held_out, position.stopped, folder)
    if learning.was_asked_to_stop(checkpoint):
        return run
    return _write_takes(run, choir_of(weights, config), weights.fingerprint, reporter, 1)


def _save_curve(file: Path, checkpoint: Checkpoint, quote: float | None) -> None:
    """Draw how a network learned; `quote` is how much more than before it may quote."""
    from hocket.pictures import curve
    from hocket.scores.files import atomic_write

    at = checkpoint.position
    first = at.history[0].quote if at.history else None
    most = None if first is None or quote is None else first + quote
    atomic_write(file, curve(at.history, best_step=at.best_step, most_quoted=most))


def _write_takes(run: Run, choir: Choir, weights: str, reporter: Reporter, first: int) -> Run:
    from hocket import runs
    from hocket.analysis import measure
    from hocket.generation.compose import compose, said_along
    from hocket.generation.rank import mean_likelihoods, placed, rank

    bars = run.config.generation.bars
    takes = compose(
        firsts(run.themes),
        choir,
        run.config,
        unquoted=[piece for theme in run.themes.values() for piece in theme.pieces],
        weights=weights,
        first=first,
        say=reporter.say,
        on_step=lambda done: reporter.writing(done, bars),
    )
    reporter.writing(bars, bars)
    themes = wholes(run.themes)
    measures = [measure(take.piece, themes) for take in takes]
    kept = rank(
        takes,
        measures,
        themes,
        lambda places: mean_likelihoods(choir, [takes[place] for place in places]),
        run.config.generation.keep,
    )
    before = 0 if run.folder is None or first == 1 else runs.last_take(run.folder)
    run = replace(
        run,
        takes=[
            placed(takes[one.place], before + number, one) for number, one in enumerate(kept, 1)
        ],
        measures=[measures[one.place] for one in kept],
        tried=first - 1 + len(takes),
    )
    reporter.say(f"kept the best {len(kept)} of {len(takes)} takes")
    if run.folder is not None:
        said = said_along(choir, run.takes, firsts(run.themes), run.config)
        runs.save_takes(run.folder, run, said)
        reporter.wrote(run.folder)
        if run.config.generation.page:
            from hocket.page import write_page

            reporter.say("making the page: sound, score and pictures of each take")
            write_page(run.folder, say=reporter.say)
    trim()
    return run


def _how_learned(themes: Learned) -> tuple[float | None, str]:
    """Return the mean held-out loss, and why learning ended, in words for all themes."""
    learned = {letter: theme.learned for letter, theme in themes.items()}
    missing = [letter for letter, known in learned.items() if known is None]
    if missing:
        raise CheckpointError(f"theme {missing[0]} is not learned yet; go on with --resume")
    files = {letter: known for letter, known in learned.items() if known is not None}
    judged = [known.held_out for known in files.values() if known.held_out is not None]
    why = "; ".join(f"{letter}: {known.stopped}" for letter, known in files.items())
    return (sum(judged) / len(judged) if judged else None), why


def check_wishes(themes: Learned, config: RunConfig, reporter: Reporter) -> None:
    """Raise for a key, an opening or a device that cannot be, before time is spent on learning."""
    from hocket.generation.compose import check_wishes

    check_wishes(firsts(themes), config)
    refuse_network(config)
    wanted, usual = config.generation, GenerationConfig()
    together = config.start == "nothing" and not config.model.sees_themes
    if together and (wanted.mix, wanted.turns) != (usual.mix, usual.turns):
        reporter.say(
            "this network does not see the themes' weights (sees_themes is off, as in --preset "
            "classic): --mix sets only the takes' tempo, and --turns does nothing"
        )
    if config.training.device != "cpu":  # torch is loaded only if a device is asked for
        from hocket.training import choose_device

        choose_device(config.training.device)


def refuse_network(config: RunConfig) -> None:
    """Raise `ConfigError` for settings of a network where the base model's is used as it is."""
    if config.start != "base":
        return
    for known in dataclasses.fields(ModelConfig):
        if getattr(config.model, known.name) != known.default:
            raise ConfigError(
                f"--{known.name.replace('_', '-')}: the base model's network is as it is; leave it "
                "out, or learn with --preset hybrid"
            )


def refuse_all_but_takes(changes: Mapping[str, Any], also: str, why: str) -> None:
    """Raise `ConfigError` for a knob that is not of takes or openings, nor called `also`."""
    for section in (ModelConfig, TrainingConfig, RunConfig):
        for known in dataclasses.fields(section):
            if known.name in changes and known.name != also:
                raise ConfigError(f"--{known.name.replace('_', '-')}: {why}")

"""Themes to weights, saved as they are learned, and to the engine made of them and checked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hocket import training
from hocket.config import RunConfig
from hocket.corpus import Corpus, build, held_out_batches, input_sizes, native_batches
from hocket.corpus.augment import KEYS
from hocket.corpus.batches import LEAST_HEARD
from hocket.errors import CheckpointError, ConfigError
from hocket.model.changes import merged
from hocket.model.checking import Heard, converted
from hocket.model.theme import MOST_BYTES, ThemeFile
from hocket.model.theme import to_bytes as theme_bytes
from hocket.model.weights import Learned, Weights, fingerprint, halved
from hocket.music import Meter
from hocket.reporter import Reporter
from hocket.runs import CHECKPOINT_FILES
from hocket.scores.files import remove
from hocket.scores.midi import midi_bytes
from hocket.sources import Theme
from hocket.team import ALONE, Team
from hocket.tokens import FEATURES, VOCAB, sight
from hocket.training import Checkpoint, hearing
from hocket.training import checkpoint as checkpoints

USUAL_METERS = (Meter(0, 4, 4), Meter(0, 3, 4))
"""A learned theme is also heard barred in these: nobody knows in which metre its takes will stand."""
MOST_HEARD = 2048
"""Events on which a converted model is checked."""


def corpus_of(
    themes: Mapping[str, Theme],
    config: RunConfig,
    reporter: Reporter,
    meters: Sequence[Meter] = (),
) -> Corpus:
    """Return what is learned from themes by letter: themselves, rebarred, and in turns."""
    corpus = build(
        [theme.pieces for theme in themes.values()],
        meters=meters,
        held_out=config.training.held_out,
        hocket_count=config.training.hocket_pieces,
        rng=config.rng,
    )
    for letter, keys in zip(themes, corpus.keys_of_themes, strict=True):
        if keys < KEYS:
            reporter.say(f"theme {letter} spans so much that only {keys} of 12 keys fit it")
    return corpus


def learn_theme(
    letter: str,
    theme: Theme,
    base: Weights,
    config: RunConfig,
    folder: Path | None,
    reporter: Reporter,
    *,
    resume: bool = False,
) -> tuple[ThemeFile, Checkpoint]:
    """Learn a theme on top of the base model; return what it changes there, and the last checkpoint.

    See `learn` for the folder and `resume`, which begins afresh where the checkpoint is of another
    theme. Raises `ConfigError` for a rank that a theme file has no room for.
    """
    if not config.training.rank:
        raise ConfigError("--rank 0: a theme file has no room for all weights; give 1 to 256")
    corpus = corpus_of({letter: theme}, config, reporter, USUAL_METERS)
    own = replace(config, model=base.model)
    checkpoint = learn(corpus, own, folder, reporter, base=base, resume=resume)
    found = {name.removeprefix("adapter."): t.numpy() for name, t in checkpoint.best.items()}
    changes = {name: array.astype(np.float16) for name, array in found.items()}
    arrays = merged(base.arrays, changes)
    sizes, heard = input_sizes(0), _heard(corpus, 0)
    _, conversion = converted(arrays, base.model, sizes, heard)
    position = checkpoint.position
    pieces = tuple(midi_bytes(piece) for piece in theme.pieces)
    learned = ThemeFile(
        theme.title,
        pieces,
        changes,
        base.fingerprint,
        conversion.exact,
        position.best_step,
        position.best_held_out,
        position.best_quote,
        position.stopped,
    )
    return _fitting(learned, letter, reporter), checkpoint


def _fitting(learned: ThemeFile, letter: str, reporter: Reporter) -> ThemeFile:
    """Return a theme that fits its file: of very many pieces some, spread evenly, are left out."""
    count = len(learned.pieces)
    while len(theme_bytes(learned)) > MOST_BYTES and len(learned.pieces) > 1:
        fewer = np.linspace(0, len(learned.pieces) - 1, round(0.8 * len(learned.pieces)))
        pieces = tuple(learned.pieces[round(place)] for place in fewer)
        learned = replace(learned, pieces=pieces)
    if len(learned.pieces) < count:
        reporter.say(
            f"theme {letter}: all {count} pieces were learned, {len(learned.pieces)} are kept in its "
            "file to be recalled; it may not be larger than a megabyte"
        )
    if len(theme_bytes(learned)) > MOST_BYTES:
        raise ConfigError(f"theme {letter}: too much for a theme file; lower --rank")
    return learned


def learn(
    corpus: Corpus,
    config: RunConfig,
    folder: Path | None,
    reporter: Reporter,
    *,
    base: Weights | None = None,
    resume: bool,
    team: Team = ALONE,
    on_saved: Callable[[], None] = lambda: None,
) -> Checkpoint:
    """Learn until learning ends or is stopped, and return the last checkpoint.

    With a folder, checkpoints are saved there by the first of the `team`, the last two, and `resume`
    goes on from the newer one that is whole; `on_saved` hears of each. Raises `CheckpointError` where
    that does not fit; with a base model it begins afresh then, since the checkpoint may be of another
    theme.
    """
    earlier, start = None, None if base is None else training.Base(base.arrays, base.fingerprint)
    if resume:
        assert folder is not None
        files = [folder / name for name in CHECKPOINT_FILES]
        wanted = training.settings_fingerprint(config, corpus, start)
        try:
            # Read once, by the first rank; every rank sees for itself that what came is whole.
            data = team.from_first(lambda: checkpoints.newest(files, wanted, reporter.say))
            earlier = checkpoints.from_bytes(data, wanted, files[0])
        except CheckpointError:
            if base is None:
                raise
        else:
            _tell_differences(earlier, team, reporter)
    saves, saved = folder is not None and team.rank == 0, -math.inf

    def due() -> bool:
        return saves and time.monotonic() - saved >= config.training.save_every

    def save(checkpoint: Checkpoint) -> None:
        nonlocal saved
        ended = checkpoint.position.stopped
        if saves and folder is not None and (due() or ended):
            newest, before = (folder / name for name in CHECKPOINT_FILES)
            checkpoints.save(newest, before, checkpoint)
            saved = time.monotonic()
            if ended:
                remove(before)
            on_saved()

    return training.learn(
        corpus,
        config,
        base=start,
        resume=earlier,
        team=team,
        on_progress=reporter.learning,
        on_checkpoint=save,
        should_stop=reporter.should_stop,
        should_save=due,
    )


def _tell_differences(earlier: Checkpoint, team: Team, reporter: Reporter) -> None:
    """Say where the last bits may come out otherwise than in a run that never stopped."""
    now = {**checkpoints.made_with(), "ranks": str(team.size)}
    then = {**earlier.made_with, "ranks": str(earlier.ranks)}
    changed = [f"{key} {then[key]}" for key in sorted(now) if then.get(key, now[key]) != now[key]]
    if changed:
        reporter.say(
            f"begun with {', '.join(changed)}, which is different now: learning goes on, but its last "
            "bits may not be those of a run that was never stopped"
        )


def was_asked_to_stop(checkpoint: Checkpoint) -> bool:
    """Whether learning ended because somebody wanted it to."""
    return checkpoint.position.stopped == training.ASKED


def weights_of(
    checkpoint: Checkpoint, corpus: Corpus, config: RunConfig, titles: Sequence[str]
) -> Weights:
    """Return what was learned, and the engine made of it and checked on what judged it.

    Without titles it is a base model, whose weights are rounded to 16 bits.
    """
    arrays = {name: tensor.numpy() for name, tensor in checkpoint.best.items()}
    arrays = arrays if titles else halved(arrays)
    sizes, heard = input_sizes(len(titles)), _heard(corpus, len(titles))
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    expected = hearing.said(tensors, config.model, sizes, heard)
    engine, conversion = converted(arrays, config.model, sizes, heard, expected)
    position = checkpoint.position
    return Weights(
        arrays,
        config.model,
        VOCAB.fingerprint,
        tuple(titles),
        Learned(position.best_step, position.best_held_out, position.stopped),
        engine,
        conversion,
        fingerprint(arrays, np.float32 if titles else np.float16),
    )


def _heard(corpus: Corpus, themes: int) -> list[Heard]:
    """Return the beginnings of pieces as a model hears them; held-out bars are judged.

    All events are, where no bar is held out in what is heard.
    """
    batches = held_out_batches(corpus, MOST_HEARD) or native_batches(corpus, MOST_HEARD)
    heard = []
    for batch in batches:
        length = min(batch.inputs.shape[1], max(MOST_HEARD // len(batches), LEAST_HEARD))
        ids = batch.inputs[0, :length]
        seen, recalled = sight.see(ids, themes)
        if themes:
            seen[:, FEATURES:] = batch.mix[0, :length]
        heard.append(Heard(ids, seen, recalled, batch.targets[0, :length]))
    if any((sequence.following >= 0).any() for sequence in heard):
        return heard
    return [each._replace(following=np.append(each.events[1:], -1)) for each in heard]

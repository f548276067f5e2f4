"""Themes to weights, saved as they are learned, and to the engine made of them and checked."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hocket import training
from hocket.config import RunConfig
from hocket.corpus import Corpus, Kind, build, held_out_batch, input_sizes
from hocket.generation.compose import key_of_takes
from hocket.model.checking import Heard, converted
from hocket.model.weights import Learned, Weights, fingerprint
from hocket.music import Piece
from hocket.reporter import Reporter
from hocket.runs import CHECKPOINT_FILE
from hocket.scores.files import atomic_write
from hocket.tokens import FEATURES, GRAMMAR, VOCAB
from hocket.training import Checkpoint, hearing
from hocket.training import checkpoint as checkpoints

SECONDS_BETWEEN_SAVES = 10.0
MOST_HEARD = 4096
"""Events of the themes on which a converted model is checked."""


def corpus_of(themes: Mapping[str, Piece], config: RunConfig, reporter: Reporter) -> Corpus:
    """Return what is learned from themes by letter: themselves, rebarred, and in turns."""
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
    return corpus


def learn(
    corpus: Corpus, config: RunConfig, folder: Path | None, reporter: Reporter, *, resume: bool
) -> Checkpoint:
    """Learn until learning ends or is stopped, and return the last checkpoint.

    With a folder, checkpoints are saved there, and `resume` goes on from the one it holds. Raises
    `CheckpointError` where that does not fit.
    """
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
        resume=earlier,
        on_progress=reporter.learning,
        on_checkpoint=save,
        should_stop=reporter.should_stop,
    )


def was_asked_to_stop(checkpoint: Checkpoint) -> bool:
    """Whether learning ended because somebody wanted it to."""
    return checkpoint.position.stopped == training.ASKED


def weights_of(
    checkpoint: Checkpoint, corpus: Corpus, config: RunConfig, themes: Mapping[str, Piece]
) -> Weights:
    """Return what was learned, and the engine made of it and checked on the themes."""
    arrays = {name: tensor.numpy() for name, tensor in checkpoint.best.items()}
    sizes, heard = input_sizes(len(themes)), _heard(corpus)
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


def _heard(corpus: Corpus) -> list[Heard]:
    """Return the beginnings of the themes as a model hears them; held-out bars are judged.

    All events are, where no bar is held out in what is heard.
    """
    batch = held_out_batch(corpus)
    pieces = np.flatnonzero(corpus.kind == Kind.NATIVE)
    lengths = np.diff(corpus.bounds)[pieces] - 1
    heard = []
    for row, length in enumerate(np.minimum(lengths, MOST_HEARD // corpus.theme_count)):
        ids = batch.inputs[row, :length]
        seen = np.zeros((length, FEATURES + corpus.theme_count), np.float32)
        GRAMMAR.see(ids, seen)
        seen[:, FEATURES:] = batch.mix[row, :length]
        heard.append(Heard(ids, seen, batch.targets[row, :length]))
    if any((sequence.following >= 0).any() for sequence in heard):
        return heard
    return [each._replace(following=np.append(each.events[1:], -1)) for each in heard]

"""Where the rows of batches come from: stretches of a corpus, looked for by hand."""

from __future__ import annotations

import numpy as np

from hocket.config import TrainingConfig
from hocket.corpus import Batch, Corpus, Kind, training_batch
from hocket.corpus.batches import IGNORED
from hocket.tokens import VOCAB, Features, sight

PITCHED = ("NOTE_ON", "NOTE_OFF")


def transpose_ids(ids: np.ndarray, semitones: int) -> np.ndarray:
    """Move events as the vocabulary's names say it, one by one."""

    def moved(event: int) -> int:
        family, _, pitch = VOCAB.names[event].partition(" ")
        return VOCAB.id(f"{family} {int(pitch) + semitones}") if family in PITCHED else event

    return np.array([moved(int(event)) for event in ids])


def pieces_of(corpus: Corpus, kind: Kind) -> list[range]:
    """Return the event positions of each piece of a kind."""
    return [
        range(int(corpus.bounds[p]), int(corpus.bounds[p + 1]))
        for p in np.flatnonzero(corpus.kind == kind)
    ]


def features_of(ids: np.ndarray) -> Features:
    """Return the features (N) after each event of a sequence, heard from its beginning."""
    walkers, features = sight.begin(1, len(ids)), sight.room(len(ids))
    for n, event in enumerate(ids):
        sounding, place, recalled = (array[n] for array in features)
        sight.watch(walkers, 0, int(event), sounding, place, recalled)
    return features


def arrays_of(batch: Batch) -> list[np.ndarray]:
    """Return inputs, targets, sounding, place, recalled and mix, each (B, T, …)."""
    return [batch.inputs, batch.targets, *batch.features, batch.mix]


def chains(
    corpus: Corpus, training: TrainingConfig, rng: int, count: int
) -> list[list[np.ndarray]]:
    """Return the arrays of rows (N, …), joined over their chain."""
    rows = []
    for chain in range(count):
        batches = [
            training_batch(corpus, training, rng, chain * training.windows + w)
            for w in range(training.windows)
        ]
        arrays = [arrays_of(batch) for batch in batches]
        joined = [np.concatenate(values, axis=1) for values in zip(*arrays, strict=True)]
        rows += [[values[row] for values in joined] for row in range(training.batch)]
    return rows


def explanations(corpus: Corpus, row: list[np.ndarray]) -> set[Kind]:
    """Return of which kinds the pieces are that a row can have come from, in every particular."""
    inputs, targets, *seen, mix = row
    kinds = set()
    for piece, shifts in enumerate(corpus.shifts):
        home = int(corpus.home[piece])
        where = slice(int(corpus.bounds[piece]), int(corpus.bounds[piece + 1]))
        for shift in {home, *shifts}:
            ids = transpose_ids(corpus.ids[where].astype(np.int64), shift)
            starts = np.flatnonzero(ids[:-1] == inputs[0])
            if not len(starts):
                continue
            features = features_of(ids)
            expected = np.where(corpus.held_out[where], IGNORED, ids)[1:]
            labels = np.eye(corpus.theme_count, dtype=np.float32)[corpus.theme[where]][1:]
            blended = (mix == 1 / corpus.theme_count).all()
            for start in starts:
                length = min(len(inputs), len(ids) - 1 - int(start))
                here = slice(start, start + length)
                if (
                    (ids[here] == inputs[:length]).all()
                    and (expected[here] == targets[:length]).all()
                    and (targets[length:] == IGNORED).all()
                    and all(
                        (mine[here] == its[:length]).all() and not its[length:].any()
                        for mine, its in zip(features, seen, strict=True)
                    )
                    and (blended or (labels[here] == mix[:length]).all())
                ):
                    kinds.add(Kind(corpus.kind[piece]))
    return kinds

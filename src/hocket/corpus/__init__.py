"""Pieces to batches: encoding, transposition, barring, held-out bars."""

from hocket.corpus.augment import transpositions
from hocket.corpus.batches import Batch, held_out_batch, training_batch
from hocket.corpus.store import Corpus, Kind, build, rebarred

__all__ = [
    "Batch",
    "Corpus",
    "Kind",
    "build",
    "held_out_batch",
    "rebarred",
    "training_batch",
    "transpositions",
]

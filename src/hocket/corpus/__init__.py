"""Pieces to batches: encoding, transposition, barring, held-out bars."""

from hocket.corpus.augment import transpositions
from hocket.corpus.batches import Batch, held_out_batch, training_batch
from hocket.corpus.store import Corpus, build, main_meter, rebarred

__all__ = [
    "Batch",
    "Corpus",
    "build",
    "held_out_batch",
    "main_meter",
    "rebarred",
    "training_batch",
    "transpositions",
]

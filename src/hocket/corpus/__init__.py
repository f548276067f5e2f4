"""Pieces to batches: encoding, transposition, barring, held-out bars; files to a library."""

from hocket.corpus.augment import transpositions
from hocket.corpus.batches import Batch, held_out_batches, native_batches, training_batch
from hocket.corpus.library import Library, load_library
from hocket.corpus.store import Corpus, Kind, build, input_sizes, rebarred

__all__ = [
    "Batch",
    "Corpus",
    "Kind",
    "Library",
    "build",
    "held_out_batches",
    "input_sizes",
    "load_library",
    "native_batches",
    "rebarred",
    "training_batch",
    "transpositions",
]

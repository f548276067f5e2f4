"""Who stands against whom, at what, and what limits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import material
from hocket.tokens import VOCAB
from limits import SEEN, Limits, training_flops, weights_read
from rounds import Entry

INPUTS = 464
"""What enters the first layer of all networks: as much as hocket's has with all that it can see."""


@dataclass(frozen=True)
class Size:
    """How large everything is: the real thing, or a smoke test."""

    width: int = 512
    window: int = 96
    bars: int = 32
    takes: int = 32
    steps: int = 100
    predictions: int = 10
    context: int = 512
    batches: tuple[int, ...] = (32, 64, 128, 256, 512)
    seconds: float = 1.0
    collection: Path = material.COLLECTION
    """Where MIDI files are sampled from, if it is there; else some are made."""
    files: int = 60
    few_files: int = 3
    learning: tuple[str, ...] = ("--max-steps", "100", "--minutes", "5")
    transformer: tuple[int, int, int] = (288, 4, 8)
    """Width, layers and heads that make as many weights as the LSTM has."""


QUICK = Size(
    width=32, window=8, bars=6, takes=3, steps=4, predictions=2, context=8, batches=(4, 8),
    seconds=0.01, files=2, few_files=1, collection=Path("none"), transformer=(16, 1, 2),
    learning=("--max-steps", "1", "--bars", "6", "--candidates", "4", "--seeds", "1"),
)  # fmt: skip


@dataclass(frozen=True)
class Bound:
    """A rate that nobody can exceed on this machine, and how it was reckoned."""

    why: str
    rate: float


@dataclass(frozen=True)
class Comparison:
    """Contenders that are run in turn; the others are compared with `ours`."""

    title: str
    unit: str
    """What is counted, as in `events/s`; or `seconds`, the time of one."""
    ours: str
    entries: Sequence[Entry]
    bounds: Callable[[Limits], Sequence[Bound]] = lambda limits: ()
    flops: int = 0
    """Operations of one counted thing, where they are told."""
    notes: str = ""


def sampler(size: Size, folder: Path, cores: int) -> list[Comparison]:
    """Sampling one take, then many at once, on one thread."""
    return [_sampler(size, takes) for takes in (1, size.takes)]


def _sampler(size: Size, takes: int) -> Comparison:
    same = {**_network(size), "takes": takes, "bars": size.bars, "steps": size.steps}
    predict = {**same, "predictions": size.predictions}
    width, layers, heads = size.transformer
    other = {**same, "embedding": width, "layers": layers, "heads": heads, "context": size.context}
    entries = [
        Entry("hocket", "ours", "whole sampler", same, "grammar, rules, key, mix", peer=False),
        Entry(
            "hocket's engine alone", "ours", "bare engine", same, "same inputs again", peer=False
        ),
        Entry(
            "hocket, threads as probed",
            "ours",
            "whole sampler",
            {**same, "threads": None, "apart": True},
            "an engine a theme, as `hocket fuse` runs it",
            peer=False,
            threads=None,
        ),
        Entry("torch, as it comes", "torch_lstm", "as it comes", same, "float32", threads=None),
        Entry("torch, its best in float32", "torch_lstm", "best float32", same),
        Entry("torch, its best in int8", "torch_lstm", "best int8", same),
        Entry("Keras, compiled step", "keras_lstm", "step", same, "tf.function, float32"),
        Entry("transformer, KV cache", "transformer", "sample", other, "GPT-2 style; REMI tokens"),
    ]
    if takes == 1:
        about = f"the last {size.window} events each time"
        entries.append(
            Entry("Keras, `predict`", "keras_lstm", "predict", predict, about, threads=None)
        )
    weights = weights_read(size.width, SEEN, len(VOCAB))

    def bounds(limits: Limits) -> Sequence[Bound]:
        read, product = limits.read["int8 weights, 1 thread"], limits.products["int8, 1 thread"]
        moved = f"{weights / 1e6:.2f} MB of int8 weights a step at {read / 1e9:.0f} GB/s"
        made = f"{2 * weights / 1e6:.1f} M operations an event at {product / 1e9:,.0f} G/s in int8"
        return [Bound(moved, takes * read / weights), Bound(made, product / (2 * weights))]

    what = "One take" if takes == 1 else f"{takes} takes at once"
    return Comparison(
        f"{what}, 2 × {size.width}, one thread", "events/s", "hocket", entries, bounds
    )


def training(size: Size, folder: Path, cores: int) -> list[Comparison]:
    """Learning, on all cores."""
    same = {**_network(size), "threads": cores, "batches": size.batches}
    entries = [
        Entry("hocket", "ours", "train", same, "batches and all", peer=False, threads=cores),
        Entry("PyTorch, float32", "torch_lstm", "train float32", same, threads=cores),
        Entry("PyTorch, bfloat16 autocast", "torch_lstm", "train bfloat16", same, threads=cores),
        Entry("Keras, `fit`", "keras_lstm", "train", same, "float32", threads=cores),
    ]
    flops = training_flops(size.width, INPUTS, len(VOCAB))

    def bounds(limits: Limits) -> Sequence[Bound]:
        rate = limits.products[f"bfloat16, {'1 thread' if cores == 1 else f'{cores} threads'}"]
        made = f"{flops / 1e6:.1f} M operations an event at {rate / 1e9:,.0f} G/s in bfloat16"
        return [Bound(made, rate / flops)]

    title = f"Learning, 2 × {size.width}, {cores} threads"
    return [Comparison(title, "events/s", "hocket", entries, bounds, flops)]


def ingest(size: Size, folder: Path, cores: int) -> list[Comparison]:
    """MIDI files to ids on disk, on one core."""
    files = material.midi_files(folder, size.files, size.collection)
    few = material.usual(files, size.few_files)
    same = {
        "files": [str(file) for file in files],
        "few_files": [str(file) for file in few],
        "seconds": size.seconds,
    }
    entries = [
        Entry("hocket", "ours", "ingest", same, "files to ids on disk", peer=False),
        Entry("MidiTok, REMI", "midi_files", "miditok", same, "files to ids on disk; no BPE"),
        Entry("music21", "midi_files", "music21", same, "parse alone, few files of mean size"),
        Entry("symusic", "midi_files", "symusic", same, "reading alone: the floor under both"),
    ]
    kilobytes = sum(file.stat().st_size for file in files) / len(files) / 1000
    source = "of the collection" if size.collection.exists() else "made of the demo themes"
    notes = f"{len(files)} files {source}, {kilobytes:.1f} kB on average."
    return [Comparison("Reading MIDI files, one core", "files/s", "hocket", entries, notes=notes)]


def load(size: Size, folder: Path, cores: int) -> list[Comparison]:
    """From the command to the first take."""
    same = {
        "run": str(material.run(folder, size.learning)),
        "takes": 1,
        "bars": size.bars,
        "seconds": size.seconds,
    }
    entries = [
        Entry("hocket, first take", "process", "first take", same, "take-01.mid is there", False),
        Entry("hocket, whole process", "process", "whole process", same, "pictures, report", False),
        Entry("Python, numpy, numba, onnxruntime", "process", "bare", same, "loaded alone", False),
    ]
    title = f"`hocket fuse --from RUN`, one take of {size.bars} bars"
    return [Comparison(title, "seconds", "hocket, first take", entries)]


def _network(size: Size) -> dict[str, Any]:
    return {
        "width": size.width,
        "inputs": INPUTS,
        "events": len(VOCAB),
        "window": size.window,
        "seconds": size.seconds,
    }


COMPARISONS: Mapping[str, Callable[[Size, Path, int], list[Comparison]]] = {
    "sampler": sampler,
    "training": training,
    "ingest": ingest,
    "load": load,
}
"""By the word for `--only`."""

"""hocket's own side: the whole sampler, the engine alone, a training step, reading files.

What each stands on is one small function, so that a change of hocket's insides is a change of one here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hocket.config import GenerationConfig, ModelConfig, RunConfig, replaced
from hocket.corpus import input_sizes
from hocket.generation.choir import Choir, Singer
from hocket.model import convert
from hocket.model.engine import Engine
from hocket.model.sizes import InputSizes
from hocket.music import Piece
from hocket.music.pitch import COMMON_KEY, agreeing
from hocket.reporter import Silent
from hocket.sources import firsts, lettered, read_theme
from hocket.tokens import FEATURES, VOCAB, encode, sight
from protocol import Contender, Settings, best_of, serve

DEMO = ("demo:gymnopedie", "demo:elise")
ENGINE = ("hocket", "onnxruntime", "numba", "numpy")
"""The packages that the engine stands on."""


def model_config(settings: Settings) -> ModelConfig:
    """Return the network that all contenders have: two layers of some width, and all inputs."""
    return ModelConfig(layers=2, width=settings["width"], embedding=128)


def themes() -> list[Piece]:
    """Return the demo themes."""
    return list(firsts(lettered([read_theme(name, False, Silent()) for name in DEMO])).values())


def random_weights(config: ModelConfig) -> Mapping[str, NDArray[np.float32]]:
    """Return weights as they are before learning, but with logits spread as learned ones are."""
    import torch

    from hocket.model.network import Network

    torch.manual_seed(1)
    network = Network(config, sizes(config))
    arrays = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    for name in arrays:
        arrays[name] = arrays[name] * np.float32(6 if name == "output.weight" else 1.5)
    waits = VOCAB.families["DUR"]  # long waits are rare in music: a bar has about as many events
    arrays["output.bias"][waits] -= np.linspace(0, 4, len(waits), dtype=np.float32)
    return arrays


def sizes(config: ModelConfig) -> InputSizes:
    """Return how much a network sees: both demo themes or none."""
    return input_sizes(len(DEMO) if config.sees_themes else 0)


def engine(settings: Settings, config: ModelConfig) -> Engine:
    """Return an engine as `hocket fuse` would sample with, in int8, on one thread if not said."""
    model = convert.to_onnx(random_weights(config), config, sizes(config), exact=())
    return convert.engine(model, threads=settings.get("threads", 1))


def choir(settings: Settings) -> Choir:
    """Return one engine that sees the weights of the themes, or one for each that remembers it."""
    config = model_config(settings)
    if not settings.get("apart"):
        return Choir([Singer(engine(settings, config))])
    alone = replace(config, sees_themes=False)
    said = [encode(theme) for theme in agreeing(themes(), COMMON_KEY)]
    return Choir([Singer(engine(settings, alone), sight.remembered([ids])) for ids in said])


def whole_sampler(settings: Settings) -> Contender:
    """Takes of some bars: engine, memory, grammar, rules, key, mix, chance."""
    from hocket.generation import mix
    from hocket.generation.rules import rules_for
    from hocket.generation.sampler import sample
    from hocket.music.pitch import estimate_key

    pieces = themes()
    wanted = GenerationConfig(takes=settings["takes"], bars=settings["bars"])
    key, meter = estimate_key(pieces[0].notes), pieces[0].main_meter
    opening = np.array(
        [VOCAB.id("START"), VOCAB.id(f"METER {meter.numerator}/{meter.denominator}")]
    )
    shares = mix.leading_time(mix.curve(wanted.mix, len(pieces), wanted.bars), pieces)
    plan = mix.in_turns(shares, 0, wanted.turns)
    model, rng = choir(settings), iter(range(1, 10**9))

    def work() -> float:
        rules = rules_for(wanted, key, meter.bar_ticks, pieces)
        openings, plans = [opening] * wanted.takes, mix.following([plan] * wanted.takes)
        takes = sample(model, openings, rules, plans, wanted, next(rng))
        return sum(len(take.ids) - len(opening) for take in takes)

    return Contender(work, {"events of a take": round(work() / wanted.takes)}, ENGINE)


def bare_engine(settings: Settings) -> Contender:
    """The engine stepped with the same inputs again and again."""
    model, takes = engine(settings, model_config(settings)), int(settings["takes"])
    count = int(settings["steps"])
    names = ("START", "METER 3/4", "NOTE_ON 48", "NOTE_ON 64", "NOTE_ON 67", "DUR 12")
    ids = np.array([VOCAB.id(name) for name in names])
    seen, recalled = sight.see(ids, len(DEMO))
    seen[:, FEATURES:] = 0.5

    def work() -> float:
        steps = model.start(takes)
        steps.events[:], steps.seen[:], steps.recalled[:] = ids[-1], seen[-1], recalled[-1]
        for _ in range(count):
            steps.step()
        return takes * count

    return Contender(work, {}, ENGINE)


def training_step(settings: Settings, batch: int) -> Callable[[], None]:
    """Return what takes one step of the optimizer on a batch of windows, from nothing."""
    from hocket.corpus import build
    from hocket.training.loop import _Run

    config = replaced(
        RunConfig(), {"width": settings["width"], "batch": batch, "window": settings["window"]}
    )
    return _Run(build(themes(), held_out=0.12), config, None, None).step


def train(settings: Settings) -> Contender:
    """Steps of learning, batches and all, with the batch that gives most events a second."""
    window = int(settings["window"])

    def steps(batch: int) -> Callable[[], float]:
        step = training_step(settings, batch)

        def work() -> float:
            step()
            return batch * window

        return work

    choices = {str(batch): steps(batch) for batch in settings["batches"]}
    best, rates = best_of(choices, tries=2)
    return Contender(choices[best], {"batch": int(best), "tried": rates}, ("hocket", "torch"))


def ingest(settings: Settings) -> Contender:
    """MIDI files to ids on disk, in one process."""
    from hocket.corpus.workers import ids_of

    folder = tempfile.TemporaryDirectory()

    def work() -> float:
        for number, file in enumerate(settings["files"]):
            made = ids_of(Path(file))
            np.save(Path(folder.name) / f"{number}.npy", made)
        return len(settings["files"])

    return Contender(work, {}, ("hocket", "symusic"))


if __name__ == "__main__":
    serve(
        {
            "whole sampler": whole_sampler,
            "bare engine": bare_engine,
            "train": train,
            "ingest": ingest,
        }
    )

"""The loop learns, stops when it should, and a stopped run goes on as if nothing had been."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest
import torch

from hocket.config import GenerationConfig, ModelConfig, RunConfig, TrainingConfig
from hocket.corpus import Corpus, build, held_out_batches, input_sizes, training_batch
from hocket.errors import CheckpointError, ConfigError, ScoreError
from hocket.generation import mix, sample
from hocket.generation.choir import Choir, Singer
from hocket.generation.rules import Rules, barred
from hocket.model import convert
from hocket.music import Note, Piece
from hocket.tokens import VOCAB, decode, encode
from hocket.training import (
    ASKED,
    Checkpoint,
    Position,
    Progress,
    learn,
    settings_fingerprint,
    workers,
)
from hocket.training import checkpoint as checkpoints
from hocket.training.descent import learning_rate
from hocket.training.gradients import OnGpu
from hocket.training.loop import ENDED, OUT_OF_STEPS, OUT_OF_TIME, _Run
from hocket.training.losses import held_out_loss

STEPS = 10


def run_on(threads: int, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(workers, "cores", lambda: threads)


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small products only: where the machine is busy, threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    run_on(1, monkeypatch)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def corpus(themes: list[Piece]) -> Corpus:
    return build(themes, held_out=0.2, hocket_count=3, rng=1)


@pytest.fixture
def config(tiny: RunConfig) -> RunConfig:
    return replace(tiny, training=replace(tiny.training, max_steps=STEPS))


def changed(config: RunConfig, **knobs: float | str) -> RunConfig:
    return replace(config, training=replace(config.training, **knobs))  # type: ignore[arg-type]


def learned(
    corpus: Corpus, config: RunConfig, stop_at: int | None = None, resume: Checkpoint | None = None
) -> tuple[Checkpoint, Checkpoint, list[Progress]]:
    """Return the checkpoint at the end, the last one that was offered to be saved, and progress."""
    offered: list[Checkpoint] = []
    told: list[Progress] = []
    asked = 0 if resume is None else resume.position.step

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == stop_at

    end = learn(
        corpus,
        config,
        resume=resume,
        on_progress=told.append,
        on_checkpoint=offered.append,
        should_stop=should_stop,
    )
    return end, offered[-1], told


def through_a_file(checkpoint: Checkpoint, file: Path) -> Checkpoint:
    file.write_bytes(checkpoints.to_bytes(checkpoint))
    return checkpoints.load(file, checkpoint.settings)


def assert_same(one: Checkpoint, two: Checkpoint, *, but: tuple[str, ...] = ()) -> None:
    """Check that two checkpoints are equal bit for bit, wall-clock times apart."""
    for kind in ("weights", "best", "first_moment", "second_moment", "carry", "random"):
        if kind in but:
            continue
        left, right = getattr(one, kind), getattr(two, kind)
        assert left.keys() == right.keys()
        for name in left:
            assert torch.equal(left[name], right[name]), f"{kind}.{name}"
    untimed = [
        replace(
            c.position,
            seconds=0.0,
            history=tuple(replace(k, seconds=0.0) for k in c.position.history),
        )
        for c in (one, two)
    ]
    assert untimed[0] == untimed[1]
    assert one.settings == two.settings


# Learning


def test_a_tiny_model_learns_a_phrase_and_plays_it() -> None:
    phrase = (60, 64, 67, 65, 62, 65, 64, 59, 60, 55, 57, 59)
    rhythm = (24, 12, 12, 24, 24, 36, 12, 24, 24, 24, 48, 24)  # three bars of 4/4
    notes, now = [], 0
    for _ in range(8):
        for pitch, duration in zip(phrase, rhythm, strict=True):
            notes.append(Note(now, duration, pitch))
            now += duration
    piece = Piece.of(notes)
    config = RunConfig(
        rng=1,
        model=ModelConfig(layers=1, width=48, embedding=16, dropout=0.0, hidden=0.0),
        training=TrainingConfig(
            batch=8,
            window=32,
            windows=2,
            learning_rate=2e-2,
            max_steps=120,
            check_every=40,
            held_out=0.0,
            hockets=0.0,
            rebar=0.0,
            home_key=1.0,
            minutes=5.0,
        ),
    )
    end, _, told = learned(build([piece]), config)
    assert told[-1].loss < 0.1 < told[0].loss / 20
    arrays = {name: tensor.numpy() for name, tensor in end.best.items()}
    sizes = input_sizes(1)
    engine = convert.engine(convert.to_onnx(arrays, config.model, sizes, ()))
    bar_line = int(np.flatnonzero(encode(piece) == VOCAB.id(f"DUR {24}"))[3]) + 1
    opening = encode(piece)[:bar_line].astype(np.int64)
    ((ids, log_probs, _),) = sample(
        Choir([Singer(engine)]),
        [opening],
        Rules(end=12 * 96, barred=barred(VOCAB.families["METER"])[None]),
        mix.following([np.ones(1, np.float32)[None]] * 1),
        GenerationConfig(top_k=1),
        rng=0,
    )
    assert decode(ids).notes == tuple(note for note in notes if note.start < 12 * 96)
    surprise = -log_probs[len(opening) : -2]
    assert surprise.mean() < 0.1


def test_progress_tells_each_step(corpus: Corpus, config: RunConfig) -> None:
    end, _, told = learned(corpus, config)
    assert [p.step for p in told] == list(range(1, STEPS + 1))
    assert all(p.max_steps == STEPS and math.isfinite(p.loss) for p in told)
    assert [p.held_out is None for p in told] == [True] * 3 + [False] * 7
    history = end.position.history
    assert [look.step for look in history] == [4, 8, 10]
    assert history[0].loss == pytest.approx(np.mean([p.loss for p in told[:4]]))
    assert told[-1].best_held_out == min(look.held_out or math.inf for look in history)
    assert end.position.stopped == OUT_OF_STEPS


def test_the_learning_rate_rises_and_falls_to_a_fiftieth_of_its_peak() -> None:
    rates = [learning_rate(step, 1e-2, 400) for step in range(401)]
    peak = int(np.argmax(rates))
    assert rates == [*sorted(rates[:peak]), *sorted(rates[peak:], reverse=True)]
    assert rates[0] < 1e-3
    assert rates[peak] == pytest.approx(1e-2, rel=0.01)
    assert rates[-1] == pytest.approx(1e-2 / 50)
    assert learning_rate(500, 1e-2, 400) == rates[-1]


def test_the_loss_counts_each_theme_alike(themes: list[Piece], config: RunConfig) -> None:
    """A theme with far more held-out events must not drown the other one."""
    long = Piece.of(
        n._replace(start=n.start + 8 * 96 * i) for i in range(5) for n in themes[0].notes
    )
    both = build([long, themes[1]], held_out=0.3)
    run = _Run(both, changed(config, max_steps=1), None, None)
    batches = held_out_batches(both, 10**6)
    alone = [held_out_loss(run.network, [batch], run.workers) for batch in batches]
    assert held_out_loss(run.network, batches, run.workers) == pytest.approx(np.mean(alone))
    assert alone[0] != alone[1]


def test_the_same_settings_give_the_same_bits_and_another_rng_others(
    corpus: Corpus, config: RunConfig
) -> None:
    one, two = learned(corpus, config)[0], learned(corpus, config)[0]
    assert_same(one, two)
    other = learned(corpus, replace(config, rng=config.rng + 1))[0]
    assert any(not torch.equal(one.weights[n], other.weights[n]) for n in one.weights)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("shards", [2, 3])
def test_threads_change_no_bit(
    precision: str, shards: int, corpus: Corpus, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = replace(config, model=replace(config.model, width=64))
    short = changed(wide, max_steps=4, batch=8, window=32, precision=precision, shards=shards)
    ends = []
    for threads in (1, 2, 5):
        run_on(threads, monkeypatch)
        assert _Run(corpus, short, None, None).workers.count == min(threads, shards)
        ends.append(learned(corpus, short)[0])
    assert_same(ends[0], ends[1])
    assert_same(ends[0], ends[2])


def test_shards_change_nothing_but_the_order_of_sums(corpus: Corpus, config: RunConfig) -> None:
    """Each row keeps its chance, so that even hidden events and dropout are the same."""
    found = []
    for shards in (1, 2, 4, 256):
        run = _Run(corpus, changed(config, shards=shards, precision="float32"), None, None)
        run.step()
        found.append((run.position.losses[0], run.parameters["lstms.0.weight_hh_l0"].grad))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-5)
        assert torch.allclose(gradient, found[0][1], rtol=1e-3, atol=1e-7)  # type: ignore[arg-type]


def test_what_others_draw_from_torch_s_generator_changes_nothing(
    corpus: Corpus, config: RunConfig
) -> None:
    runs = [_Run(corpus, config, None, None) for _ in range(2)]
    for run in runs:
        torch.rand(7)
        run.step()
        run.step()
    assert_same(*(replace(run.checkpoint(), random={}) for run in runs))


# Stopping and going on


@pytest.mark.parametrize("stop_at", [1, 4, 5, 9])
def test_a_stopped_run_goes_on_as_if_nothing_had_been(
    stop_at: int, corpus: Corpus, config: RunConfig, tmp_path: Path
) -> None:
    """Five steps and five resumed ones are ten steps; a chain is 3 windows, a look every 4 steps."""
    undisturbed, _, _ = learned(corpus, config)
    stopped, saved, told = learned(corpus, config, stop_at=stop_at)
    assert len(told) == stop_at
    assert stopped.position.stopped == saved.position.stopped == ASKED
    resumed, _, told = learned(
        corpus, config, resume=through_a_file(saved, tmp_path / "training.safetensors")
    )
    assert [p.step for p in told] == list(range(stop_at + 1, STEPS + 1))
    assert_same(resumed, undisturbed)


def test_a_checkpoint_between_looks_goes_on_too(
    corpus: Corpus, config: RunConfig, tmp_path: Path
) -> None:
    undisturbed, _, _ = learned(corpus, config)
    offered: list[Checkpoint] = []
    every_step = iter(range(99))
    learn(
        corpus,
        config,
        on_checkpoint=offered.append,
        should_save=lambda: next(every_step) % 2 == 0,
    )
    assert [one.position.step for one in offered] == [1, 3, 4, 5, 7, 8, 9, 10]
    for one in offered[:5]:
        assert one.position.stopped == ""
        resumed = learned(corpus, config, resume=through_a_file(one, tmp_path / "t.safetensors"))
        assert_same(resumed[0], undisturbed)


def test_what_was_learned_by_a_stop_between_looks_is_of_use(
    corpus: Corpus, config: RunConfig
) -> None:
    stopped, _, _ = learned(corpus, config, stop_at=3)
    assert stopped.position.best_step == 3
    assert math.isfinite(stopped.position.best_held_out or math.nan)
    assert all(torch.equal(stopped.best[n], stopped.weights[n]) for n in stopped.weights)


def test_a_checkpoint_file_holds_the_checkpoint_exactly(
    corpus: Corpus, config: RunConfig, tmp_path: Path
) -> None:
    _, saved, _ = learned(corpus, config, stop_at=5)
    loaded = through_a_file(saved, tmp_path / "training.safetensors")
    assert_same(loaded, saved)
    assert loaded.position == saved.position


def test_no_time_is_one_step_and_something_usable(
    corpus: Corpus, config: RunConfig, tmp_path: Path
) -> None:
    end, saved, told = learned(corpus, changed(config, minutes=0.0))
    assert len(told) == 1
    assert end.position.stopped == OUT_OF_TIME
    assert math.isfinite(end.position.best_held_out or math.nan)
    assert end.best.keys() == end.weights.keys()
    # A new budget goes on where the old one ended.
    again, _, _ = learned(corpus, config, resume=through_a_file(saved, tmp_path / "t.safetensors"))
    assert_same(again, learned(corpus, config)[0])


def test_a_finished_run_learns_no_more(corpus: Corpus, config: RunConfig, tmp_path: Path) -> None:
    end, saved, _ = learned(corpus, config)
    loaded = through_a_file(saved, tmp_path / "training.safetensors")
    told: list[Progress] = []
    again = learn(corpus, config, resume=loaded, on_progress=told.append)
    assert told == []
    assert_same(again, end)


def test_early_stopping_keeps_the_best_weights(corpus: Corpus, config: RunConfig) -> None:
    """With a step size that breaks everything, the look with the least loss is the one kept."""
    wild = changed(
        config, learning_rate=0.3, check_every=1, patience=2, max_steps=40, hocket_pieces=0
    )
    seen: dict[int, Checkpoint] = {}
    end = learn(corpus, wild, on_checkpoint=lambda c: seen.update({c.position.step: c}))
    history = end.position.history
    best = min(history, key=lambda look: look.held_out or math.inf)
    assert end.position.stopped == ENDED
    assert len(history) == best.step + 2 < 40
    assert end.position.best_step == best.step
    assert end.position.best_held_out == best.held_out
    for name, tensor in end.best.items():
        assert torch.equal(tensor, seen[best.step].weights[name])
    assert any(not torch.equal(end.best[n], end.weights[n]) for n in end.weights)


def test_without_held_out_bars_all_steps_are_taken_and_the_last_weights_kept(
    themes: list[Piece], config: RunConfig, tmp_path: Path
) -> None:
    unjudged = changed(config, check_every=2, patience=1)
    end, _, told = learned(build(themes), unjudged)
    assert len(told) == STEPS
    assert [look.held_out for look in end.position.history] == [None] * 5
    assert {(p.held_out, p.best_held_out) for p in told} == {(None, None)}
    assert (end.position.stopped, end.position.best_step) == (OUT_OF_STEPS, STEPS)
    assert all(torch.equal(end.best[n], end.weights[n]) for n in end.weights)
    _, saved, _ = learned(build(themes), unjudged, stop_at=5)
    resumed = through_a_file(saved, tmp_path / "training.safetensors")
    assert_same(learned(build(themes), unjudged, resume=resumed)[0], end)


# Devices


def test_a_gpu_is_used_only_if_asked_for_and_there(
    corpus: Corpus, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert _Run(corpus, config, None, None).device.type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device cuda: torch sees no GPU"):
        learned(corpus, changed(config, device="cuda"))


def test_the_chance_of_a_gpu_is_kept(corpus: Corpus, config: RunConfig, tmp_path: Path) -> None:
    _, saved, _ = learned(corpus, config, stop_at=1)
    assert set(saved.random) == {"cpu.0"}
    state = torch.arange(16, dtype=torch.uint8)
    held = {**saved.random, "cuda.0": state}
    kept = through_a_file(replace(saved, random=held), tmp_path / "t.safetensors")
    assert torch.equal(kept.random["cuda.0"], state)


def test_the_processor_s_way_and_the_gpu_s_way_find_the_same_gradients(
    corpus: Corpus, config: RunConfig
) -> None:
    """Without chance both do the same; the GPU's way is plain torch and runs on a processor too."""
    still = replace(config, model=replace(config.model, dropout=0.0, hidden=0.0))
    matmul = torch.get_float32_matmul_precision()
    for precision, tolerance in (("float32", 1e-5), ("bfloat16", 5e-2)):
        run = _Run(corpus, changed(still, precision=precision), None, None)
        batch, found = training_batch(corpus, run.config.training, 1, 0), []
        for way in (run.gradients, OnGpu(run.network, run.config)):
            loss, after = way.learn(batch, run.carry, 0)
            gradients = [p.grad.clone() for p in run.parameters.values() if p.grad is not None]
            found.append((gradients, [torch.tensor(loss), *(t for pair in after for t in pair)]))
        for mine, theirs in zip(*found, strict=True):
            for one, two in zip(mine, theirs, strict=True):
                assert float((one - two).norm()) <= tolerance * float(two.norm())
    torch.set_float32_matmul_precision(matmul)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_learns_too(corpus: Corpus, config: RunConfig, tmp_path: Path) -> None:
    there = changed(config, device="cuda")
    _, saved, _ = learned(corpus, there, stop_at=5)
    assert "cuda.0" in saved.random
    end, _, told = learned(corpus, there, resume=through_a_file(saved, tmp_path / "t.safetensors"))
    assert len(told) == STEPS - 5
    assert all(tensor.device.type == "cpu" for tensor in end.best.values())


# Checkpoints that do not fit


def test_the_fingerprint_follows_what_learning_depends_on(
    corpus: Corpus, config: RunConfig, themes: list[Piece]
) -> None:
    mine = settings_fingerprint(config, corpus)
    same: list[RunConfig] = [
        changed(config, minutes=9.0),
        replace(config, generation=replace(config.generation, takes=9, temperature=0.5)),
        replace(config, opening=replace(config.opening, seeds=3)),
    ]
    assert {settings_fingerprint(c, corpus) for c in same} == {mine}
    other: list[Callable[[], str]] = [
        lambda: settings_fingerprint(changed(config, max_steps=11), corpus),
        lambda: settings_fingerprint(changed(config, batch=5), corpus),
        lambda: settings_fingerprint(changed(config, shards=1), corpus),
        lambda: settings_fingerprint(replace(config, rng=99), corpus),
        lambda: settings_fingerprint(
            replace(config, model=replace(config.model, width=17)), corpus
        ),
        lambda: settings_fingerprint(config, build(themes, held_out=0.2, hocket_count=3, rng=2)),
        lambda: settings_fingerprint(config, build(themes[::-1], held_out=0.2, rng=1)),
        lambda: settings_fingerprint(config, replace(corpus, home=corpus.home + 1)),
    ]
    assert mine not in {fingerprint() for fingerprint in other}


def test_a_run_goes_on_only_in_the_numbers_it_began_with(
    corpus: Corpus, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `auto` means depends on the machine, so that is part of the fingerprint."""
    by_hand = {
        name: settings_fingerprint(changed(config, precision=name), corpus)
        for name in ("float32", "bfloat16")
    }
    assert len(set(by_hand.values())) == 2
    for features, meant in (({}, "float32"), ({"avx512bf16": True}, "bfloat16")):
        host: dict[str, bool] = features
        monkeypatch.setattr(llvmlite.binding, "get_host_cpu_features", lambda host=host: host)
        assert settings_fingerprint(changed(config, precision="auto"), corpus) == by_hand[meant]


def refused(file: Path, settings: str) -> str:
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load(file, settings)
    message = str(caught.value)
    assert "\n" not in message
    assert file.name in message
    return message


def test_checkpoints_that_do_not_fit_are_refused(
    corpus: Corpus, config: RunConfig, tmp_path: Path
) -> None:
    saved = learned(corpus, config, stop_at=2)[1]
    file = tmp_path / "training.safetensors"
    assert "not there" in refused(file, saved.settings)
    data = checkpoints.to_bytes(saved)
    file.write_bytes(data)
    for part, words in (
        ("config", "other settings"),
        ("vocabulary", "another vocabulary"),
        ("data", "other themes"),
        ("base", "another base model"),
    ):
        others = re.sub(rf"{part}=\S+", f"{part}=0123", saved.settings)
        assert f"belongs to {words}; resume" in refused(file, others)
    changed_inside = data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]
    for torn in (
        b"",
        data[:7],
        data[:300],
        data[: len(data) // 2],
        data[:-1],
        b"{}" + data,
        changed_inside,
    ):
        file.write_bytes(torn)
        assert "torn or foreign" in refused(file, saved.settings)


@pytest.mark.parametrize(
    "position",
    ["{}", "[]", "7", "", '{"step": 3}', '{"history": [], "losses": [], "colour": 1}', "null"],
)
def test_a_header_that_is_none_is_refused(position: str, tmp_path: Path) -> None:
    from safetensors.torch import save

    file, tensors = tmp_path / "training.safetensors", {"random.cpu.0": torch.get_rng_state()}
    rest = {"settings": "x", "ranks": "1", "made_with": "{}", "config": ""}
    for said, fine in ((json.dumps(asdict(Position())), True), (position, False)):
        header = {**rest, "position": said}
        sealed = {**header, "sha256": checkpoints._digest(header, tensors)}
        file.write_bytes(save(tensors, metadata={"checkpoint": json.dumps(sealed)}))
        if fine:
            assert checkpoints.load(file, "x").position == Position()
        else:
            assert "torn or foreign" in refused(file, "x")


def test_two_are_kept_and_the_newest_whole_one_is_taken(
    corpus: Corpus, config: RunConfig, tmp_path: Path
) -> None:
    ones = [learned(corpus, config, stop_at=step)[1] for step in (2, 3, 4)]
    files = (tmp_path / "training.safetensors", tmp_path / "training.previous.safetensors")
    for one in ones:
        checkpoints.save(*files, one)
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in files}
    said: list[str] = []
    settings = ones[0].settings
    assert checkpoints.newest(files, settings, said.append) == checkpoints.to_bytes(ones[2])
    assert said == []
    files[0].write_bytes(files[0].read_bytes()[:-9])
    assert checkpoints.newest(files, settings, said.append) == checkpoints.to_bytes(ones[1])
    (words,) = said
    assert "training.safetensors: torn or foreign" in words
    assert words.endswith("going on from training.previous.safetensors, step 3")
    with pytest.raises(CheckpointError, match="belongs to other settings"):
        checkpoints.newest(files, "config=0" + settings[8:], said.append)
    files[0].unlink()  # killed between two renames
    assert checkpoints.newest(files, settings, said.append) == checkpoints.to_bytes(ones[1])
    files[1].write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"training\.safetensors: not there"):
        checkpoints.newest(files, settings, said.append)


def test_a_full_disk_leaves_the_checkpoint_before(
    corpus: Corpus, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (learned(corpus, config, stop_at=step)[1] for step in (2, 3))
    files = (tmp_path / "training.safetensors", tmp_path / "training.previous.safetensors")
    checkpoints.save(*files, one)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ScoreError, match=r"no space left on device.* last checkpoint is whole"):
        checkpoints.save(*files, two)
    assert [file.name for file in tmp_path.iterdir()] == ["training.safetensors"]
    assert files[0].read_bytes() == checkpoints.to_bytes(one)

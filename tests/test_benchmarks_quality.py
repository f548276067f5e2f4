"""The peers of the table of quality: each learns a little, and its nats are those of its chances."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from hocket.config import ModelConfig
from hocket.corpus import input_sizes
from hocket.model import checking, convert
from hocket.model.network import Network
from hocket.music import Meter, Note, Pedal, Piece
from hocket.scores import write
from hocket.tokens import VOCAB, encode, sight

ROOT = Path(__file__).parents[1]
QUALITY = ROOT / "benchmarks" / "quality"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
"""Where `make bench` puts the environment of the peers."""

needs_peers = pytest.mark.skipif(
    not PEERS.exists(), reason="no .venv-peers here: `make bench` makes it"
)


def a_piece(number: int, notes: int = 40) -> Piece:
    """Return a tune in halves of a quarter with a bass, different for each number, in cut time."""
    random = np.random.default_rng(number)
    tune = [Note(12 * i, 12, 60 + int(random.integers(12))) for i in range(notes)]
    bass = [Note(48 * i, 48, 40 + number % 3) for i in range(notes // 4)]
    return Piece.of([*tune, *bass], meters=[Meter(0, 2, 2)])


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what imports a script; torch keeps its threads and its chance."""
    monkeypatch.syspath_prepend(str(QUALITY))
    threads, chance = torch.get_num_threads(), torch.get_rng_state()

    def imported(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield imported
    torch.set_num_threads(threads)
    torch.set_rng_state(chance)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Return a folder with four files and the lists `train.txt` and `valid.txt`."""
    names = []
    for number in range(4):
        names.append(f"inside/{number}.mid")
        (tmp_path / "inside").mkdir(exist_ok=True)
        write(a_piece(number, 40 + 8 * number), tmp_path / names[-1])
    (tmp_path / "train.txt").write_text("\n".join(names[:3]) + "\n", encoding="utf-8")
    (tmp_path / "valid.txt").write_text("\n".join(names[2:]) + "\n", encoding="utf-8")
    return tmp_path


def asked(corpus: Path, minutes: float = 0.003) -> list[str]:
    lists = ["--train", str(corpus / "train.txt"), "--valid", str(corpus / "valid.txt")]
    where = ["--folder", str(corpus), "--out", str(corpus / "result.json")]
    return [*lists, *where, "--minutes", str(minutes)]


def answered(
    script: ModuleType, options: list[str], corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", [script.__name__, *options])
    script.main()
    result: dict[str, Any] = json.loads((corpus / "result.json").read_text(encoding="utf-8"))
    return result


def test_a_piece_is_moved_as_a_whole_and_stays_on_the_piano(peer: Any) -> None:
    events = peer("events")
    piece = Piece.of([Note(0, 24, 23), Note(24, 24, 60), Note(24, 24, 106)])
    ids = encode(piece)
    assert events.keys(ids) == range(-2, 3)
    assert events.keys(encode(a_piece(0))) == range(-6, 6)
    assert events.notes(ids) == 3
    up = Piece.of([note._replace(pitch=note.pitch + 2) for note in piece.notes])
    assert np.array_equal(events.moved(ids, 2), encode(up))
    assert np.array_equal(events.moved(events.moved(ids, -2), 2), ids)


@pytest.mark.parametrize("adaptive", [False, True])
def test_chances_of_n_grams_sum_to_one_and_none_is_nothing(peer: Any, adaptive: bool) -> None:
    model = peer("kneser_ney").learned([encode(a_piece(number)) for number in range(3)])
    for piece in (a_piece(1), a_piece(7)):
        ids = encode(piece)
        every = peer("kneser_ney").chances(model, ids, adaptive=adaptive)[1:]
        assert every.shape == (len(ids) - 1, len(VOCAB))
        assert every.sum(axis=1) == pytest.approx(1.0, abs=1e-9)
        assert every.min() > 0
        said = every[np.arange(len(every)), ids[1:]]
        told = peer("kneser_ney").nats(model, ids, adaptive=adaptive)
        assert told == pytest.approx(-np.log(said).sum())


def test_n_grams_are_counted_and_their_left_neighbours(peer: Any) -> None:
    kneser_ney = peer("kneser_ney")
    ids = np.array([VOCAB.id("START"), 5, 7, 5, 7, 9, 7], np.uint16)
    keys, counts = kneser_ney._seen(ids, 1)
    bits = kneser_ney._BITS
    pairs = {(int(key) >> bits, int(key) & ((1 << bits) - 1)) for key in keys}
    assert pairs == {(0, 5), (5, 7), (7, 5), (7, 9), (9, 7)}
    assert counts.sum() == 6
    model = kneser_ney.learned([ids])  # no event has a pitch: twelve times the same
    first = slice(int(model.bounds[0]), int(model.bounds[1]))
    different = dict(zip(model.keys[first].tolist(), model.counts[first].tolist(), strict=True))
    assert different == {0: 12, 5: 2, 7: 2, 9: 1}


def test_the_piece_itself_helps_n_grams(
    peer: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = [Note(12 * i, 12, 60 + 5 * i % 7) for i in range(200)]
    write(Piece.of(notes), corpus / "inside" / "3.mid")
    result = answered(peer("kneser_ney"), asked(corpus), corpus, monkeypatch)
    assert result["peer"] == "Kneser-Ney, order 6, adaptive"
    assert result["nats_per_note"] < result["variants"]["static"]
    assert result["nats"] == pytest.approx(sum(nats for nats, _ in result["per_piece"].values()))
    assert result["notes"] == sum(notes for _, notes in result["per_piece"].values())


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_recurrent_network_is_judged_by_whole_pieces(
    peer: Any, cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gru = peer("gru")
    monkeypatch.setattr(gru, "JUDGED_WINDOW", 16)
    pieces = [encode(a_piece(number, 12 + 4 * number)) for number in range(3)]
    network = gru.Network(cell, 8, torch.float32)
    together = gru.judged(network, pieces)
    for ids, nats in zip(pieces, together, strict=True):
        said = torch.from_numpy(ids.astype(np.int64))
        with torch.no_grad():
            logits, _ = network.eval()(said[:-1, None], network.start(1))
        chances = logits[:, 0].double().log_softmax(-1)
        assert nats == pytest.approx(-chances.gather(1, said[1:, None]).sum().item(), rel=1e-5)


def test_rows_read_one_piece_after_another_from_its_start(peer: Any) -> None:
    gru = peer("gru")
    pieces = [encode(a_piece(number, 60)) for number in range(3)]
    windows = gru.windows(pieces, 2, np.random.default_rng(1))
    for _ in range(6):
        inputs, targets, fresh = next(windows)
        assert inputs.shape == targets.shape == (gru.WINDOW, 2)
        assert torch.equal(inputs[0] == VOCAB.id("START"), fresh)
        counted = (targets[:-1] != gru.IGNORED) & (targets[:-1] != VOCAB.id("END"))
        assert torch.equal(inputs[1:][counted], targets[:-1][counted])


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_recurrent_network_learns(
    peer: Any, cell: str, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "notes.json").write_text('{"inside/2.mid": 100, "inside/3.mid": 50}')
    small = "--cell", cell, "--width", "16", "--rows", "3", "--notes", str(corpus / "notes.json")
    result = answered(peer("gru"), [*asked(corpus, 0.02), *small], corpus, monkeypatch)
    assert result["peer"] == cell.upper()
    assert result["notes"] == 150
    assert result["notes_by_its_tokenizer"] == 56 + 14 + 64 + 16
    assert result["cpu_minutes"] >= 0.02
    assert result["events"] > 0
    assert set(result["versions"]) == {"hocket", "torch", "numpy"}
    losses = [loss for _, loss in result["losses"]]
    assert losses[-1] < losses[0]


def test_the_rate_follows_the_budget(peer: Any) -> None:
    learning = peer("learning")
    rates = [learning.rate_share(share) for share in (0.0, learning.WARM_UP, 0.5, 1.0)]
    assert rates[1] == 1.0
    assert 0 < rates[0] < rates[3] < rates[2] < rates[1]
    budget = peer("account").Budget(1.0)
    assert 0 <= budget.share < 1
    budget.stop()
    used = budget.used
    sum(range(100_000))
    assert budget.used == used


def test_a_piece_without_a_count_is_told(
    peer: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "notes.json").write_text('{"inside/2.mid": 100}')
    options = [*asked(corpus), "--notes", str(corpus / "notes.json")]
    with pytest.raises(SystemExit, match=r"no count for inside/3\.mid"):
        answered(peer("kneser_ney"), options, corpus, monkeypatch)


def test_what_cannot_be_read_is_told_if_it_must_be_judged(
    peer: Any, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (corpus / "broken.mid").write_bytes(b"MThd")
    names = ["broken.mid", "inside/1.mid"]
    assert list(peer("events").read(corpus, names, all_of_them=False)) == names[1:]
    assert "broken.mid" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"broken\.mid"):
        peer("events").read(corpus, names)


def said(peer: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lists = [str(corpus / "train.txt"), str(corpus / "valid.txt")]
    options = ["--lists", *lists, "--folder", str(corpus), "--to", str(corpus / "said")]
    monkeypatch.setattr(sys, "argv", ["said", *options])
    peer("said").main()
    return corpus / "said"


def test_a_corpus_is_said_as_hocket_says_it(
    peer: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = said(peer, corpus, monkeypatch)
    names = [f"inside/{number}.mid" for number in range(4)]
    before, after = peer("events").read(corpus, names), peer("events").read(folder, names)
    counts = json.loads((folder / "notes.json").read_text(encoding="utf-8"))
    for name in names:
        assert np.array_equal(before[name], after[name])
        assert counts[name] == peer("events").notes(before[name])


def test_halves_are_pieces_of_their_own_that_meet_at_a_bar_line(peer: Any) -> None:
    quarters = [Note(24 * i, 24, 60 + i % 12, 40 + i) for i in range(25)]
    long = Note(24, 24 * 20, 40)
    piece = Piece.of(
        [*quarters, long],
        meters=[Meter(0, 1, 4), Meter(24, 3, 4), Meter(24 * 16, 2, 4)],
        pedals=[Pedal(24, True), Pedal(48, False), Pedal(24 * 14, True)],
    )
    first, second = peer("fewshot").halves(piece)
    line = 24 * 13  # of the lines at quarters 10, 13 and 16 the one nearest to the 13th of 26 notes
    assert first.notes == tuple(sorted([*quarters[:13], long._replace(duration=line - 24)]))
    assert second.notes == tuple(note._replace(start=note.start - line) for note in quarters[13:])
    assert first.meters == (Meter(0, 1, 4), Meter(24, 3, 4))
    assert second.meters == (Meter(0, 3, 4), Meter(24 * 3, 2, 4))
    assert first.pedals == piece.pedals[:2]
    assert second.pedals == (Pedal(24, True),)
    bars = [*first.bars(), *(range(bar.start + line, bar.stop + line) for bar in second.bars())]
    assert tuple(bars) == piece.bars()


def weights(config: ModelConfig, themes: int = 0) -> dict[str, Any]:
    torch.manual_seed(3)
    network = Network(config, input_sizes(themes))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


SMALL = ModelConfig(layers=1, width=8, embedding=4, sees_themes=False)


def test_chances_of_all_events_after_a_beginning_sum_to_its_own(peer: Any) -> None:
    arrays, begun = weights(SMALL), [VOCAB.id("START"), VOCAB.id("NOTE_ON 60")]
    memory = sight.remembered([encode(a_piece(1))])
    torch.set_num_threads(1)  # three events are too few to meet another thread for

    def chance(*events: int) -> float:
        ids = np.array(events)
        nats = peer("fewshot").nats_per_note(arrays, SMALL, ids, memory, 0)
        return math.exp(-nats * peer("heard").notes_in(ids))

    every = sum(chance(*begun, event) for event in range(len(VOCAB)))
    assert every == pytest.approx(chance(*begun), rel=1e-5)


def test_a_memory_of_the_first_half_is_heard_where_the_second_repeats_it(peer: Any) -> None:
    fewshot, half = peer("fewshot"), a_piece(1).notes
    again = [note._replace(start=note.start + 480) for note in half]
    first, second = fewshot.halves(Piece.of([*half, *again]))
    assert first.notes == second.notes
    ids, memory = encode(second).astype(np.int64), sight.remembered([encode(first)])
    before = memory.past.copy()

    def cost(config: ModelConfig, *, remembers: bool) -> float:
        known = memory if remembers else None
        return float(fewshot.nats_per_note(weights(config), config, ids, known, 0))

    assert cost(SMALL, remembers=True) != cost(SMALL, remembers=False)
    assert cost(SMALL, remembers=True) == cost(SMALL, remembers=True)
    assert np.array_equal(memory.past, before)
    foreseen = [
        float((peer("heard").heard(ids, known).recalled[:-1] == ids[1:, None]).mean())
        for known in (memory, None)
    ]
    assert foreseen[0] > 0.9
    assert foreseen[1] < 0.1
    blind = replace(SMALL, memory=False, place=False)
    assert cost(blind, remembers=True) == cost(blind, remembers=False)


@pytest.mark.parametrize("themes", [0, 1])
def test_nats_are_those_of_the_engine(peer: Any, themes: int) -> None:
    config = replace(SMALL, sees_themes=themes > 0)
    arrays, sizes = weights(config, themes), input_sizes(themes)
    ids, memory = encode(a_piece(2)).astype(np.int64), sight.remembered([encode(a_piece(1))])
    engine = convert.engine(convert.to_onnx(arrays, config, sizes, convert.parts(config)), 1)
    heard = peer("heard").heard(ids, memory, themes)
    nats = checking.nats([checking.said(engine, heard)], [heard]) * (len(ids) - 1)
    told = peer("fewshot").nats_per_note(arrays, config, ids, memory, themes)
    assert told * 50 == pytest.approx(nats, rel=1e-4)


@needs_peers
def test_the_transformer_hears_the_same_notes_and_learns(
    peer: Any, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = said(peer, corpus, monkeypatch)
    for number in range(3):  # a window is longer than what the others get by with
        write(a_piece(number, 400), folder / "inside" / f"{number}.mid")
    counts = {f"inside/{number}.mid": 500 if number < 3 else 80 for number in range(4)}
    (folder / "notes.json").write_text(json.dumps(counts), encoding="utf-8")
    options = [*asked(corpus, 0.02), "--folder", str(folder), "--rows", "2"]
    options += ["--notes", str(folder / "notes.json")]
    subprocess.run([PEERS, QUALITY / "remi_transformer.py", *options], check=True)
    result = json.loads((corpus / "result.json").read_text(encoding="utf-8"))
    assert result["peer"] == "REMI transformer"
    assert 3_000_000 < result["weights"] < 4_000_000
    assert result["notes"] == result["notes_by_its_tokenizer"] == 580
    assert result["nats_per_note"] > 0


@needs_peers
def test_the_transformer_is_judged_once_for_every_token(peer: Any) -> None:
    checked = """
import math, numpy, torch, remi_transformer as peer
network = peer.Network(50)
torch.nn.init.zeros_(network.event.weight)  # all alike: each token costs ln 50
for length in (2, 100, 256, 257, 258, 512, 513, 514, 769, 5000):
    ids = numpy.arange(length, dtype=numpy.uint16) % 50
    assert math.isclose(peer.judged(network, ids), (length - 1) * math.log(50), rel_tol=1e-5)
tokens = peer.Tokens()
ids = numpy.array([tokens.first, *tokens._pitches, tokens.last], numpy.uint16)
assert (tokens.moved(ids, numpy.random.default_rng(1)) == ids).all()
few = ids[:40]
moved = {int(tokens.moved(few, numpy.random.default_rng(n))[-1] - few[-1]) for n in range(40)}
assert moved <= set(range(6)), moved  # the lowest key is in it already
"""
    subprocess.run([PEERS, "-c", checked], check=True, cwd=QUALITY)

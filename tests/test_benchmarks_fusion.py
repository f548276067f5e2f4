"""The benchmark of fusion: words, contenders, and the critic."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fusions import LEARNED, OTHER, a_piece, chords, corpus, fusion, script
from hocket.config import ModelConfig
from hocket.corpus import input_sizes
from hocket.model.network import Network
from hocket.music import Meter, Note, Pedal, Piece
from hocket.scores import write
from hocket.tokens import VOCAB, encode, simplify

__all__ = ["corpus", "fusion", "script"]

SMALL = ModelConfig(layers=1, width=8, embedding=4, sees_themes=False)


def uniform() -> Any:
    """Return a critic that finds every event as likely as any other."""
    network = Network(SMALL, input_sizes(0))
    arrays = {name: np.zeros_like(t.numpy()) for name, t in network.state_dict().items()}
    return SimpleNamespace(arrays=arrays, model=SMALL, fingerprint="none")


def said(notes: Sequence[Note]) -> list[tuple[int, int, int]]:
    return sorted((note.start, note.duration, note.pitch) for note in notes)


# Words


@pytest.mark.parametrize("number", range(4))
def test_words_say_a_piece_and_say_it_in_another_key(script: Any, number: int) -> None:
    words, piece = script("words"), simplify(a_piece(number))
    line, meter = words.words(piece), piece.main_meter
    assert said(words.piece_of(line, piece.end, meter).notes) == said(piece.notes)
    higher = words.piece_of(words.moved(line, 3), piece.end, meter)
    assert said(higher.notes) == said(piece.transposed(3).notes)
    assert higher.meters == piece.meters


def test_words_are_cut_where_a_take_ends(script: Any) -> None:
    words = script("words")
    line = [((), (60, 64), 24), ((60,), (62,), 24), ((62,), (67,), 24)]
    piece = words.piece_of(line, 36, Meter(0, 3, 4))
    assert said(piece.notes) == [(0, 24, 60), (0, 36, 64), (24, 12, 62)]


def test_words_that_no_grammar_binds_are_music_all_the_same(script: Any) -> None:
    words = script("words")
    line = [((50,), (60,), 12), ((), (60,), 12), ((60, 60), (), 12)]
    piece = words.piece_of(line, 96, Meter(0, 4, 4))
    assert said(piece.notes) == [(0, 12, 60), (12, 12, 60)]


# Contenders


def takes_by(script: Any, who: str, rng: int, monkeypatch: pytest.MonkeyPatch) -> list[Piece]:
    """Return two takes of four bars; the recipe learns 60 steps, whatever time they take."""
    contender, themes = script(who), [a_piece(1), a_piece(2, lowest=55)]
    if who == "markov":
        return list(contender.takes(themes, 2, 4, rng))
    monkeypatch.setattr(contender, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    monkeypatch.setattr(contender, "BATCH", 4)
    monkeypatch.setattr(contender, "LENGTH", 8)
    monkeypatch.setattr(contender, "WIDTH", 16)
    takes, loss = contender.takes(themes, 2, 4, rng, 61)
    assert 0 < loss < 8
    return list(takes)


@pytest.mark.parametrize("who", ["markov", "recipe"])
def test_a_contender_writes_so_many_bars_and_the_same_again(
    script: Any, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = takes_by(script, who, 1, monkeypatch)
    assert len(takes) == 2
    assert all(len(take.bars()) == 4 and take.end <= 4 * 72 for take in takes)
    assert {take.meters for take in takes} == {(Meter(0, 3, 4),)}
    assert takes == takes_by(script, who, 1, monkeypatch)
    assert takes != takes_by(script, who, 2, monkeypatch)


def test_a_markov_model_says_only_what_themes_say_and_begins_like_each(script: Any) -> None:
    markov, words = script("markov"), script("words")
    themes = [a_piece(1), a_piece(2, lowest=55)]
    lines = [words.words(theme) for theme in words.in_common_key(themes)]
    known = {word[1:] for line in lines for word in line}
    follows = {pair for line in lines for pair in itertools.pairwise(word[1:] for word in line)}
    for take, line in zip(markov.takes(themes, 2, 24, 1), lines, strict=True):
        written = words.words(simplify(take))
        assert written[: markov.ORDER] == line[: markov.ORDER]
        assert {word[1:] for word in written} <= known
        pairs = [*itertools.pairwise(word[1:] for word in written)]
        assert 0.7 < sum(pair in follows for pair in pairs) / len(pairs) < 1


# The critic


def test_compositions_have_a_half_that_never_changes(script: Any) -> None:
    halves = script("halves")
    alike = [
        ("base/chopin/028-1-BH-003.mid", "base/chopin/028-1a-Sm-015.mid"),
        ("base/mutopia/A__O13__one__one.mid", "base/mutopia/A__O13__two__two.mid"),
        ("base/polish/pl-w--16--001-1_b--x.mid", "base/polish/pl-w--16--001-2_c--y.mid"),
    ]
    for one, other in alike:
        assert halves.composition(one) == halves.composition(other)
    assert halves.composition("base/lieder/lc1.mid") != halves.composition("base/lieder/lc2.mid")
    assert [halves.half(name) for name in (LEARNED, OTHER, "base/chopin/028-1.mid")] == [1, 0, 1]
    sides = [halves.half(f"base/lieder/lc{number}.mid") for number in range(400)]
    assert 150 < sum(sides) < 250


def test_what_the_critic_learns_is_of_its_half_and_not_kept_out(script: Any) -> None:
    critic, halves = script("critic"), script("halves")
    names = [f"inside/{number}-a.mid" for number in range(40)]
    kept_out = [name for name in names if halves.half(name) == 1][:2]
    learned = set(names) - set(critic.not_learned(names, kept_out))
    assert learned == {name for name in names if halves.half(name) == 1} - set(kept_out)
    assert learned


def test_a_critic_learns_and_its_weights_can_be_used(
    script: Any, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    critic = script("critic")
    small = {"width": 8, "embedding": 4, "batch": 2, "window": 16}
    critic.learn(corpus, ["inside/short.mid"], tmp_path, 2, **small)
    weights = critic.base_of(critic.RunConfig(base=str(tmp_path)))
    found = critic.nats_per_note(weights, simplify(a_piece(1)))
    assert set(found) == set(critic.VARIANTS)
    assert all(0 < value < 40 for value in found.values())


def test_a_note_costs_what_its_events_do_without_the_end(script: Any) -> None:
    critic = script("critic")
    plain = a_piece(1)
    loud = [note._replace(velocity=40 + 20 * (i % 3)) for i, note in enumerate(plain.notes)]
    piece = simplify(replace(plain, notes=tuple(loud), pedals=(Pedal(12, True),)))
    found = critic.nats_per_note(uniform(), piece)
    each = math.log(len(VOCAB)) / len(piece.notes)
    assert found["written"] == pytest.approx((len(encode(piece)) - 2) * each)
    assert found["flat"] == pytest.approx((len(encode(simplify(plain))) - 2) * each)
    assert found["flat"] == pytest.approx(found["one part"])
    assert found["written, no loudness"] == pytest.approx(found["flat"])
    assert found["written"] > 1.1 * found["flat"]


def test_takes_are_heard_once_and_again_if_they_change(
    script: Any, corpus: Path, fusion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    critic, heard = script("critic"), []

    def counted(weights: Any, piece: Piece) -> dict[str, float]:
        heard.append(piece)
        return dict.fromkeys(critic.VARIANTS, float(len(piece.notes)))

    monkeypatch.setattr(critic, "nats_per_note", counted)
    asked = (
        uniform(),
        corpus,
        [LEARNED, OTHER, "inside/short.mid"],
        fusion,
        tmp_path / "out.json",
        9,
    )
    first = critic.scored(*asked)
    assert set(first["real"]) == {LEARNED, OTHER}  # the short one has not 32 bars
    assert len(heard) == 2 + 2 * (4 * 2 + 2)
    heard.clear()
    assert critic.scored(*asked) == first == json.loads((tmp_path / "out.json").read_text())
    assert not heard
    write(chords(5), fusion / "2" / "recipe" / "01.mid")
    changed = critic.scored(*asked)
    assert len(heard) == 2
    assert changed["pairs"]["1"] == first["pairs"]["1"]
    assert changed["pairs"]["2"]["recipe"] != first["pairs"]["2"]["recipe"]


def test_a_row_is_the_median_over_pairs_of_medians_over_takes(script: Any) -> None:
    critic = script("critic")

    def each(*values: float) -> list[dict[str, float]]:
        return [dict.fromkeys(critic.VARIANTS, value) for value in values]

    pairs = {"1": each(1, 2, 9), "2": each(4, 4, 5), "3": each(7, 8, 8)}
    result = {
        "real": dict(enumerate(each(1, 5, 6))),
        "pairs": {
            pair: {"hocket": {"each": takes}, "themes": {"each": each(2)}}
            for pair, takes in pairs.items()
        },
    }
    rows = critic.summary(result)
    assert (rows["real"]["flat"], rows["hocket"]["flat"]) == (5, 4)
    assert rows["hocket"]["of real"]["flat"] == pytest.approx(0.8)
    assert (rows["themes"]["flat"], rows["hocket"]["of themes"]) == (2, 2)
    assert "markov" not in rows

"""Why a note stands in a take: what the model said along it, kept beside it and told again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hocket
from conftest import four_four, three_four
from hocket.cli import main
from hocket.config import GenerationConfig, RunConfig, SeedConfig
from hocket.corpus import input_sizes
from hocket.errors import CheckpointError, ConfigError
from hocket.generation.choir import Choir, Singer
from hocket.generation.compose import compose, said_along
from hocket.generation.reasons import SHOWN, in_words, reasons
from hocket.generation.sampler import Take, log_likelihoods
from hocket.generation.votes import OTHERS, SUFFIX, Votes, load, to_bytes
from hocket.model import convert
from hocket.music import TICKS_PER_QUARTER
from hocket.tokens import VOCAB
from networks import arrays_of, lively, small

THEMES = {"A": four_four().transposed(2), "B": three_four()}
CONFIG = RunConfig(
    opening=SeedConfig(seeds=2),
    generation=GenerationConfig(takes=2, bars=8, turns=2, temperature=1.0, form="AABA"),
)
ON = VOCAB.families["NOTE_ON"]


@pytest.fixture(scope="module")
def choir() -> Choir:
    config, sizes = replace(small("theme"), sees_themes=False), input_sizes(0)
    singers = []
    for seed in (1, 2):
        arrays = arrays_of(lively(config, seed, sizes))
        model = convert.to_onnx(arrays, config, sizes, convert.parts(config))
        singers.append(Singer(convert.engine(model, threads=1)))
    return Choir(singers)


@pytest.fixture(scope="module")
def takes(choir: Choir) -> list[Take]:
    return compose(THEMES, choir, CONFIG)


@pytest.fixture(scope="module")
def votes(choir: Choir, takes: list[Take]) -> list[Votes]:
    return said_along(choir, takes, THEMES, CONFIG)


def test_the_mix_said_what_it_said_when_the_take_was_written(
    takes: list[Take], votes: list[Votes]
) -> None:
    for take, told in zip(takes, votes, strict=True):
        assert told.events.tolist() == take.ids.tolist()
        np.testing.assert_allclose(told.mixed[1:, 0], take.log_probs[1:], atol=1e-4)


def test_each_theme_votes_by_itself(choir: Choir, takes: list[Take], votes: list[Votes]) -> None:
    for theme, (model, weights) in enumerate(choir.soloists()):
        alone = log_likelihoods(model, [t.ids for t in takes], np.tile(weights, (len(takes), 1, 1)))
        for told, expected in zip(votes, alone, strict=True):
            np.testing.assert_allclose(told.themes[1:, theme, 0], expected[1:], atol=1e-4)


def test_the_others_are_the_likeliest_in_order(votes: list[Votes]) -> None:
    for told in votes:
        assert told.others.shape == (len(told.events), OTHERS)
        assert (np.diff(told.mixed[1:, 1:], axis=1) <= 1e-6).all()
        among = (told.others == told.events[:, None])[1:]
        same = told.mixed[1:, 1:][among]
        np.testing.assert_allclose(same, told.mixed[1:, 0][among.any(1)], atol=1e-6)
        missing = ~among.any(1)
        assert (told.mixed[1:, 0][missing] <= told.mixed[1:, -1][missing] + 1e-6).all()


def test_every_note_of_a_bar_is_told_in_the_takes_key(
    takes: list[Take], votes: list[Votes]
) -> None:
    take, told = takes[0], votes[0]
    for bar in (1, 3, 6):
        inside = [n for n in take.piece.notes if n.start // 96 == bar - 1]
        found = reasons(told, bar)
        assert len(found) == len(inside)
        names = sorted((n.start % 96 / TICKS_PER_QUARTER + 1, n.pitch) for n in inside)
        from hocket.music.pitch import name

        assert sorted((r.beat, r.note.what) for r in found) == sorted(
            (beat, name(pitch)) for beat, pitch in names
        )
        for reason in found:
            assert len(reason.others) == SHOWN
            assert reason.note.what not in [other.what for other in reason.others]
            assert set(reason.note.votes) == {"A", "B"}
            assert 0 <= reason.note.chance <= 1


def test_what_stood_fast_is_said(takes: list[Take], votes: list[Votes]) -> None:
    first = reasons(votes[0], 1)
    assert first[0].laid_out == f"opening {takes[0].seed}"
    assert takes[0].laid_out[2] == "bar 1 again"
    assert takes[0].laid_out[-1] == ""


def test_one_note_alone(votes: list[Votes]) -> None:
    every = reasons(votes[0], 3)
    assert reasons(votes[0], 3, 2) == [every[1]]


@pytest.mark.parametrize(
    ("bar", "note", "words"),
    [(0, None, "--bar 0"), (99, None, "bars 1 to"), (3, 0, "--note 0"), (3, 99, "bar 3 has")],
)
def test_what_is_not_there_is_refused(
    votes: list[Votes], bar: int, note: int | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        reasons(votes[0], bar, note)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("NOTE_ON 60", "D4"),
        ("NOTE_OFF 59", "end of C#4"),
        ("DUR 12", "wait 0.5"),
        ("PART 1", "part 2"),
        ("VEL 76", "loudness 76"),
        ("END", "end"),
    ],
)
def test_events_are_said_in_words(event: str, words: str) -> None:
    assert in_words(VOCAB.id(event), 2, flats=False) == words


def test_flats_are_spelt_as_flats() -> None:
    assert in_words(VOCAB.id("NOTE_ON 60"), 3, flats=True) == "Eb4"


def test_a_file_gives_back_what_it_was_made_of(votes: list[Votes], tmp_path: Path) -> None:
    file = tmp_path / f"take-01{SUFFIX}"
    file.write_bytes(to_bytes(votes[0]))
    found = load(file)
    assert found.events.tolist() == votes[0].events.tolist()
    assert found.others.tolist() == votes[0].others.tolist()
    np.testing.assert_allclose(found.mixed, votes[0].mixed, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.themes, votes[0].themes, rtol=1e-3, atol=1e-3)
    assert (found.titles, found.semitones, found.laid_out) == (
        votes[0].titles,
        votes[0].semitones,
        votes[0].laid_out,
    )
    assert to_bytes(found) == to_bytes(votes[0])
    assert len(to_bytes(votes[0])) < 100 * len(found.events)


@pytest.mark.parametrize("spoil", ["torn", "fewer", "unknown", "empty", "titles"])
def test_a_broken_file_is_refused(votes: list[Votes], tmp_path: Path, spoil: str) -> None:
    told = votes[0]
    broken = {
        "fewer": replace(told, events=told.events[:-1]),
        "unknown": replace(told, others=np.full_like(told.others, 9999)),
        "titles": replace(told, titles={"A": "one"}),
    }
    data = to_bytes(broken.get(spoil, told))
    file = tmp_path / f"take-01{SUFFIX}"
    file.write_bytes({"torn": data[:-7], "empty": b""}.get(spoil, data))
    with pytest.raises(CheckpointError, match="cannot be used"):
        load(file)


def test_events_that_are_no_piece_are_refused(votes: list[Votes]) -> None:
    events = votes[0].events.copy()
    events[3] = VOCAB.id("START")
    with pytest.raises(ConfigError, match="no piece"):
        reasons(replace(votes[0], events=events), 1)


# Beside a take


def test_a_take_of_a_run_says_why(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = str(tiny_run / "take-01.mid")
    assert main(["why", take, "--bar", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = hocket.why(take, bar=2)
    assert [reason["note"]["what"] for reason in told] == [r.note.what for r in found]
    assert main(["why", take, "--bar", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (2 + SHOWN) * len(found)
    assert "bar 2, beat" in lines[0]


def test_a_piece_that_is_no_take_has_no_reasons(
    theme_files: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", str(theme_files[0]), "--bar", "1"]) == 1
    assert "takes that `hocket fuse` keeps" in capsys.readouterr().err

"""Hostile files end as their manifest says, and so do mutants of whole ones; see `benchmarks/soak`."""

from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hocket.config import toml
from hocket.errors import CheckpointError, ScoreError
from hocket.model.changes import merged
from hocket.scores import read_bytes_with_remarks, smf
from hocket.scores.sift import sifted
from soak import fuzz, hostile, hostile_midi, verdicts
from soak.hostile_midi import END, TUNE, meta, midi, note
from soak.hostile_mutants import mutant, seeds_of
from soak.hostile_xml import note as xml_note
from soak.hostile_xml import score

_ELSEWHERE = """
import sys
sys.path.insert(0, "benchmarks")
from soak import hostile
print(hostile.digest())
"""


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How hocket ends all hostile files, in a child process."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile.write(folder)
    with (folder / hostile.MANIFEST).open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    # By the processor's time: the clock says little on a machine that does other things besides.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "HANGS", 60.0)
        return verdicts.reading(
            "hocket", sys.executable, folder, rows, 2.5, children=2, clock="cpu_seconds"
        )


def test_each_hostile_file_ends_as_it_must(figures: dict[str, Any]) -> None:
    assert figures["wrong_files"] == {}
    assert set(figures["ends"]) == {"read", "refused"}
    assert figures["files_left"] == []
    assert figures["most_mib"] < 512


def test_there_are_enough_of_each_kind_and_they_are_the_same_each_time() -> None:
    cases = [case._replace(data=b"") for case in hostile.cases()]
    counts = Counter(case.verdict for case in cases)
    assert len(cases) >= 300
    assert min(counts[verdict] for verdict in ("read", "refuse", "either")) > 100
    assert len({case.file for case in cases}) == len(cases)
    assert all(case.notes for case in cases if case.verdict == "read" and case.reader == "score")
    again = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[1], env=os.environ | {"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert again.stdout.strip() == hostile.digest()


@pytest.mark.parametrize(("kind", "count"), [("midi", 5000), ("musicxml", 200)])
def test_mutants_end_in_a_piece_or_an_error(kind: str, count: int) -> None:
    figures = fuzz.fuzzed(kind, 2, 0, count, workers=2, most_seconds=8)
    assert figures["wrong"] == []
    assert figures["pieces"] > count // 20
    assert figures["refused"] > count // 20


def test_a_mutant_is_the_same_each_time() -> None:
    seeds = seeds_of("midi")
    digest = hashlib.sha256(b"".join(mutant(seeds, "midi", 1, n) for n in range(300))).hexdigest()
    assert digest.startswith("65f9fb8c9fffefb9")


def test_a_child_that_dies_is_replaced_and_its_mutant_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = fuzz.Worker("midi", 1)
    try:
        worker.give(0, 400_000)
        while worker.seen[0] < 10:
            assert worker.looked_at() is None
        worker.process.kill()
        worker.process.join()
        answer = None
        while answer is None:
            answer = worker.looked_at()
        assert answer[1][0][1] == "killed the reader"
        assert answer[1][0][0] >= 10
        assert worker.work == (answer[1][0][0] + 1, 400_000)
    finally:
        worker.close()


def _read(data: bytes) -> tuple[list[tuple[int, int, int]], tuple[str, ...]]:
    piece, remarks = read_bytes_with_remarks(data, "a.mid")
    return [(n.start, n.duration, n.pitch) for n in piece.notes], remarks


def test_running_status_lasts_through_a_text() -> None:
    on, off = b"\0\x90\x3c\x50", b"\x60\x3c\0"
    assert _read(midi(on + meta(1, b"text") + off + END, note(64) + END)) == (
        [(0, 4, 60), (0, 24, 64)],
        (),
    )


def test_notes_without_an_end_are_remarked() -> None:
    notes, remarks = _read(midi(TUNE + b"\0\x90\x43\x50" + END))
    assert len(notes) == 4
    assert remarks == ("notes without an end left out: 1 of 5",)
    with pytest.raises(ScoreError, match="no note of 1 has an end"):
        _read(midi(b"\0\x90\x43\x50" + END))


def test_short_meta_events_take_nothing_from_the_next() -> None:
    for event in (meta(0x51, b"\7\xa1"), meta(0x58, b"\7"), meta(0x59, b"\1")):
        piece, _ = read_bytes_with_remarks(midi(event + TUNE + END), "a.mid")
        whole, _ = read_bytes_with_remarks(midi(TUNE + END), "a.mid")
        assert piece == whole


def test_times_beyond_four_bytes_are_written_in_steps() -> None:
    far = b"\xff\xff\xff\x7f\xff\1\0" * 3  # beyond what one time can say, at most ticks a quarter
    found = sifted(smf.split(midi(far + TUNE + END, division=32767), "a"), 100_000, "a")
    piece = smf.split(smf.join(found.tracks), "a")
    assert sifted(piece, 100_000, "a") == found
    assert (found.begun, found.endless, found.parts) == (4, 0, 1)


def test_a_tempo_that_is_none_is_remarked() -> None:
    _, remarks = _read(midi(meta(0x51, b"\0\0\1") + TUNE + END))
    assert remarks == ("tempo left out: 1 microseconds per quarter are none; the notes are kept",)


def test_errors_hold_nothing_that_a_terminal_obeys() -> None:
    for data, name in ((b"K:\x1b[31m\nC", "a.abc"), (hostile_midi.JPEG, "\x1b[31m\n.mid")):
        with pytest.raises(ScoreError) as caught:
            read_bytes_with_remarks(data, name)
        assert str(caught.value).isprintable()


def test_a_product_that_does_not_fit_is_not_made() -> None:
    left, right = np.zeros((400_000, 1), np.float16), np.zeros((1, 400_000), np.float16)
    weights = {"output.weight": np.zeros((3, 8), np.float32)}
    with pytest.raises(CheckpointError, match="makes the shape"):
        merged(weights, {"left_output-weight": left, "right_output-weight": right})


def test_a_repeat_that_only_ends_goes_back_to_the_end_of_the_one_before() -> None:
    def steps(*measures: str) -> str:
        piece, _ = read_bytes_with_remarks(score(*measures).encode(), "a.musicxml")
        return "".join(" CxDxEF"[n.pitch - 59] for n in piece.notes)

    ends = '<barline location="right"><repeat direction="backward"/></barline>'
    one, two = (
        f'<barline location="left"><ending number="{n}" type="start"/></barline>' for n in "12"
    )
    first = ends.replace("<repeat", '<ending number="1" type="stop"/><repeat')
    second = '<barline location="right"><ending number="2" type="stop"/></barline>'
    c, d, e, f = (xml_note(step, 4, 16, kind="whole") for step in "CDEF")
    assert steps(c + ends, d + ends, e) == "CCDDE"
    assert steps(c + ends, d, e + ends, f + ends) == "CCDEDEFF"
    assert steps(c, one + d + first, two + e + second, f + ends) == "CDCEFF"


def test_toml_that_would_take_long_is_not_read() -> None:
    for text in (".".join("a" * 20_000) + " = 1", "a = " + "[" * 90_000, "#" * 200_000):
        with pytest.raises(ValueError, match=r"too long|without end"):
            toml(text)

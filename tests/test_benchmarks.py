"""The benchmarks run, and what they reckon is right; how fast anything is, is not tested."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bench
import comparisons
import demo_pair
import hocket
import ingest
import limits
import machine
import material
import rounds
import table
import training
from comparisons import Bound, Comparison
from hocket.config import ModelConfig
from hocket.corpus import input_sizes
from hocket.model.network import Network
from hocket.music import Piece
from hocket.tokens import VOCAB
from rounds import Outcome, median_ratio

ROOT = Path(__file__).parents[1]
CPU_INFO = """processor\t: 0
cpu family\t: 6
model\t\t: 143
model name\t: Some(R) CPU @ 2.00GHz
flags\t\t: fpu avx2 avx512f amx_int8 unheard_of

processor\t: 1
model name\t: Another
"""


def a_comparison(unit: str = "events/s") -> Comparison:
    bounds = [Bound("slow part", 400.0), Bound("slower part", 200.0)]
    return Comparison("At something", unit, "ours", (), lambda _: bounds, notes="Some | words.")


def outcomes() -> list[Outcome]:
    return [
        Outcome("ours", "all of it", [100.0, 50.0, 90.0]),
        Outcome("theirs", "", [10.0, 25.0, 30.0], {"setting": "tuned", "batch": 4, "tried": {}}),
    ]


NO_LIMITS = limits.Limits({}, {})


def test_a_ratio_is_the_median_over_rounds_of_the_ratio_in_a_round() -> None:
    ours, theirs = outcomes()
    assert median_ratio(ours.rates, theirs.rates) == 3.0  # 10, 2, 3; the medians' would be 3.6
    assert ours.median == 90.0


def test_rounds_that_have_no_partner_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="argument"):
        median_ratio([1.0, 2.0], [1.0])


def test_the_table_has_rates_ratios_and_limits() -> None:
    said = table.comparison(a_comparison(), outcomes(), NO_LIMITS).splitlines()
    assert said[0] == "### At something"
    assert said[4] == "| ours | 90 | 50 to 100 |  | all of it |"
    assert said[5] == "| theirs | 25 | 10 to 30 | 3.0 × | tuned; batch 4 |"
    assert said[7] == "- Limit: slower part = 200 events/s; ours has 45% of it."
    assert said[8] == "- Next: slow part = 400 events/s; ours has 22% of it."
    assert said[-1] == "Some | words."


def test_a_table_of_seconds_turns_rates_over() -> None:
    what = Comparison("Starting", "seconds", "ours", ())
    said = table.comparison(what, [Outcome("ours", "", [0.5, 0.25, 0.2])], NO_LIMITS)
    assert "| ours | 4 | 2 to 5 |" in said


def test_a_table_without_our_side_has_no_ratios() -> None:
    said = table.comparison(a_comparison(), outcomes()[1:], NO_LIMITS)
    assert "| theirs | 25 | 10 to 30 |  | tuned; batch 4 |" in said
    assert "Limit" not in said


def test_operations_a_second_are_told_where_they_are_known() -> None:
    what = Comparison("Learning", "events/s", "ours", (), flops=10**9)
    assert "| ours | 90 | 50 to 100 | 90 |  |" in table.comparison(what, outcomes(), NO_LIMITS)


def test_figures_go_between_their_marks_and_prose_stays() -> None:
    begin, end = table.BEGIN.format("load"), table.END.format("load")
    page = f"before\n{begin}\nold\n{end}\nafter\n"
    new = table.placed(page, "load", "new")
    assert new == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"
    assert table.placed(new, "load", "new") == new
    with pytest.raises(ValueError, match="figures of training"):
        table.placed(page, "training", "new")
    with pytest.raises(ValueError, match="end of figures"):
        table.placed(begin, "load", "new")


def test_the_page_has_all_marks() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for word in (*comparisons.COMPARISONS, "machine"):
        assert "figures" in table.placed(page, word, "figures")


def test_weights_are_counted_as_the_network_has_them() -> None:
    # 2 layers of 3 units, 5 inputs, 7 events: recurrent 12 x 3 twice, into the second 12 x 3, out 3 x 7
    assert limits.weights_read(3, 2, 7) == 3 * 36 + 21 + 12 * 2
    assert limits.weights_trained(3, 5, 7) == 3 * 36 + 21 + 12 * 5
    assert limits.training_flops(3, 5, 7) == 6 * 189


def test_all_networks_have_as_many_inputs_as_hockets() -> None:
    first = Network(ModelConfig(embedding=training.EMBEDDING), input_sizes(2)).lstms[0]
    assert first.input_size == training.INPUTS == comparisons.INPUTS


def test_the_sampler_is_bound_by_what_it_reads_and_by_its_products() -> None:
    known = limits.Limits({"int8 weights, 1 thread": 1e9}, {"int8, 1 thread": 1e10})
    weights = limits.weights_read(512, limits.SEEN, len(VOCAB))
    single, many = comparisons.sampler(comparisons.Size(), Path(), 1)
    assert single.bounds(known)[0].rate == pytest.approx(1e9 / weights)
    assert many.bounds(known)[0].rate == pytest.approx(32 * 1e9 / weights)
    assert many.bounds(known)[1].rate == pytest.approx(1e10 / weights / 2)


def test_limits_are_measured() -> None:
    measured = limits.measure(32, threads=2, quick=True)
    assert len(measured.read) == 6
    assert len(measured.products) == 6
    assert all(rate > 0 for rate in (*measured.read.values(), *measured.products.values()))


def test_the_higher_of_two_measured_rates_is_the_limit() -> None:
    one, other = limits.Limits({"a": 1.0}, {"b": 4.0}), limits.Limits({"a": 2.0}, {"b": 3.0})
    assert limits.best_of(one, other) == limits.Limits({"a": 2.0}, {"b": 4.0})


@pytest.mark.parametrize("values", [0, 1, 1024, 1025, 5000])
def test_reading_misses_nothing_either_way(values: int) -> None:
    import numpy as np

    assert limits._sum(np.arange(values), 2) == values * (values - 1)


def test_the_machine_is_named(tmp_path: Path) -> None:
    assert machine.processor(CPU_INFO) == {
        "model": "Some(R) CPU @ 2.00GHz (family 6, model 143)",
        "flags": "avx2 avx512f amx_int8",
    }
    assert machine.processor("") == {"model": "", "flags": ""}
    name = machine.slug({"processor": "Some(R) CPU @ 2.00GHz (family 6)", "cores": "2"})
    assert name == "some-cpu-2-00ghz-2-cores"
    assert machine.described()["Python"]
    assert "numpy" in machine.versions()
    (tmp_path / "index0").mkdir()
    for file, text in {"level": "1", "type": "Data", "size": "48K"}.items():
        (tmp_path / "index0" / file).write_text(f"{text}\n", encoding="utf-8")
    assert machine.caches(tmp_path) == "L1 48K"


def test_made_files_are_long_enough_and_can_be_read(tmp_path: Path) -> None:
    files = material.midi_files(tmp_path, 3, tmp_path / "no collection")
    pieces: list[Piece] = [hocket.read(file) for file in files]
    assert all(len(piece.notes) >= material.NOTES for piece in pieces)
    assert pieces[0].notes[0].pitch != pieces[2].notes[0].pitch
    assert len(material.usual(files, 2)) == 2


def test_a_collection_is_sampled_all_over(tmp_path: Path) -> None:
    import tarfile

    packed = tmp_path / "all.tar.xz"
    with tarfile.open(packed, "w:xz") as archive:
        for number in range(10):
            file = tmp_path / f"{number}.mid"
            file.write_bytes(bytes([number]))
            archive.add(file, f"inside/{number}.mid")
    (tmp_path / "out").mkdir()
    files = material.midi_files(tmp_path / "out", 3, packed)
    assert [file.name for file in files] == ["0.mid", "3.mid", "6.mid"]


def test_a_contender_that_cannot_start_is_left_out(tmp_path: Path) -> None:
    heard: list[str] = []
    entry = rounds.Entry("broken", "ours", "no such kind", {"seconds": 0.0}, peer=False)
    assert rounds.in_turn([entry], bench.starter(None), 1, heard.append) == []
    assert heard[-1] == "  left out: broken: KeyError: 'no such kind'"


def quick_run(tmp_path: Path, count: int, *only: str) -> tuple[str, dict[str, Any]]:
    page, marks = tmp_path / "page.md", []
    for word in (*only, "machine"):
        marks += [table.BEGIN.format(word), table.END.format(word)]
    page.write_text("\n".join(["prose", *marks]), encoding="utf-8")
    options = ["--quick", "--without-peers", "--rounds", str(count), "--only", *only]
    bench.main([*options, "--page", str(page), "--results", str(tmp_path / "raw")])
    (raw,) = (tmp_path / "raw").iterdir()
    return page.read_text(encoding="utf-8"), json.loads(raw.read_text(encoding="utf-8"))


def test_a_quick_run_of_the_sampler_without_peers(tmp_path: Path) -> None:
    page, raw = quick_run(tmp_path, 2, "sampler")
    assert page.startswith("prose\n")
    assert "### One take, 2 × 32, one thread" in page
    assert "- Limit: " in page
    assert "| processor |" in page
    single, many = raw["comparisons"]["sampler"]
    assert set(single["rates"]) == {
        "hocket",
        "hocket's engine alone",
        "hocket, threads as probed",
    }
    assert all(len(rates) == 2 for rates in many["rates"].values())
    assert all(rate > 0 for rates in many["rates"].values() for rate in rates)


def test_quick_runs_of_the_rest_without_peers(tmp_path: Path) -> None:
    page, raw = quick_run(tmp_path, 1, "training", "ingest", "load")
    assert {
        word: [list(each["rates"]) for each in runs] for word, runs in raw["comparisons"].items()
    } == {
        "training": [["hocket"]],
        "ingest": [["hocket"]],
        "load": [
            ["hocket, first take", "hocket, whole process", "Python, numpy, numba, onnxruntime"]
        ],
    }
    assert page.count("###") == 3


def test_without_an_environment_of_peers_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "COMPARISONS", {})
    monkeypatch.setattr(bench, "measure", lambda *_, **__: NO_LIMITS)
    bench.main(["--quick", "--peers", str(tmp_path / "nothing")])
    assert "no peers at" in capsys.readouterr().out


def rows_of(
    module: ModuleType,
    options: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    monkeypatch.setattr(sys, "argv", [module.__name__, *options])
    module.main()
    return capsys.readouterr().out.splitlines()


def test_the_script_of_learning_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "peak", lambda *kind: 1.0)
    options = "--width", "16", "--batch", "4", "--window", "4", "--rounds", "1"
    assert len(rows_of(training, options, monkeypatch, capsys)) == 3


def test_the_script_of_the_main_job_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = "--takes", "1", "--bars", "6", "--width", "16", "--max-steps", "1", "--candidates", "4"
    options = "--preset", "classic", "--", "--held-out", "0", *small
    assert rows_of(demo_pair, options, monkeypatch, capsys)[2].count("|") == 12


def test_the_script_of_ingest_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    material.midi_files(tmp_path, 2, Path("none"))
    options = "--files", str(tmp_path), "--tools", "hocket-ids", "--repeats", "1"
    assert any("hocket" in row for row in rows_of(ingest, options, monkeypatch, capsys))

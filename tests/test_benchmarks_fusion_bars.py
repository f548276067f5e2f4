"""The classifier of the benchmark of fusion: what bars are told by, and how well."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusions import LEARNED, OTHER, a_piece, chords, corpus, fusion, script
from hocket.music import Meter, Note, Piece
from hocket.tokens import simplify

__all__ = ["corpus", "fusion", "script"]


def test_bars_are_numbers_that_loudness_does_not_change(script: Any) -> None:
    features, readings = script("features"), script("readings")
    piece = simplify(a_piece(3))
    rows = features.features(piece, 1)
    assert len(rows) == 8
    assert len(features.features(piece, 4)) == 2
    assert len({tuple(row) for row in rows}) == 1
    assert np.isfinite([list(row.values()) for row in rows]).all()
    loud = replace(piece, notes=tuple(note._replace(velocity=99) for note in piece.notes))
    assert features.features(readings.flat(loud), 1) == rows


def test_bars_tell_what_was_put_into_them(script: Any) -> None:
    features = script("features").features
    notes = [Note(0, 24, 60), Note(0, 24, 61), Note(24, 24, 60), Note(56, 40, 72)]
    again = [note._replace(start=note.start + 144) for note in notes]  # nothing begins in between
    late = [note._replace(start=note.start + 219) for note in notes]  # 3 ticks after a bar line
    rows = features(Piece.of([*notes, *again, *late], meters=[Meter(0, 3, 4)]), 1)
    assert len(rows) == 3
    first, second, third = rows
    assert (first["lowest"], first["highest"], first["most voices"]) == (60, 72, 2)
    assert (first["notes"], first["onsets"]) == (4 / 3, 1)
    assert (first["place: beat"], first["place: third"]) == (2 / 3, 1 / 3)
    assert first["in scale"] == 3 / 4
    assert first["dissonance"] == 1
    assert first["silence"] == pytest.approx(8 / 72)
    assert (first["notes like any before"], second["notes like any before"]) == (0, 1)
    assert second["notes like the last"] == 0
    alike = {name: third[f"{name} like any before"] for name in ("notes", "rhythm", "pitches")}
    assert alike == {"notes": 0, "rhythm": 0, "pitches": 1}


def test_auc_counts_pairs_in_order(script: Any) -> None:
    auc = script("classifier").auc
    real, written = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0])
    assert auc(real, written) == pytest.approx((1 + 0.5 + 0 + 3) / 6)
    assert auc(real, real) == 0.5


@pytest.mark.parametrize("kind", ["logistic", "network"])
def test_a_classifier_tells_chords_from_tunes_and_not_tunes_from_tunes(
    script: Any, kind: str
) -> None:
    classifier = script("classifier")
    tunes = [classifier.bars_of([a_piece(n) for n in range(at, at + 12)], 1) for at in (0, 20)]
    block = [classifier.bars_of([chords(n) for n in range(at, at + 5)], 1) for at in (40, 50)]
    apart = classifier.judged(kind, tunes, *block)
    assert apart["auc"] > 0.95
    assert apart["accuracy"] > 0.9
    more = [classifier.bars_of([a_piece(n) for n in range(at, at + 20)], 1) for at in (60, 90)]
    alike = classifier.judged(kind, tunes, *more)
    assert 0.4 < alike["auc"] < 0.6
    assert 0.4 < alike["accuracy"] < 0.6
    assert alike == classifier.judged(kind, tunes, *more)


def test_real_bars_are_judged_by_what_the_other_half_taught(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, asked = script("classifier"), []

    def noted(kind: str, learned: Any, judged: Any) -> Any:
        asked.append((learned[0][0, 0], judged[0][0, 0]))
        return np.zeros(1), np.array([learned[0][0, 0]])

    monkeypatch.setattr(classifier, "told", noted)
    real = [np.full((1, 1), half) for half in (-1.0, 1.0)]
    assert classifier.judged("logistic", real, real[0], real[0])["auc"] == 0.5
    assert asked == [(-1, 1), (1, -1)]


def test_a_pair_is_judged_by_what_others_taught(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, asked = script("classifier"), []

    def noted(kind: str, real: Any, others: Any, own: Any) -> dict[str, float]:
        asked.append((kind, sorted(others[:, 0]), own[:, 0].tolist()))
        return {"auc": 0.5, "accuracy": 0.5}

    monkeypatch.setattr(classifier, "judged", noted)
    pairs = {str(number): np.full((2, 1), number) for number in range(3)}
    found = classifier.results(
        [np.zeros((1, 1))] * 2, {"hocket": pairs, "markov": {"0": pairs["0"]}}
    )
    assert found.keys() == pairs.keys()
    assert all("markov" not in pair for pair in found.values())  # one pair alone teaches nothing
    assert [call for call in asked if call[0] == "network"] == [
        ("network", [1, 1, 2, 2], [0, 0]),
        ("network", [0, 0, 2, 2], [1, 1]),
        ("network", [0, 0, 1, 1], [2, 2]),
    ]


def test_scripts_print_tables_and_write_results(
    script: Any,
    corpus: Path,
    fusion: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    classifier = script("classifier")
    monkeypatch.setattr(classifier, "SIZES", (1,))
    monkeypatch.setattr(classifier, "KINDS", ("logistic",))
    valid, out = tmp_path / "valid.txt", tmp_path / "result.json"
    valid.write_text(f"{LEARNED}\n{OTHER}\n", encoding="utf-8")
    given = [str(corpus), str(fusion), "--valid", str(valid), "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["classifier.py", *given])
    classifier.main()
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["real"] == [1, 1]
    assert result["windows of 1"]["windows"] == {"real": [32, 32]} | dict.fromkeys(
        ("hocket", "unranked", "recipe", "markov"), 32
    ) | {"themes": 48}
    told = result["windows of 1"]["summary"]
    assert told["markov"]["logistic"]["auc"] > 0.9
    assert "| markov | " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["classifier", "critic"])
def test_what_is_not_there_is_said_in_a_line(
    script: Any, name: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = script(name).main
    where = {"classifier": "no pair with takes", "critic": "no finished corpus"}
    monkeypatch.setattr("sys.argv", [name, str(tmp_path / "none"), str(tmp_path)])
    with pytest.raises(SystemExit, match=where[name]):
        main()
    monkeypatch.setattr("sys.argv", [name, str(corpus), str(tmp_path), "--valid", "no.txt"])
    with pytest.raises(SystemExit, match="no list of pieces" if name == "critic" else "no pair"):
        main()

"""The page to share: whole in itself, the same each time, and safe whatever titles say."""

from __future__ import annotations

import base64
import io
import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from conftest import TINY, files
from hocket import page, runs, workflows
from hocket.cli import main
from hocket.config import replaced
from hocket.errors import CheckpointError
from hocket.music import Piece
from hocket.page import contents
from hocket.page.recipe import command
from hocket.page.words import in_words
from hocket.scores.musicxml import read_musicxml

HOSTILE = "</script><script>alert(1)</script>\"'&\u2028<img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def whole(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run with its page."""
    folder = Path(shutil.copytree(tiny_run, tmp_path_factory.mktemp("page") / "run"))
    page.write_page(folder)
    return folder, (folder / "index.html").read_text(encoding="utf-8")


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    told: dict[str, Any] = json.loads(found[1])
    return told


class Elements(HTMLParser):
    """Notes elements, their attributes, and what is still open at the end."""

    VOID = ("meta", "input", "img", "br", "use", "path", "polygon", "ellipse", "rect")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_a_page_is_whole_in_itself(whole: tuple[Path, str]) -> None:
    _, text = whole
    links = set(re.findall(r'https?://[^"\s<)]+', text))
    assert links <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    elements = Elements(text)
    assert elements.open == []
    assert not [tag for tag, _ in elements.found if tag in ("link", "iframe", "object", "img")]
    assert not [name for _, names in elements.found for name in names if name.startswith("on")]
    assert "default-src 'none'" in text
    ids = [names["id"] for _, names in elements.found if "id" in names]
    assert len(ids) == len(set(ids))
    assert len(text) < contents.MOST_BYTES


def test_a_page_holds_the_takes_files(whole: tuple[Path, str]) -> None:
    folder, text = whole
    told = data_of(text)
    assert told["themes"] == ["Walk", "Turn"]
    assert len(told["takes"]) == 2
    for number, take in enumerate(told["takes"], 1):
        assert base64.b64decode(take["mid"]) == (folder / f"take-{number:02d}.mid").read_bytes()
        assert base64.b64decode(take["mp3"])[:2] in (b"\xff\xfb", b"ID", b"\xff\xf3")
        score, _ = read_musicxml(base64.b64decode(take["mxl"]), "x.mxl")
        assert len(score.notes) == len(take["notes"])
        assert len(take["bars"]) == 7
        assert len(take["mix"]) == 6
        assert all(sum(bar) == pytest.approx(1, abs=0.01) for bar in take["mix"])
        assert {note[3] for note in take["notes"]} <= {0, 1, 2, 3}


def test_a_page_is_the_same_for_the_same_files(whole: tuple[Path, str]) -> None:
    folder, text = whole
    assert page.page(folder) == text
    before = files(folder)
    assert main(["page", str(folder)]) == 0
    assert files(folder) == before


def test_fuse_writes_the_page(tiny_run: Path, tmp_path: Path, whole: tuple[Path, str]) -> None:
    themes = [tiny_run / "themes" / f"{letter}.mid" for letter in "AB"]
    config = replaced(TINY, {"page": True})
    workflows.fuse(*themes, out=tmp_path / "run", config=config)
    told = data_of((tmp_path / "run" / "index.html").read_text(encoding="utf-8"))
    assert [take["mid"] for take in told["takes"]] == [
        take["mid"] for take in data_of(whole[1])["takes"]
    ]
    workflows.more(tmp_path / "run", takes=1)
    told = data_of((tmp_path / "run" / "index.html").read_text(encoding="utf-8"))
    assert len(told["takes"]) == 3


def test_hostile_titles_stay_text(tiny_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    config, themes = runs.load_settings(folder)
    for letter, theme in themes.items():
        pieces = tuple(replace(piece, title=HOSTILE) for piece in theme.pieces)
        themes[letter] = replace(theme, title=HOSTILE, pieces=pieces)
    runs.save_settings(folder, config, themes)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for theme in report["themes"].values():
        theme |= {"title": HOSTILE, "source": HOSTILE}
    for entry in report["takes"]:
        entry |= {"seed": HOSTILE, "form": HOSTILE, "key": HOSTILE, "laid_out": [HOSTILE] * 6}
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    text = page.page(folder)
    elements = Elements(text)
    assert [tag for tag, _ in elements.found].count("script") == 2
    assert "<script>alert" not in text
    assert not [tag for tag, _ in elements.found if tag == "img"]
    assert not [name for _, names in elements.found for name in names if name.startswith("on")]
    data_of(text)


def test_sounds_get_what_room_there_is(whole: tuple[Path, str]) -> None:
    folder, _ = whole
    _, themes = runs.load_settings(folder)
    said: list[str] = []
    takes = contents.views(folder, themes, contents.load_report(folder), said.append)
    rich, poor = (
        sum(len(heard.mp3) for heard in contents.sounds(takes, room, said.append) if heard)
        for room in (10_000_000, 150_000)
    )
    assert said == []
    assert poor <= 150_000 < rich
    none = contents.sounds(takes, 10, said.append)
    assert none == [None, None]
    assert "take-01: no room for its sound on the page" in said[0]


def test_what_cannot_be_played_is_left_out_and_said(
    whole: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from hocket.errors import ScoreError

    def broken(piece: Piece) -> None:
        raise ScoreError("x: lasts too long")

    monkeypatch.setattr(contents, "render", broken)
    said: list[str] = []
    text = page.page(whole[0], say=said.append)
    assert said == ["not on the page: x: lasts too long"] * 2
    assert [take["mp3"] for take in data_of(text)["takes"]] == ["", ""]
    assert "its sound had no room here" in text


@pytest.mark.parametrize(
    "break_it",
    [
        lambda folder: (folder / "report.json").unlink(),
        lambda folder: (folder / "report.json").write_text("[1]"),
        lambda folder: (folder / "report.json").write_text('{"takes": [{}]}'),
        lambda folder: (folder / "run.toml").unlink(),
        lambda folder: (folder / "report.json").write_text(
            (folder / "report.json").read_text().replace("take-01.mid", "../take-01.mid")
        ),
    ],
)
def test_a_folder_that_is_no_run_is_refused(
    tiny_run: Path,
    tmp_path: Path,
    break_it: Callable[[Path], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    break_it(folder)
    assert main(["page", str(folder)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("hocket: ")
    assert said.count("\n") == 1
    assert not (folder / "index.html").exists()


def test_a_missing_take_is_named(whole: tuple[Path, str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole[0], tmp_path / "run"))
    (folder / "take-01.mid").unlink()
    assert len(data_of(page.page(folder))["takes"]) == 1


# Words and recipes


def test_measures_in_words(whole: tuple[Path, str]) -> None:
    report = contents.load_report(whole[0])
    entry = report["takes"][0] | {"form": "AABA", "key": "D major", "metre": "3/4"}
    entry["measures"] = entry["measures"] | {
        "notes": 460,
        "bars": 32,
        "known": 0.515,
        "share": {"A": 0.54, "B": 0.46},
        "switches": 6.25,
        "longest": 12,
        "cover16": 0.0,
        "in_key": 0.95,
        "playable": 1.0,
        "stuck": 0,
    }
    entry["settings"] = {"max_quote": 12}
    chance = {"known": {"median": 0.12}, "longest": {"median": 5.0}}
    assert in_words(entry, report["themes"], chance) == [
        "460 notes in 32 bars of 3/4 in D major. Its form is AABA: the same letter is the same music, "
        "but for its end.",
        "52% of the notes stand in runs of four or more that a theme has as well (in unrelated pieces "
        "12%): 54% of Walk and 46% of Turn. The themes change 6 times in 8 bars.",
        "The longest run that a theme has as well is 12 notes (in unrelated pieces 5); none is 16 or "
        "longer, and no more than 12 were allowed.",
        "95% of the notes are in one scale. Two hands can hold 100% of its chords.",
    ]
    entry["measures"] |= {"cover16": 0.31, "longest": 40}
    assert (
        "40 notes (in unrelated pieces 5); 31% of the notes stand in runs of 16 or more."
        in (in_words(entry, report["themes"], chance)[2])
    )


def test_a_recipe_gives_the_settings_again(whole: tuple[Path, str]) -> None:
    from hocket.arguments import parser
    from hocket.config import preset
    from hocket.knobs import given

    changes = {"bars": 24, "mix": "0:1, 16:.5", "hands": False, "motif": "A:1-2", "rank": 4}
    config = replaced(preset("theme"), changes)
    take = {"settings": {"bars": 24, "mix": "0:1, 16:.5", "takes": 16}, "rng": 7}
    line = command(["demo:gymnopedie", "my file.mid"], config, take)
    words = shlex.split(line)
    assert words[:4] == ["hocket", "fuse", "demo:gymnopedie", "my file.mid"]
    options = parser().parse_args(words[1:])
    again = replaced(preset(options.preset or "theme"), given(options))
    assert again == replaced(config, {"takes": 16, "rng": 7})
    for name in ("hybrid", "classic"):
        config = preset(name)
        take = {"settings": {}, "rng": config.rng}
        options = parser().parse_args(shlex.split(command(["a", "b"], config, take))[1:])
        assert replaced(preset(options.preset), given(options)) == config


def test_reports_say_how_themes_were_named(theme_files: list[Path], tmp_path: Path) -> None:
    run = workflows.fuse(*theme_files, out=tmp_path / "run", config=TINY)
    report = contents.load_report(tmp_path / "run")
    assert [theme["source"] for theme in report["themes"].values()] == [
        file.name for file in theme_files
    ]
    workflows.more(tmp_path / "run", takes=1)
    assert contents.load_report(tmp_path / "run")["themes"] == report["themes"]
    assert len(run.takes) == 2


def test_a_report_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(io.BytesIO(b"\xff\xfe").getvalue())
    with pytest.raises(CheckpointError, match="no report of a run"):
        contents.load_report(tmp_path)

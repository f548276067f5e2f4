"""What the README and the examples say must be so."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import hocket
from hocket import workflows
from hocket.arguments import parser
from hocket.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def options_of(verb: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    return set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))


def test_every_option_in_the_readme_exists(capsys: pytest.CaptureFixture[str]) -> None:
    known = set.union(
        *(
            options_of(verb, capsys)
            for verb in parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
        )
    )
    foreign = {"--index-url", "--torch-backend"}  # pip's and uv's own
    said = set(re.findall(r"--[a-z][a-z-]+", README)) - foreign
    assert len(said) > 10
    assert said <= known


def test_links_and_pictures_in_the_readme_are_there() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert all((ROOT / target).exists() for target in targets)


def test_python_names_in_the_readme_are_public() -> None:
    names = set(re.findall(r"hocket\.([a-z]+)\(", README))
    assert {"fuse", "check", "write"} <= names
    assert all(callable(getattr(hocket, name)) for name in names)


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    assert targets == {"demo", "test"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From nothing and small, so that it takes no time."""
    small = {
        "start": "nothing",
        "max_steps": 4,
        "width": 16,
        "embedding": 8,
        "hocket_pieces": 2,
        "candidates": 8,
    }

    def fuse(*themes: str, **knobs: Any) -> Any:
        return workflows.fuse(*themes, **{**knobs, **small, "bars": 6})

    monkeypatch.setattr(hocket, "fuse", fuse, raising=False)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / "fuse.py"), run_name="__main__")
    assert "take 4 from" in capsys.readouterr().out
    assert (tmp_path / "out" / "example" / "take-06.mid").exists()

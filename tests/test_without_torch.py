"""A machine that only generates needs no torch: saved themes are used where it is not installed."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hocket

CALL = """
import importlib.util, sys
sys.path[:0] = {paths}
assert importlib.util.find_spec("torch") is None
from hocket.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that is installed beside torch, but not torch."""
    folder = tmp_path_factory.mktemp("site-packages")
    torch = importlib.metadata.distribution("torch")
    own = {Path(file).parts[0] for file in torch.files or ()} | {"torch"}
    for entry in Path(str(torch.locate_file(""))).iterdir():
        if entry.name not in own and not entry.name.endswith(".pth"):
            (folder / entry.name).symlink_to(entry)
    return folder


def call(packages: Path, *arguments: str) -> str:
    source = Path(hocket.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-S", "-c", CALL.format(paths=[str(source), str(packages)]), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_saved_themes_make_takes_without_torch(
    packages: Path, run_folder: Path, theme_files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "more"
    call(packages, "fuse", "--from", str(run_folder), "-o", str(out))
    take = out / "take-01.mid"
    assert take.read_bytes() == (run_folder / "take-01.mid").read_bytes()
    assert (out / "take-01.png").exists()
    exact = tmp_path / "exact"
    call(
        packages,
        *("fuse", "--from", str(run_folder), "-o", str(exact)),
        *("--takes", "1", "--engine", "float32"),
    )
    assert (exact / "take-01.mid").exists()
    found = call(packages, "check", str(take), "--against", *map(str, theme_files), "--json")
    assert json.loads(found)["notes"] > 0
    assert "NOTE_ON" in call(packages, "tokens", str(take))

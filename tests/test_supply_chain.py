"""Where hocket's dependencies come from, under which licences, and that it needs no network."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = Path(__file__).resolve().parents[1]
LOCK = (HOME / "requirements.lock").read_text(encoding="utf-8")
LOCKED = {block.partition("==")[0]: block for block in re.split(r"(?m)^(?=[\w.-]+==)", LOCK)[1:]}


def licences() -> Any:
    """Return docs/licences.py as a module."""
    spec = importlib.util.spec_from_file_location("licences", HOME / "docs" / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KNOWN = licences()


def installed() -> dict[str, str]:
    """Return what is installed of what the core needs, and its version without a build."""
    found = {}
    for name in KNOWN.closure(KNOWN.groups()["core"]):
        try:
            found[name] = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            assert KNOWN.CUDA.match(name), f"{name} is needed, and not installed"
    return found


def listed() -> dict[str, list[str]]:
    """Return the rows of docs/licences.md by package."""
    lines = KNOWN.TABLE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0]: row for row in rows[2:]}


def test_every_dependency_is_listed_with_a_licence_that_goes_with_ours() -> None:
    rows = listed()
    for name in installed():
        if KNOWN.CUDA.match(name):
            continue
        assert name in rows, f"{name}: make docs/licences.md anew"
        _, _, licence, needed_by, goes = rows[name]
        assert licence == KNOWN.licence_of(name), name
        assert KNOWN.is_among(licence, KNOWN.PERMISSIVE | KNOWN.WEAK), (name, licence)
        assert "core" in needed_by.split(", ")
        assert goes in ("yes", "yes, as a library")


def test_the_table_is_of_the_pinned_versions() -> None:
    pins = KNOWN.pins()
    assert {name: row[1] for name, row in listed().items()} == {
        name: pins[name] for name in listed()
    }


def test_licences_are_judged() -> None:
    judged = {
        "MIT": "yes",
        "GPL-3.0 OR MIT": "yes",
        "MIT AND LGPL-3.0-only": "yes, as a library",
        "MIT AND GPL-3.0": "**no**",
        "unknown": "**unknown**",
    }
    for licence, words in judged.items():
        assert KNOWN.verdict(KNOWN.Package("a", "1", licence, ("core", "vst"))) == words


def test_the_gpl_is_in_extras_alone_that_say_so() -> None:
    strong = {
        name: row[3].split(", ")
        for name, row in listed().items()
        if not KNOWN.is_among(row[2], KNOWN.PERMISSIVE | KNOWN.WEAK)
    }
    assert strong == {"pedalboard": ["vst", "dev"]}
    words = (HOME / "pyproject.toml").read_text(encoding="utf-8")
    extras = words.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    comments = [line for line in extras.splitlines() if line.startswith("#")]
    assert any("GPL-3" in line for line in comments)


def test_every_dependency_is_pinned_at_one_version() -> None:
    lines = (HOME / "constraints.txt").read_text(encoding="utf-8").splitlines()
    said = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in said)
    pins = KNOWN.pins()
    assert len(pins) == len(said)
    for name, requirements in KNOWN.groups().items():
        assert KNOWN.closure(requirements) <= pins.keys(), name
    for group in KNOWN.groups().values():
        for requirement in map(Requirement, group):
            assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])
    assert installed().items() <= pins.items()


def test_the_lock_has_all_of_the_core_with_hashes() -> None:
    pins = KNOWN.pins()
    assert installed().keys() <= LOCKED.keys()
    for name, block in LOCKED.items():
        first, *rest = block.splitlines()
        assert first == f"{name}=={pins[name]} \\"
        hashes = [line for line in rest if line.lstrip().startswith("--hash")]
        assert hashes
        for line in hashes:
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line)
    assert not re.search(r"://|^-|^ +--(?!hash=)", LOCK, re.MULTILINE)  # no place of its own


# the main job without a network

HIDDEN = ["unshare", "--map-root-user", "--net"]
"""A network of its own: nothing but a loopback that is down."""
NO_SOCKETS = """
import socket

def _kept(real):
    def asked(self, address):
        inner = self.family == getattr(socket, "AF_UNIX", None)
        if not inner and address[0] not in ("127.0.0.1", "::1"):
            raise OSError(101, "the network is cut off")
        return real(self, address)
    return asked

for name in ("connect", "connect_ex", "bind"):
    setattr(socket.socket, name, _kept(getattr(socket.socket, name)))

def _nobody(*_, **__):
    raise socket.gaierror(-3, "the network is cut off")

socket.getaddrinfo = _nobody
"""
"""Where there are no network namespaces: Python's own sockets reach no farther than this machine."""
GATE = """
import os, socket, sys

# addresses that are kept for documentation; connecting a datagram's socket sends nothing
for family, nowhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        try:
            line.connect((nowhere, 9))
        except OSError:
            continue
        sys.exit("there is a network here")
try:
    socket.getaddrinfo("evil.example", 80)
except OSError:
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
sys.exit("there are names here")
"""
"""Goes on with what it is given only where there is no way out."""


def cut_off(tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """Return what starts a command without a network, and its environment."""
    if (
        shutil.which("unshare")
        and not subprocess.run([*HIDDEN, "true"], capture_output=True).returncode
    ):
        return [*HIDDEN, sys.executable, "-c", GATE], dict(os.environ)
    home = tmp_path / "site"
    home.mkdir()
    (home / "sitecustomize.py").write_text(NO_SOCKETS, encoding="utf-8")
    return [sys.executable, "-c", GATE], os.environ | {"PYTHONPATH": str(home)}


LITTLE = (
    "--max-steps 1 --check-every 1 --judged 256 --batch 2 --windows 1 "
    "--takes 1 --keep 1 --bars 4 --candidates 4 --seeds 1"
)


def test_the_main_job_needs_no_network(tmp_path: Path) -> None:
    gate, environment = cut_off(tmp_path)
    run = tmp_path / "run"
    words = [
        "-m",
        "hocket",
        "fuse",
        "demo:gymnopedie",
        "demo:elise",
        "-o",
        str(run),
        *LITTLE.split(),
    ]
    done = subprocess.run(
        [*gate, *words], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-800:]
    for name in ("take-01.mid", "report.json", "index.html"):
        assert (run / name).stat().st_size > 0


@pytest.mark.parametrize("way", ["namespace", "sockets"])
def test_the_network_is_truly_cut_off(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "sockets":
        monkeypatch.setattr(shutil, "which", lambda _: None)
    gate, environment = cut_off(tmp_path)
    if way == "namespace" and gate[0] != "unshare":
        pytest.skip("this system lets nobody make network namespaces")
    told = "import socket; print([name for _, name in socket.if_nameindex()])"
    done = subprocess.run([*gate, "-c", told], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if way == "namespace":
        assert done.stdout.strip() == "['lo']"

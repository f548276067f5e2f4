"""Write `licences.md`: what hocket needs, under which licences, and whether these go with its own.

    python docs/licences.py

Packages are found by walking the requirements in pyproject.toml through what is installed. Licences
are what the packages say of themselves; where they say nothing, or say it in words, `SAID` and `NAMES`
help.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = Path(__file__).resolve().parents[1]
TABLE = HOME / "docs" / "licences.md"
PERMISSIVE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause",
    "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib", "public domain",
}  # fmt: skip
WEAK = {"LGPL-2.1-or-later", "LGPL-3.0-only", "MPL-2.0"}
"""For libraries that are used as they are, by import; their own source stays open."""
STRONG = {"GPL-3.0"}
"""For extras that say so."""
NAMES = {
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "gnu general public license v3 (gplv3)": "GPL-3.0",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "public domain": "public domain",
} | {known.lower(): known for known in PERMISSIVE | WEAK}
SAID = {
    "axe-playwright-python": "MIT AND MPL-2.0",  # its LICENSE, and axe-core in it
    "pyfluidsynth": "LGPL-2.1-or-later",  # its source; not installed for tests
}
"""Licences of packages whose metadata tells none, from their own files."""
CUDA = re.compile(r"^(cuda-|nvidia-|triton$)")
"""What torch brings along only as PyPI has it for Linux."""


class Package(NamedTuple):
    """What is known of a package."""

    name: str
    version: str
    licence: str
    needed_by: tuple[str, ...]


def groups() -> dict[str, list[str]]:
    """Return the requirements in pyproject.toml: of the core, and of each extra."""
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"core": project["dependencies"], **project["optional-dependencies"]}


def pins() -> dict[str, str]:
    """Return the versions in constraints.txt by the packages' plain names."""
    lines = (HOME / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, _, version in found}


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the plain names of all that requirements lead to, on this system."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(each), "") for each in requirements]
    while waiting:
        needed, extra = waiting.pop()
        if needed.marker and not needed.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(needed.name)
        found.add(name)
        for wanted in {"", *needed.extras} - {each for known, each in seen if known == name}:
            seen.add((name, wanted))
            waiting += [(Requirement(each), wanted) for each in requires(name)]
    return found


def requires(name: str) -> list[str]:
    """Return what an installed package needs; nothing where it is not installed."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def licence_of(name: str) -> str:
    """Return the licence of a package, as an SPDX expression if it can be told as one."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return SAID.get(name, "unknown")
    if expressions := told.get_all("License-Expression"):
        return str(expressions[0])
    lines = "".join(told.get_all("License") or []).strip().splitlines()[:1]
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in told.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    named = [NAMES.get(each.strip().lower()) for each in (*lines, *classifiers)]
    return next(filter(None, named), SAID.get(name, "unknown"))


def is_among(expression: str, licences: set[str]) -> bool:
    """Whether one may choose, of an SPDX expression without brackets, licences of a set alone."""
    choices = expression.split(" OR ")
    return any(all(each in licences for each in one.split(" AND ")) for one in choices)


def verdict(package: Package) -> str:
    """Return whether a package goes with Apache-2.0, in a word or two."""
    if is_among(package.licence, PERMISSIVE):
        return "yes"
    if is_among(package.licence, PERMISSIVE | WEAK):
        return "yes, as a library"
    if is_among(package.licence, PERMISSIVE | WEAK | STRONG):
        return "not passed on together" if "core" not in package.needed_by else "**no**"
    return "**unknown**"


def packages() -> list[Package]:
    """Return all that is needed, by name."""
    needed: dict[str, list[str]] = {}
    for group, requirements in groups().items():
        for name in closure(requirements):
            needed.setdefault(name, []).append(group)
    versions = pins()
    return [
        Package(name, versions.get(name, "?"), licence_of(name), tuple(needed_by))
        for name, needed_by in sorted(needed.items())
        if not CUDA.match(name)
    ]


def table() -> str:
    """Return the document."""
    rows = [
        f"| {p.name} | {p.version} | {p.licence} | {', '.join(p.needed_by)} | {verdict(p)} |"
        for p in packages()
    ]
    return "\n".join([HEAD, *rows, "", TAIL])


HEAD = """# Licences

Hocket is under the Apache License 2.0. This is all that it needs, with what that needs in turn, as
installed on Linux at the versions of `constraints.txt`; made by `docs/licences.py` from what the
packages say of themselves, and compared with what is installed by `tests/test_supply_chain.py`.

| package | version | licence | needed by | goes with Apache-2.0 |
|---|---|---|---|---|"""
TAIL = """`core` is what every install has; the others are extras. *As a library*: a weak copyleft that
asks for changes to the library itself, of which there are none here. *Not passed on together*:
pedalboard is under the GPL 3. It is no part of an install unless the extra `vst` (or `dev`, for the
tests) is asked for, and who passes hocket on together with it is bound by the GPL.

The wheels hold libraries of others: soundfile has libsndfile (LGPL-2.1-or-later) with its codecs,
llvmlite LLVM. On Linux PyPI's torch brings CUDA along: packages called `cuda-*` and `nvidia-*`, most
under NVIDIA's own licence, which is no free one, and triton (MIT). Hocket runs without them: a build
of torch for the CPU has none.
"""

if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")

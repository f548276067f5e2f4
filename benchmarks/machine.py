"""The machine and the versions that figures were measured with, in words."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
TELLING_FLAGS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
)
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
PACKAGES = ("hocket", "numpy", "numba", "onnxruntime", "torch", "symusic")


def described() -> dict[str, str]:
    """Return what is known of the machine: processor, cores, caches, flags, system, Python."""
    info = CPU_INFO.read_text(encoding="utf-8") if CPU_INFO.exists() else ""
    known = processor(info)
    return {
        "processor": known.get("model", "") or platform.processor() or platform.machine(),
        "cores": str(cores()),
        "caches": caches(CACHES),
        "flags": known.get("flags", ""),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }


def processor(info: str) -> dict[str, str]:
    """Return the model and the telling flags of the first processor in /proc/cpuinfo's words."""
    fields = {
        name.strip(): value.strip()
        for name, _, value in (line.partition(":") for line in info.split("\n\n")[0].splitlines())
    }
    flags = set(fields.get("flags", "").split())
    model = fields.get("model name", "")
    if model and "cpu family" in fields and "model" in fields:
        model += f" (family {fields['cpu family']}, model {fields['model']})"
    return {"model": model, "flags": " ".join(flag for flag in TELLING_FLAGS if flag in flags)}


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def caches(folder: Path) -> str:
    """Return the sizes of the first core's caches, as the system's folder says."""
    said = []
    for cache in sorted(folder.glob("index*")):
        level, kind, size = (
            (cache / name).read_text(encoding="utf-8").strip() for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            said.append(f"L{level} {size}")
    return ", ".join(said)


def versions() -> dict[str, str]:
    """Return the versions of the packages that hocket's side stands on."""
    return {name: metadata.version(name) for name in PACKAGES}


def slug(described: Mapping[str, str]) -> str:
    """Return a short name of the machine for a file."""
    words = re.sub(r"\([^)]*\)", "", described["processor"]).split()
    name = "-".join([*words, f"{described['cores']}-cores"]).lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")

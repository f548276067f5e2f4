"""Whole processes: `hocket fuse --from RUN` until its first take is there, or until it ends.

The floor under both is a Python that only loads what the engine stands on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from protocol import Contender, Settings, serve

LOADED = "import numpy, numba, onnxruntime"


def fuse(settings: Settings, *, whole: bool) -> Contender:
    """Write takes from a finished run into a new folder."""
    folder = tempfile.TemporaryDirectory()
    out = Path(folder.name) / "out"
    command = [sys.executable, "-m", "hocket", "fuse", "--from", settings["run"], "-o", str(out)]
    command += ["--takes", str(settings["takes"]), "--bars", str(settings["bars"])]
    running: list[subprocess.Popen[bytes]] = []

    def work() -> float:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        running.append(process)
        while process.poll() is None:
            if not whole and (out / "take-01.mid").exists():
                return 1
            time.sleep(0.001)
        if process.returncode or not (out / "take-01.mid").exists():
            raise RuntimeError(f"hocket ended with {process.returncode}")
        return 1

    def settle() -> None:
        while running:
            running.pop().wait()
        shutil.rmtree(Path(folder.name) / "out", ignore_errors=True)

    return Contender(work, {}, ("hocket",), settle)


def bare(settings: Settings) -> Contender:
    """Start Python, load the packages, end."""

    def work() -> float:
        subprocess.run([sys.executable, "-c", LOADED], check=True)
        return 1

    return Contender(work)


if __name__ == "__main__":
    serve(
        {
            "first take": lambda settings: fuse(settings, whole=False),
            "whole process": lambda settings: fuse(settings, whole=True),
            "bare": bare,
        }
    )

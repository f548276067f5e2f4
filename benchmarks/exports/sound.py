"""How fast pieces are rendered, how loud they come out, and how large they are as MP3.

    python benchmarks/exports/sound.py A.mid B.mid ... --out benchmarks/results/sound.json

Each engine that is present plays each piece; the rate is seconds of sound for each second of work on
one core, room and loudness included, the median of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hocket import audio, read
from hocket.audio.loudness import loudness, true_peak
from hocket.audio.performance import performance


def measured(file: str, engine: str, rounds: int, soundfont: str | None) -> dict[str, Any]:
    """Return what is measured of one piece played by one engine."""
    piece = read(file)
    font = soundfont if engine == "fluidsynth" else None
    took = []
    for _ in range(rounds):
        began = time.process_time()
        sound = audio.render(piece, engine=engine, soundfont=font)
        took.append(time.process_time() - began)
    began = time.process_time()
    mp3 = audio.audio_bytes(sound, "mp3", kbps=64)
    encoded = time.process_time() - began
    quiet, loud = performance(piece).velocity.min(), performance(piece).velocity.max()
    return {
        "piece": piece.title,
        "notes": len(piece.notes),
        "engine": sound.engine,
        "seconds": round(sound.seconds, 1),
        "times_real_time": round(sound.seconds / statistics.median(took), 1),
        "lufs": round(loudness(sound.samples, sound.rate), 2),
        "true_peak_db": round(true_peak(sound.samples), 2),
        "velocities": [int(quiet), int(loud)],
        "mp3_64_kbytes": round(len(mp3) / 1000),
        "mp3_seconds": round(encoded, 2),
    }


def main() -> None:
    """Print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pieces", nargs="+")
    parser.add_argument("--soundfont", help="lets FluidSynth play as well")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    present = [
        name
        for name, lacking in audio.engines().items()
        if not lacking or (name == "fluidsynth" and options.soundfont)
    ]
    rows = [
        measured(piece, engine, options.rounds, options.soundfont)
        for engine in present
        for piece in options.pieces
    ]
    names = list(rows[0])
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for row in rows:
        print("| " + " | ".join(str(row[name]) for name in names) + " |")
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()

"""The same input, settings and `--rng` give the same bytes, in a process with other hashes too."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

TRAIN = "--width 32 --embedding 8 --batch 4 --window 32 --windows 2 --judged 256 --check-every 4"
STEPS = (
    "prepare scores -o {0}/corpus --workers 2",
    f"train scores.corpus -o {{0}}/base --max-steps 8 {TRAIN}",
    "fuse demo:gymnopedie demo:elise -o {0}/run --max-steps 4 --check-every 2 --takes 2 --keep 2 "
    "--bars 8 --candidates 8 --seeds 2",
    "render {0}/run/take-01.mid -o {0}/take.wav",
    "engrave {0}/run/take-01.mid -o {0}/take.musicxml",
)


def run(words: str, home: Path, seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-m", "hocket", *words.split()],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_verb_gives_the_same_bytes_again(tmp_path: Path) -> None:
    import hocket

    (tmp_path / "scores").mkdir()
    for shift in range(4):
        piece = hocket.read("demo:elise").transposed(shift)
        hocket.write(piece, tmp_path / f"scores/{shift}.mid")
    run("prepare scores -o scores.corpus", tmp_path, "0")
    found = []
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        for words in STEPS:
            run(words.format(seed), tmp_path, seed)
        found.append(
            {
                str(file.relative_to(tmp_path / seed)): hashlib.sha256(
                    file.read_bytes()
                ).hexdigest()
                for file in sorted((tmp_path / seed).rglob("*"))
                if file.is_file() and not file.name.startswith("training.")  # which tells the time
            }
        )
    assert found[0] == found[1]
    assert {"corpus/ids.npy", "base/weights.safetensors", "run/take-01.mid", "take.wav"} <= set(
        found[0]
    )

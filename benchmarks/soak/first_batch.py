"""How long a corpus of many pieces takes until its first batch, and in how much memory.

    python benchmarks/soak/first_batch.py CORPUS --times 1 29 289 --out FILE

CORPUS is what `hocket prepare` made; larger ones are made of it by repeating its pieces, under other
names. Memory is what the process holds of its own, without the pages of the corpus that it maps.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w


def own_mb() -> float:
    """Return the memory that this process holds for itself."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


def repeated(corpus: Path, out: Path, times: int) -> None:
    """Write a corpus that holds the pieces of another one so many times."""
    out.mkdir()
    ids = np.load(corpus / "ids.npy", mmap_mode="r")
    lengths = np.diff(np.load(corpus / "bounds.npy"))
    np.save(out / "bounds.npy", np.concatenate([[0], np.cumsum(np.tile(lengths, times))]))
    many = np.lib.format.open_memmap(out / "ids.npy", "w+", ids.dtype, (len(ids) * times,))
    digest = hashlib.sha256()
    for copy in range(times):
        many[copy * len(ids) : (copy + 1) * len(ids)] = ids
        digest.update(np.ascontiguousarray(ids))
    many.flush()
    names = (corpus / "names.txt").read_text().splitlines()
    with (out / "names.txt").open("w") as file:
        for copy in range(times):
            file.writelines(f"{copy:03d}/{name}\n" for name in names)
    (out / "dropped.csv").write_text("file,why\n")
    said = tomllib.loads((corpus / "corpus.toml").read_text())
    counts = {"pieces": len(lengths) * times, "events": len(ids) * times}
    said |= {**counts, "files": counts["pieces"], "dropped": 0, "ids_sha256": digest.hexdigest()}
    (out / "corpus.toml").write_text(tomli_w.dumps(said))


def looked(corpus: Path) -> dict[str, Any]:
    """Open a corpus as `hocket train` does; return the seconds of each part, and the memory."""
    began = time.perf_counter()
    marks: dict[str, float] = {}

    def mark(name: str) -> None:
        nonlocal began
        marks[name] = round(time.perf_counter() - began, 2)
        began = time.perf_counter()

    from hocket.config import preset
    from hocket.corpus import held_out_batches, load_library, training_batch
    from hocket.corpus.lessons import lessons
    from hocket.training import settings_fingerprint

    mark("imports")
    library = load_library(corpus)
    mark("open_and_check_sha256")
    material = lessons(library, kept=library.names[:200])
    mark("keys_of_all_pieces")
    config = preset("base")
    settings_fingerprint(config, material)
    mark("fingerprint")
    held_out_batches(material, 20_000)
    mark("held_out_batches")
    training_batch(material, config.training, 1, 0)
    mark("first_batch")
    return {"pieces": len(library), "events": len(library.ids), "own_mb": round(own_mb()),
            "seconds": marks, "seconds_in_all": round(sum(marks.values()), 1)}  # fmt: skip


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 29])
    parser.add_argument("--look", action="store_true", help="at this one, in this process")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.look:
        print(json.dumps(looked(options.corpus)))
        return 0
    found = []
    look = [sys.executable, __file__, "--look"]
    subprocess.run([*look, str(options.corpus)], check=True, capture_output=True)  # compiles
    for times in options.times:
        with tempfile.TemporaryDirectory() as folder:
            many = Path(folder, "corpus")
            repeated(options.corpus, many, times)
            words = [*look, str(many)]
            said = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(said.stdout))
            print(found[-1], flush=True)
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

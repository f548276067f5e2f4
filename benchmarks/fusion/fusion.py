"""Fusion beside other ways to it: for pairs of themes, the measures of what each contender writes.

    python benchmarks/fusion/fusion.py BASE PAIRS.csv -o out/fusion [--pairs 1 2 demo] [--rng 1]
    python benchmarks/fusion/fusion.py -o out/fusion --show

BASE is the folder that the paths in PAIRS.csv (columns pair, a, b) start from; the demo themes are the
pair `demo`. hocket writes 64 takes of 32 bars with default settings; the best 16 of its own ranking are
its row, the first 16 the row "unranked". The recipe learns for `--seconds`, about as long as hocket
learns both themes on two cores. What a pair's folder holds already (the theme files, and what each of
`--stages` wrote) is not done again, so it can be stopped and called again; `--show` prints the tables.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import hocket
import markov
import recipe
from hocket.analysis import as_json, measure
from hocket.analysis.chance import chance
from hocket.scores import write
from hocket.scores.files import make_folder, write_text
from hocket.sources import saved_theme

TAKES, KEPT, BARS = 64, 16, 32
STAGES = ("hocket", "recipe", "markov")
NAMES = {
    "hocket": "hocket, its best 16 of 64",
    "unranked": "hocket, the first 16",
    "recipe": "the recipe it grew from",
    "markov": "order-4 Markov",
}
COLUMNS = (
    "known", "weaker", "switches", "in_key", "cover16", "longest", "melody_known", "tune_longest",
    "repetition16", "playable", "stuck", "notes",
)  # fmt: skip
DEMO = ("demo:gymnopedie", "demo:elise")


def main() -> None:
    """Run what is not done yet, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path, nargs="?")
    parser.add_argument("list", type=Path, nargs="?")
    parser.add_argument("-o", "--out", type=Path, default=Path("out/fusion"))
    parser.add_argument("--pairs", nargs="+", help="only these")
    parser.add_argument("--rng", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--seconds", type=float, default=120.0, help="that the recipe learns")
    parser.add_argument("--summary", type=Path, help="JSON file for the medians of each pair")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="of hocket")
    options = parser.parse_args()
    if not options.show:
        pairs = {"demo": DEMO}
        if options.list:
            with options.list.open(encoding="utf-8") as lines:
                for row in csv.DictReader(lines):
                    pairs[row["pair"]] = tuple(str(options.base / row[side]) for side in "ab")
        settings = {
            name: json.loads(value) if value[:1] in "0123456789.tf" else value
            for name, _, value in (setting.partition("=") for setting in options.set)
        }
        for pair in options.pairs or pairs:
            folder = options.out / pair
            make_folder(folder)
            themes = learned(folder, pairs[pair], options.rng)
            for stage in options.stages:
                if not (folder / f"{stage}.json").exists():
                    run(stage, folder, themes, options.rng, settings, options.seconds)
    found = tables(options.out)
    if options.summary:
        write_text(options.summary, json.dumps(found, indent=1) + "\n")


def learned(folder: Path, sources: Sequence[str], rng: int) -> list[Path]:
    """Return the theme files of a pair, which are learned if they are not there."""
    files = [folder / f"{letter}.theme" for letter in "AB"]
    for file, source in zip(files, sources, strict=True):
        if not file.exists():
            began = time.monotonic()
            hocket.learn(source, out=file, rng=rng)
            print(file, f"{time.monotonic() - began:.0f} s", flush=True)
    return files


def run(
    stage: str,
    folder: Path,
    files: Sequence[Path],
    rng: int,
    settings: Mapping[str, Any],
    seconds: float,
) -> None:
    """Let a contender write takes of a pair, and measure them."""
    began = time.monotonic()
    pieces = {file.stem: saved_theme(file).piece for file in files}
    result: dict[str, Any] = {}
    if stage == "hocket":
        fused = hocket.fuse(*files, takes=TAKES, keep=TAKES, bars=BARS, rng=rng, **settings)
        by_number = sorted(fused.takes, key=lambda take: take.number)
        takes = {
            "hocket": [take.piece for take in fused.takes[:KEPT]],
            "unranked": [take.piece for take in by_number[:KEPT]],
        }
        result["scores"] = [dict(take.score) for take in fused.takes[:KEPT]]
        notes = sum(len(piece.notes) for piece in pieces.values()) / len(pieces)
        result["own"] = {letter: as_json(measure(piece, {})) for letter, piece in pieces.items()}
        result["chance"] = {name: level._asdict() for name, level in chance(notes).items()}
    elif stage == "recipe":
        written, result["loss"] = recipe.takes(list(pieces.values()), KEPT, BARS, rng, seconds)
        takes = {"recipe": written}
    else:
        takes = {"markov": markov.takes(list(pieces.values()), KEPT, BARS, rng)}
    for who, written in takes.items():
        make_folder(folder / who)
        for number, take in enumerate(written, 1):
            write(take, folder / who / f"{number:02d}.mid")
        result[who] = [as_json(measure(take, pieces)) for take in written]
    for letter, piece in pieces.items():
        write(piece, folder / f"{letter}.mid")
    result["seconds"] = round(time.monotonic() - began, 1)
    write_text(folder / f"{stage}.json", json.dumps(result) + "\n")
    print(folder.name, stage, f"{result['seconds']:.0f} s", flush=True)


def figures(measures: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the medians of the measures of takes."""
    found = {name: median(m[name] for m in measures) for name in COLUMNS if name != "weaker"}
    found["weaker"] = median(min(m["share"].values()) for m in measures)
    found["cover16_most"] = max(m["cover16"] for m in measures)
    found["longest_most"] = max(m["longest"] for m in measures)
    return found


def tables(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Print a table of hocket's figures pair by pair, and one of the medians over pairs.

    Returns the figures by pair and contender.
    """
    results: dict[str, dict[str, Any]] = {}
    for pair in sorted(folder.iterdir(), key=lambda pair: pair.name.zfill(4)):
        if (pair / "hocket.json").exists():
            found = results[pair.name] = {}
            for stage in STAGES:
                if (pair / f"{stage}.json").exists():
                    found |= json.loads((pair / f"{stage}.json").read_text(encoding="utf-8"))
    shown = (*COLUMNS, "cover16_most", "longest_most")
    row = "| {} | " + " | ".join(["{}"] * len(shown)) + " |"
    print(row.format("pair", *shown))
    print("|---" * (len(shown) + 1) + "|")
    for pair, result in results.items():
        found = figures(result["hocket"])
        print(row.format(pair, *(f"{found[name]:.2f}" for name in shown)))
    print()
    print(row.format("median pair", *shown))
    print("|---" * (len(shown) + 1) + "|")
    for who in NAMES:
        every = [figures(result[who]) for result in results.values() if who in result]
        if every:
            middle = (median(found[name] for found in every) for name in shown)
            print(row.format(NAMES[who], *(f"{value:.2f}" for value in middle)))
    own = [
        {name: mean(m[name] for m in result["own"].values()) for name in ("in_key", "repetition16")}
        for result in results.values()
    ]
    for name in ("in_key", "repetition16"):
        print(f"{name} of the themes: {median(found[name] for found in own):.3f}")
    less = median(
        figures(result["hocket"])["in_key"] - found["in_key"]
        for result, found in zip(results.values(), own, strict=True)
    )
    print(f"in_key less that of the themes, median: {less:+.3f}")
    for name in ("known", "longest", "cover16"):
        usual = [result["chance"][name]["median"] for result in results.values()]
        print(f"{name} by chance: {median(usual):.2f}")
    return {
        pair: {who: figures(result[who]) for who in NAMES if who in result}
        for pair, result in results.items()
    }


if __name__ == "__main__":
    main()

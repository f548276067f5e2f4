"""The folder of a run: what is written, under which names, and how it is read back.

take-01.mid take-01.png …   the takes: to play, and to look at
report.json                 the recipe and the measures of every take
run.toml                    all settings
loss.png                    how the themes were learned
themes/A.mid B.mid …        the themes as they were understood
weights.safetensors .toml   what was learned: `hocket fuse --from` makes more takes of it
engine.onnx .safetensors    the same, converted for ONNX Runtime: what takes are written with
training.safetensors        where learning stands: `hocket fuse --resume` goes on from it
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from hocket.analysis import Measures, as_json, medians
from hocket.config import RunConfig, dumps, loads
from hocket.errors import CheckpointError, ConfigError
from hocket.generation import Take
from hocket.model import weights as stored_weights
from hocket.music import Piece
from hocket.music.pitch import estimate_key, key_name
from hocket.scores import write
from hocket.scores.files import atomic_write, make_folder, read_bytes, remove, write_text
from hocket.tokens import VOCAB

CONFIG_FILE = "run.toml"
REPORT_FILE = "report.json"
CHECKPOINT_FILE = "training.safetensors"
CURVE_FILE = "loss.png"
THEMES_FOLDER = "themes"
MOST_TEXT_BYTES = 32 * 2**20

_OWN_FILES = (REPORT_FILE, CHECKPOINT_FILE, CURVE_FILE, *stored_weights.FILES, CONFIG_FILE)
_TAKE = re.compile(r"take-(\d{2,})\.(mid|png)")


@dataclass(frozen=True, eq=False)
class Run:
    """What `fuse` returns: themes by letter, takes with their measures, and where they lie."""

    themes: Mapping[str, Piece]
    takes: Sequence[Take]
    measures: Sequence[Measures]
    config: RunConfig
    held_out: float | None
    """Nats per event on the held-out bars; None where there are none."""
    stopped: str
    """Why learning ended."""
    folder: Path | None

    @property
    def medians(self) -> dict[str, Any]:
        """The median of every measure over the takes."""
        return medians(self.measures)


def take_name(number: int) -> str:
    """Return a take's file name without suffix."""
    return f"take-{number:02d}"


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run; raises `CheckpointError` if that cannot be told."""
    try:
        return (folder / CONFIG_FILE).exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{folder}: cannot be looked at ({reason}); check the path") from None


def last_take(folder: Path) -> int:
    """Return the highest number of a take in a folder, 0 if there is none."""
    if not folder.is_dir():
        return 0
    return max((int(m[1]) for f in folder.iterdir() if (m := _TAKE.fullmatch(f.name))), default=0)


def is_taken(folder: Path) -> bool:
    """Whether there is anything in a folder that a run would replace, be it a run's or not."""
    there = any((folder / name).exists() for name in _OWN_FILES) or last_take(folder) > 0
    return is_run(folder) or there or any((folder / THEMES_FOLDER).glob("?.mid"))


def prepare(folder: Path, overwrite: bool, themes: int) -> None:
    """Make the folder for a run of so many themes; what is there is not lost unasked.

    With `overwrite` an earlier run goes; files of others stay, but for those of a run's names.
    Raises `ConfigError`, also for a file that would be taken for one of the themes.
    """
    make_folder(folder)
    if not is_taken(folder):
        return
    if not overwrite:
        raise ConfigError(
            f"{folder}: holds a run already, or files named like a run's; choose another folder "
            "with -o, make more takes of a run with --from, go on learning with --resume, or say "
            "--overwrite"
        )
    ours = _theme_files(folder) if is_run(folder) else []
    following = folder / THEMES_FOLDER / f"{ascii_uppercase[themes]}.mid"
    if following.exists() and following not in ours:
        raise ConfigError(f"{following}: in the way, and not of a run; move it elsewhere")
    if is_run(folder):
        ours += [file for file in folder.iterdir() if _TAKE.fullmatch(file.name)]
    for file in (*ours, *(folder / name for name in _OWN_FILES)):
        remove(file)  # run.toml last: what is half cleared is a run still


def save_settings(folder: Path, config: RunConfig, themes: Mapping[str, Piece]) -> None:
    """Write the settings and the themes: from here on the folder is a run."""
    make_folder(folder / THEMES_FOLDER)
    for letter, theme in themes.items():
        write(theme, folder / THEMES_FOLDER / f"{letter}.mid")
    save_config(folder, config)


def save_config(folder: Path, config: RunConfig) -> None:
    """Write the settings alone."""
    write_text(folder / CONFIG_FILE, dumps(config))


def _theme_files(folder: Path) -> list[Path]:
    """Return the files of a run's themes: A, B, … as far as they go without a gap."""
    files = (folder / THEMES_FOLDER / f"{letter}.mid" for letter in ascii_uppercase)
    return list(takewhile(Path.exists, files))


def load_settings(folder: Path) -> tuple[RunConfig, dict[str, Piece]]:
    """Read the settings and the themes of a run; raises `CheckpointError` if it is none."""
    from hocket.scores.midi import read_midi

    if not is_run(folder):
        raise CheckpointError(f"{folder}: no run there (no {CONFIG_FILE}); give the folder of one")
    data = read_bytes(folder / CONFIG_FILE, MOST_TEXT_BYTES)
    config = loads(data.decode("utf-8", "replace"), str(folder / CONFIG_FILE))
    files = _theme_files(folder)
    if len(files) < 2:
        raise CheckpointError(f"{folder / THEMES_FOLDER}: the run's themes are gone; learn again")
    themes = {}
    for file in files:  # written by us, so nothing about them needs judging or remarks
        data = read_bytes(file, MOST_TEXT_BYTES)
        themes[file.stem] = read_midi(data, file.name, pedal=False, notated=True)[0]
    return config, themes


def save_weights(folder: Path, weights: stored_weights.Weights) -> None:
    """Write the weights, the engine made of them, and their card."""
    for name, content in stored_weights.to_files(weights).items():
        atomic_write(folder / name, content)


def load_weights(folder: Path) -> stored_weights.Weights:
    """Load the weights of a run; raises `CheckpointError` if anything does not fit."""
    return stored_weights.load(folder, VOCAB.fingerprint)


def save_takes(folder: Path, run: Run) -> None:
    """Write the takes as MIDI, to be heard at once, then their pictures and the report."""
    for take in run.takes:
        write(take.piece, folder / f"{take_name(take.number)}.mid")

    from hocket.analysis.pictures import roll_png  # only now: matplotlib takes its time to load
    from hocket.analysis.provenance import origins

    for take in run.takes:
        name = take_name(take.number)
        picture = roll_png(take.piece, origins(take.piece, named(run.themes)))
        atomic_write(folder / f"{name}.png", picture)
    write_text(
        folder / REPORT_FILE, json.dumps(report(folder, run), indent=2, ensure_ascii=False) + "\n"
    )


def named(themes: Mapping[str, Piece]) -> dict[str, Piece]:
    """Return the themes by letter and title, for people to read."""
    return {f"{letter} {theme.title}": theme for letter, theme in themes.items()}


def report(folder: Path, run: Run) -> dict[str, Any]:
    """Return what report.json holds; takes that the folder's report already lists stay listed."""
    from hocket import __version__

    takes = {entry["file"]: entry for entry in _reported(folder)}
    for take, measures in zip(run.takes, run.measures, strict=True):
        entry = _recipe(take) | {"measures": as_json(measures)}
        takes[entry["file"]] = entry
    by_number = sorted(takes, key=lambda file: int(_TAKE.fullmatch(file)[1]))  # type: ignore[index]
    present = [takes[file] for file in by_number if (folder / file).exists()]
    return {
        "hocket": __version__,
        "themes": {
            letter: {
                "title": theme.title,
                "notes": len(theme.notes),
                "bars": len(theme.bars()),
                "metre": str(theme.main_meter),
                "key": key_name(estimate_key(theme.notes)),
            }
            for letter, theme in run.themes.items()
        },
        "learned": {"held_out": run.held_out, "stopped": run.stopped},
        "medians": medians([Measures(**entry["measures"]) for entry in present]),
        "takes": present,
    }


def _recipe(take: Take) -> dict[str, Any]:
    from dataclasses import asdict

    key = take.piece.keys[0] if take.piece.keys else None
    return {
        "file": f"{take_name(take.number)}.mid",
        "seed": take.seed,
        "key": key_name(key) if key else None,
        "metre": str(take.piece.meters[0]),
        "mix": [round(weight, 6) for weight in take.mix],
        "rng": take.rng,
        "number": take.number,
        "weights": take.weights,
        "nats_per_event": round(float(-take.log_probs[1:].mean()), 4),
        "settings": {k: v for k, v in asdict(take.config).items() if v is not None},
    }


def _reported(folder: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads((folder / REPORT_FILE).read_bytes())["takes"]
        for entry in entries:
            medians([Measures(**entry["measures"])])
        return [entry for entry in entries if _TAKE.fullmatch(entry["file"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []

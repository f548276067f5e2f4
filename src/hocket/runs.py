"""The folder of a run: what is written, under which names, and how it is read back.

take-01.mid take-01.png …   the takes: to play, and to look at
take-01.why.safetensors …   what the model said along them, for `hocket why`
index.html                  all of it on one page, to hear, see and share
report.json                 the recipe and the measures of every take
run.toml                    all settings
themes/A.mid A-2.mid …      the themes' pieces as they were understood
themes/sources.json         how the user named the themes, without folders
themes/A.theme B.theme …    what was learned of each: any `hocket fuse` takes it
loss-A.png loss-B.png …     how they were learned

Learned from nothing, all themes together, there are instead

weights.safetensors .toml   what was learned: `hocket fuse --from` makes more takes of it
engine.onnx .safetensors    the same, converted for ONNX Runtime: what takes are written with
loss.png                    how the themes were learned

and in both cases

training.safetensors        where learning stands: `hocket fuse --resume` goes on from it; while it
                            learns, training.previous.safetensors is the one before
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import count, takewhile
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from hocket.analysis import Measures, medians
from hocket.config import RunConfig, dumps, loads
from hocket.errors import CheckpointError, ConfigError
from hocket.generation import Take, votes
from hocket.model import weights as stored_weights
from hocket.model.theme import ThemeFile, to_bytes
from hocket.music import Piece
from hocket.reports import REPORT_FILE, TAKE, report, take_name
from hocket.scores import write
from hocket.scores.files import atomic_write, make_folder, read_bytes, remove, write_text
from hocket.sources import THEME_SUFFIX, Theme
from hocket.tokens import VOCAB

CONFIG_FILE = "run.toml"
LOCK_FILE = "training.lock"
CHECKPOINT_FILES = "training.safetensors", "training.previous.safetensors"
"""The newest, and, while learning goes on, the one before."""
CURVE_FILE = "loss.png"
PAGE_FILE = "index.html"
THEMES_FOLDER = "themes"
SOURCES_FILE = f"{THEMES_FOLDER}/sources.json"
MOST_TEXT_BYTES = 32 * 2**20

_OWN_FILES = (
    PAGE_FILE,
    REPORT_FILE,
    *CHECKPOINT_FILES,
    CURVE_FILE,
    *stored_weights.FILES,
    CONFIG_FILE,
)
_OF_LETTER = re.compile(r"take-\d{2,}\.(mid|png|why\.safetensors)|loss-[A-Z]\.png")


@dataclass(frozen=True, eq=False)
class Run:
    """What `fuse` returns: themes by letter, takes with their measures, and where they lie."""

    themes: Mapping[str, Theme]
    takes: Sequence[Take]
    measures: Sequence[Measures]
    config: RunConfig
    held_out: float | None
    """Nats per event on the held-out bars; None where there are none."""
    stopped: str
    """Why learning ended."""
    folder: Path | None
    tried: int = 0
    """How many takes were written so far, kept or not: the next one's number is one more."""

    def _repr_html_(self) -> str:
        """Show the takes where a notebook displays the run."""
        shown: str = import_module("hocket.notebook").run_shown(self)  # which stands above this
        return shown

    @property
    def medians(self) -> dict[str, Any]:
        """The median of every measure over the takes."""
        return medians(self.measures)


def is_begun(folder: Path) -> bool:
    """Whether there is a checkpoint in a folder."""
    return any((folder / name).exists() for name in CHECKPOINT_FILES)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run; raises `CheckpointError` if that cannot be told."""
    try:
        return (folder / CONFIG_FILE).exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{folder}: cannot be looked at ({reason}); check the path") from None


def takes_tried(folder: Path) -> int:
    """Return how many takes a run has written, kept or not; those kept at least."""
    try:
        tried = int(json.loads((folder / REPORT_FILE).read_bytes())["tried"])
    except (OSError, ValueError, KeyError, TypeError):
        tried = 0
    return max(tried, last_take(folder))


def last_take(folder: Path) -> int:
    """Return the highest number of a take in a folder, 0 if there is none."""
    if not folder.is_dir():
        return 0
    return max((int(m[1]) for f in folder.iterdir() if (m := TAKE.fullmatch(f.name))), default=0)


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
    ours = [file for own in _theme_files(folder) for file in own] if is_run(folder) else []
    following = folder / THEMES_FOLDER / f"{ascii_uppercase[themes]}.mid"
    if following.exists() and following not in ours:
        raise ConfigError(f"{following}: in the way, and not of a run; move it elsewhere")
    if is_run(folder):
        ours += [file for file in folder.iterdir() if _OF_LETTER.fullmatch(file.name)]
        ours += (folder / THEMES_FOLDER).glob(f"?{THEME_SUFFIX}")
        ours.append(folder / SOURCES_FILE)
    for file in (*ours, *(folder / name for name in _OWN_FILES)):
        remove(file)  # run.toml last: what is half cleared is a run still


def save_settings(folder: Path, config: RunConfig, themes: Mapping[str, Theme]) -> None:
    """Write the settings and the themes: from here on the folder is a run."""
    make_folder(folder / THEMES_FOLDER)
    for letter, theme in themes.items():
        for number, piece in enumerate((theme.piece, *theme.pieces[1:]), 1):
            name = letter if number == 1 else f"{letter}-{number}"
            write(piece, folder / THEMES_FOLDER / f"{name}.mid")
        if theme.learned is not None:
            save_learned(folder, letter, theme.learned)
    sources = {letter: theme.source for letter, theme in themes.items()}
    write_text(folder / SOURCES_FILE, json.dumps(sources, indent=1, ensure_ascii=False) + "\n")
    save_config(folder, config)


def save_learned(folder: Path, letter: str, learned: ThemeFile) -> None:
    """Write what was learned of a theme."""
    atomic_write(folder / THEMES_FOLDER / f"{letter}{THEME_SUFFIX}", to_bytes(learned))


def save_config(folder: Path, config: RunConfig) -> None:
    """Write the settings alone."""
    write_text(folder / CONFIG_FILE, dumps(config))


def _theme_files(folder: Path) -> list[list[Path]]:
    """Return the pieces of a run's themes: A, A-2, …, then B, …, as far as they go without a gap."""
    home, found = folder / THEMES_FOLDER, []
    for letter in takewhile(lambda letter: (home / f"{letter}.mid").exists(), ascii_uppercase):
        others = (home / f"{letter}-{number}.mid" for number in count(2))
        found.append([home / f"{letter}.mid", *takewhile(Path.exists, others)])
    return found


def load_settings(folder: Path) -> tuple[RunConfig, dict[str, Theme]]:
    """Read the settings and the themes of a run; raises `CheckpointError` if it is none."""
    from hocket.model.theme import load
    from hocket.scores.midi import read_midi

    if not is_run(folder):
        raise CheckpointError(f"{folder}: no run there (no {CONFIG_FILE}); give the folder of one")
    data = read_bytes(folder / CONFIG_FILE, MOST_TEXT_BYTES)
    config = loads(data.decode("utf-8", "replace"), str(folder / CONFIG_FILE))
    files, sources = _theme_files(folder), _sources(folder)
    if len(files) < 2:
        raise CheckpointError(f"{folder / THEMES_FOLDER}: the run's themes are gone; learn again")
    themes = {}
    for own in files:  # written by us, so nothing about them needs judging or remarks
        read = [read_bytes(file, MOST_TEXT_BYTES) for file in own]
        pieces = tuple(
            read_midi(data, file.name, pedal=False, notated=True)[0]
            for data, file in zip(read, own, strict=True)
        )
        known = own[0].with_suffix(THEME_SUFFIX)
        learned = load(known) if known.exists() else None
        source = sources.get(own[0].stem, "")
        themes[own[0].stem] = Theme(pieces[0].title, pieces, learned, source)
    return config, themes


def save_weights(folder: Path, weights: stored_weights.Weights) -> None:
    """Write the weights, the engine made of them, and their card."""
    for name, content in stored_weights.to_files(weights).items():
        atomic_write(folder / name, content)


def load_weights(folder: Path) -> stored_weights.Weights:
    """Load the weights of a run; raises `CheckpointError` if anything does not fit."""
    return stored_weights.load(folder, VOCAB.fingerprint)


def save_takes(folder: Path, run: Run, said: Sequence[votes.Votes] = ()) -> None:
    """Write the takes as MIDI, to be heard at once, then their pictures, votes and the report."""
    for take in run.takes:
        write(take.piece, folder / f"{take_name(take.place)}.mid")

    from hocket.analysis.provenance import origins
    from hocket.pictures import roll  # only now: matplotlib takes its time to load

    for take in run.takes:
        name = take_name(take.place)
        found = origins(take.piece, named(run.themes))
        picture = roll(take.piece, found, mix=take.plan.tolist())
        atomic_write(folder / f"{name}.png", picture)
    for take, along in zip(run.takes, said, strict=False):
        atomic_write(folder / f"{take_name(take.place)}{votes.SUFFIX}", votes.to_bytes(along))
    text = json.dumps(report(folder, run), indent=2, ensure_ascii=False)
    rows = re.sub(r"\[\n\s+([^][{}]*?)\n\s+\]", lambda row: f"[{' '.join(row[1].split())}]", text)
    write_text(folder / REPORT_FILE, rows + "\n")


def named(themes: Mapping[str, Theme]) -> dict[str, Sequence[Piece]]:
    """Return the pieces of the themes by letter and title, for people to read."""
    return {f"{letter} {theme.title}": theme.pieces for letter, theme in themes.items()}


def _sources(folder: Path) -> dict[str, str]:
    """Return how the user named a run's themes, as far as that is kept."""
    try:
        found = json.loads((folder / SOURCES_FILE).read_bytes())
        return {str(letter): str(source) for letter, source in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}

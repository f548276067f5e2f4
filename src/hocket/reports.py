"""What report.json holds: the themes, and the recipe, the measures and the map of every take.

Surprising decision: takes that a report lists already stay in it, with the recipe that they had.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket.analysis import Measures, as_json, medians
from hocket.generation import Take
from hocket.music.pitch import estimate_key, key_name
from hocket.sources import wholes

if TYPE_CHECKING:
    from hocket.runs import Run

REPORT_FILE = "report.json"
TAKE = re.compile(r"take-(\d{2,})\.(mid|png|why\.safetensors)")


def take_name(number: int) -> str:
    """Return a take's file name without suffix."""
    return f"take-{number:02d}"


def report(folder: Path, run: Run) -> dict[str, Any]:
    """Return what report.json holds; takes that the folder's report already lists stay listed."""
    from hocket import __version__
    from hocket.analysis.chance import chance, notes_in
    from hocket.analysis.quoted import note_map

    takes = {entry["file"]: entry for entry in _reported(folder)}
    for take, measures in zip(run.takes, run.measures, strict=True):
        entry = _recipe(take) | {
            "measures": as_json(measures),
            "map": note_map(take.piece, wholes(run.themes)),
        }
        takes[entry["file"]] = entry
    by_number = sorted(takes, key=lambda file: int(TAKE.fullmatch(file)[1]))  # type: ignore[index]
    present = [takes[file] for file in by_number if (folder / file).exists()]
    return {
        "hocket": __version__,
        "themes": {
            letter: {
                "title": theme.title,
                "source": theme.source,
                "pieces": len(theme.pieces),
                "notes": sum(len(piece.notes) for piece in theme.pieces),
                "bars": sum(len(piece.bars()) for piece in theme.pieces),
                "metre": str(theme.pieces[0].main_meter),
                "key": key_name(estimate_key(theme.pieces[0].notes)),
            }
            for letter, theme in run.themes.items()
        },
        "tried": run.tried,
        "learned": {"held_out": run.held_out, "stopped": run.stopped},
        "chance": {
            name: level._asdict()
            for name, level in chance(notes_in(wholes(run.themes).values())).items()
        },
        "medians": medians([Measures(**entry["measures"]) for entry in present]),
        "takes": present,
    }


def _recipe(take: Take) -> dict[str, Any]:
    from dataclasses import asdict

    key = take.piece.keys[0] if take.piece.keys else None
    return {
        "file": f"{take_name(take.place)}.mid",
        "seed": take.seed,
        "form": take.form or "through",
        "key": key_name(key) if key else None,
        "metre": str(take.piece.meters[0]),
        "laid_out": list(take.laid_out),
        "mix": [round(weight, 6) for weight in take.mix],
        "plan": [[round(weight, 3) for weight in bar] for bar in take.plan.tolist()],
        "rng": take.rng,
        "number": take.number,
        "weights": take.weights,
        "score": {name: round(part, 4) for name, part in take.score.items()},
        "quote_budget_nats": round(take.price, 4),
        "nats_per_event": round(float(-take.log_probs[1:].mean()), 4),
        "settings": {k: v for k, v in asdict(take.config).items() if v is not None},
    }


def _reported(folder: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads((folder / REPORT_FILE).read_bytes())["takes"]
        for entry in entries:
            medians([Measures(**entry["measures"])])
        return [entry for entry in entries if TAKE.fullmatch(entry["file"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []

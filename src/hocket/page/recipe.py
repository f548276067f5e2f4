"""Settings to the command line that gives the same again."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from hocket.config import RunConfig, replaced


def command(sources: Sequence[str], config: RunConfig, take: Mapping[str, Any]) -> str:
    """Return the command that writes a take: its themes, and what differs from the defaults.

    `take` is its entry in report.json.
    """
    known = {field.name for field in dataclasses.fields(config.generation)}
    wanted = {name: value for name, value in take["settings"].items() if name in known}
    config = replaced(config, {**wanted, "rng": take["rng"]})
    words = ["hocket", "fuse", *sources, "-o", "out"]
    if config.start != "base":  # the defaults are those of another preset
        words += ["--preset", "hybrid" if config.model.sees_themes else "classic"]
    for section, usual in _sections(config):
        for field in dataclasses.fields(section):
            value = getattr(section, field.name)
            if dataclasses.is_dataclass(value) or value == getattr(usual, field.name):
                continue
            words += _option(field.name, value)
    return shlex.join(words)


def _sections(config: RunConfig) -> list[tuple[Any, Any]]:
    """Return the parts of the settings, each beside its defaults."""
    from hocket.config import preset

    name = "theme"
    if config.start != "base":
        name = "hybrid" if config.model.sees_themes else "classic"
    usual = preset(name)
    parts = ("opening", "generation", "training", "model")
    return [(config, usual), *((getattr(config, p), getattr(usual, p)) for p in parts)]


def _option(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [] if value is None else [f"--{flag}", str(value)]

"""Settings to options of the command line: a knob is described in one place, its field in `config`."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from collections.abc import Callable
from typing import Any

from hocket import config

SECTIONS: tuple[tuple[str, Any], ...] = (
    ("openings", config.SeedConfig),
    ("takes", config.GenerationConfig),
    ("learning", config.TrainingConfig),
    ("network", config.ModelConfig),
    ("run", config.RunConfig),
)
"""Groups of options, and the settings that they set."""
OF_LEARNING = ("learning", "run")
OF_TAKES = ("openings", "takes", "run")
OF_TRAINING = ("learning", "network", "run")


def add_knobs(verb: Any, groups: tuple[str, ...] | None = None) -> None:
    """Give a verb an option for each knob of some groups, or of all."""
    for title, section in SECTIONS:
        if groups is not None and title not in groups:
            continue
        group = verb.add_argument_group(title)
        for knob in dataclasses.fields(section):
            if not dataclasses.is_dataclass(knob.default):
                _add_knob(group, section, knob)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the knobs that the command line sets, by name."""
    return {
        knob.name: getattr(options, knob.name)
        for _, section in SECTIONS
        for knob in dataclasses.fields(section)
        if hasattr(options, knob.name)
    }


def _add_knob(group: Any, section: Any, knob: dataclasses.Field[Any]) -> None:
    kind = typing.get_type_hints(section)[knob.name]
    kinds = [k for k in typing.get_args(kind) if k is not type(None)] or [kind]
    flag = f"--{knob.name.replace('_', '-')}"
    said = [config.bounds_of(knob)] if config.bounds_of(knob) else []
    if isinstance(knob.default, bool):
        said.append(f"default: {'on' if knob.default else 'off'}")
    elif knob.default is not None:
        said.append(f"default: {knob.default}")
    text = knob.metadata["help"] + (f" ({'; '.join(said)})" if said else "")
    options = {"dest": knob.name, "default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
    if kinds == [bool]:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
    else:
        options["metavar"] = kinds[0].__name__.upper()
        group.add_argument(flag, type=_value_of(knob, tuple(kinds)), **options)


def _value_of(knob: dataclasses.Field[Any], kinds: tuple[Any, ...]) -> Callable[[str], Any]:
    """Return what turns a word into a knob's value; a word that cannot be one is wrong usage."""

    def value(word: str) -> Any:
        given: Any = word
        for kind in kinds:
            try:
                given = kind(word)
            except ValueError:
                continue
            break
        if words := config.fault(given, kinds, knob.metadata):
            raise argparse.ArgumentTypeError(words)
        return given

    return value

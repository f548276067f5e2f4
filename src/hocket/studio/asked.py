"""What requests may say, as models that check it and describe it in the OpenAPI document.

Surprising decision: the knobs are made of `config`'s fields, so that page, command line and API have
the same names, bounds and help. Knobs that name folders or belong to other ways of learning are left
out: files are known to the server by ids that it made.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from hocket import config
from hocket.knobs import SECTIONS

_LEFT_OUT = {"base", "start", "pedal", "device", "shards", "engine"}
_GROUPS = ("openings", "takes", "learning", "run")
_MOST = {"takes": 256, "keep": 32, "bars": 200, "minutes": 60, "max_steps": 5000, "batch": 256,
         "window": 1024, "windows": 64, "candidates": 1024, "hocket_pieces": 100, "rank": 64,
         "judged": 100_000, "check_every": 5000, "patience": 1000}  # fmt: skip
"""Bounds that are narrower here than on the command line: others share the machine."""
_LONGEST_TEXT = 2000
_NAME = Annotated[str, Field(min_length=1, max_length=120, pattern=r"\S")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What went wrong, in one line."""

    error: str


PROBLEMS = {
    400: "cannot be done as asked",
    401: "a password is needed",
    403: "without token or Origin, or asked by another site",
    404: "nothing has that id",
    413: "too large",
    415: "neither JSON nor a file",
    422: "a value that cannot be",
    507: "the disk is full, or does not do what it should",
}


class ProjectName(_Asked):
    """What a project is called."""

    name: _NAME


class Demo(_Asked):
    """A theme that ships with hocket."""

    demo: Annotated[str, Field(max_length=60)]


class ThemeChange(_Asked):
    """The bars of a theme that are kept; empty for all."""

    bars: Annotated[str, Field(pattern=r"^(\d{1,5}-\d{1,5})?$")]


class TakeChange(_Asked):
    """Whether a take is a favourite."""

    favourite: bool


def knobs() -> list[tuple[str, dataclasses.Field[Any], Any]]:
    """Return the knobs that are asked for here: group, field, type."""
    found = []
    for group, section in SECTIONS:
        kinds = typing.get_type_hints(section)
        for field in dataclasses.fields(section):
            if group not in _GROUPS or field.name in _LEFT_OUT:
                continue
            if not dataclasses.is_dataclass(field.default):
                found.append((group, field, kinds[field.name]))
    return found


def told() -> list[dict[str, Any]]:
    """Return the knobs for the page: name, group, default, help and bounds."""
    return [
        {
            "name": field.name,
            "group": group,
            "default": field.default,
            "help": field.metadata["help"],
            "low": field.metadata["low"],
            "high": _high(field),
            "choices": list(field.metadata["choices"]),
        }
        for group, field, _ in knobs()
    ]


def _high(field: dataclasses.Field[Any]) -> float | None:
    high = field.metadata["high"]
    most = _MOST.get(field.name)
    return high if most is None else most if high is None else min(high, most)


def _field(field: dataclasses.Field[Any], kind: Any) -> tuple[Any, Any]:
    kinds = [k for k in typing.get_args(kind) if k is not type(None)] or [kind]
    said: list[Any] = []
    for each in kinds:
        if each is str and field.metadata["choices"]:
            said.append(typing.Literal[field.metadata["choices"]])
        elif each is str:
            said.append(Annotated[str, Field(max_length=_LONGEST_TEXT)])
        elif each is bool:
            said.append(bool)
        else:
            low, high = field.metadata["low"], _high(field)
            exact: dict[str, Any] = {"strict": True} if each is int else {"allow_inf_nan": False}
            bounded: Any = Annotated[each, Field(ge=low, le=high, **exact)]
            said.append(bounded)
    union: Any = typing.Union.__getitem__((*said, None))
    return union, Field(default=None, description=field.metadata["help"])


Knobs: type[BaseModel] = create_model(  # type: ignore[call-overload]
    "Knobs",
    __base__=_Asked,
    __doc__="Settings by their names on the command line; those left out have their defaults.",
    **{field.name: _field(field, kind) for _, field, kind in knobs()},
)


def checked(asked: BaseModel) -> dict[str, Any]:
    """Return the knobs that are set; raises `ConfigError` for what cannot be."""
    given = asked.model_dump(exclude_none=True)
    config.replaced(config.RunConfig(), given)
    return given

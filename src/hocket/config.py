"""Every knob of hocket: frozen dataclasses that turn into TOML and back.

A field's `help` is also the command line's help, so a knob is described in exactly one place.
Imports nothing heavy: `hocket --help` reads this file.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeVar

from hocket.errors import ConfigError

_C = TypeVar("_C")

MOST_CHARACTERS = 100_000
"""Of TOML."""
_MOST_DOTS = 2_000


def knob(
    default: Any,
    doc: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Return a field with a default, its help text and its bounds, both ends included."""
    known = {"help": doc, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=known)


@dataclass(frozen=True)
class ModelConfig:
    """The network: Embedding, LSTMs with dropout between them, Softmax."""

    layers: int = knob(2, "LSTM layers", 1, 8)
    width: int = knob(256, "units of each LSTM layer", 8, 4096)
    embedding: int = knob(128, "size of the event embedding", 4, 4096)
    dropout: float = knob(0.2, "share of units dropped after each LSTM layer in training", 0, 0.9)
    hidden: float = knob(
        0.2,
        "share of past events hidden in learning, so that it finds its way after a slip",
        0,
        0.9,
    )
    sounding: bool = knob(True, "the network sees which pitches sound now")
    place: bool = knob(True, "the network sees the position in the beat and in the bar")
    memory: bool = knob(
        True,
        "the network is told what came when the last events came before, in any transposition",
    )
    sees_themes: bool = knob(
        True,
        "the network sees the weights of the themes; without, --mix sets only the takes' tempo "
        "and --turns does nothing",
    )


@dataclass(frozen=True)
class TrainingConfig:
    """How the themes are learned."""

    device: str = knob(
        "cpu",
        "where to learn; only on the CPU are the same bits promised each time",
        choices=("cpu", "cuda"),
    )
    precision: str = knob(
        "auto",
        "numbers of the products in learning; auto is bfloat16 where the processor or GPU has it",
        choices=("auto", "float32", "bfloat16"),
    )
    shards: int = knob(
        2,
        "parts of a batch that are learned at the same time, on the CPU; at most one a core",
        1,
        256,
    )
    minutes: float = knob(1.0, "time budget for learning, in minutes; it usually stops before", 0)
    save_every: float = knob(
        10.0, "seconds between two checkpoints; a run that is killed loses no more", 0
    )
    batch: int = knob(16, "sequences in a batch", 1, 4096)
    window: int = knob(96, "events of a sequence between two steps of the optimizer", 4, 65536)
    windows: int = knob(4, "windows in a row that carry the LSTM state on", 1, 4096)
    learning_rate: float = knob(4e-3, "peak learning rate of AdamW", 0, 1)
    weight_decay: float = knob(0.01, "decoupled weight decay", 0, 10)
    held_out: float = knob(
        0.12,
        "share of each theme's bars kept from learning, to judge it; with 0 learning goes on to "
        "--max-steps",
        0,
        0.5,
    )
    judged: int = knob(6000, "about so many events of pieces with held-out bars judge it", 256)
    check_every: int = knob(20, "optimizer steps between two looks at the held-out bars", 1)
    patience: int = knob(3, "looks without a better held-out loss before learning stops", 1)
    max_steps: int = knob(200, "optimizer steps at most; the learning rate falls until then", 1)
    rank: int = knob(
        8,
        "rank of the changes that a theme makes to the base model's weights; 0 changes them all",
        0,
        256,
    )
    quote: float | None = knob(
        4.0,
        "learning a theme stops when the network would quote so many notes in a row more of it than "
        "the base model does",
        0,
    )
    hockets: float = knob(0.0, "share of sequences in which bars of the themes take turns", 0, 1)
    hocket_pieces: int = knob(0, "different pieces made of the themes' bars in turn", 0, 10_000)
    home_key: float = knob(
        0.7, "share of sequences in the common key; the others in any of twelve", 0, 1
    )
    rebar: float = knob(0.3, "share of a theme's sequences barred in another metre", 0, 1)
    forget: float = knob(0.5, "share of sequences that are learned without memory", 0, 1)
    blend: float = knob(0.0, "share of sequences that see an even mix instead of their theme", 0, 1)


@dataclass(frozen=True)
class SeedConfig:
    """The openings that takes start from."""

    seed: str | None = knob(
        None, "fixed opening, as in A:5-6+B:1-2 (bars in a row) or A:1-4/B:1-4 (A's tune over B)"
    )
    seed_bars: int = knob(1, "bars taken from each theme for an opening", 1, 16)
    seeds: int = knob(4, "different openings to keep; takes use them in turn", 1, 64)
    seed_at: str = knob(
        "phrases",
        "where openings stand: at the start alone, or, each time another one, at the start of every "
        "section that is new (every 8 bars where there are none), or every 4 bars in these",
        choices=("phrases", "sections", "start"),
    )
    candidates: int = knob(96, "openings that are tried and scored", 1, 4096)


@dataclass(frozen=True)
class GenerationConfig:
    """How takes are written."""

    takes: int = knob(64, "takes to write, all in one batch, of which the best are kept", 1, 1024)
    keep: int = knob(4, "takes that are kept, the best ones that are not alike", 1, 1024)
    bars: int = knob(32, "length of a take in bars, its opening included", 1, 1000)
    mix: float | str = knob(
        0.5,
        "weight of the first theme, the others share the rest; or a curve over bars, as in "
        "'0:1, 16:.5, 32:0'",
        0,
        1,
    )
    turns: int = knob(
        2, "bars after which the themes take turns at an even mix; 0 for one steady mix", 0, 64
    )
    max_quote: int = knob(
        12,
        "most notes in a row that may stand in a theme too, in its texture or its melody; 0 is off",
        0,
        10_000,
    )
    form: str = knob(
        "auto",
        "sections that come again, by letter, as in AABA; through for none; auto: by how much the "
        "themes themselves come again",
    )
    vary: float = knob(
        0.25, "share of a section, at its end, that is new when it comes again", 0, 1
    )
    motif: str | None = knob(
        None,
        "what every take has to state, note by note: bars of a theme, as in A:1-2, or notes with "
        "their lengths in quarters, as in 'C5:1 E5:.5 r:.5 G5:2'",
    )
    melody: str | None = knob(
        None,
        "letter of the theme that the upper notes are of, as in A; the lower ones are another's",
    )
    accompaniment: str | None = knob(
        None, "letter of the theme that the lower notes are of (default, with --melody: the next)"
    )
    statements: int = knob(3, "how often the motif is stated at least", 1, 64)
    temperature: float = knob(0.8, "above 1 more daring, below 1 more cautious", 0.01, 10)
    top_p: float = knob(
        0.98, "sample from the likeliest events that hold this probability", 0.01, 1
    )
    top_k: int | None = knob(None, "sample from the k likeliest events", 1)
    min_p: float = knob(0.0, "leave out events less likely than this share of the likeliest", 0, 1)
    repetition: float = knob(0.0, "how strongly pitches struck just now are pressed down", 0, 20)
    strength: float = knob(
        0.45,
        "share of what a learned theme changes in the base model's weights; with 0 takes have nothing "
        "of the themes but their notes in memory",
        0,
        2,
    )
    push: float = knob(
        1.5,
        "how far takes are pushed away from what the base model would write without the themes; 0 is "
        "off, and a third faster",
        0,
        5,
    )
    key: str = knob("auto", "key of the takes: auto (the first theme's), off, or a name like C#m")
    key_strength: float = knob(2.5, "how strongly notes outside the key are pressed down", 0, 100)
    longest_note: float | None = knob(
        None, "longest note in quarters (default: what 98 % of a theme's notes keep to)", 0.25, 64
    )
    engine: str = knob(
        "int8",
        "numbers that takes are written with: whole ones of 8 bits, or float32, slower and no better",
        choices=("int8", "float32"),
    )
    hands: bool = knob(
        True, "leave out notes that two hands cannot reach, where all themes are for two hands"
    )
    page: bool = knob(
        True, "write index.html, a page to hear, see and share the takes; a few seconds"
    )
    voices: int | None = knob(
        None, "most notes sounding at once (default: what the themes need 98 % of the time)", 1, 20
    )


@dataclass(frozen=True)
class RunConfig:
    """All settings of one run; `run.toml` in its folder says exactly this."""

    rng: int = knob(
        1,
        "number that all chance follows from: same inputs and rng, same bytes",
        0,
        2**63 - 1,
    )
    start: str = knob(
        "base",
        "what learning starts from: the base model, on top of which each theme is learned by itself, "
        "or nothing",
        choices=("base", "nothing"),
    )
    base: str | None = knob(
        None, "folder of a base model made by `hocket train` (default: the one that ships)"
    )
    pedal: bool = knob(
        False,
        "let the sustain pedal of MIDI files lengthen notes, instead of keeping it as a pedal",
    )
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    opening: SeedConfig = SeedConfig()
    generation: GenerationConfig = GenerationConfig()


def to_dict(config: object) -> dict[str, Any]:
    """Return the settings as plain nested values for TOML; what is off (`None`) is left out."""
    return {
        f.name: to_dict(value) if dataclasses.is_dataclass(value) else value
        for f in dataclasses.fields(config)  # type: ignore[arg-type]
        if (value := getattr(config, f.name)) is not None
    }


def from_dict(kind: type[_C], values: Mapping[str, Any], where: str = "config") -> _C:
    """Build a config from plain values; raises `ConfigError` for unknown names or bad values."""
    types = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(fields)):
        raise ConfigError(
            f"{where}: no setting is called {_said(unknown[0])}; known: {', '.join(fields)}"
        )
    built = {}
    for name, value in values.items():
        place = f"{where}.{name}"
        if dataclasses.is_dataclass(types[name]):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{place}: a table of settings is needed, not {_said(value)}")
            built[name] = from_dict(typing.cast("type[Any]", types[name]), value, place)
        else:
            built[name] = _checked(value, types[name], fields[name].metadata, place)
    return kind(**built)


def replaced(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """Return the config with some knobs set by their bare names, as the command line does."""
    values = to_dict(config)
    owners = {f.name: values for f in dataclasses.fields(config)}
    for part in (config.model, config.training, config.opening, config.generation):
        section = next(n for n in values if getattr(config, n) is part)
        owners |= {f.name: values[section] for f in dataclasses.fields(part)}
    for name, value in changes.items():
        if name not in owners:
            raise ConfigError(f"no setting is called {name!r}; see `hocket fuse --help`")
        owners[name][name] = value
    return from_dict(RunConfig, values)


def bounds_of(knob: dataclasses.Field[Any]) -> str:
    """Return in words between what a knob's values lie; empty if there are no bounds."""
    low, high = knob.metadata["low"], knob.metadata["high"]
    if knob.metadata["choices"]:
        return " or ".join(knob.metadata["choices"])
    if low is None and high is None:
        return ""
    return f"{low} or more" if high is None else f"{low} to {high}"


def dumps(config: RunConfig) -> str:
    """Return the settings as TOML text."""
    import tomli_w

    return tomli_w.dumps(to_dict(config))


def toml(text: str) -> dict[str, Any]:
    """Return what TOML says; raises `ValueError` where it is wrong, or would take long to read."""
    # What tomllib does for a name of many parts grows with the square of their number.
    if len(text) > MOST_CHARACTERS or text.count(".") > _MOST_DOTS:
        raise ValueError("too long")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("tables without end") from None


def loads(text: str, where: str = "config") -> RunConfig:
    """Read settings from TOML text; raises `ConfigError` naming the place."""
    try:
        values = toml(text)
    except ValueError as error:
        raise ConfigError(f"{where}: not TOML: {_brief(str(error))}") from None
    return from_dict(RunConfig, values, where)


PRESETS = ("theme", "hybrid", "classic", "base", "jsb")


def preset(name: str) -> RunConfig:
    """Return a preset that ships with hocket, of `PRESETS`; `theme` is what `RunConfig()` says."""
    if name not in PRESETS:
        raise ConfigError(f"no preset is called {name!r}; there are: {', '.join(PRESETS)}")
    file = resources.files("hocket") / "assets" / "presets" / f"{name}.toml"
    return loads(file.read_text(encoding="utf-8"), f"preset {name}")


def fault(value: Any, allowed: tuple[Any, ...], known: Mapping[str, Any]) -> str:
    """Return why a knob, by its field's metadata, cannot have this value; empty if it can."""
    if type(value) not in allowed:
        names = " or ".join(k.__name__ for k in allowed if k is not type(None))
        return f"{_said(value)} is not a value of type {names}"
    if known["choices"] and value not in known["choices"]:
        return f"{_said(value)} is none of {', '.join(known['choices'])}"
    low, high = known["low"], known["high"]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value != value or (low is not None and value < low):
            return f"{_said(value)} is too small; the least is {low}"
        if value > (most := 2**63 - 1 if high is None else high):
            return f"{_said(value)} is too large; the most is {most}"
    return ""


def _checked(value: Any, kind: Any, known: Mapping[str, Any], place: str) -> Any:
    allowed = typing.get_args(kind) or (kind,)
    if float in allowed and type(value) is int and abs(value) < 1 << 1023:
        value = float(value)
    if words := fault(value, allowed, known):
        raise ConfigError(f"{place}: {words}")
    return value


def _said(value: Any) -> str:
    """Return a value as Python writes it, cut where that is long."""
    try:
        return _brief(repr(value))
    except (ValueError, RecursionError):  # a number of thousands of digits, tables in tables
        return f"this {type(value).__name__}"


def _brief(text: str) -> str:
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= 200 else f"{text[:200]}..."

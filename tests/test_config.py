"""Settings go to TOML and back; what makes no sense is refused with its place."""

from __future__ import annotations

import dataclasses
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket import config as settings
from hocket.config import (
    PRESETS,
    GenerationConfig,
    ModelConfig,
    RunConfig,
    SeedConfig,
    TrainingConfig,
    dumps,
    from_dict,
    loads,
    preset,
    replaced,
    to_dict,
)
from hocket.errors import ConfigError

SECTIONS = (ModelConfig, TrainingConfig, SeedConfig, GenerationConfig, RunConfig)
KNOBS = [
    (section, knob)
    for section in SECTIONS
    for knob in dataclasses.fields(section)
    if not dataclasses.is_dataclass(knob.default)
]

configs = st.builds(
    RunConfig,
    rng=st.integers(0, 2**40),
    pedal=st.booleans(),
    model=st.builds(ModelConfig, width=st.integers(8, 4096), dropout=st.floats(0, 0.9)),
    training=st.builds(TrainingConfig, minutes=st.floats(0, 1e6), batch=st.integers(1, 4096)),
    opening=st.builds(SeedConfig, seed=st.none() | st.text(max_size=20)),
    generation=st.builds(
        GenerationConfig,
        top_k=st.none() | st.integers(1, 999),
        key=st.text(max_size=8),
        temperature=st.floats(0.01, 10),
    ),
)


@given(configs)
def test_toml_and_back(config: RunConfig) -> None:
    assert loads(dumps(config)) == config


@given(configs)
def test_dictionaries_and_back(config: RunConfig) -> None:
    assert from_dict(RunConfig, to_dict(config)) == config


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load(name: str) -> None:
    config = preset(name)
    assert loads(dumps(config)) == config
    assert replaced(config, {}) == config


def test_the_presets_are_what_they_say() -> None:
    assert preset("theme") == RunConfig()
    classic = preset("classic").model
    sees = classic.sounding, classic.place, classic.memory, classic.sees_themes
    assert sees == (False, False, False, False)
    assert preset("hybrid") != preset("classic")
    assert {name: preset(name).start for name in PRESETS} == {
        name: "base" if name == "theme" else "nothing" for name in PRESETS
    }
    assert not preset("base").model.sees_themes


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="theme, hybrid, classic, base"):
        preset("baroque")


@pytest.mark.parametrize(("section", "knob"), KNOBS, ids=lambda x: getattr(x, "name", ""))
def test_every_knob_says_what_it_does_and_its_default_is_in_bounds(
    section: type[Any], knob: dataclasses.Field[Any]
) -> None:
    assert len(knob.metadata["help"]) > 8
    if knob.default is not None:
        assert from_dict(section, {knob.name: knob.default}) == section()
        assert type(getattr(section(), knob.name)) is type(knob.default)


def test_no_name_stands_in_two_sections() -> None:
    """The command line and `fuse(**knobs)` know a knob by its bare name."""
    names = [knob.name for _, knob in KNOBS]
    names += [f.name for f in dataclasses.fields(RunConfig) if dataclasses.is_dataclass(f.default)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("section", "knob"),
    [(s, k) for s, k in KNOBS if k.metadata["low"] is not None or k.metadata["high"] is not None],
    ids=lambda x: getattr(x, "name", ""),
)
def test_bounds_are_kept(section: type[Any], knob: dataclasses.Field[Any]) -> None:
    for bound, beyond in (("low", -1), ("high", 1)):
        value = knob.metadata[bound]
        if value is None:
            continue
        whole = "float" not in str(knob.type)
        value = int(value) if whole else float(value)
        assert getattr(from_dict(section, {knob.name: value}), knob.name) == value
        with pytest.raises(ConfigError, match=f"config.{knob.name}: .* too (small|large)"):
            from_dict(section, {knob.name: value + beyond})
    if "float" in str(knob.type):
        with pytest.raises(ConfigError, match=knob.name):
            from_dict(section, {knob.name: float("nan")})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("takes = 3", "no setting is called 'takes'"),
        ("[generation]\nheat = 1.0", "run.toml.generation: no setting is called 'heat'"),
        ("[style]\nwidth = 3", "no setting is called 'style'"),
        ("rng = 1.5", "run.toml.rng: 1.5 is not a value of type int"),
        ("rng = true", "run.toml.rng: True is not a value of type int"),
        ("pedal = 1", "run.toml.pedal: 1 is not a value of type bool"),
        ("model = 3", "run.toml.model: a table of settings is needed"),
        ("[model]\nwidth = '16'", "run.toml.model.width: '16' is not a value of type int"),
        ("[opening]\nseed = 7", "run.toml.opening.seed: 7 is not a value of type str"),
        ("[generation]\nbars = []", "run.toml.generation.bars: [] is not a value"),
        ("[generation]\ntop_p = 1.5", "run.toml.generation.top_p: 1.5 is too large"),
        ("[training]\nminutes = nan", "run.toml.training.minutes: nan is too small"),
        ("rng = ", "run.toml: not TOML"),
        ("[model", "run.toml: not TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "run.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_numbers_will_do_for_fractions() -> None:
    config = loads("[generation]\ntemperature = 1")
    assert config.generation.temperature == 1.0
    assert type(config.generation.temperature) is float


def test_what_is_left_out_has_its_default() -> None:
    assert loads("") == RunConfig()
    assert loads("[model]\nwidth = 64").model == ModelConfig(width=64)


def test_none_means_off_and_is_left_out_of_toml() -> None:
    off = replaced(RunConfig(), {"top_k": None, "seed": None})
    assert "top_k" not in dumps(off)
    on = replaced(off, {"top_k": 5, "seed": "A:1+B:1"})
    assert tomllib.loads(dumps(on))["generation"]["top_k"] == 5
    assert replaced(on, {"top_k": None, "seed": None}) == off


def test_replacing_by_bare_names() -> None:
    config = replaced(RunConfig(), {"takes": 7, "width": 32, "rng": 9, "seeds": 2, "batch": 3})
    assert config.generation.takes == 7
    assert config.model.width == 32
    assert config.rng == 9
    assert config.opening.seeds == 2
    assert config.training.batch == 3
    rest = replaced(config, {"takes": 4, "width": 256, "rng": 1, "seeds": 4, "batch": 16})
    assert rest.generation == dataclasses.replace(GenerationConfig(), takes=4)
    with pytest.raises(ConfigError, match="no setting is called 'colour'"):
        replaced(RunConfig(), {"colour": 1})
    with pytest.raises(ConfigError, match="takes"):
        replaced(RunConfig(), {"takes": "many"})
    with pytest.raises(ConfigError, match="takes"):
        replaced(RunConfig(), {"takes": 0})
    with pytest.raises(ConfigError, match="takes: None is not a value of type int"):
        replaced(RunConfig(), {"takes": None})


def test_settings_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().rng = 2  # type: ignore[misc]
    assert settings.RunConfig() == RunConfig()

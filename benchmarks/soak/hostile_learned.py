"""Hostile theme files, weights and settings."""

# ruff: noqa: E501

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tomli_w

from hocket.config import ModelConfig, to_dict
from hocket.tokens import VOCAB
from soak.hostile_case import Case, Verdict
from soak.hostile_midi import END, JPEG, TUNE, WHOLE, midi

Array = np.ndarray[Any, Any]
_DTYPES = {"float16": "F16", "float32": "F32", "uint8": "U8", "float64": "F64"}
_CARD: dict[str, Any] = {
    "format": 1, "title": "t", "base": "0" * 16, "exact": [], "step": 7, "stopped": "done",
    "held_out": 1.0, "quote": 2.0,
}  # fmt: skip
_MODEL = {
    "layers": 1,
    "width": 8,
    "embedding": 4,
    "sounding": False,
    "place": False,
    "memory": False,
    "sees_themes": False,
}


def tensors(arrays: Mapping[str, Array], header: Mapping[str, Any] | None = None) -> bytes:
    """Return a safetensors file; `header` has entries that lie."""
    entries: dict[str, Any] = {}
    data = b""
    for name, array in arrays.items():
        raw = array.tobytes()
        entries[name] = {
            "dtype": _DTYPES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(entries | dict(header or {})).encode()
    return struct.pack("<Q", len(text)) + text + data


def theme(
    card: Mapping[str, Any] | str | None = None,
    more: Mapping[str, Array] | None = None,
    header: Mapping[str, Any] | None = None,
    pieces: tuple[bytes, ...] = (WHOLE,),
) -> bytes:
    """Return a theme file, with what lies put over what is right."""
    text = card if isinstance(card, str) else tomli_w.dumps(_CARD | dict(card or {}))
    arrays: dict[str, Array] = {"card": np.frombuffer(text.encode(), np.uint8)}
    arrays |= {f"piece.{i:03d}": np.frombuffer(piece, np.uint8) for i, piece in enumerate(pieces)}
    changes: dict[str, Array] = {
        "left_output-weight": np.zeros((3, 1), np.float16),
        "right_output-weight": np.zeros((1, 8), np.float16),
    }
    return tensors(arrays | changes | dict(more or {}), header)


def cases() -> Iterator[Case]:
    """Yield files for the readers of themes, weights and settings."""
    for name, data, verdict, why in _themes():
        yield Case(f"theme-{name}.theme", data, verdict, why, reader="theme")
    for name, folder, verdict, why in _weights():
        yield Case(f"weights-{name}", folder, verdict, why, reader="weights")
    for name, text, verdict, why in _settings():
        data = text if isinstance(text, bytes) else text.encode()
        yield Case(f"config-{name}.toml", data, verdict, why, reader="config")


def _headers(good: bytes) -> Iterator[tuple[str, bytes, str]]:
    """Yield files that are no safetensors at all, or lie in the first bytes."""
    yield "empty", b"", "an empty file"
    yield "jpeg", JPEG, "a JPEG"
    yield "pickle", b"\x80\4cposix\nsystem\n(S'id'\ntR.", "a pickle"
    for length in (0, 1, len(good), 1 << 20, 1 << 63, (1 << 64) - 1):
        yield (
            f"header-{length}",
            struct.pack("<Q", length) + good[8:],
            f"a header of {length} bytes, it says",
        )
    for label, text in (
        ("list", b"[]"),
        ("number", b"7"),
        ("deep", b"[" * 100_000),
        ("deep-table", b'{"a":' * 50_000),
        ("cut", b'{"a"'),
        ("digits", b'{"a": ' + b"9" * 9999 + b"}"),
        ("not-utf-8", b"\xff\xfe{}"),
    ):
        yield f"header-{label}", struct.pack("<Q", len(text)) + text, f"a header of {label}"
    for cut in (7, 8, 20, len(good) // 2, len(good) - 1):
        yield f"cut-{cut}", good[:cut], f"cut after {cut} bytes"


def _lies() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield entries of a header that lie."""
    shapes: tuple[Any, ...] = (
        [-1],
        [1 << 62, 4],
        [0, 10**30],
        [1e400],
        ["3"],
        "33",
        None,
        [[3]],
        [1] * 99,
        [3.5],
        [True],
    )
    for place, shape in enumerate(shapes):
        yield (
            f"shape-{place}",
            {"x": {"dtype": "F16", "shape": shape, "data_offsets": [0, 0]}},
            f"a shape of {str(shape)[:30]}",
        )
    for offsets in ([0], [0, 1, 2], [9, 0], [-2, 0], [0, 1 << 62], ["a", "b"], None, [0, 1e400]):
        label = "".join(c if c.isalnum() else "-" for c in json.dumps(offsets))
        yield (
            f"offsets{label}",
            {"x": {"dtype": "F16", "shape": [1], "data_offsets": offsets}},
            f"offsets {offsets}",
        )
    for kind in ("F64", "Q7", None, 7, "O", ["F16"]):
        yield (
            f"dtype-{str(kind).strip('[]')}".replace("'", ""),
            {"x": {"dtype": kind, "shape": [1], "data_offsets": [0, 2]}},
            f"of type {kind}",
        )
    entries: tuple[Any, ...] = (None, 7, [], "F16", {})
    for entry in entries:
        yield f"entry-{type(entry).__name__}", {"x": entry}, f"an entry that is {entry!r}"


def _themes() -> Iterator[tuple[str, bytes, Verdict, str]]:
    yield "plain", theme(), "read", "a plain theme"
    for name, data, why in _headers(theme()):
        yield name, data, "refuse", why
    for name, lies, why in _lies():
        yield name, theme(header=lies), "refuse", why
    yield "no-piece", theme(pieces=()), "refuse", "no piece"
    yield (
        "piece-jpeg",
        theme(pieces=(JPEG,)),
        "either",
        "a JPEG for a piece, found out when it is read",
    )
    yield (
        "too-large",
        theme(more={"left_x": np.zeros((1 << 20,), np.float16)}),
        "refuse",
        "two megabytes",
    )
    for label, value in (("nan", np.nan), ("inf", np.inf)):
        yield (
            f"values-{label}",
            theme(more={"left_x": np.full((2, 2), value, np.float16)}),
            "refuse",
            f"changes of {label}",
        )
    yield (
        "float32",
        theme(more={"left_x": np.zeros((2, 2), np.float32)}),
        "refuse",
        "changes of another type",
    )
    yield (
        "other-name",
        theme(more={"lstms.0": np.zeros((2, 2), np.float16)}),
        "refuse",
        "an array that is no change",
    )
    yield (
        "vast-product",
        theme(
            more={
                "left_output-weight": np.zeros((200_000, 1), np.float16),
                "right_output-weight": np.zeros((1, 200_000), np.float16),
            }
        ),
        "either",
        "a product of 160 GB",
    )
    for label, card in (
        ("format", {"format": 2}),
        ("format-text", {"format": "1"}),
        ("exact-number", {"exact": 7}),
        ("step-text", {"step": "x"}),
        ("step-inf", {"step": float("inf")}),
        ("step-nan", {"step": float("nan")}),
        ("step-table", {"step": {}}),
        ("held-out-text", {"held_out": "x"}),
        ("quote-list", {"quote": []}),
    ):
        yield f"card-{label}", theme(card), "refuse", f"a card with {card}"
    yield "card-empty", theme(""), "refuse", "an empty card"
    yield "card-garbage", theme("= = ="), "refuse", "a card that is no TOML"
    yield "card-deep", theme("a = " + "[" * 100_000), "refuse", "a card of tables without end"
    yield (
        "card-digits",
        theme("step = " + "9" * 9999),
        "refuse",
        "a card with a number of 9,999 digits",
    )
    for label, title in (
        ("ansi", "\x1b[31m"),
        ("html", "<script>"),
        ("dots", "../../x"),
        ("formula", "=1+1"),
        ("long", "n" * 50_000),
    ):
        yield f"title-{label}", theme({"title": title}), "read", f"{label} in the title"
    yield "midi", midi(TUNE + END), "refuse", "MIDI that is called .theme"


def _folder(
    model: Mapping[str, Any] | None = None,
    card: Mapping[str, Any] | None = None,
    more: Mapping[str, Array] | None = None,
    files: Mapping[str, bytes] | None = None,
    text: str | None = None,
) -> dict[str, bytes]:
    settings = to_dict(ModelConfig()) | _MODEL
    gates, width, inputs = 32, 8, 4
    shapes = {
        "event.weight": (5, 4),
        "output.weight": (5, width),
        "output.bias": (5,),
        "lstms.0.weight_ih_l0": (gates, inputs),
        "lstms.0.weight_hh_l0": (gates, width),
        "lstms.0.bias_ih_l0": (gates,),
        "lstms.0.bias_hh_l0": (gates,),
    }
    arrays: dict[str, Array] = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    content = {
        "weights.safetensors": tensors(arrays | dict(more or {})),
        "engine.onnx": b"\x08\x08",
        "engine.safetensors": tensors({"x": np.zeros(3, np.float32)}),
    }
    content |= dict(files or {})
    said = {
        "vocab": VOCAB.fingerprint, "themes": [], "sha256": {n: hashlib.sha256(c).hexdigest() for n, c in content.items()},
        "model": settings | dict(model or {}), "learned": {"step": 7, "held_out": 1.0, "stopped": "done"},
        "engine": {"exact": [], "nats": 1.0, "nats_int8": 1.0},
    } | dict(card or {})  # fmt: skip
    return content | {"weights.toml": (tomli_w.dumps(said) if text is None else text).encode()}


def _weights() -> Iterator[tuple[str, dict[str, bytes], Verdict, str]]:
    good = _folder()
    yield "plain", good, "read", "plain weights"
    for name in good:
        yield (
            f"without-{name}",
            {n: c for n, c in good.items() if n != name},
            "refuse",
            f"{name} is missing",
        )
        yield f"empty-{name}", good | {name: b""}, "refuse", f"{name} is empty"
        flipped = bytes((good[name][-1] ^ 1,))
        yield (
            f"flipped-{name}",
            good | {name: good[name][:-1] + flipped},
            "refuse",
            f"the last bit of {name} is wrong",
        )
    for name, data, why in _headers(good["weights.safetensors"]):
        yield f"stored-{name}", _folder(files={"weights.safetensors": data}), "refuse", why
    for name, data, why in _headers(good["engine.safetensors"]):
        yield f"engine-{name}", _folder(files={"engine.safetensors": data}), "refuse", why
    yield (
        "engine-nan",
        _folder(files={"engine.safetensors": tensors({"x": np.full(3, np.nan, np.float32)})}),
        "refuse",
        "an engine of NaN",
    )
    yield (
        "nan",
        _folder(more={"output.bias": np.full(5, np.nan, np.float32)}),
        "refuse",
        "weights of NaN",
    )
    yield (
        "inf",
        _folder(more={"output.bias": np.full(5, np.inf, np.float32)}),
        "refuse",
        "infinite weights",
    )
    yield (
        "shape",
        _folder(more={"output.bias": np.zeros((5, 1), np.float32)}),
        "refuse",
        "another shape",
    )
    yield (
        "left-over",
        _folder(more={"more": np.zeros(5, np.float32)}),
        "refuse",
        "an array too many",
    )
    yield "uint8", _folder(more={"output.bias": np.zeros(5, np.uint8)}), "refuse", "whole numbers"
    for key, value in (
        ("layers", 8),
        ("layers", -1),
        ("width", 4096),
        ("width", "8"),
        ("embedding", 1 << 62),
        ("dropout", float("nan")),
        ("more", 1),
    ):
        yield f"model-{key}-{value}", _folder({key: value}), "refuse", f"a model of {key} {value}"
    odd: list[tuple[str, dict[str, Any]]] = [
        ("vocab", {"vocab": "x"}), ("vocab-number", {"vocab": 7}), ("themes-number", {"themes": 7}), ("themes-numbers", {"themes": [7]}),
        ("model-list", {"model": []}), ("learned-list", {"learned": []}), ("step-inf", {"learned": {"step": float("inf")}}),
        ("step-text", {"learned": {"step": "x"}}), ("engine-list", {"engine": []}), ("exact-number", {"engine": {"exact": 7, "nats": 1.0, "nats_int8": 1.0}}),
        ("sha256-list", {"sha256": []}), ("sha256-text", {"sha256": "x"}), ("sha256-empty", {"sha256": {}}),
    ]  # fmt: skip
    for name, card in odd:
        yield f"card-{name}", _folder(card=card), "refuse", f"a card with {card}"
    yield "card-garbage", _folder(text="= = ="), "refuse", "a card that is no TOML"
    yield (
        "card-deep",
        _folder(text="a = " + "[" * 100_000),
        "refuse",
        "a card of tables without end",
    )
    yield (
        "card-digits",
        _folder(text="a = " + "9" * 9999),
        "refuse",
        "a card with a number of 9,999 digits",
    )


def _settings() -> Iterator[tuple[str, str | bytes, Verdict, str]]:
    yield "empty", "", "read", "no settings"
    yield "plain", "rng = 7\n[generation]\ntakes = 3\n", "read", "plain settings"
    values = {
        "text": '"x"',
        "negative": "-1",
        "inf": "inf",
        "nan": "nan",
        "huge": "1" + "0" * 400,
        "hex": "0x" + "f" * 9999,
        "digits": "9" * 9999,
        "list": "[1]",
        "table": "{a = 1}",
        "date": "1979-05-27",
        "true": "true",
        "float-huge": "1e999",
    }
    for name, value in values.items():
        for section, key in (
            ("training", "minutes"),
            ("generation", "takes"),
            ("generation", "mix"),
            ("training", "max_steps"),
        ):
            fits = (
                key == "mix" and name == "text"
            )  # a curve is a text; whether it is one is seen later
            yield (
                f"{key}-{name}",
                f"[{section}]\n{key} = {value}\n",
                "either" if fits else "refuse",
                f"{key} of {name}",
            )
    yield "rng-huge", "rng = 9223372036854775808", "refuse", "a number of 64 bits"
    yield "section-number", "generation = 7", "refuse", "a number for a table"
    yield "section-list", "[[generation]]\ntakes = 3", "refuse", "a list of tables"
    yield "unknown", "nonsense = 1", "refuse", "an unknown setting"
    yield (
        "unknown-ansi",
        '"\\u001b[31m" = 1',
        "refuse",
        "an unknown setting with an escape sequence",
    )
    yield "unknown-long", f"{'n' * 50_000} = 1", "refuse", "an unknown setting of 50,000 letters"
    yield "dunder", "__class__ = 1", "refuse", "a name that Python knows"
    yield "twice", "rng = 1\nrng = 2", "refuse", "a setting twice"
    yield "deep", "rng = " + "[" * 50_000, "refuse", "lists without end"
    yield "deep-tables", "rng = " + "{a=" * 30_000, "refuse", "tables without end"
    yield "dotted", ".".join("a" * 40_000) + " = 1", "refuse", "a name of 40,000 parts"
    yield "garbage", "= = =", "refuse", "no TOML"
    yield "null", "rng = 1\0", "refuse", "a null character"
    yield "jpeg-like", "\ufffd" * 99, "refuse", "no text"
    yield "bytes", JPEG, "refuse", "a JPEG"
    yield "utf-16", "rng = 1".encode("utf-16"), "refuse", "UTF-16"
    yield "large", "# x\n" * 500_000, "either", "two megabytes of remarks"
    yield "device", '[training]\ndevice = "../../etc"', "refuse", "a device of nowhere"

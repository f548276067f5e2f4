"""The page on which takes are judged blindly."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hocket.music import Piece
from listen import notes_of, page


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_each_pair_has_one_take_of_both_in_an_order_of_its_own(themes: list[Piece]) -> None:
    takes = {"ours": [themes[0]] * 12, "theirs": [themes[1]] * 12}
    text = page(themes, takes, np.random.default_rng(1))
    data = data_of(text)
    who = [[base64.b64decode(take["who"]).decode() for take in pair] for pair in data["pairs"]]
    assert len(who) == 12
    assert all(sorted(pair) == ["ours", "theirs"] for pair in who)
    assert len({pair[0] for pair in who}) == 2
    assert page(themes, takes, np.random.default_rng(1)) == text
    for names, pair in zip(who, data["pairs"], strict=True):
        for name, take in zip(names, pair, strict=True):
            assert take["notes"] == notes_of(themes[name == "theirs"])


def test_times_are_in_seconds(themes: list[Piece]) -> None:
    first = notes_of(themes[0])[0]
    assert first[:2] == [0, 0.6]  # a quarter at 100 a minute
    end = max(start + length for start, length, *_ in notes_of(themes[0]))
    assert end == pytest.approx(19.2)


def test_a_title_cannot_break_out_of_the_page(themes: list[Piece]) -> None:
    hostile = replace(themes[0], title="</script><script>alert(1)</script>")
    text = page([hostile], {"a": [themes[0]], "b": [themes[1]]}, np.random.default_rng(0))
    assert "alert(1)</script>" not in text
    assert data_of(text)["themes"][0]["title"] == hostile.title

"""How a soak ends: its figures printed, written where asked, and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def told(found: dict[str, Any], out: Path | None, *, met: bool) -> int:
    """Print figures, write them to a file if one is given, and return 1 where a bar is missed."""
    text = json.dumps(found, indent=2)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(not met)

"""The vocabulary: which events exist and what their ids are.

Ids are handed out family by family, in the order of `FAMILIES`, so an id's family is a comparison
of bounds and a pitch or duration is an offset. New families are appended: old ids keep their meaning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hocket.errors import TokenError
from hocket.music import Meter
from hocket.music.parts import MOST_PARTS


@dataclass(frozen=True)
class Vocab:
    """`names`: one readable name an id, (V); `families`: family name to its range of ids."""

    names: tuple[str, ...]
    families: Mapping[str, range]

    @classmethod
    def of(cls, **families: tuple[str, ...]) -> Vocab:
        """Build a vocabulary from the event names of each family, in order."""
        names: list[str] = []
        ranges = {}
        for family, members in families.items():
            ranges[family] = range(len(names), len(names) + len(members))
            names.extend(members)
        return cls(tuple(names), ranges)

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        lines = (
            f"{ids.start:4d}..{ids.stop - 1:<4d} {family}: {self.names[ids.start]} … "
            f"{self.names[ids.stop - 1]}"
            for family, ids in self.families.items()
        )
        return "\n".join((f"{len(self)} events, fingerprint {self.fingerprint}", *lines))

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """Event name to id."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that differ between vocabularies with other events or another order."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()[:16]

    def id(self, name: str) -> int:
        """Return the id of an event name; raises `TokenError` for an unknown one."""
        try:
            return self.ids[name]
        except KeyError:
            raise TokenError(
                f"no event is called {name!r}; `hocket tokens FILE` shows names"
            ) from None


PITCHES = range(21, 109)
"""The piano's 88 keys, A0 to C8."""

LONGEST_STEP = 48
"""The longest `DUR`, in ticks; a longer gap is a chain of these and one remainder."""

MAX_POLYPHONY = 20
"""The most notes that may sound at once: in a simplified piece, and in any part of a sequence."""

LOUDNESSES: tuple[int, ...] = tuple(range(16, 127, 10))
"""The MIDI velocity that each `VEL` event stands for: twelve steps of 10."""

METERS: tuple[tuple[int, int], ...] = (
    *((n, 2) for n in range(1, 5)),
    *((n, 4) for n in range(1, 13)),
    *((n, 8) for n in range(1, 16)),
    *((n, 16) for n in range(1, 13)),
)
"""The time signatures that have an event, as (numerator, denominator)."""

VOCAB = Vocab.of(
    START=("START",),
    END=("END",),
    METER=tuple(f"METER {n}/{d}" for n, d in METERS),
    NOTE_OFF=tuple(f"NOTE_OFF {pitch}" for pitch in PITCHES),
    NOTE_ON=tuple(f"NOTE_ON {pitch}" for pitch in PITCHES),
    DUR=tuple(f"DUR {ticks}" for ticks in range(1, LONGEST_STEP + 1)),
    PART=tuple(f"PART {part}" for part in range(1, MOST_PARTS)),
    VEL=tuple(f"VEL {velocity}" for velocity in LOUDNESSES),
    PEDAL=("PEDAL UP", "PEDAL DOWN"),
)

BAR_TICKS: tuple[int, ...] = tuple(Meter(0, n, d).bar_ticks for n, d in METERS)
"""Bar length in ticks of each `METER` event, in the family's order."""

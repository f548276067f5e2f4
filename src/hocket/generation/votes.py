"""What the model said along a take: for each event the likeliest others, and the vote of each theme.

Kept beside a take as one safetensors file. Surprising decision: a take is heard once more for it, when
it is kept; to keep all of it while 64 takes are written would take more memory than they are worth.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hocket.errors import CheckpointError
from hocket.generation.choir import Choir
from hocket.generation.mix import following
from hocket.generation.sampler import Take
from hocket.generation.walking import hear
from hocket.model import mapped
from hocket.tokens import GRAMMAR, VOCAB
from hocket.tokens.vocab import PITCHES

SUFFIX = ".why.safetensors"
OTHERS = 6
"""Alternatives that are kept; five of them are shown, since one may be what was said."""
MOST_BYTES = 64 << 20
_FORMAT, _CARD = 1, "card"

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Votes:
    """What was said at each of T events, from START on, by the mix and by each of M themes."""

    events: NDArray[np.int64]
    """(T): what came."""
    others: NDArray[np.int64]
    """(T, `OTHERS`): the likeliest events, likeliest first; what came may be among them."""
    mixed: Floats
    """(T, 1 + `OTHERS`): log-probabilities in nats of what came and of the others, before rules."""
    themes: Floats
    """(T, M, 1 + `OTHERS`): the same by each theme alone."""
    titles: Mapping[str, str]
    """The themes (M) by letter."""
    semitones: int
    """How much higher the take sounds than its events say."""
    flats: bool
    """Whether its key is spelt with flats."""
    laid_out: tuple[str, ...]
    """What stood fast at each bar before the take was written; empty where nothing did."""


def votes_of(
    model: Choir, takes: Sequence[Take], titles: Mapping[str, str], semitones: int
) -> list[Votes]:
    """Hear takes again, and return what was said along them; `titles` are the themes' by letter."""
    if not takes:
        return []
    alone = model.soloists()
    length, rows = max(len(take.ids) for take in takes), len(takes)
    ids = np.full((rows, length), VOCAB.id("END"))
    for row, take in zip(ids, takes, strict=True):
        row[: len(take.ids)] = take.ids
    singers = [model.start(rows), *(single.start(rows) for single, _ in alone)]
    plans = [following([take.plan for take in takes])]
    plans += [np.tile(weights, (rows, 1, 1)).astype(np.float32) for _, weights in alone]
    others = np.zeros((length, rows, OTHERS), np.int64)
    said = np.zeros((length, rows, 1 + len(alone), 1 + OTHERS), np.float32)
    tables = [GRAMMAR.start(rows).table for _ in singers]
    for steps, table, plan in zip(singers, tables, plans, strict=True):
        steps.events[:] = ids[:, 0]
        hear(table, steps.events, plan, steps.mix)
    state = GRAMMAR.start(rows)
    for t in range(1, length):
        state = GRAMMAR.step(state, ids[:, t - 1])
        allowed = GRAMMAR.allowed(state)
        for number, (steps, table, plan) in enumerate(zip(singers, tables, plans, strict=True)):
            steps.step()
            chances = _log_probs(steps.logits, allowed)
            if number == 0:
                others[t] = np.argsort(-chances, axis=1, kind="stable")[:, :OTHERS]
                asked = np.concatenate((ids[:, t, None], others[t]), axis=1)
            said[t, :, number] = np.take_along_axis(chances, asked, axis=1)
            steps.events[:] = ids[:, t]
            hear(table, steps.events, plan, steps.mix)
    return [
        Votes(
            take.ids,
            others[: len(take.ids), row],
            said[: len(take.ids), row, 0],
            said[: len(take.ids), row, 1:],
            titles,
            semitones,
            bool(take.piece.keys) and take.piece.keys[0].fifths < 0,
            take.laid_out,
        )
        for row, take in enumerate(takes)
    ]


def _log_probs(logits: Floats, allowed: NDArray[np.bool_]) -> Floats:
    """Return log-probabilities (B, V) among what is allowed; all zero where nothing is."""
    masked = np.where(allowed, logits, -np.inf).astype(np.float64)
    most = masked.max(1, keepdims=True)
    most[~np.isfinite(most)] = 0
    with np.errstate(divide="ignore"):
        norm = most + np.log(np.exp(masked - most).sum(1, keepdims=True))
    found = masked - np.where(np.isfinite(norm), norm, 0)
    return np.maximum(found, -1e4).astype(np.float32)


def to_bytes(votes: Votes) -> bytes:
    """Return the file's bytes; the same for the same votes."""
    import tomli_w

    card = {
        "format": _FORMAT,
        "titles": dict(votes.titles),
        "semitones": votes.semitones,
        "flats": votes.flats,
        "laid_out": list(votes.laid_out),
    }
    arrays: dict[str, NDArray[Any]] = {
        _CARD: np.frombuffer(tomli_w.dumps(card).encode(), np.uint8),
        "events": votes.events.astype(np.uint16),
        "others": votes.others.astype(np.uint16),
        "mixed": votes.mixed.astype(np.float16),
        "themes": votes.themes.astype(np.float16),
    }
    return mapped.saved(arrays)


def load(file: Path) -> Votes:
    """Load the file beside a take; raises `CheckpointError` for one that is torn or none of ours."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES} bytes")
        arrays = mapped.arrays_in(file.read_bytes())
        card = tomllib.loads(arrays[_CARD].tobytes().decode())
        if card["format"] != _FORMAT:
            raise ValueError(f"of format {card['format']}")
        titles = {str(letter): str(title) for letter, title in card["titles"].items()}
        events, others, mixed, themes = (
            arrays[name] for name in ("events", "others", "mixed", "themes")
        )
        count, wide = len(events), 1 + OTHERS
        shapes = (events.shape, others.shape, mixed.shape, themes.shape)
        if shapes != ((count,), (count, OTHERS), (count, wide), (count, len(titles), wide)):
            raise ValueError("its arrays do not fit together")
        if max(events.max(initial=0), others.max(initial=0)) >= len(VOCAB):
            raise ValueError("events that hocket does not know")
        semitones = int(card["semitones"])
        if abs(semitones) > len(PITCHES):
            raise ValueError(f"a transposition by {semitones} semitones")
        return Votes(
            events.astype(np.int64),
            others.astype(np.int64),
            mixed.astype(np.float32),
            themes.astype(np.float32),
            titles,
            semitones,
            bool(card["flats"]),
            tuple(str(text) for text in card["laid_out"]),
        )
    except FileNotFoundError:
        raise CheckpointError(
            f"{file}: not there; takes that `hocket fuse` keeps have such a file beside them, so give "
            "one of those, or write it anew with `hocket fuse --from RUN`"
        ) from None
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{file}: cannot be used ({error}); write the take anew") from None

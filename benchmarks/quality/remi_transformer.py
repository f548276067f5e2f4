"""Transformer peer: GPT-2 style, 3.4 million weights, over MidiTok's REMI tokens without BPE.

All tracks are one stream, without velocity and tempo, in 24 positions a beat. What it reads should be
what `said.py` wrote, so that it need not say more than hocket does. Surprising decision: half notes as
the beat are respelt in quarters (2/2 as 4/4), since MidiTok's grid is one of beats and would be coarser
there than hocket's. It runs in the peers' environment, which has no hocket.

Beside GPT-2's there are rotary positions, so that the second half of a window is not learned apart, and
ReLU, which is a tenth quicker here than GELU.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from miditok import REMI, TokenizerConfig
from numpy.typing import NDArray
from symusic import Note, Score, Track
from torch import Tensor, nn

import account
import learning

PITCHES = range(21, 109)
KEYS = range(-6, 6)
WIDTH, LAYERS, HEADS = 256, 4, 4
CONTEXT, ROWS = 512, 8
RATE = 2e-3
"""Tried for three quarters of a minute on 410 files, judged on 14 pieces: with 16 rows 8.83 and
8.91 nats per note at 2e-3 and 5e-3, with 8 rows 8.12 at 2e-3. Tokens a CPU second, with AMX: 7,500
in contexts of 256 and of 512, 6,800 of 1,024, 2,100 in float32, 7,200 with torch.compile, 8,800
with ReLU for GELU."""
JUDGED_ROWS = 16

Ids = NDArray[np.uint16]


def tokenizer() -> REMI:
    """Return REMI as the comparison has it."""
    return REMI(
        TokenizerConfig(
            pitch_range=(PITCHES.start, PITCHES.stop),
            beat_res={(0, 16): 24},
            use_velocities=False,
            use_tempos=False,
            use_time_signatures=True,
            time_signature_range={4: [*range(1, 13)], 8: [*range(1, 16)], 16: [*range(1, 13, 2)]},
            special_tokens=["PAD", "BOS", "EOS"],
            encode_ids_split="no",
        )
    )


def one_track(file: Path) -> Any:
    """Return the score in a MIDI file with all but drums on one track, pitches on the piano's keys."""
    score: Any = Score(file)
    tracks = [t.notes.numpy() for t in score.tracks if not t.is_drum and len(t.notes)]
    notes = {kind: np.concatenate([track[kind] for track in tracks]) for kind in tracks[0]}
    below = np.maximum(PITCHES.start - notes["pitch"].astype(int), 0)
    above = np.maximum(notes["pitch"].astype(int) - PITCHES.stop + 1, 0)
    notes["pitch"] = (notes["pitch"] + 12 * (-(-below // 12)) - 12 * (-(-above // 12))).astype(
        np.int8
    )
    order = np.lexsort((notes["pitch"], notes["time"]))
    track: Any = Track("", 0, False)
    track.notes = Note.from_numpy(**{kind: values[order] for kind, values in notes.items()})
    score.tracks = [track]
    for meter in score.time_signatures:
        while meter.denominator < 4:
            meter.numerator, meter.denominator = 2 * meter.numerator, 2 * meter.denominator
        while meter.denominator > 8 and meter.numerator % 2 == 0:
            meter.numerator, meter.denominator = meter.numerator // 2, meter.denominator // 2
    return score


class Tokens:
    """REMI's ids of files and what the peer must know of them."""

    def __init__(self) -> None:
        self._remi = tokenizer()
        self.count = len(self._remi)
        self.first, self.last = self._remi["BOS_None"], self._remi["EOS_None"]
        self._pitches = range(self._remi["Pitch_21"], self._remi["Pitch_108"] + 1)
        assert len(self._pitches) == len(PITCHES), "pitches stand together in the vocabulary"

    def read(
        self, folder: Path, names: Sequence[str], *, all_of_them: bool = True
    ) -> dict[str, Ids]:
        """Return ids (N) from BOS to EOS by name; what cannot be read ends it or is left out."""
        ids = {}
        for name in names:
            try:
                (said,) = self._remi.encode(one_track(folder / name))
            except Exception as error:  # symusic's and MidiTok's have nothing in common
                if all_of_them:
                    raise SystemExit(f"{name}: {error}") from error
                print(f"left out: {name}: {error}", file=sys.stderr)
                continue
            ids[name] = np.array([self.first, *said.ids, self.last], np.uint16)
        return ids

    def notes(self, ids: Ids) -> int:
        """Return how many notes ids (N) say."""
        return int(self._pitched(ids).sum())

    def moved(self, ids: Ids, random: np.random.Generator) -> Ids:
        """Return ids (N) in a key drawn from those that keep every note on the piano."""
        pitched = self._pitched(ids)
        heard = ids[pitched].astype(int)
        low = max(KEYS.start, self._pitches.start - int(heard.min(initial=self._pitches.stop)))
        high = min(KEYS.stop - 1, self._pitches.stop - 1 - int(heard.max(initial=0)))
        return (ids + int(random.integers(low, high + 1)) * pitched).astype(np.uint16)

    def _pitched(self, ids: Ids) -> NDArray[np.bool_]:
        return np.asarray((ids >= self._pitches.start) & (ids < self._pitches.stop))


class Block(nn.Module):
    """Attention to what came before, then two layers event by event; both after a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.asked, self.heard = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        for last in (self.heard, self.down):
            nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * LAYERS))

    def forward(self, hidden: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """Return what follows from hidden (B, T, W)."""
        rows, times, _ = hidden.shape
        parts = self.asked(self.before(hidden)).view(rows, times, 3, HEADS, WIDTH // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        heard = nn.functional.scaled_dot_product_attention(
            turned(query, turns), turned(key, turns), value.contiguous(), is_causal=True
        )
        hidden = hidden + self.heard(heard.transpose(1, 2).reshape(rows, times, WIDTH))
        shown: Tensor = self.down(nn.functional.relu(self.up(self.between(hidden))))
        return hidden + shown


class Network(nn.Module):
    """A decoder alone; the embedding is the output, too."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.event = nn.Embedding(tokens, WIDTH)
        nn.init.normal_(self.event.weight, std=0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.last = nn.LayerNorm(WIDTH)
        pairs = WIDTH // HEADS // 2
        angles = torch.arange(CONTEXT)[:, None] * 10_000.0 ** (-torch.arange(pairs) / pairs)
        self.turns = angles.cos(), angles.sin()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (B, T, V) after inputs (B, T)."""
        hidden = self.event(inputs)
        kind = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        cosine, sine = (turn[: inputs.shape[1]].to(kind) for turn in self.turns)
        for block in self.blocks:
            hidden = block(hidden, (cosine, sine))
        logits: Tensor = nn.functional.linear(self.last(hidden), self.event.weight)
        return logits


def turned(vectors: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Return vectors (B, heads, T, 2 x pairs), each pair turned by its place (rotary positions)."""
    (first, second), (cosine, sine) = vectors.chunk(2, dim=-1), turns
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


def batches(
    pieces: Sequence[Ids], tokens: Tokens, rows: int, random: np.random.Generator
) -> Iterator[Tensor]:
    """Yield batches (B, T + 1) without end: all pieces in a row, in new keys and order each time."""
    while True:
        order = random.permutation(len(pieces))
        said = np.concatenate([tokens.moved(pieces[piece], random) for piece in order])
        said = said[random.integers(CONTEXT) :]
        windows = np.lib.stride_tricks.sliding_window_view(said, CONTEXT + 1)[::CONTEXT]
        order = random.permutation(len(windows))
        for begin in range(0, len(order), rows):
            yield torch.from_numpy(windows[order[begin : begin + rows]].astype(np.int64))


@torch.no_grad()
def judged(network: Network, ids: Ids) -> float:
    """Return the nats of ids (N) after BOS, each seen with half a context of the past at least."""
    network.eval()
    half, nats = CONTEXT // 2, 0.0
    said = torch.from_numpy(ids.astype(np.int64))
    starts = range(0, max(len(said) - 1 - half, 1), half)
    for begin in range(0, len(starts), JUDGED_ROWS):
        rows = starts[begin : begin + JUDGED_ROWS]
        parts = [said[start : start + CONTEXT + 1] for start in rows]
        window = nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=-1)
        losses = nn.functional.cross_entropy(
            network(window[:, :-1].clamp(min=0)).transpose(1, 2),
            window[:, 1:],
            ignore_index=-1,
            reduction="none",
        )
        if begin == 0:
            nats += losses[0, :half].double().sum().item()
        nats += losses[:, half:].double().sum().item()
    return nats


def main() -> None:
    """Learn, then judge in float32."""
    parser = account.questions(__doc__)
    parser.add_argument("--rate", type=float, default=RATE, help="the highest learning rate")
    parser.add_argument("--rows", type=int, default=ROWS, help="windows that are learned at once")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(asked.rng)
    tokens = Tokens()
    pieces = list(
        tokens.read(asked.folder, account.listed(asked.train), all_of_them=False).values()
    )
    if sum(map(len, pieces)) <= 2 * CONTEXT:
        raise SystemExit(f"{asked.train}: too little to learn from; give more files")
    valid = tokens.read(asked.folder, account.listed(asked.valid))
    network, kind = Network(tokens.count), learning.quicker_kind()

    def loss_of(rows: Tensor) -> tuple[Tensor, int]:
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
            logits = network(rows[:, :-1])
        targets = rows[:, 1:]
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        return loss, targets.numel()

    endless = batches(pieces, tokens, asked.rows, np.random.default_rng(asked.rng))
    learned = learning.learn(network, endless, loss_of, asked.minutes, asked.rate)
    account.answer(
        asked,
        "REMI transformer",
        learned.budget,
        {
            name: account.Cost(judged(network, ids), tokens.notes(ids))
            for name, ids in valid.items()
        },
        weights=learning.weights(network),
        events=learned.events,
        packages=("miditok", "symusic", "torch", "numpy"),
        vocabulary=tokens.count,
        events_once=sum(len(ids) - 1 for ids in pieces),
        rate=asked.rate,
        rows=asked.rows,
        products=str(kind).removeprefix("torch."),
        losses=learned.losses,
    )


if __name__ == "__main__":
    main()

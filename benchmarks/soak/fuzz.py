"""Changes small files at random; each has to end in a `Piece` or a `HocketError`, within its time.

    python benchmarks/soak/fuzz.py --kind midi --count 200000 --seed 1
    python benchmarks/soak/fuzz.py --kind musicxml --count 50000 --seed 1

Mutant N of a seed is the same each time and everywhere: `--first N --count 1` makes and reads it
again, and `--keep FILE` writes it down. The mutants are read in children (`--workers`) under a limit
of memory; one that dies, or takes far too long over a mutant, is replaced, and the mutant named.

MIDI is read whole. MusicXML is read in two ways, since verovio takes a process and a twentieth of
a second for each score: one mutant in `WHOLE_WAY` goes all the way, the others as far as hocket's
own code goes (archive, checks, tree, shapes, signs). The figures say how many of each there were.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hocket.errors import HocketError
from hocket.music.piece import Piece
from hocket.scores.midi import read_midi

sys.path.insert(0, str(Path(__file__).parents[1]))

from soak.hostile_mutants import mutant, seeds_of

WHOLE_WAY = 50
MOST_SECONDS = 2.0
MEMORY_BYTES = 4 << 30  # of address space: hocket's libraries map more than a gigabyte
_STEPS = 500  # mutants that a child is given at once
Reads = Callable[[bytes, int], object]


def readers(kind: str) -> Reads:
    """Return what reads a mutant, given its number too."""
    if kind == "midi":
        return lambda data, number: _sane(read_midi(data, "a.mid", pedal=number % 4 == 0)[0])
    from xml.etree.ElementTree import tostring

    from hocket.scores import musicxml, pairing, signs
    from hocket.scores.mxl import unpacked
    from hocket.scores.xmltree import parsed

    def read(data: bytes, number: int) -> object:
        if number % WHOLE_WAY == 0:
            return _sane(musicxml.read_musicxml(data, "a.xml")[0])
        root = parsed(unpacked(data, "a.mxl") if data.startswith(b"PK\3\4") else data, "a.xml")
        parts = root.findall("part")
        musicxml._prepared(parts)
        pairing.named(parts)
        lengths = signs.lengths_in(parts)
        order = [(i, sum(lengths[:i])) for i in range(len(lengths))]
        tostring(root, encoding="utf-8")
        keys, meters, tempos = signs.played(signs.signs_in(parts), order)
        return Piece.of((), keys=keys, meters=meters, tempos=tempos)

    return read


def _sane(piece: Piece) -> Piece:
    assert piece.notes
    assert all(0 <= n.pitch <= 127 and 1 <= n.velocity <= 127 for n in piece.notes)
    assert all(
        n.start >= 0 and n.duration > 0 and 0 <= n.part < len(piece.parts) for n in piece.notes
    )
    assert all(0 < tempo.microseconds < 1 << 24 for tempo in piece.tempos)
    return piece


def _child(pipe: Connection, kind: str, seed: int, most_seconds: float, seen: Any) -> None:
    """Read mutants, given as ranges of numbers, and answer how they ended."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    seeds = seeds_of(kind)
    read = readers(kind)
    for whole in seeds:  # loops are compiled before the clock is looked at
        for number in (0, 1):
            read(whole, number)
    while True:
        first, last = pipe.recv()
        pieces, wrong = 0, []
        for number in range(first, last):
            data = mutant(seeds, kind, seed, number)
            seen[0], seen[1] = number, time.monotonic()
            try:
                read(data, number)
                pieces += 1
            except HocketError as error:
                if "get lost" in str(error):  # hocket and symusic count otherwise: our own defect
                    wrong.append((number, str(error)))
            except BaseException as error:
                wrong.append((number, f"{type(error).__name__}: {error}"[:200]))
            if time.monotonic() - seen[1] > most_seconds:
                wrong.append((number, f"took {time.monotonic() - seen[1]:.1f} seconds"))
        seen[1] = 0
        pipe.send((pieces, wrong))


class Worker:
    """A child that reads mutants, replaced when one of them kills it."""

    def __init__(self, kind: str, seed: int, most_seconds: float = MOST_SECONDS) -> None:
        self.arguments = kind, seed, most_seconds
        self.work: tuple[int, int] | None = None
        self._start()

    def give(self, first: int, last: int) -> None:
        """Give it mutants to read."""
        self.work = first, last
        self.pipe.send(self.work)

    def looked_at(self) -> tuple[int, list[tuple[int, str]]] | None:
        """Return (pieces, what went wrong) if it is done, None if not."""
        if self.pipe.poll():
            try:
                pieces, wrong = self.pipe.recv()
            except EOFError:
                return self._replaced("killed the reader")
            self.work = None
            return pieces, wrong
        if self.seen[1] and time.monotonic() - self.seen[1] > 5 * self.arguments[2]:
            return self._replaced("found no end")
        return None if self.process.is_alive() else self._replaced("killed the reader")

    def close(self) -> None:
        """End the child."""
        self.process.kill()
        self.process.join()

    def _replaced(self, how: str) -> tuple[int, list[tuple[int, str]]]:
        assert self.work is not None
        number, (first, last) = int(self.seen[0]), self.work
        self.close()
        self._start()
        self.work = None
        if first <= number < last - 1:
            self.give(number + 1, last)
        return 0, [(number, how)]

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.seen = context.Array("d", [-1.0, 0.0], lock=False)
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_child, args=(theirs, *self.arguments, self.seen), daemon=True
        )
        self.process.start()
        theirs.close()


def fuzzed(
    kind: str, seed: int, first: int, count: int, workers: int, most_seconds: float = MOST_SECONDS
) -> dict[str, Any]:
    """Read the mutants; return the figures."""
    todo = deque(range(first, first + count, _STEPS))
    children = [Worker(kind, seed, most_seconds) for _ in range(min(workers, len(todo)))]
    pieces, wrong, began = 0, list[tuple[int, str]](), time.perf_counter()
    try:
        while todo or any(child.work for child in children):
            for child in children:
                if todo and not child.work:
                    start = todo.popleft()
                    child.give(start, min(start + _STEPS, first + count))
                answer = child.looked_at() if child.work else None
                if answer:
                    pieces, wrong = pieces + answer[0], wrong + answer[1]
            time.sleep(0.002)
    finally:
        for child in children:
            child.close()
    seconds = time.perf_counter() - began
    numbers = range(first, first + count)
    whole = count if kind == "midi" else sum(n % WHOLE_WAY == 0 for n in numbers)
    return {
        "kind": kind, "seed": seed, "first": first, "count": count, "whole_way": whole,
        "pieces": pieces,
        "refused": count - pieces - len(wrong), "wrong": sorted(wrong), "seconds": round(seconds, 1),
        "per_second": round(count / seconds),
    }  # fmt: skip


def main() -> int:
    """Print the figures; return 1 where a mutant ended otherwise than it should."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("midi", "musicxml"), required=True)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="write the first mutant here and read none")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.keep:
        seeds = seeds_of(options.kind)
        options.keep.write_bytes(mutant(seeds, options.kind, options.seed, options.first))
        return 0
    figures = fuzzed(options.kind, options.seed, options.first, options.count, options.workers)
    for number, how in figures["wrong"][:20]:
        print(f"mutant {number} of seed {options.seed}: {how}")
    print(json.dumps(figures | {"wrong": len(figures["wrong"])}))
    if options.out:
        options.out.write_text(json.dumps(figures) + "\n")
    return int(bool(figures["wrong"]))


if __name__ == "__main__":
    sys.exit(main())

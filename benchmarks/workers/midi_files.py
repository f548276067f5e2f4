"""Reading MIDI files: MidiTok to ids, music21 to its score, symusic alone to its notes.

symusic is what hocket and MidiTok both read with, so it is the floor under both.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from protocol import Contender, Settings, serve


def by_miditok(settings: Settings) -> Contender:
    """REMI without BPE, as MidiTok comes; the ids are saved as it saves them."""
    import miditok

    tokens = miditok.REMI()
    folder = tempfile.TemporaryDirectory()

    def work() -> float:
        for number, file in enumerate(settings["files"]):
            ids = tokens(Path(file))
            tokens.save_tokens(ids, Path(folder.name) / f"{number}.json")
        return len(settings["files"])

    return Contender(work, {}, ("miditok", "symusic"))


def by_music21(settings: Settings) -> Contender:
    """`converter.parse` without its cache, on few files: it is slow."""
    import music21

    def work() -> float:
        for file in settings["few_files"]:
            music21.converter.parse(file, forceSource=True, storePickle=False)
        return len(settings["few_files"])

    return Contender(work, {"files": len(settings["few_files"])}, ("music21",))


def by_symusic(settings: Settings) -> Contender:
    """Bytes to notes, and no further."""
    import symusic

    def work() -> float:
        for file in settings["files"]:
            symusic.Score(file)
        return len(settings["files"])

    return Contender(work, {}, ("symusic",))


if __name__ == "__main__":
    serve({"miditok": by_miditok, "music21": by_music21, "symusic": by_symusic})

"""A prepared library as lessons for a base model: the common key, and pieces kept to judge."""

from __future__ import annotations

import pytest

import hocket
from hocket.config import TrainingConfig
from hocket.corpus import Kind, Library, held_out_batches, training_batch
from hocket.corpus.batches import IGNORED
from hocket.corpus.lessons import lessons
from hocket.errors import ConfigError
from hocket.music import Note, Piece
from hocket.music.pitch import estimate_key
from hocket.scores import write
from hocket.tokens import decode
from hocket.tokens.vocab import PITCHES
from networks import in_two_parts
from stretches import transpose_ids

TUNE = (60, 62, 64, 65, 67, 65, 64, 60, 67, 72, 71, 67, 60, 64, 67, 60)
MOVES = (0, 1, 2, -5, 7, -24, 24)


def tune(semitones: int) -> Piece:
    """Return sixteen quarters with a bass in another part, whose notes outlast some of them."""
    notes = [Note(24 * i, 24, pitch + semitones) for i, pitch in enumerate(TUNE)]
    return in_two_parts(Piece.of(notes + [Note(96 * i, 90, 48 + semitones) for i in range(4)]))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("lessons")
    (folder / "scores").mkdir()
    for number, semitones in enumerate(MOVES):
        write(tune(semitones), folder / "scores" / f"{number}.mid")
    return hocket.prepare(folder / "scores", out=folder / "corpus", workers=1)


def test_every_piece_comes_to_the_common_key(library: Library) -> None:
    corpus = lessons(library)
    assert corpus.home.tolist() == [0, -1, -2, 5, 5, 0, 0]
    assert (corpus.kind == Kind.NATIVE).all()
    assert not corpus.held_out.any()
    assert corpus.ids is library.ids
    for piece in range(len(library)):
        moved = decode(transpose_ids(library[piece], int(corpus.home[piece])))
        assert estimate_key(moved.notes).fifths == 0
        assert corpus.home[piece] in corpus.shifts[piece]
        for shift in (corpus.shifts[piece][0], corpus.shifts[piece][-1]):
            pitches = [note.pitch + shift for note in decode(library[piece]).notes]
            assert PITCHES[0] <= min(pitches)
            assert max(pitches) <= PITCHES[-1]
        assert 1 <= len(corpus.shifts[piece]) <= 12


def test_pieces_kept_judge_and_pieces_left_out_are_not_there(library: Library) -> None:
    names = library.names
    corpus = lessons(library, kept=[names[2], names[4]], left_out=[names[0], names[5]])
    out, native, kept = Kind.LEFT_OUT, Kind.NATIVE, Kind.KEPT
    assert corpus.kind.tolist() == [out, native, kept, native, kept, out, native]
    assert corpus.ids is library.ids
    judging = held_out_batches(corpus, 10**6)
    assert len(judging) == 2
    for batch, piece in zip(judging, (2, 4), strict=True):
        own = corpus.ids[corpus.bounds[piece] : corpus.bounds[piece + 1]]
        moved = transpose_ids(own, int(corpus.home[piece]))
        assert batch.targets.tolist() == [moved[1:].tolist()]
    training = TrainingConfig(batch=16, window=16, windows=2, home_key=0.5)
    for step in range(6):
        batch = training_batch(corpus, training, 1, step)
        assert batch.mix.shape == (16, 16, 1)
        assert (batch.targets != IGNORED).any()
    assert corpus.choices[Kind.NATIVE, 0].pieces.tolist() == [1, 3, 6]


def test_names_that_are_not_there_and_nothing_left_are_refused(library: Library) -> None:
    with pytest.raises(ConfigError, match=r"holds no 'nowhere'; see names\.txt"):
        lessons(library, kept=["nowhere"])
    with pytest.raises(ConfigError, match="holds no"):
        lessons(library, left_out=["nowhere"])
    with pytest.raises(ConfigError, match="no piece is left"):
        lessons(library, kept=library.names)
    with pytest.raises(ConfigError, match="no piece is left"):
        lessons(library, left_out=library.names)

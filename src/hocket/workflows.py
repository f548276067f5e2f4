"""What hocket does, one function a verb: the file to read first.

    fuse   themes -> corpus -> training -> weights -> openings -> takes -> measures -> a run's folder
    learn  a theme -> a theme file, on top of the base model
    seeds  learned themes -> the openings that takes would start from, ranked
    train  a prepared corpus -> a base model
    check  a piece beside themes -> measures, quotes and where they come from
    why    a note of a take -> what else might have come, and what each theme would have said
    tokens a piece -> its events, readably
    prepare folders of score files -> ids on disk
    duplicates  a prepared corpus -> the pieces of it that are copies of others

The command line and the Python API are thin skins over this. Heavy parts (torch, symusic,
matplotlib) are imported where they are used, so that `hocket --help` and `import hocket` stay fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hocket import config as settings
from hocket.config import RunConfig
from hocket.errors import ConfigError
from hocket.reporter import Reporter, Silent
from hocket.sources import (
    THEME_SUFFIX,
    Source,
    Theme,
    lettered,
    read_against,
    read_source,
    read_theme,
    wholes,
)

if TYPE_CHECKING:
    from hocket.analysis import Measures
    from hocket.analysis.chance import Level
    from hocket.corpus import Library
    from hocket.corpus.near import Duplicates
    from hocket.generation.openings import Opening
    from hocket.generation.reasons import Reason
    from hocket.model.weights import Weights
    from hocket.music import Piece
    from hocket.runs import Run

MOST_THEMES = 16


def fuse(
    *themes: Source | Theme | Iterable[Source],
    titles: Sequence[str] = (),
    out: str | Path | None = None,
    config: RunConfig | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> Run:
    """Learn two or more themes and write takes that fuse them.

    A theme is a file, a folder, several of these, a `Piece`, a theme file that `learn` wrote, the
    `Theme` that it returned, or `demo:NAME` for one that ships with hocket; `titles` name the first
    ones. With `out` the results are also written to that folder. `knobs` are settings by name, such as
    `takes=8, temperature=.8`.

    Raises `ScoreError`, `ConfigError`, `CheckpointError` or `GenerationError`.
    """
    from hocket import fusing

    heard = reporter or Silent()
    config = settings.replaced(config or RunConfig(), knobs)
    if not 2 <= len(themes) <= MOST_THEMES:
        raise ConfigError(f"{len(themes)} themes given; fuse takes 2 to {MOST_THEMES}")
    if len(titles) > len(themes):
        raise ConfigError(f"{len(titles)} titles for {len(themes)} themes; leave some out")
    named = [*titles, *[""] * (len(themes) - len(titles))]
    read = lettered(
        [
            read_theme(theme, config.pedal, heard, title)
            for theme, title in zip(themes, named, strict=True)
        ]
    )
    fusing.check_wishes(read, config, heard)
    folder = None if out is None else Path(out)
    if folder is not None:
        from hocket import runs

        runs.prepare(folder, overwrite, len(read))
        runs.save_settings(folder, config, read)
    return fusing.learn_and_write(read, config, folder, heard, resume=False)


def resume(run: str | Path, *, reporter: Reporter | None = None, **knobs: Any) -> Run:
    """Go on with a run whose learning was stopped, exactly where it was, and write its takes.

    `knobs` are `minutes` and settings of openings and takes; the run keeps them. Raises `ConfigError`
    for any other, since what was learned with the old ones would not go on.
    """
    from hocket import fusing, runs

    fusing.refuse_all_but_takes(
        knobs, "minutes", "a resumed run goes on as it was; start afresh to change this"
    )
    heard, (config, themes) = reporter or Silent(), runs.load_settings(Path(run))
    config = settings.replaced(config, knobs)
    fusing.check_wishes(themes, config, heard)
    return fusing.learn_and_write(themes, config, Path(run), heard, resume=True)


def more(
    run: str | Path,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> Run:
    """Write more takes from what a run has learned: numbered on in its folder, or into `out`.

    `knobs` are `rng` and settings of openings and takes. Raises `ConfigError` for any other, which
    could change nothing now.
    """
    from hocket import fusing, runs

    fusing.refuse_all_but_takes(
        knobs, "rng", "nothing is read or learned here, so it would change nothing; leave it out"
    )
    heard, source = reporter or Silent(), Path(run)
    config, themes = runs.load_settings(source)
    config = settings.replaced(config, knobs)
    fusing.check_wishes(themes, config, heard)
    folder = None if out is None else Path(out)
    if folder is None or folder.resolve() == source.resolve():
        folder = source
    else:
        runs.prepare(folder, overwrite, len(themes))
        runs.save_settings(folder, config, themes)
    first = runs.takes_tried(folder) + 1
    if config.start == "base":
        return fusing.write_learned(themes, config, folder, heard, first)
    return fusing.write_together(themes, config, folder, heard, first, source)


def learn(
    *sources: Source | Theme,
    out: str | Path,
    title: str = "",
    config: RunConfig | None = None,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> Theme:
    """Learn one theme, of a piece or several, and write it to a theme file that `fuse` takes.

    `sources` are as in `fuse`, `knobs` settings of learning. While it is learned, a folder beside
    `out`, named like it with `.learning`, holds where learning stands: called again after a stop, it
    goes on exactly. Where the reporter asked to stop, the theme comes back not learned, and nothing
    is at `out`. Raises `ScoreError` or `ConfigError`.
    """
    from hocket import fusing, learning, runs
    from hocket.base import base_of
    from hocket.model.theme import to_bytes
    from hocket.scores.files import atomic_write, make_folder, remove

    heard, file = reporter or Silent(), Path(out)
    config = settings.replaced(config or RunConfig(), knobs)
    fusing.refuse_network(config)
    if file.suffix != THEME_SUFFIX:
        raise ConfigError(f"{file}: give a name that ends in {THEME_SUFFIX}")
    if not sources:
        raise ConfigError("no theme given; name a score file or a folder of them")
    given: Any = sources[0] if len(sources) == 1 else sources
    theme = read_theme(given, config.pedal, heard, title)
    folder = make_folder(file.with_name(file.name + ".learning"))
    learned, checkpoint = learning.learn_theme(
        "A", theme, base_of(config), config, folder, heard, resume=runs.is_begun(folder)
    )
    if learning.was_asked_to_stop(checkpoint):
        return replace(theme, learned=None)
    atomic_write(file, to_bytes(learned))
    for name in runs.CHECKPOINT_FILES:
        remove(folder / name)
    with suppress(OSError):  # somebody else's files in it are left
        folder.rmdir()
    return replace(theme, learned=learned)


def seeds(
    *themes: Source | Theme,
    out: str | Path | None = None,
    titles: Sequence[str] = (),
    config: RunConfig | None = None,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> list[Opening]:
    """Return the openings made of learned themes that takes would start from, the best first.

    `themes` are theme files or what `learn` returned, `knobs` settings of openings and takes, of which
    `seeds` says how many. They stand in the key of the takes; with `out` each is written to that
    folder as MIDI, `seed-01.mid` and so on. Raises `ConfigError` or `CheckpointError`.
    """
    from hocket import fusing
    from hocket.scores import write
    from hocket.scores.files import make_folder

    heard = reporter or Silent()
    config = settings.replaced(config or RunConfig(), knobs)
    if not 2 <= len(themes) <= MOST_THEMES:
        raise ConfigError(f"{len(themes)} themes given; openings are made of 2 to {MOST_THEMES}")
    named = [*titles, *[""] * (len(themes) - len(titles))]
    read = lettered(
        [
            read_theme(theme, config.pedal, heard, title)
            for theme, title in zip(themes, named, strict=True)
        ]
    )
    found = fusing.openings(read, config)
    for number, opening in enumerate(found if out is not None else [], 1):
        write(opening.piece, make_folder(Path(str(out))) / f"seed-{number:02d}.mid")
    return found


def train(
    corpus: str | Path,
    *,
    out: str | Path,
    valid: Sequence[str] = (),
    exclude: Sequence[str] = (),
    config: RunConfig | None = None,
    reporter: Reporter | None = None,
    **knobs: Any,
) -> Weights:
    """Train a base model on a corpus that `prepare` made, and leave it in the folder `out`.

    `corpus` and `out` may be addresses on object storage, as fsspec knows them (`s3://bucket/run`).
    `valid` are the pieces, by their names in the corpus, that judge it, `exclude` pieces that are left
    out. Called again it goes on where it was stopped, exactly. Behind `torchrun` each process learns a
    share of every batch, and the first one writes. Raises `ConfigError`, also where another process
    is learning in that folder, or `CheckpointError`.
    """
    from numpy import float16

    from hocket import learning, locks, remote, runs, team
    from hocket.corpus import library, load_library
    from hocket.corpus.lessons import lessons
    from hocket.model.weights import to_files
    from hocket.scores.files import atomic_write, make_folder

    heard, away = reporter or Silent(), None
    config = settings.replaced(config or settings.preset("base"), knobs)
    if config.model.sees_themes:
        raise ConfigError("--sees-themes: a base model knows no themes; leave it out")
    if isinstance(out, str) and remote.is_remote(out):
        away = remote.Folder(out, "runs")
    folder = Path(out) if away is None else away.here
    with ExitStack() as held:
        if isinstance(corpus, str) and remote.is_remote(corpus):
            corpus = remote.corpus_at(corpus, library.FILES, heard.say)
        material = lessons(load_library(corpus), kept=valid, left_out=exclude)
        ranks = held.enter_context(team.joined(heard.say))
        if ranks.rank == 0:
            held.enter_context(locks.held(make_folder(folder) / runs.LOCK_FILE, "learns"))
            if away is not None:
                away.fetch(runs.CHECKPOINT_FILES, needed=False)

        def send() -> None:
            if away is not None:
                away.send(
                    [name for name in runs.CHECKPOINT_FILES[::-1] if (folder / name).exists()]
                )

        begun = ranks.from_first(lambda: bytes([runs.is_begun(folder)])) == b"\1"
        checkpoint = learning.learn(
            material, config, folder, heard, resume=begun, team=ranks, on_saved=send
        )
        weights = learning.weights_of(checkpoint, material, config, ())
        if ranks.rank == 0:
            files = to_files(weights, float16)
            for name, content in files.items():
                atomic_write(folder / name, content)
            if away is not None:
                away.send(list(files))
        ranks.wait()
    return weights


class Comparison(NamedTuple):
    """A piece beside themes by letter, and what was found."""

    piece: Piece
    themes: Mapping[str, Sequence[Piece]]
    measures: Measures

    def quotes(self, most: int = 3) -> dict[str, list[dict[str, Any]]]:
        """Return the longest quotes in texture, melody and tune."""
        from hocket.analysis.quoted import longest_quotes

        return longest_quotes(self.piece, self.themes, most)

    def chance(self) -> dict[str, Level]:
        """Return what the measures would be, by chance, of a piece that knows nothing of the themes."""
        from hocket.analysis.chance import chance, notes_in

        return chance(notes_in(self.themes.values()))


def compare(
    take: str | Path | Piece,
    *,
    against: str | Path | Piece | Sequence[str | Path | Piece],
    pedal: bool = False,
    reporter: Reporter | None = None,
) -> Comparison:
    """Look at a piece beside themes: what it quotes and from where, how it mixes, its key.

    Raises `ScoreError` or `ConfigError`.
    """
    from hocket.analysis import measure
    from hocket.music import Piece

    if isinstance(against, (str, Path, Piece)):
        against = [against]
    if not 1 <= len(against) <= MOST_THEMES:
        raise ConfigError(f"{len(against)} themes to check against; give 1 to {MOST_THEMES}")
    heard = reporter or Silent()
    themes = wholes(lettered([read_against(theme, pedal, heard) for theme in against]))
    piece = read_source(take, pedal, heard)
    return Comparison(piece, themes, measure(piece, themes))


def check(
    take: str | Path | Piece,
    *,
    against: str | Path | Piece | Sequence[str | Path | Piece],
    pedal: bool = False,
    reporter: Reporter | None = None,
) -> Measures:
    """Measure a piece beside themes: the numbers of `compare`."""
    return compare(take, against=against, pedal=pedal, reporter=reporter).measures


def why(take: str | Path, *, bar: int, note: int | None = None) -> list[Reason]:
    """Return for the notes that begin in a bar of a take what else might have come, and who wanted it.

    `note`, from 1, asks for one of them alone. What is read is the file that `fuse` wrote beside the
    take. Raises `CheckpointError` where it is not there, `ConfigError` for a bar that is not.
    """
    from hocket.generation import reasons, votes

    file = Path(take)
    return reasons.reasons(votes.load(file.with_name(file.stem + votes.SUFFIX)), bar, note)


def tokens(
    piece: str | Path | Piece, *, pedal: bool = False, reporter: Reporter | None = None
) -> str:
    """Return the events of a piece readably: one instant a line, after its bar and tick."""
    from hocket.tokens import encode, text

    return text(encode(read_source(piece, pedal, reporter or Silent())))


def prepare(
    *folders: str | Path,
    out: str | Path,
    pedal: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Library:
    """Turn all score files below the folders into a corpus of events in the folder `out`.

    `workers` processes read, by default one for each core, so a script must call this below
    `if __name__ == "__main__":`. Files that cannot be used are left out; `dropped.csv` in `out` says
    why. Killed and called again it goes on. Behind `torchrun` the processes share the files. Raises
    `ScoreError` or `ConfigError`.
    """
    from hocket import remote, team
    from hocket.corpus import library
    from hocket.corpus.ingest import ingest
    from hocket.processor import cores

    if not folders:
        raise ConfigError("no folder given; name one with score files in it")
    if workers is not None and workers < 1:
        raise ConfigError(f"{workers} workers; give at least 1")
    heard, away = reporter or Silent(), None
    if isinstance(out, str) and remote.is_remote(out):
        away = remote.Folder(out, "corpora")
        if team.size() > 1:
            raise ConfigError(f"{out}: ranks need a folder that all of them see; give one with -o")
    with team.joined(heard.say) as ranks:
        corpus = ingest(
            [Path(folder) for folder in folders],
            Path(out) if away is None else away.here,
            pedal=pedal,
            workers=workers or max(cores() // team.processes_here(), 1),
            overwrite=overwrite,
            team=ranks,
            say=heard.say,
            on_progress=heard.preparing,
        )
    if away is not None:
        away.send(library.FILES[::-1])  # the one that says what the others must be comes last
    return corpus


def duplicates(
    corpus: str | Path,
    *,
    out: str | Path | None = None,
    table: str | Path | None = None,
    threshold: float | None = None,
) -> Duplicates:
    """Find the pieces of a corpus that are copies of others, transposed and changed a little or not.

    Two are copies if of all their runs of four notes they have about `threshold` in common. Of each
    group the longest is kept. With `out` the names of the others go to that file, one a line, for
    `train`'s `exclude`; with `table` all groups go to another as CSV. Raises `ConfigError`,
    `CheckpointError` or `ScoreError`.
    """
    from hocket.corpus import load_library, near
    from hocket.scores.files import write_text

    for file in (out, table):
        if file is not None and Path(file).is_dir():
            raise ConfigError(f"{file}: is a folder; give the name of a file to write")
    if out is not None and table is not None and Path(out).resolve() == Path(table).resolve():
        raise ConfigError(f"{out}: named for both lists; give each a file of its own")
    wanted = near.wanted(near.THRESHOLD if threshold is None else threshold)
    found = near.duplicates(load_library(corpus), wanted)
    if out is not None:
        write_text(out, "".join(f"{name}\n" for name in found.left_out))
    if table is not None:
        write_text(table, found.table())
    return found

"""What the terminal shows while a run goes on and when it is done, with rich."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from hocket.scores import printable

if TYPE_CHECKING:
    from hocket.corpus import Library
    from hocket.corpus.near import Duplicates
    from hocket.generation.openings import Opening
    from hocket.generation.reasons import Reason
    from hocket.model.weights import Weights
    from hocket.runs import Run
    from hocket.sources import Theme
    from hocket.training import Progress as Learned
    from hocket.workflows import Comparison

LINE_EVERY = 100
"""Steps between two lines where there is no terminal to draw a bar on."""
SECONDS_BETWEEN_LINES = 10.0
"""The same for the files of a corpus."""


class Display:
    """A reporter that draws bars; on a pipe it prints a line now and then, and nothing if `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(highlight=False, soft_wrap=True, quiet=quiet)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[says]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._learning: TaskID | None = None
        self._writing: TaskID | None = None
        self._preparing: TaskID | None = None
        self._told = time.monotonic()
        self._stop = False

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def interrupt(self, signal_number: int, frame: FrameType | None) -> None:
        """Handle Ctrl-C: the first asks learning to stop, a second one breaks off at once."""
        if self._stop or self._learning is None or self._writing is not None:
            raise KeyboardInterrupt
        self._stop = True
        self.say("stopping after this step, keeping what was learned; Ctrl-C again breaks off")

    def should_stop(self) -> bool:
        """Whether Ctrl-C asked learning to stop."""
        return self._stop

    def say(self, text: str) -> None:
        """Print a line above the bars; a name in it is never taken for markup."""
        self._bars.console.print(Text(printable(text, len(text))))

    def remark(self, text: str) -> None:
        """Print what was left out of a file, on standard error."""
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            Text(printable(text, len(text)))
        )

    def learning(self, progress: Learned) -> None:
        """Show a step of learning."""
        says = (
            f"loss {progress.loss:.2f}"
            + (f", held-out {progress.held_out:.2f}" if progress.held_out is not None else "")
            + f", {progress.events_per_second:,.0f} events/s, {progress.seconds_left:.0f} s left"
        )
        if self._learning is None:
            self._learning = self._bars.add_task("learning", total=progress.max_steps, says="")
        self._bars.update(self._learning, completed=progress.step, says=says)
        if self._bars.disable and progress.step % LINE_EVERY == 0:
            self.say(f"learning: step {progress.step} of {progress.max_steps} at most, {says}")

    def writing(self, bars: float, of: int) -> None:
        """Show how far the slowest take is."""
        if self._writing is None:
            self._writing = self._bars.add_task("writing", total=of, says="")
            if self._bars.disable:
                self.say("writing takes")
        self._bars.update(self._writing, completed=bars, says=f"bar {min(int(bars), of)} of {of}")

    def wrote(self, folder: Path) -> None:
        """Show nothing: where takes are is told at the end."""

    def preparing(self, files: int, of: int) -> None:
        """Show how many files of a corpus are done."""
        if self._preparing is None:
            self._preparing = self._bars.add_task("preparing", total=of, says="")
        self._bars.update(self._preparing, completed=files, says=f"{files:,} of {of:,} files")
        if self._bars.disable and time.monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            self.say(f"preparing: {files:,} of {of:,} files")

    def show(self, run: Run, *, learned: bool = True) -> None:
        """Print the takes' measures, how learning ended if there was any, and where all of it is."""
        from hocket.analysis import table
        from hocket.analysis.chance import notes_in
        from hocket.reports import take_name
        from hocket.sources import wholes

        rows = {take_name(t.place): m for t, m in zip(run.takes, run.measures, strict=True)}
        self._console.print(table(rows, notes_in(wholes(run.themes).values())))
        for letter, theme in run.themes.items():
            self.say(f"{letter} is {theme.title}")
        loss = "" if run.held_out is None else f"; held-out loss {run.held_out:.3f} nats an event"
        if learned:
            self.say(f"learning ended: {run.stopped}{loss}")
        page = "index.html to hear and see all, " if run.config.generation.page else ""
        self.say(f"results in {run.folder}: {page}take-NN.mid for a DAW, take-NN.png, report.json")

    def show_theme(self, theme: Theme, file: Path) -> None:
        """Print how a theme was learned, and where it is."""
        learned = theme.learned
        assert learned is not None
        judged = "" if learned.held_out is None else f"; held-out loss {learned.held_out:.3f}"
        self.say(f"learning ended: {learned.stopped}{judged} nats an event")
        notes = sum(len(piece.notes) for piece in theme.pieces)
        self.say(f"{theme.title}, {notes:,} notes: {file}, for `hocket fuse {file} ...`")

    def show_base(self, weights: Weights, folder: Path) -> None:
        """Print how a base model was trained, and where it is."""
        learned = weights.learned
        judged = "" if learned.held_out is None else f"; held-out loss {learned.held_out:.4f}"
        self.say(f"training ended at step {learned.step:,}: {learned.stopped}{judged}")
        self.say(f"{folder}: a base model, for `hocket fuse --base {folder} ...`")

    def show_corpus(self, corpus: Library) -> None:
        """Print what is in a corpus, and how many files are not."""
        from hocket.corpus.library import DROPPED_FILE

        pieces = len(corpus)
        self.say(
            f"{corpus.folder}: {pieces:,} piece{'s' * (pieces != 1)}, {len(corpus.ids):,} events"
        )
        if corpus.dropped:
            self.say(
                f"{corpus.dropped:,} file{'s' * (corpus.dropped != 1)} could not be used: see "
                f"{corpus.folder / DROPPED_FILE}"
            )

    def show_duplicates(self, found: Duplicates, out: str | None) -> None:
        """Print how many pieces are copies, and what to do with their names."""
        pieces, groups = found.pieces, len(found.groups)
        copies = sum(len(group.copies) for group in found.groups)
        self.say(
            f"{pieces:,} piece{'s' * (pieces != 1)}, {groups:,} group{'s' * (groups != 1)} of "
            f"copies: {copies:,} to leave out"
        )
        if out is not None:
            self.say(f"{out}: the names to leave out, for `hocket train --exclude {out}`")


def show_check(take: str, against: Sequence[str], found: Comparison) -> None:
    """Print the measures of one piece in a table, with what they mean, and its longest quotes."""
    from hocket.analysis import legend, table
    from hocket.analysis.chance import notes_in
    from hocket.analysis.quoted import in_words
    from hocket.sources import LETTERS

    console = Console(highlight=False, soft_wrap=True)
    console.print(table({printable(take): found.measures}, notes_in(found.themes.values())))
    for letter, theme in zip(LETTERS, against, strict=False):
        console.print(Text(f"{letter} is {printable(theme)}"))
    for view, quotes in found.quotes().items():
        for quote in quotes:
            console.print(Text(in_words(view, quote)))
    console.print(Text(legend()))


def show_seeds(openings: Sequence[Opening]) -> None:
    """Print openings, the best first, with what ranks them."""
    console = Console(highlight=False, soft_wrap=True)
    for opening in openings:
        bars = f"{opening.bars} bar{'s' * (opening.bars != 1)}"
        console.print(
            Text(
                f"{opening.recipe!s:22} {bars}, likelihood {opening.likelihood:.2f} nats an event, "
                f"harmonic distance {opening.distance:.2f}"
            )
        )


def show_reasons(reasons: Sequence[Reason]) -> None:
    """Print what else might have come in the place of notes, and each theme's vote."""
    console = Console(highlight=False, soft_wrap=True)
    if not reasons:
        console.print("no note begins in this bar")
    for number, reason in enumerate(reasons, 1):
        fast = f", laid out before: {reason.laid_out}" if reason.laid_out else ""
        where = f"bar {reason.bar}, beat {reason.beat:.4g}, part {reason.part}"
        console.print(Text(f"{number}. {reason.note.what}  ({where}{fast})", style="bold"))
        for choice in (reason.note, *reason.others):
            votes = "  ".join(f"{letter} {vote:.3f}" for letter, vote in choice.votes.items())
            console.print(Text(f"   {choice.what:16} {choice.chance:.3f}   {votes}"))

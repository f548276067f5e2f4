"""A run's folder to one HTML file to share: hear, see and take home its takes, without any network.

Surprising decision: no template engine. The page is a dozen lines of HTML for each take, put together
here; what comes from files is escaped in one place, and a policy in the page allows no other script.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from hocket import __version__, runs
from hocket.page.contents import (
    MOST_BYTES,
    Heard,
    TakeView,
    drawn,
    load_report,
    sounds,
    views,
)
from hocket.page.recipe import command
from hocket.page.words import in_words
from hocket.pictures.style import theme_colours
from hocket.scores.files import write_text
from hocket.sources import Theme

__all__ = ["page", "write_page"]

Say = Callable[[str], None]
_LONGEST_TITLE = 200
_SLACK = 60_000
"""Bytes of a page that are neither sound nor score nor notes."""
_OTHER_IDS = re.compile(r' id="(?!t\d+(?:[pn]\d+"|-E))[^"]*"')
"""Of verovio's own, which may begin like ours, and of which a tie over two lines has one twice."""


def write_page(folder: Path, *, say: Say | None = None) -> Path:
    """Write the page of a run's folder, index.html in it, and return where it is.

    `say` hears what had no room. Raises `CheckpointError` where there is no run.
    """
    file = folder / runs.PAGE_FILE
    write_text(file, page(folder, say=say))
    return file


def page(folder: Path, *, say: Say | None = None) -> str:
    """Return the page of a run's folder; the same for the same files."""
    heard = say or _nobody
    config, themes = runs.load_settings(folder)
    report = load_report(folder)
    takes = views(folder, themes, report, heard)
    scores = [_score(take, place) for place, take in enumerate(takes)]
    rolls = [drawn(take.piece, take.codes, take.entry) for take in takes]
    used = sum(map(len, scores)) + len(_json([roll["notes"] for roll in rolls])) + _SLACK
    used += sum((len(take.midi) + len(take.mxl)) * 4 // 3 for take in takes)
    heard_takes = sounds(takes, max(MOST_BYTES - used, 0) * 3 // 4, heard)
    told = {
        "themes": [theme.title for theme in themes.values()],
        "takes": [
            _data(take, place, roll, sound.mp3 if sound else b"")
            for place, (take, roll, sound) in enumerate(zip(takes, rolls, heard_takes, strict=True))
        ],
    }
    sources = [report["themes"][letter].get("source") or f"{letter}.mid" for letter in themes]
    body = [
        _take(
            take,
            report,
            score,
            command(sources, config, take.entry),
            len(themes),
            heard=bool(sound),
        )
        for take, score, sound in zip(takes, scores, heard_takes, strict=True)
    ]
    return _html(themes, body, _json(told), _credits(heard_takes))


def _nobody(text: str) -> None:
    """Say nothing."""


def _html(themes: Mapping[str, Theme], takes: Sequence[str], data: str, credit: str) -> str:
    script = _asset("paint.js").replace("export ", "") + _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data: blob:; media-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    titles = [_text(theme.title) for theme in themes.values()]
    count = len(takes)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="hocket {__version__}">
<title>{" × ".join(titles)}</title>
<style>
{_asset("page.css")}{_heads(len(themes))}</style>
</head>
<body>
<header class="top">
<h1>{'<span class="x"> × </span>'.join(titles)}</h1>
<p class="lead">{count} new piece{"s" * (count != 1)} that fuse{"s" * (count == 1)} these themes, written by
a small neural network that learned them. Colour and pattern say which notes stand in runs that a theme has as well; point at a note to
see from where.</p>
</header>
<main>
{"".join(takes) or "<p>This run has no takes yet.</p>"}
</main>
<footer>
<p>Made with hocket {__version__}. {credit}This page needs no network and can be passed on as it is.</p>
<noscript><p>Playing and the piano rolls need JavaScript; the scores do not.</p></noscript>
</footer>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def _take(
    take: TakeView,
    report: Mapping[str, Any],
    score: str,
    recipe: str,
    themes: int,
    *,
    heard: bool,
) -> str:
    number = int(take.name.rpartition("-")[2])
    named, end = f"Take {number}", take.piece.seconds(take.piece.end)
    words = in_words(take.entry, report["themes"], report["chance"])
    entries = list(zip([*report["themes"].items()], range(themes), strict=True))
    legend = [(f"{letter} {theme['title']}", code) for (letter, theme), code in entries]
    legend += [("several themes" if themes > 2 else "both", themes), ("new", themes + 1)]
    listed = "".join(
        f'<li><canvas data-code="{code}" aria-hidden="true"></canvas>{_text(name)} '
        f'<span class="quiet">{take.shares[code]:.0%}</span></li>'
        for name, code in legend
    )
    pages = (
        ""
        if not score
        else (
            f'<details class="score-part"><summary>Score</summary><div class="score">{score}</div></details>'
        )
    )
    player = (
        '<button class="play" type="button" aria-pressed="false" '
        f'aria-label="{named}: play or pause">Play</button>'
        if heard
        else '<span class="quiet">its sound had no room here</span>'
    )
    volume = (
        '<label class="volume">Volume <input type="range" min="0" max="1" step="0.05" value="1"></label>'
        if heard
        else ""
    )
    return f"""
<section class="take" aria-label="{named}">
<div class="head"><h2>{named}</h2>{player}<span class="time"></span>{volume}</div>
<div class="roll" tabindex="0" role="slider" aria-label="{named}: piano roll and place in it; arrow keys go by bars, space plays"
 aria-valuemin="0" aria-valuemax="{end:.1f}" aria-valuenow="0"><canvas aria-hidden="true"></canvas><div class="head-line"></div></div>
<p class="told" aria-live="polite">Above the notes: the mix of the themes, bar by bar.</p>
<ul class="legend">{listed}</ul>
<ul class="words">{"".join(f"<li>{_text(word)}</li>" for word in words)}</ul>
{pages}
<details><summary>How it was made</summary>
{_layout(take.entry)}
<p>To make it again (take {take.entry["number"]} of those tried):</p>
<pre tabindex="0">{_text(recipe)}</pre>
</details>
<div class="files">
<a class="button" data-file="mid" download="{take.name}.mid">MIDI</a>
<a class="button" data-file="mxl" download="{take.name}.mxl">MusicXML</a>
<a class="button" data-file="mp3" download="{take.name}.mp3">MP3</a>
</div>
</section>
"""


def _layout(entry: Mapping[str, Any]) -> str:
    """Return what stood fast before a take was written, as a table of bars."""
    rows: list[tuple[int, int, str]] = []
    for bar, what in enumerate(entry.get("laid_out", []), 1):
        if rows and rows[-1][2] == what and rows[-1][1] == bar - 1:
            rows[-1] = (rows[-1][0], bar, what)
        elif what:
            rows.append((bar, bar, what))
    if not rows:
        return "<p>Nothing was laid out but its opening.</p>"
    cells = "".join(
        f'<tr><td class="number">{first}{f"–{last}" if last > first else ""}</td>'
        f"<td>{_text(what)}</td></tr>"
        for first, last, what in rows
    )
    return (
        "<table><thead><tr><th>bars</th><th>laid out before the rest was written</th></tr></thead>"
        f"<tbody>{cells}</tbody></table>"
    )


def _data(take: TakeView, place: int, roll: Mapping[str, Any], sound: bytes) -> dict[str, Any]:
    return {
        "place": place,
        **roll,
        "mid": base64.b64encode(take.midi).decode(),
        "mxl": base64.b64encode(take.mxl).decode(),
        "mp3": base64.b64encode(sound).decode(),
    }


def _score(take: TakeView, place: int) -> str:
    """Return a take's pages with ids that no other page or take has, in the page's own ink."""
    pages = []
    for number, svg in enumerate(take.svg):
        root = re.search(r'<svg[^>]* id="([^"]+)"', svg)
        if root is not None:
            svg = svg.replace(root[1], f"t{place}p{number}")
        svg = re.sub(r' id="(E\w+?)-t', rf' id="t{place}-\1-t', svg)
        svg = re.sub(r'href="#(E\w+?)-t', rf'href="#t{place}-\1-t', svg)
        svg = re.sub(r' id="n(\d+)"', rf' id="t{place}n\1"', svg)
        svg = _OTHER_IDS.sub("", svg)
        svg = svg.replace(' color="black"', "")
        svg = svg.replace("<svg ", f'<svg role="img" aria-label="Score, page {number + 1}" ', 1)
        pages.append(svg.strip())
    return "\n".join(pages)


def _heads(themes: int) -> str:
    """Return the style that gives coloured heads the page's colours, which fit dark and light."""
    return "".join(
        f'.score [color="{colour}"],.score [fill="{colour}"]{{color:var(--c{i % 6});fill:var(--c{i % 6})}}\n'
        for i, colour in enumerate(theme_colours(themes)[:6])
    )


def _credits(heard: Sequence[Heard | None]) -> str:
    """Return who or what plays, and whom that asks to name."""
    told = dict.fromkeys(each.credit or f"Played by {each.engine}" for each in heard if each)
    return "".join(f"{_text(credit)}. " for credit in told)


def _text(text: str) -> str:
    """Return a text from a file as it may stand anywhere in the page."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return escape(line[:_LONGEST_TITLE] if len(line) > 4 * _LONGEST_TITLE else line, quote=True)


def _json(value: Any) -> str:
    """Return JSON that cannot end a script element, whatever is in it."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _asset(name: str) -> str:
    return resources.files("hocket.page").joinpath(name).read_text(encoding="utf-8")

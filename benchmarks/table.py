"""Outcomes to Markdown, put between two marks of a page whose prose stays."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from comparisons import Bound, Comparison
from limits import Limits, described
from rounds import Outcome, median_ratio

BEGIN = "<!-- figures of {}: written by `make bench`, not by hand -->"
END = "<!-- end of figures of {} -->"


def comparison(what: Comparison, outcomes: Sequence[Outcome], limits: Limits | None) -> str:
    """Return a section: a row for each contender, then what limits them and how near ours is."""
    by_name = {outcome.name: outcome for outcome in outcomes}
    ours = by_name.get(what.ours)
    head = [
        "contender",
        what.unit,
        "lowest to highest",
        f"{what.ours}: times as fast",
        "what it is",
    ]
    if what.flops:
        head.insert(3, "GFLOP/s")
    lines = [f"### {what.title}", "", row(head), row(["---"] * len(head))]
    for outcome in outcomes:
        cells = [outcome.name, *_rates(what, outcome)]
        if what.flops:
            cells.append(f"{outcome.median * what.flops / 1e9:,.0f}")
        same = ours is None or outcome is ours
        cells.append("" if ours is None or same else times(median_ratio(ours.rates, outcome.rates)))
        lines.append(row([*cells, about(outcome)]))
    bounds = what.bounds(limits) if limits else ()
    if bounds and ours:
        first, *others = sorted(bounds, key=lambda bound: bound.rate)
        lines += ["", limit("Limit", first, ours, what.unit)]
        lines += [limit("Next", bound, ours, what.unit) for bound in others]
    if what.notes:
        lines += ["", what.notes]
    return "\n".join(lines)


def limit(word: str, bound: Bound, ours: Outcome, unit: str) -> str:
    """Return a line: the bound, and which share of it ours has."""
    share = ours.median / bound.rate
    return (
        f"- {word}: {bound.why} = {figure(bound.rate)} {unit}; {ours.name} has {share:.0%} of it."
    )


def about(outcome: Outcome) -> str:
    """Return what a contender is, with the setting or batch that it found best."""
    found = [
        f"{name} {value}" if name != "setting" else str(value)
        for name, value in outcome.details.items()
        if name != "tried"
    ]
    return "; ".join([*([outcome.about] if outcome.about else []), *found])


def times(ratio: float) -> str:
    """Return a ratio readably, as in `4.2 ×`."""
    return (
        f"{ratio:,.0f} ×" if ratio >= 20 else f"{ratio:.1f} ×" if ratio >= 2 else f"{ratio:.2f} ×"
    )


def figure(value: float) -> str:
    """Return a value with three digits or so, and commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine(known: Mapping[str, str], versions: Mapping[str, str], limits: Limits | None) -> str:
    """Return the section on the machine, the versions and the measured limits."""
    lines = [row(["machine", ""]), row(["---", "---"])]
    lines += [row([name, value]) for name, value in known.items() if value]
    lines.append(row(["versions", ", ".join(f"{n} {v}" for n, v in sorted(versions.items()))]))
    if limits:
        lines += [row([name, rate]) for name, rate in described(limits).items()]
    return "\n".join(lines)


def placed(page: str, word: str, figures: str) -> str:
    """Return the page with new figures between the marks of a word; `ValueError` without such marks."""
    begin, end = BEGIN.format(word), END.format(word)
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {end if found else begin}")
    return f"{before}{begin}\n\n{figures}\n\n{end}{after}"


def row(cells: Sequence[str]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _rates(what: Comparison, outcome: Outcome) -> list[str]:
    values = list(outcome.rates)
    if what.unit == "seconds":
        values = [1 / rate for rate in values]
    return [
        figure(statistics.median(values)),
        f"{figure(min(values))} to {figure(max(values))}",
    ]

"""Themes and weights to takes: openings, mix and rules put together around the sampler."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hocket.analysis.provenance import origins
from hocket.config import GenerationConfig, RunConfig
from hocket.generation import form, mix
from hocket.generation.budget import Budget, budget_of, longest_quote
from hocket.generation.choir import Choir, Roles, Stepper
from hocket.generation.layout import laid_out, script_of
from hocket.generation.motifs import motif_of, theme_of
from hocket.generation.openings import Opening
from hocket.generation.roles import roles_of
from hocket.generation.rules import rules_for
from hocket.generation.sampler import Sampled, Take, sample
from hocket.generation.script import FREE, OWN, Script
from hocket.generation.seeds import candidates, search
from hocket.generation.votes import Votes, votes_of
from hocket.music import Key, Part, Piece, Tempo
from hocket.music.dynamics import shaded
from hocket.music.pitch import COMMON_KEY, agreeing, estimate_key, interval, parse_key
from hocket.tokens import decode, simplify

HALF_PHRASE = 4
"""Bars between openings, where these stand at every phrase."""
TRIAL = 16
"""So many takes are written before the mix is corrected by what came of it."""


def compose(
    themes: Mapping[str, Piece],
    model: Stepper,
    config: RunConfig,
    *,
    unquoted: Sequence[Piece] | None = None,
    weights: str = "",
    first: int = 1,
    say: Callable[[str], None] = lambda text: None,
    on_step: Callable[[float], None] = lambda bars: None,
) -> list[Take]:
    """Write takes from themes by letter, numbered from `first`, in the first theme's key and metre.

    `model` has learned the themes; `unquoted` are all their pieces, if they have more than one, which
    the budget of quotes guards; `weights` is the fingerprint of what it knows.

    `say` gets a line for each opening chosen. Raises `ConfigError` where an opening does not fit.

    The first `TRIAL` takes tell how much the turns of a theme are worth: in later ones, the theme that
    came short leads longer.
    """
    wanted, letters = config.generation, list(themes)
    key, moved = key_of_takes(themes, config), _moved(themes)
    common = COMMON_KEY._replace(minor=key.minor)
    curve = mix.curve(wanted.mix, len(themes), wanted.bars)
    constant = curve.mean(0)
    budget = budget_of(list(themes.values()) if unquoted is None else unquoted, wanted.max_quote)
    roles = roles_of(wanted, moved)
    model = in_roles(model, roles)
    kept = _found(moved, model, config, budget, roles)
    letters_of_form = form.form_of(
        wanted, list(themes.values()), [opening.bars for opening in kept]
    )
    motif = _motif(wanted, moved, key)
    where = config.opening.seed_at
    each = HALF_PHRASE if where == "phrases" else 0
    script = script_of(letters_of_form, wanted, kept, motif, everywhere=where != "start", each=each)
    for line in form.told(letters_of_form, wanted, script):
        say(line)
    openings = [kept[(first - 1 + i) % len(kept)] for i in range(wanted.takes)]
    for opening in dict.fromkeys(openings):
        say(
            f"opening {opening.recipe}: likelihood {opening.likelihood:.2f} nats an event, "
            f"harmonic distance {opening.distance:.2f}"
        )
        if budget.most and (quote := longest_quote(opening.whole, budget)) > budget.most:
            say(
                f"it was asked for, and quotes {quote} notes in a row; the budget counts from there on"
            )
    rules = rules_for(
        wanted,
        None if wanted.key == "off" else common,
        kept[0].piece.main_meter.bar_ticks,
        list(themes.values()),
        budget,
        form.phrase_of(letters_of_form, wanted),
    )
    stated, turns = theme_of(wanted.motif, letters), 0 if roles else wanted.turns

    def sampled(
        numbers: range, shares: NDArray[np.float64]
    ) -> list[tuple[Sampled, NDArray[np.float32]]]:
        places = [(number - 1) % len(kept) for number in numbers]
        plans = [_plan(at, kept, letters, curve, shares, turns, script, stated) for at in places]
        takes = sample(
            model,
            [kept[at].ids for at in places],
            rules,
            mix.following(plans),
            wanted,
            config.rng,
            first=numbers.start,
            script=script.of(places),
            on_step=on_step,
        )
        return list(zip(takes, plans, strict=True))

    shares = mix.leading_time(curve, list(themes.values()))
    last = first + wanted.takes
    if turns and last > TRIAL + 1 and constant.min() > 0:
        trial = sampled(range(1, TRIAL + 1), shares)
        found = _shares_found([decode(take.ids) for take, _ in trial], themes)
        later = range(max(first, TRIAL + 1), last)
        written = [*trial[first - 1 :], *sampled(later, mix.leaned(shares, constant, found))]
    else:
        written = sampled(range(first, last), shares)
    parts = parts_of(list(themes.values()))
    tempo = _blended_tempo(list(themes.values()), constant)
    title = " × ".join(theme.title or letter for letter, theme in themes.items())
    return [
        Take(
            replace(
                shaded(in_key(decode(ids), key)),
                parts=parts,
                tempos=(tempo,),
                keys=() if wanted.key == "off" else (key,),
                title=title,
            ),
            ids,
            log_probs,
            str(openings[i].recipe),
            tuple(float(weight) for weight in constant),
            wanted,
            config.rng,
            first + i,
            weights,
            price,
            form=letters_of_form,
            plan=plan,
            laid_out=laid_out(script, kept, (first - 1 + i) % len(kept), wanted.bars),
        )
        for i, ((ids, log_probs, price), plan) in enumerate(written)
    ]


def openings(
    themes: Mapping[str, Piece],
    model: Stepper,
    config: RunConfig,
    *,
    unquoted: Sequence[Piece],
) -> list[Opening]:
    """Return the openings that `compose` would start from, best first, in the key of the takes."""
    wanted, moved = config.generation, _moved(themes)
    roles = roles_of(wanted, moved)
    budget = budget_of(unquoted, wanted.max_quote)
    found = _found(moved, in_roles(model, roles), config, budget, roles)
    key, parts = key_of_takes(themes, config), parts_of(list(themes.values()))
    constant = mix.curve(wanted.mix, len(themes), wanted.bars).mean(0)
    tempo = _blended_tempo(list(themes.values()), constant)
    keys = () if wanted.key == "off" else (key,)
    return [
        replace(
            opening,
            piece=replace(
                in_key(opening.piece, key),
                parts=parts,
                tempos=(tempo,),
                keys=keys,
                title=str(opening.recipe),
            ),
        )
        for opening in found
    ]


def _found(
    moved: Mapping[str, Piece],
    model: Stepper,
    config: RunConfig,
    budget: Budget,
    roles: Roles | None,
) -> list[Opening]:
    """Return the openings of themes in the common key, the best first."""
    wanted = config.generation
    return search(
        moved,
        model,
        mix.curve(wanted.mix, len(moved), wanted.bars).mean(0),
        config.opening,
        config.rng,
        form.room_for_opening(wanted),
        budget,
        form.asked_for(wanted),
        _layered(roles, list(moved)),
    )


def in_roles(model: Stepper, roles: Roles | None) -> Stepper:
    """Return the model in the roles asked for, if any are."""
    return model.in_roles(roles) if roles and isinstance(model, Choir) else model


def said_along(
    choir: Choir, takes: Sequence[Take], themes: Mapping[str, Piece], config: RunConfig
) -> list[Votes]:
    """Return what the model said along takes of themes by letter, to be kept with them."""
    roles = roles_of(config.generation, _moved(themes))
    titles = {letter: theme.title for letter, theme in themes.items()}
    semitones = -interval(key_of_takes(themes, config), COMMON_KEY)
    return votes_of(choir.in_roles(roles) if roles else choir, takes, titles, semitones)


def _shares_found(pieces: Sequence[Piece], themes: Mapping[str, Piece]) -> NDArray[np.float64]:
    """Return which share of the notes that are of one theme alone is each theme's, (M)."""
    counts = np.zeros(len(themes))
    for piece in pieces:
        found = origins(piece, themes)
        counts += np.array(found.shares[: len(themes)]) * len(found.distinct)
    return np.asarray((counts + 1) / (counts + 1).sum(), np.float64)


def check_wishes(themes: Mapping[str, Piece], config: RunConfig) -> None:
    """Raise, before anything is learned, what `compose` would raise for what was asked for."""
    wanted, key, moved = config.generation, key_of_takes(themes, config), _moved(themes)
    constant = mix.curve(wanted.mix, len(themes), wanted.bars).mean(0)
    budget = budget_of(list(themes.values()), wanted.max_quote)
    room, sections = form.room_for_opening(wanted), form.asked_for(wanted)
    layered = _layered(roles_of(wanted, moved), list(themes))
    groups = candidates(
        moved, config.opening, config.rng, room, budget, sections, layered, constant
    )
    longest = max((opening for group in groups for opening in group), key=lambda o: o.bars)
    letters = form.form_of(wanted, list(themes.values()), [longest.bars])
    script_of(letters, wanted, [longest], _motif(wanted, moved, key))


def _layered(roles: Roles | None, letters: Sequence[str]) -> tuple[str, str] | None:
    return (letters[roles.melody], letters[roles.accompaniment]) if roles else None


def _motif(wanted: GenerationConfig, moved: Mapping[str, Piece], key: Key) -> Piece | None:
    """Return the motif to be stated, in the common key."""
    if wanted.motif is None:
        return None
    return motif_of(wanted.motif, moved, interval(key, COMMON_KEY))


def key_of_takes(themes: Mapping[str, Piece], config: RunConfig) -> Key:
    """Return the key of the takes: the one asked for, or the first theme's."""
    if config.generation.key in ("auto", "off"):
        return estimate_key(next(iter(themes.values())).notes)
    return parse_key(config.generation.key)


def in_key(piece: Piece, key: Key) -> Piece:
    """Return a piece of the common key moved to another; what leaves the piano moves by octaves.

    What `pitch.moved_to` brought to the common key comes back. Parts keep their numbers.
    """
    moved = simplify(piece.transposed(-interval(key, COMMON_KEY)))
    used = sorted({note.part for note in piece.notes})
    notes = tuple(note._replace(part=used[note.part]) for note in moved.notes)
    return replace(moved, notes=notes, parts=piece.parts)


def parts_of(themes: Sequence[Piece]) -> tuple[Part, ...]:
    """Return the parts of takes: those of the first theme, then what later themes have more."""
    parts: list[Part] = []
    for theme in themes:
        parts.extend(theme.parts[len(parts) :])
    return tuple(parts)


def _moved(themes: Mapping[str, Piece]) -> dict[str, Piece]:
    """Return the themes by letter, moved to the common key."""
    return dict(zip(themes, agreeing(list(themes.values()), COMMON_KEY), strict=True))


def _plan(
    at: int,
    openings: Sequence[Opening],
    letters: Sequence[str],
    curve: NDArray[np.float32],
    shares: NDArray[np.float64],
    turns: int,
    script: Script,
    stated: int | None,
) -> NDArray[np.float32]:
    """Return the weights of the themes bar by bar, (bars, M), of takes with the opening `at`.

    Openings have their own; after its opening, the theme that began a take leads again. Bars that come
    again have the weights they had, and a motif of the theme `stated` is led by it.
    """
    plan, first, stands = curve.copy(), openings[at], script.stands(at)
    own = [opening.plan(letters, curve.mean(0)) for opening in openings]
    plan[: first.bars] = own[at]
    taken = {bar for bar, (kind, _) in enumerate(stands) if kind != FREE}
    free = [bar for bar in range(first.bars, len(plan)) if bar not in taken]
    if turns and free:
        lead = letters.index(first.recipe.first.theme)
        plan[free] = mix.in_turns(shares[free], lead, turns)
    for bar, (kind, source) in enumerate(stands):
        if kind == OWN:
            plan[bar] = plan[source]
        elif kind > script.exempt:
            plan[bar] = own[kind - 1 - script.exempt][source]
        elif kind != FREE and stated is not None:
            plan[bar] = np.eye(len(letters))[stated]
    return plan


def _blended_tempo(themes: Sequence[Piece], weights: NDArray[np.float32]) -> Tempo:
    """Return the tempo between the themes' own, by the mix: the weighted geometric mean."""
    tempos = [theme.main_tempo for theme in themes]
    logs = [math.log(tempo.microseconds) for tempo in tempos]
    mean = sum(float(w) * log for w, log in zip(weights, logs, strict=True))
    return tempos[0]._replace(microseconds=round(math.exp(mean)))

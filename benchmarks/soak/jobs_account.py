"""What became of every job: from the database, what its trigger noted, and the log of the workers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from hocket.studio.store import MOST_ATTEMPTS, Store

ENDS = "done", "failed", "stopped"


def account(
    store: Store,
    *,
    jobs: Sequence[str],
    poison: Sequence[str],
    real: Sequence[str],
    killed: Sequence[str],
    log: Sequence[str],
) -> dict[str, Any]:
    """Return the figures; `well` says that no job was lost, ended twice or counted wrongly."""
    lines = [line.split() for line in log]
    did = Counter(words[1] for words in lines if words[0] == "did")
    ended = Counter(words[1] for words in lines if words[0] == "ended")
    gone: dict[str, Any] = {"state": "gone", "attempts": 0, "error": ""}
    rows = defaultdict(lambda: gone, {row["id"]: row for row in store.rows("select * from jobs")})
    moves = defaultdict[str, list[dict[str, Any]]](list)
    for move in store.rows("select * from moves order by id"):
        moves[move["job"]].append(move)
    wanted = [*jobs, *real]
    states = Counter(rows[key]["state"] for key in wanted)
    strange, back, counted = list[str](), 0, 0
    poisoned = {move["mine"] for key in poison for move in moves[key] if move["died"]}
    for key in (*wanted, *poison):
        strange += [f"{key}: {fault}" for fault in _faults(moves[key])]
        deaths = [move for move in moves[key] if move["died"]]
        back += sum(move["now"] == "queued" for move in moves[key])
        counted += len(deaths)
        if rows[key]["attempts"] != len(deaths):
            strange.append(f"{key}: {rows[key]['attempts']} attempts, {len(deaths)} deaths")
        unknown = {move["mine"] for move in deaths} - set(killed) - poisoned
        strange += [f"{key}: worker {owner} died by itself" for owner in unknown]
    given_up = [
        key
        for key in poison
        if rows[key]["state"] == "failed"
        and "given up" in rows[key]["error"]
        and rows[key]["attempts"] == MOST_ATTEMPTS
        and not did[key]
    ]
    twice = [key for key in wanted if _endings(moves[key]) > 1 or ended[key] > 1]
    lost = [key for key in wanted if rows[key] is gone or _endings(moves[key]) < 1]
    undone = [key for key in jobs if not did[key]]
    well = not (lost or twice or strange or undone)
    return {
        "well": well and states["done"] == len(wanted) and len(given_up) == len(poison),
        "jobs": len(jobs),
        "real_jobs": len(real),
        "states": dict(states),
        "lost": len(lost),
        "ended_twice": len(twice),
        "done_without_effect": len(undone),
        "effects_repeated": sum(did.values()) - len(jobs) + len(undone),
        "ends_without_a_line_in_the_log": sum(not ended[key] for key in wanted),
        "given_back": back,
        "deaths_counted": counted,
        "most_attempts_of_a_job": max((rows[key]["attempts"] for key in wanted), default=0),
        "poison": len(poison),
        "poison_given_up_after_3": len(given_up),
        "strange": strange[:20],
        "pragmas": {
            name: store.base.execute(f"pragma {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "integrity_check")
        },
    }


def _endings(moves: Sequence[dict[str, Any]]) -> int:
    return sum(move["now"] in ENDS for move in moves)


def _faults(moves: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is wrong with a job's way: claimed, given back, claimed, ended, each by its owner."""
    faults, state, owner = list[str](), "queued", None
    for move in moves:
        if move["was"] != state:
            faults.append(f"was {state}, then {move['was']}")
        if state == "running" and move["mine"] != owner:
            faults.append(f"{move['mine']} ended what {owner} had")
        if state in ENDS:
            faults.append(f"{move['now']} after it was {state}")
        if move["was"] == "queued" and move["now"] != "running":
            faults.append(f"{move['now']} without an owner")
        state, owner = move["now"], move["theirs"]
        if (owner is None) == (state == "running"):
            faults.append(f"{state}, of {owner}")
    return faults

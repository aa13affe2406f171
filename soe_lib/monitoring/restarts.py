"""Variances that start the five steps again: new ones, those that came back, those that stayed."""

from __future__ import annotations

import json

import pandas as pd

RESTART_COLUMNS = (
    "divergence_id",
    "why",
    "sentence",
    "owner_role",
    "money_at_risk",
    "num_orders",
    "num_cycles",
    "past",
)
WHY = ("came back", "stayed in spite of the decision", "new")
_BEGIN = {"closed": WHY[0], "re-opened": WHY[0], "decided": WHY[1], "executing": WHY[1]}


def restarts(
    divergences: pd.DataFrame, entries: pd.DataFrame, cycle_id: str, source: str
) -> pd.DataFrame:
    """
    Say of each divergence of a run what the ledger knows of it from earlier cycles.

    Parameters
    ----------
    divergences
        Root divergences of the run.
    entries
        Ledger entries; states, handlings and remarks of earlier cycles are read.
    cycle_id, source
        The run's own cycle (its own entries are not the past) and source.

    Returns
    -------
    pandas.DataFrame
        One row per divergence that is new, that came back after it was closed, or that was decided
        on and is still there: :data:`RESTART_COLUMNS`; ``past`` is its history in words, oldest
        first. Those that are known and nobody has decided on are no restart.
    """
    known = entries[
        entries["kind"].isin(["state", "handling", "remark"]) & (entries["cycle_id"] != cycle_id)
    ]
    content = known["content"].map(json.loads)
    other = content.map(lambda c: c.get("source", source) not in ("", source)).astype(bool)
    known = known[~other].assign(said=content[~other].map(_words))
    of_one = dict(tuple(known.groupby("object_id")))
    rows = []
    for row in divergences.to_dict("records"):
        past = of_one.get(row["divergence_id"])
        if past is None:
            why, told, cycles = WHY[2], "", 0
        else:
            states = past[past["kind"] == "state"]
            last = json.loads(states["content"].iloc[-1])["state"] if len(states) else ""
            why = _BEGIN.get(last, "")
            cycles = past["cycle_id"].nunique()
            told = "; ".join(
                f"{cycle}: {', '.join(dict.fromkeys(part['said']))}"
                for cycle, part in past.groupby("cycle_id", sort=True)
            )
        if not why:
            continue
        rows.append(
            (
                row["divergence_id"],
                why,
                row["sentence"],
                row["owner_role"],
                float(row.get("money_at_risk", float("nan"))),
                int(row["num_orders"]),
                cycles,
                told,
            )
        )
    found = pd.DataFrame(rows, columns=list(RESTART_COLUMNS))
    order = {why: place for place, why in enumerate(WHY)}
    found = found.assign(place=found["why"].map(order)).sort_values(
        ["place", "money_at_risk", "divergence_id"], ascending=[True, False, True], kind="stable"
    )
    return found[list(RESTART_COLUMNS)].reset_index(drop=True)


def restarts_sentence(rows: pd.DataFrame) -> str:
    """Count what starts the five steps again."""
    if rows.empty:
        return "Nothing new has come up and nothing has come back since the last cycle."
    counts = rows["why"].value_counts()
    parts = [f"{counts[why]} {why}" for why in WHY if why in counts]
    return f"{len(rows)} variances start the five steps again: {', '.join(parts)}."


def _words(content: dict) -> str:
    for name in ("state", "action"):
        if name in content:
            reason = str(content.get("reason", ""))
            return f"{content[name]} ({reason})" if reason else str(content[name])
    return f"remark '{content.get('text', '')}'"

"""
How mature the loop is, from what it wrote down, not from a questionnaire.

Each criterion is looked at in each of the last four weeks and is met when it is met in all of
them; a week without a record does not meet it. A level is reached when all criteria of it and of
the levels below are met.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

WEEKS = 4
LEVELS = ("seen", "repeated", "controlled", "learning")
"""Names of levels 1 to 4: what goes wrong is seen every week; decisions are taken, signed and
published every week; they are timely and inside the rules; outcomes are judged and change
planning."""
CRITERION_COLUMNS = (
    "criterion_id",
    "level",
    "sentence",
    "wanted",
    "unit",
    "value",
    "num_weeks_met",
    "num_weeks_known",
    "is_met",
    "num_rows",
)
EVIDENCE_COLUMNS = ("criterion_id", "week_id", "value", "kind", "object_id", "number", "detail")

Week = tuple[pd.DataFrame, pd.DataFrame]
"""Entries and facts of one week."""
Found = tuple[float, pd.DataFrame]
"""A value (NaN = nothing was recorded) and the rows behind it."""


@dataclass(frozen=True)
class Criterion:
    """What is looked at, which value is wanted, and how it is found in a week's records."""

    criterion_id: str
    level: int
    sentence: str
    wanted: float
    unit: str
    look: Callable[[Week], Found]
    at_most: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a value meets it; NaN never does."""
        if np.isnan(value):
            return False
        return value <= self.wanted + 1e-9 if self.at_most else value >= self.wanted - 1e-9


def maturity(
    entries: pd.DataFrame, facts: pd.DataFrame, weeks: Sequence[str], num_signatures: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Score the last weeks.

    Parameters
    ----------
    entries
        Ledger entries of one source: ``number``, ``kind``, ``object_id``, ``cycle_id``,
        ``said_at``, ``person``, ``content`` (JSON text).
    facts
        What runs found: ``week_id``, ``fact``, ``value``, ``object_id``.
    weeks
        Weeks to look at (e.g. ``2026-W48``), oldest first; fewer than four meet nothing.
    num_signatures
        Functions that sign a decision.

    Returns
    -------
    (criteria, evidence)
        ``criteria``: one row per criterion, :data:`CRITERION_COLUMNS`; ``value`` is the newest
        week's. ``evidence``: the rows that each score rests on, :data:`EVIDENCE_COLUMNS`.
    """
    week_of = entries["cycle_id"].str.slice(0, 8)
    rows, parts = [], []
    for criterion in criteria(num_signatures):
        values = []
        for week in weeks:
            own = entries[week_of == week], facts[facts["week_id"] == week]
            value, found = criterion.look(own)
            values.append(value)
            named = found.assign(criterion_id=criterion.criterion_id, week_id=week, value=value)
            parts.append(named.reindex(columns=list(EVIDENCE_COLUMNS)))
        met = [criterion.is_met(value) for value in values]
        rows.append(
            (
                criterion.criterion_id,
                criterion.level,
                criterion.sentence,
                ("at most " if criterion.at_most else "at least ") + f"{criterion.wanted:g}",
                criterion.unit,
                values[-1] if values else np.nan,
                sum(met),
                sum(not np.isnan(value) for value in values),
                len(weeks) >= WEEKS and all(met),
                sum(len(part) for part in parts[len(parts) - len(weeks) :]),
            )
        )
    filled = [part for part in parts if len(part)]
    evidence = (
        pd.concat(filled, ignore_index=True)
        if filled
        else pd.DataFrame(columns=list(EVIDENCE_COLUMNS))
    )
    evidence = evidence.astype({"value": "float64", "number": "float64"})
    return pd.DataFrame(rows, columns=list(CRITERION_COLUMNS)), evidence


def level_of(scored: pd.DataFrame) -> int:
    """Return the highest level of which all criteria, and all below, are met; 0 = none."""
    reached = 0
    for level in range(1, len(LEVELS) + 1):
        own = scored[scored["level"] == level]
        if own.empty or not own["is_met"].all():
            break
        reached = level
    return reached


def maturity_sentence(scored: pd.DataFrame, num_weeks: int) -> str:
    """Say which level is reached and what stands before the next."""
    reached = level_of(scored)
    name = f"Level {reached} of {len(LEVELS)} ({LEVELS[reached - 1]})" if reached else "No level"
    said = f"{name} is reached"
    if num_weeks < WEEKS:
        return f"{said}: {WEEKS} weeks of records are needed, there are {num_weeks}."
    if reached == len(LEVELS):
        return f"{said}: all {len(scored)} criteria were met in each of the last {WEEKS} weeks."
    missing = scored[(scored["level"] == reached + 1) & ~scored["is_met"]]
    first = str(missing["sentence"].iloc[0])
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return (
        f"{said}; before level {reached + 1} ({LEVELS[reached]}) stands: "
        f"{first[:1].lower()}{first[1:]}{more}."
    )


def criteria(num_signatures: int) -> tuple[Criterion, ...]:
    """Return all criteria, level by level."""
    return (
        Criterion("L1-snapshot", 1, "A cycle ran on a frozen snapshot", 1, "cycles", _of("cycle")),
        Criterion("L1-blockers", 1, "Nothing stood against trusting the data", 100,
                  "% of cycles", _share("cycle", lambda c: c.get("status") == "done")),
        Criterion("L1-owner", 1, "Every divergence has an owner", 100, "%", _fact("owner_pct")),
        Criterion("L1-state", 1, "Divergences have a state in the ledger", 1, "entries",
                  _of("state")),
        Criterion("L1-reported", 1, "KPIs were reported and their hash recorded", 1, "reports",
                  _of("reported")),
        Criterion("L1-problem", 1, "The coordinator stated the problem", 1, "statements",
                  _of("problem")),
        Criterion("L2-decision", 2, "A scenario was selected with a reason", 1, "decisions",
                  _share_count("decision", lambda c: bool(str(c.get("reason", "")).strip()))),
        Criterion("L2-verified", 2, "The lead verified the decision", 1, "verifications",
                  _of("verification")),
        Criterion("L2-signed", 2, "All functions signed", num_signatures, "roles", _signed),
        Criterion("L2-published", 2, "The decision was published", 1, "publications",
                  _of("publication")),
        Criterion("L2-sealed", 2, "APS, ERP and MES held what was published", 100, "% of seals",
                  _last_seal),
        Criterion("L2-questions", 2, "Every open question of the pressure test was answered", 100,
                  "% of questions", _answered),
        Criterion("L3-speed", 3, "From the snapshot to the publication", 48, "h",
                  _hours("cycle", "publication"), at_most=True),
        Criterion("L3-synchronised", 3, "From the publication to the green seal", 1, "h",
                  _hours("publication", "seal"), at_most=True),
        Criterion("L3-assessed", 3, "Divergences were assessed within 24 hours", 80,
                  "% of opened", _assessed),
        Criterion("L3-approved", 3, "Breaks of the frozen zone had their approver", 100,
                  "% of approvals", _approved),
        Criterion("L3-outside", 3, "Schedules that were published outside the process", 0,
                  "versions", _fact("foreign_versions"), at_most=True),
        Criterion("L3-precision", 3, "Divergences that people handled and did not dismiss", 70,
                  "% of handled", _precision),
        Criterion("L4-outcome", 4, "The outcome of the last decision was judged", 1, "decisions",
                  _fact("outcomes_judged")),
        Criterion("L4-regret", 4, "The options that were rejected were judged too", 1, "decisions",
                  _fact("regret_known")),
        Criterion("L4-calibrated", 4, "Probabilities were checked against enough outcomes", 1,
                  "runs", _fact("outcomes_enough")),
        Criterion("L4-proposals", 4, "Proposals for master data were answered", 50,
                  "% of proposals", _fact("proposals_answered_pct")),
        Criterion("L4-commitments", 4, "Commitments that fell due were kept", 80, "% of due",
                  _fact("commitments_kept_pct")),
        Criterion("L4-recomputed", 4, "Past KPIs were computed again and were the same", 100,
                  "% of checks", _share("recomputed", lambda c: c.get("num_differences") == 0)),
    )  # fmt: skip


def _content(rows: pd.DataFrame) -> list[dict]:
    return [json.loads(text) for text in rows["content"]]


def _evidence(rows: pd.DataFrame, detail: Sequence[object] | None = None) -> pd.DataFrame:
    found = rows[["kind", "object_id", "number"]].reset_index(drop=True)
    told = [""] * len(rows) if detail is None else [str(value) for value in detail]
    return found.assign(detail=told)


def _of(kind: str) -> Callable[[Week], Found]:
    def look(week: Week) -> Found:
        rows = week[0][week[0]["kind"] == kind]
        said = [f"{person}, {at:%Y-%m-%d %H:%M}" for person, at in
                zip(rows["person"], rows["said_at"], strict=True)]  # fmt: skip
        return (float(len(rows)) if len(rows) else np.nan), _evidence(rows, said)

    return look


def _share(kind: str, is_good: Callable[[Mapping], bool]) -> Callable[[Week], Found]:
    def look(week: Week) -> Found:
        rows = week[0][week[0]["kind"] == kind]
        good = [is_good(content) for content in _content(rows)]
        return (100 * float(np.mean(good)) if good else np.nan), _evidence(rows, good)

    return look


def _share_count(kind: str, is_good: Callable[[Mapping], bool]) -> Callable[[Week], Found]:
    def look(week: Week) -> Found:
        rows = week[0][week[0]["kind"] == kind]
        good = [is_good(content) for content in _content(rows)]
        return (float(sum(good)) if good else np.nan), _evidence(rows, good)

    return look


def _signed(week: Week) -> Found:
    rows = week[0][week[0]["kind"] == "signature"]
    roles = {(c["decision"], c["role"]) for c in _content(rows)}
    last = max((number for number, _ in roles), default=0)
    count = sum(number == last for number, _ in roles)
    return (float(count) if roles else np.nan), _evidence(rows, [c["role"] for c in _content(rows)])


def _last_seal(week: Week) -> Found:
    rows = week[0][week[0]["kind"] == "seal"].drop_duplicates("object_id", keep="last")
    green = [bool(c["is_green"]) for c in _content(rows)]
    return (100 * float(np.mean(green)) if green else np.nan), _evidence(rows, green)


def _answered(week: Week) -> Found:
    decisions = week[0][week[0]["kind"] == "decision"].drop_duplicates("object_id", keep="last")
    if decisions.empty:
        return np.nan, _evidence(decisions)
    answers = week[0][week[0]["kind"] == "answer"]
    given = {(c["decision"], c["question"]): c["word"] for c in _content(answers)}
    asked = done = 0
    for number, content in zip(decisions["number"], _content(decisions), strict=True):
        questions = dict(content.get("questions", {}))
        asked += len(questions)
        done += sum(given.get((number, q), "no") != "no" for q in questions)
    both = pd.concat([decisions, answers])
    return (100.0 * done / asked if asked else 100.0), _evidence(both)


def _hours(first: str, then: str) -> Callable[[Week], Found]:
    def look(week: Week) -> Found:
        own = week[0]
        begin = own[own["kind"] == first].groupby("object_id")["said_at"].max()
        ends = own[own["kind"] == then]
        if then == "seal":
            green = [bool(c["is_green"]) for c in _content(ends)]
            ends = ends[pd.Series(green, index=ends.index, dtype=bool)]
        end = ends.groupby("object_id")["said_at"].min()
        hours = ((end - begin).dt.total_seconds() / 3600).dropna()
        rows = pd.concat([own[own["kind"] == first], ends])
        return (float(hours.median()) if len(hours) else np.nan), _evidence(rows)

    return look


def _assessed(week: Week) -> Found:
    own = week[0]
    states = own[own["kind"] == "state"]
    states = states.assign(state=[c["state"] for c in _content(states)])
    opened = states[states["state"].isin(["open", "re-opened"])].drop_duplicates("object_id")
    if opened.empty:
        return np.nan, _evidence(opened)
    later = states[~states["state"].isin(["open", "re-opened"])]
    handled = own[own["kind"] == "handling"]
    acts = pd.concat([later, handled]).groupby("object_id")["said_at"].min()
    taken = opened["object_id"].map(acts)
    soon = (taken - opened["said_at"]) <= pd.Timedelta(hours=24)
    return 100 * float(soon.mean()), _evidence(opened, soon.tolist())


def _approved(week: Week) -> Found:
    decisions = week[0][week[0]["kind"] == "decision"].drop_duplicates("object_id", keep="last")
    if decisions.empty:
        return np.nan, _evidence(decisions)
    signed = week[0][week[0]["kind"] == "signature"]
    roles = {(c["decision"], c["role"]) for c in _content(signed)}
    wanted = [
        (number, role)
        for number, content in zip(decisions["number"], _content(decisions), strict=True)
        for role in content.get("approver_roles", ())
    ]
    share = 100.0 * float(np.mean([pair in roles for pair in wanted])) if wanted else 100.0
    return share, _evidence(pd.concat([decisions, signed]))


def _precision(week: Week) -> Found:
    rows = week[0][week[0]["kind"] == "handling"].drop_duplicates("object_id", keep="last")
    kept = [c["action"] != "dismiss" for c in _content(rows)]
    return (100 * float(np.mean(kept)) if kept else np.nan), _evidence(rows, kept)


def _fact(name: str) -> Callable[[Week], Found]:
    def look(week: Week) -> Found:
        rows = week[1][week[1]["fact"] == name]
        value = float(rows["value"].iloc[-1]) if len(rows) else np.nan
        shown = rows.assign(kind="run", number=np.nan, detail=rows["value"].astype("str"))
        return value, shown[["kind", "object_id", "number", "detail"]].reset_index(drop=True)

    return look

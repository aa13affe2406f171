r"""
Whether the month plan of each family can still be made, and the least change that makes it so.

What a line can do in a week is drawn from its own past weeks: standard hours earned per hour of
running and changing over, times the share of the open hours in which it was not down. Weeks are
drawn for all lines together, so that a bad week is bad for all. Lines that can stand in for each
other count together. A plan is met when every pool of lines that it needs has the hours for it;
families that share a line share its luck.

The least change is a linear programme over families and weeks (HiGHS through SciPy): units that
are taken out of the month, at standard cost, so that what is left fits into the hours that the
lines reach with the wanted probability; it is then simulated again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from soe_lib.divergence.facts import Facts
from soe_lib.monitoring.month_needs import (
    demonstrated_rates,
    family_plan,
    hours_per_unit,
    open_weeks,
    pools,
)

WANTED = 0.80
"""Probability below which the plan needs a change."""
DRAWS = 2000
LEAST_WEEKS = 3
FAMILY_COLUMNS = (
    "family_id",
    "plan_month",
    "planned_qty",
    "done_qty",
    "remaining_qty",
    "bottleneck",
    "p_met",
    "change_qty",
    "change_pct",
    "p_met_after",
)
LINE_COLUMNS = (
    "plan_month",
    "resource_id",
    "required_hours",
    "hours_p20",
    "hours_p50",
    "p_enough",
    "num_weeks",
)
ENDING_DAYS = 10
"""Days before the end of a month from which the next month is judged too. [days]"""


@dataclass(frozen=True)
class MonthPlan:
    """
    The month plan's chances.

    Attributes
    ----------
    families
        One row per family and month: :data:`FAMILY_COLUMNS`; probabilities 0 to 1.
    lines
        One row per month and pool of lines that can stand in for each other:
        :data:`LINE_COLUMNS`.
    sentence
        The answer in words.
    off
        Why it cannot be said; empty where it can.
    """

    families: pd.DataFrame
    lines: pd.DataFrame
    sentence: str
    off: str


def month_plan(facts: Facts, *, seed: int = 1, draws: int = DRAWS) -> MonthPlan:
    """
    Return the chances of the month in which ``as_of`` lies, near its end also of the next one.

    Parameters
    ----------
    facts
        Snapshot and instant.
    seed, draws
        Of the simulation.
    """
    needed = ("sop_plan", "plan_calendar", "family_mix", "routing_alternate", "run_rate",
              "work_order_progress_event", "resource_calendar", "work_order")  # fmt: skip
    missing = [name for name in needed if not facts.has(name)]
    if missing:
        return _off(f"The month plan cannot be judged: the feed has no {', no '.join(missing)}.")
    rates = demonstrated_rates(facts)
    if len(rates) < LEAST_WEEKS:
        return _off(f"Fewer than {LEAST_WEEKS} past weeks: no line has shown what it can do.")
    month = facts.today.replace(day=1)
    following = month + pd.offsets.MonthBegin(1)
    is_ending = (following - facts.today).days < ENDING_DAYS
    asked = [month, following] if is_ending else [month]
    parts = [part for m in asked if (part := _of_month(facts, m, rates, seed, draws)) is not None]
    if not parts:
        return _off(f"There is no plan of {month:%B %Y} to judge, or no routing for it.")
    families = pd.concat([part[0] for part in parts], ignore_index=True)
    lines = pd.concat([part[1] for part in parts], ignore_index=True)
    return MonthPlan(families, lines, " ".join(month_sentence(part[0]) for part in parts), "")


def _of_month(
    facts: Facts, month: pd.Timestamp, rates: pd.DataFrame, seed: int, draws: int
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return families and lines of one month; None where it has no plan or no routing."""
    plan = family_plan(facts, month)
    if plan.empty:
        return None
    left = (plan["planned_qty"] - plan["done_qty"]).clip(lower=0).to_numpy(float)
    pool = pools(facts)
    hours = hours_per_unit(facts)
    hours = hours.T.groupby(hours.columns.map(pool)).sum().T
    begin = max(facts.as_of, month.tz_localize(facts.time_zone).tz_convert("UTC"))
    weeks = open_weeks(facts, month, begin)
    own = [name for name in rates.columns if name in weeks.columns]
    drawn = _draws(rates[own], weeks[own], seed, draws)
    names = sorted({pool[name] for name in own if pool[name] in hours.columns})
    need = hours.reindex(index=plan["family_id"], columns=names).fillna(0.0).to_numpy()
    used = need.sum(axis=0) > 0
    lines, need = [n for n, u in zip(names, used, strict=True) if u], need[:, used]
    if not lines:
        return None
    member = np.array([[pool[name] == line for line in lines] for name in own], dtype=float)
    drawn = drawn @ member
    total = drawn.sum(axis=1)
    before = _chances(need, left, total)
    taken = _least_change(need, left, drawn, plan["std_cost"].to_numpy(float), total)
    required = need.T @ left
    tight = np.array([lines[int(k)] for k in _tightest(need, required, np.median(total, axis=0))])
    families = pd.DataFrame(
        {
            **{n: plan[n] for n in ("family_id", "plan_month", "planned_qty", "done_qty")},
            "remaining_qty": left,
            "bottleneck": np.where(need.sum(axis=1) > 0, tight, ""),
            "p_met": before,
            "change_qty": -taken,
            "change_pct": -100 * taken / plan["planned_qty"].clip(lower=1e-9),
            "p_met_after": _chances(need, left - taken, total),
        }
    )
    by_line = pd.DataFrame(
        {
            "plan_month": month,
            "resource_id": lines,
            "required_hours": required,
            "hours_p20": np.quantile(total, 0.2, axis=0),
            "hours_p50": np.quantile(total, 0.5, axis=0),
            "p_enough": (total >= required[None, :] - 1e-6).mean(axis=0),
            "num_weeks": len(rates),
        }
    ).sort_values(["p_enough", "resource_id"], kind="stable")
    families = families.sort_values(["p_met", "family_id"], kind="stable").reset_index(drop=True)
    return families[list(FAMILY_COLUMNS)], by_line.reset_index(drop=True)[list(LINE_COLUMNS)]


def month_sentence(families: pd.DataFrame) -> str:
    """Say which family's plan of a month is in danger and what would restore it."""
    month = pd.Timestamp(families["plan_month"].iloc[0])
    risky = families[families["p_met"] < WANTED]
    if risky.empty:
        worst = families.iloc[0]
        return (
            f"Every family's plan of {month:%B} can be made: the least sure is "
            f"{worst['family_id']} with {100 * worst['p_met']:.0f} %."
        )
    worst = risky.iloc[0]
    said = (
        f"{len(risky)} of {len(families)} family plans of {month:%B} are less than "
        f"{100 * WANTED:.0f} % sure; {worst['family_id']} has {100 * worst['p_met']:.0f} %"
        f" because of {worst['bottleneck']}."
    )
    changed = families[families["change_qty"] < -0.5]
    if changed.empty:
        return said
    parts = [
        f"{f} {q:+,.0f} ({p:+.1f} %)"
        for f, q, p in zip(
            changed["family_id"], changed["change_qty"], changed["change_pct"], strict=True
        )
    ]
    least = 100 * float(families["p_met_after"].min())
    return said + (
        f" The smallest change that restores it: {', '.join(parts)}; every plan then has at least "
        f"{least:.0f} %."
    )


def _draws(rates: pd.DataFrame, weeks: pd.DataFrame, seed: int, draws: int) -> np.ndarray:
    """Return hours of each draw, week and line; one past week is drawn for all lines together."""
    luck = np.random.default_rng(seed)
    place = luck.integers(0, len(rates), size=(draws, len(weeks)))
    return rates.to_numpy(float)[place] * weeks.to_numpy(float)[None, :, :]


def _chances(need: np.ndarray, left: np.ndarray, total: np.ndarray) -> np.ndarray:
    required = need.T @ left
    enough = total >= required[None, :] - 1e-6
    met = [enough[:, row > 0].all(axis=1).mean() if (row > 0).any() else 1.0 for row in need]
    return np.where(left <= 0, 1.0, np.array(met))


def _tightest(need: np.ndarray, required: np.ndarray, hours: np.ndarray) -> np.ndarray:
    load = required / np.maximum(hours, 1e-9)
    return np.where(need > 0, load[None, :], -1.0).argmax(axis=1)


def _least_change(
    need: np.ndarray, left: np.ndarray, drawn: np.ndarray, worth: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Return units to take out of each family; zero where the plan is sure enough as it is."""
    if (_chances(need, left, total) >= WANTED).all():
        return np.zeros(len(left))
    families, lines = need.shape
    weeks = drawn.shape[1]
    for level in (0.2, 0.15, 0.1, 0.05, 0.02, 0.0):
        # hours of the weeks, scaled so that their sum is the quantile of the sum
        mean = drawn.mean(axis=0)
        whole = np.quantile(total, level, axis=0)
        hours = mean * (whole / np.maximum(mean.sum(axis=0), 1e-9))[None, :]
        cost = np.concatenate([np.full(families * weeks, 0.0), worth])
        capacity = np.zeros((weeks * lines, families * weeks + families))
        for w in range(weeks):
            for r in range(lines):
                capacity[w * lines + r, w * families : (w + 1) * families] = need[:, r]
        balance = np.zeros((families, families * weeks + families))
        for f in range(families):
            balance[f, f : families * weeks : families] = 1.0
            balance[f, families * weeks + f] = 1.0
        bounds = [(0, None)] * (families * weeks) + [(0, float(q)) for q in left]
        found = linprog(cost, A_ub=capacity, b_ub=hours.reshape(-1), A_eq=balance, b_eq=left,
                        bounds=bounds, method="highs")  # fmt: skip
        if found.status != 0:
            continue
        taken = np.minimum(np.ceil(found.x[families * weeks :] - 1e-6), left)
        if (_chances(need, left - taken, total) >= WANTED).all():
            return taken
    return left.copy()


def _off(reason: str) -> MonthPlan:
    return MonthPlan(
        pd.DataFrame(columns=list(FAMILY_COLUMNS)),
        pd.DataFrame(columns=list(LINE_COLUMNS)),
        reason,
        reason,
    )


def packet(plan: MonthPlan, escalations: pd.DataFrame) -> dict[str, object]:
    """
    Return what goes up to S&OP: chances, the least change, and what else is above its limits.

    Parameters
    ----------
    escalations
        Rows of ``decision.escalation.escalations``.
    """
    risky = plan.families[plan.families["p_met"] < WANTED] if len(plan.families) else plan.families
    return {
        "sentence": plan.sentence,
        "wanted_probability": WANTED,
        "families": _records(plan.families),
        "lines": _records(plan.lines),
        "num_families_in_danger": len(risky),
        "matters": _records(escalations),
        "not_looked_at": "material and people; the past weeks hold them only as far as they "
        "slowed or stopped a line",
    }


def _records(rows: pd.DataFrame) -> list[Mapping[str, object]]:
    return [
        {
            str(name): (value.isoformat() if isinstance(value, pd.Timestamp) else value)
            for name, value in row.items()
        }
        for row in rows.to_dict("records")
    ]

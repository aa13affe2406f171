r"""
Whether the month plan of each family can still be made, and the least change that makes it so.

What a line can do in a week is drawn from its own past weeks: standard hours earned per hour of
running and changing over, times the share of the open hours in which it was not down. Weeks are
drawn for all lines together, so that a bad week is bad for all. Lines that can stand in for each
other count together. A plan is met when every pool of lines that it needs has the hours for it;
families that share a line share its luck. Components that can no longer be bought in time are
needed like hours (see ``month_material``); what there is of them is drawn with the delays of their
suppliers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.monitoring.month_chances import (
    WANTED,
    chances,
    drawn_hours,
    least_change,
    tightest,
)
from soe_lib.monitoring.month_material import COMPONENT_COLUMNS, Material, material
from soe_lib.monitoring.month_needs import (
    demonstrated_rates,
    family_plan,
    hours_per_unit,
    open_weeks,
    pools,
)

DRAWS = 2000
LEAST_WEEKS = 3
FAMILY_COLUMNS = (
    "family_id",
    "plan_month",
    "planned_qty",
    "done_qty",
    "remaining_qty",
    "bottleneck",
    "component",
    "p_lines",
    "p_material",
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
    components
        One row per month and component that can no longer be bought in time:
        ``month_material.COMPONENT_COLUMNS`` [uom].
    sentence
        The answer in words.
    off
        Why it cannot be said; empty where it can.
    """

    families: pd.DataFrame
    lines: pd.DataFrame
    components: pd.DataFrame
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
    parts, before = [], pd.Series(dtype="float64")
    for asked_month in asked:
        part = _of_month(facts, asked_month, rates, seed, draws, before)
        if part is not None:
            parts.append(part)
            before = part[0].set_index("family_id")["remaining_qty"]
    if not parts:
        return _off(f"There is no plan of {month:%B %Y} to judge, or no routing for it.")
    families = pd.concat([part[0] for part in parts], ignore_index=True)
    lines = pd.concat([part[1] for part in parts], ignore_index=True)
    components = pd.concat([part[2] for part in parts], ignore_index=True)
    said = " ".join(month_sentence(part[0]) for part in parts)
    return MonthPlan(families, lines, components, said, "")


def _of_month(
    facts: Facts,
    month: pd.Timestamp,
    rates: pd.DataFrame,
    seed: int,
    draws: int,
    taken_before: pd.Series,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame] | None:
    """
    Return families, lines and components of one month; None where it has no plan or no routing.

    ``taken_before``: units of each family that an earlier month still takes components for.
    """
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
    drawn = drawn_hours(rates[own], weeks[own], seed, draws)
    names = sorted({pool[name] for name in own if pool[name] in hours.columns})
    need = hours.reindex(index=plan["family_id"], columns=names).fillna(0.0).to_numpy()
    used = need.sum(axis=0) > 0
    lines, need = [n for n, u in zip(names, used, strict=True) if u], need[:, used]
    if not lines:
        return None
    member = np.array([[pool[name] == line for line in lines] for name in own], dtype=float)
    drawn = drawn @ member
    total = drawn.sum(axis=1)
    parts = material(facts, month, plan["family_id"], seed=seed + 1, draws=draws)
    earlier = plan["family_id"].map(taken_before).fillna(0.0).to_numpy(float)
    supply = np.maximum(parts.supply - (parts.need.T @ earlier)[None, :], 0.0)
    both, have = np.hstack([need, parts.need]), np.hstack([total, supply])
    before = chances(both, left, have)
    worth = plan["std_cost"].to_numpy(float)
    taken = least_change((need, parts.need), left, drawn, worth, (total, supply))
    required = need.T @ left
    tight = np.array([lines[int(k)] for k in tightest(need, required, np.median(total, axis=0))])
    families = pd.DataFrame(
        {
            **{n: plan[n] for n in ("family_id", "plan_month", "planned_qty", "done_qty")},
            "remaining_qty": left,
            "bottleneck": np.where(need.sum(axis=1) > 0, tight, ""),
            "component": _scarce(parts, left, supply),
            "p_lines": chances(need, left, total),
            "p_material": chances(parts.need, left, supply),
            "p_met": before,
            "change_qty": 0.0 - taken,
            "change_pct": 0.0 - 100 * taken / plan["planned_qty"].clip(lower=1e-9),
            "p_met_after": chances(both, left - taken, have),
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
    return (
        families[list(FAMILY_COLUMNS)],
        by_line.reset_index(drop=True)[list(LINE_COLUMNS)],
        _components(month, parts, left, supply),
    )


def _scarce(parts: Material, left: np.ndarray, supply: np.ndarray) -> np.ndarray:
    """Return each family's scarcest component; empty where all are sure to be enough."""
    if not parts.items:
        return np.full(len(left), "", dtype=object)
    required = parts.need.T @ left
    short = (supply < required[None, :] - 1e-6).mean(axis=0)
    load = short + 1e-3 * required / np.maximum(np.median(supply, axis=0), 1e-9)
    place = np.where(parts.need > 0, load[None, :], -1.0).argmax(axis=1)
    is_short = (parts.need > 0)[np.arange(len(left)), place] & (short[place] > 0) & (left > 0)
    return np.where(is_short, np.array(parts.items, dtype=object)[place], "")


def _components(
    month: pd.Timestamp, parts: Material, left: np.ndarray, supply: np.ndarray
) -> pd.DataFrame:
    required = parts.need.T @ left
    table = pd.DataFrame(
        {
            "plan_month": month,
            "item_id": pd.Series(parts.items, dtype="str"),
            "required_qty": required,
            "stock_qty": parts.stock_qty,
            "on_order_qty": parts.on_order_qty,
            "qty_p20": np.quantile(supply, 0.2, axis=0),
            "qty_p50": np.quantile(supply, 0.5, axis=0),
            "p_enough": (supply >= required[None, :] - 1e-6).mean(axis=0),
            "orderable_until": parts.orderable_until,
        }
    ).sort_values(["p_enough", "item_id"], kind="stable")
    return table[table["required_qty"] > 0].reset_index(drop=True)[list(COMPONENT_COLUMNS)]


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
        f" because of {_cause(worst)}."
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


def _cause(family: pd.Series) -> str:
    """Return what limits a family: its line, its component, or both."""
    causes = []
    if family["component"] and family["p_material"] < WANTED:
        causes.append(f"component {family['component']}")
    if family["bottleneck"] and family["p_lines"] < WANTED:
        causes.append(f"line {family['bottleneck']}")
    return " and ".join(causes) or f"{family['bottleneck']} and {family['component']} together"


def _off(reason: str) -> MonthPlan:
    return MonthPlan(
        pd.DataFrame(columns=list(FAMILY_COLUMNS)),
        pd.DataFrame(columns=list(LINE_COLUMNS)),
        pd.DataFrame(columns=list(COMPONENT_COLUMNS)),
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
        "components": _records(plan.components),
        "num_families_in_danger": len(risky),
        "matters": _records(escalations),
        "not_looked_at": "people, which the past weeks hold only as far as they slowed or "
        "stopped a line; components with an alternative",
    }


def _records(rows: pd.DataFrame) -> list[Mapping[str, object]]:
    return [
        {
            str(name): (value.isoformat() if isinstance(value, pd.Timestamp) else value)
            for name, value in row.items()
        }
        for row in rows.to_dict("records")
    ]

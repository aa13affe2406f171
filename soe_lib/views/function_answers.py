"""What procurement and demand planning need to answer their question, from the run's tables."""

from __future__ import annotations

import pandas as pd

from soe_lib.run import Run
from soe_lib.views.blocks import Block, Grid, Note
from soe_lib.views.facts_of_run import rows_of
from soe_lib.views.follow_up_ahead import warned_purchases
from soe_lib.views.page import currency_of
from soe_lib.views.short_words import by_when, short_day, with_decimals

ROWS = 10


def answer_of(run: Run, function: str) -> list[Block]:
    """Return the tables that a function's question is answered from; none for the others."""
    makers = {"procurement": _procurement, "demand_planning": _demand_planning}
    return makers[function](run) if function in makers else []


def _procurement(run: Run) -> list[Block]:
    return [_short(run), _pull_in(run), *_may_slip(run)]


def _may_slip(run: Run) -> list[Block]:
    """Open purchases that step 5 warns of, by the rule that past weeks proved."""
    if not run.has("supplier_warnings"):
        return []
    words = run.words("follow_up")
    said = Note(str(words["sentences"]["suppliers"]))
    rule = str(words["supplier_rule"])
    if not rule:
        return [said]
    return [said, warned_purchases(run.read("supplier_warnings"), rule, ROWS)]


def _short(run: Run) -> Grid:
    """Components that run short, what is confirmed, and how many late lines wait for them."""
    wanted = ("item_id", "first_short_at", "missing_qty", "supplier_id", "po_id", "promised_date")
    rows = rows_of(run, "material_shortages", *wanted, "num_orders")
    shown = pd.DataFrame(
        {
            "component": rows["item_id"],
            "short from": [short_day(at, run) for at in rows["first_short_at"]],
            "missing": rows["missing_qty"].astype(float).round(0),
            "supplier": rows["supplier_id"].fillna("–"),
            "next order": rows["po_id"].fillna("nothing on order"),
            "confirmed for": [short_day(at, run) for at in rows["promised_date"]],
            "late order lines that wait": rows["num_orders"],
        }
    )
    return Grid(
        shown,
        title="Components that run short, and what is confirmed",
        table="material_shortages" if run.has("material_shortages") else "",
        rows=ROWS,
        if_none="every purchased component covers the schedule, or step 1 cannot tell.",
    )


def _pull_in(run: Run) -> Grid:
    """Purchases that a supplier can pull in for money, with the last moment to ask."""
    rows = rows_of(run, "interventions", "lever", "object_id", "what", "cost", "act_by_at",
                   "num_lines")  # fmt: skip
    rows = rows[rows["lever"] == "expedite"].drop_duplicates("object_id")
    rows = rows.sort_values(["num_lines", "cost", "object_id"], ascending=[False, True, True],
                            kind="stable")  # fmt: skip
    shown = pd.DataFrame(
        {
            "purchase": rows["what"].str.removeprefix("expedite "),
            "late order lines it reaches": rows["num_lines"],
            f"price {currency_of(run)}".strip(): rows["cost"].astype(float).round(0),
            "ask until": [by_when(at, run) for at in rows["act_by_at"]],
        }
    )
    return Grid(
        shown,
        title="Purchases that can still be pulled in for late order lines",
        table="interventions" if run.has("interventions") else "",
        rows=ROWS,
        if_none="none that a late order line waits for.",
    )


def _demand_planning(run: Run) -> list[Block]:
    """Families whose last weeks left the plan to one side: what lasts belongs to S&OP."""
    rows = rows_of(run, "demand_vs_plan", "family_id", "planned_qty", "actual_qty", "is_past",
                   "is_outside", "deviation_qty")  # fmt: skip
    past = rows[rows["is_past"].eq(True)]
    if past.empty:
        return [Grid(past, title="Orders against plan", if_none="no week of the plan is over yet.")]
    sums = past.groupby("family_id").agg(
        weeks=("planned_qty", "size"),
        planned=("planned_qty", "sum"),
        ordered=("actual_qty", "sum"),
        outside=("is_outside", "sum"),
        above=("deviation_qty", lambda gap: int((gap > 0).sum())),
    )
    sums["gap"] = 100 * (sums["ordered"] / sums["planned"].where(sums["planned"] > 0) - 1)
    tolerance = run.params.divergence.demand_pct
    sums["lasts"] = sums["gap"].abs() > tolerance
    ahead = rows[~rows["is_past"].eq(True) & rows["is_outside"].eq(True)]
    more = ahead.groupby("family_id")["deviation_qty"].sum().reindex(sums.index)
    order = sums["gap"].abs().sort_values(ascending=False, kind="stable").index
    sums, more = sums.loc[order], more.loc[order]
    weeks = int(sums["weeks"].max())
    shown = pd.DataFrame(
        {
            "family": sums.index.astype("str"),
            "planned": sums["planned"].round(0).to_numpy(),
            "ordered": sums["ordered"].round(0).to_numpy(),
            "ordered - planned %": with_decimals(sums["gap"]).to_numpy(),
            f"weeks off plan, of {weeks}": sums["outside"].astype(int).to_numpy(),
            "weeks above plan": sums["above"].to_numpy(),
            "lasting": ["yes" if lasts else "no" for lasts in sums["lasts"]],
            "too much in weeks ahead": more.fillna(0.0).round(0).to_numpy(),
        }
    )
    return [
        Grid(
            shown,
            title=f"The last {weeks} weeks by family; lasting = more than {tolerance:g} % off "
            "over all of them",
            table="demand_vs_plan",
            rows=ROWS,
            right=("ordered - planned %",),
        )
    ]

"""Parts of the page of step 1: resources, material, demand."""

from __future__ import annotations

import pandas as pd

from soe_lib.charts import plot_deviation_heat_map, plot_load_heat_map, plot_projected_stock
from soe_lib.run import Run
from soe_lib.steps.divergence import Found
from soe_lib.views.blocks import Block, Facts, Grid, Note, Picture
from soe_lib.views.page import currency_of
from soe_lib.views.short_words import HARD_SPACE, by_when, short_day, with_decimals

ROWS = 12
CURVES = 3

MOST_NAMES = 44
"""Characters of a list of orders that a cell shows."""


def resources_part(run: Run, found: Found) -> list[Block]:
    """Return which resources are full, which weeks are too full, what took hours away."""
    load = found.load
    if load.empty:
        why = "resource load is off: the feed has no schedule with resources and their calendar."
        return [Grid(load, if_none=why.capitalize())]
    limit = run.params.divergence.load_pct
    over = load[load["load_pct"] > limit].sort_values("overload_hours", ascending=False)
    shown = pd.DataFrame(
        {
            "resource": over["resource_id"],
            "week of": [f"{at:%d{HARD_SPACE}%b}" for at in over["week_start_date"]],
            "work h": over["load_hours"].round(0),
            "open h": over["available_hours"].round(0),
            "load %": over["load_pct"].round(0),
            "too much h": with_decimals(over["overload_hours"]),
        }
    )
    own = found.divergences[
        found.divergences["divergence_type"].isin(
            ["downtime", "running_slow", "labour_short", "scrap_above_plan"]
        )
    ]
    return [
        Picture(plot_load_heat_map(load), "resource_load"),
        Grid(
            shown,
            title=f"Weeks above {limit:g} % of the open hours",
            table="resource_load",
            rows=8,
            right=("too much h",),
            if_none=f"no resource has a week above {limit:g} %.",
        ),
        Grid(
            divergence_rows(run, own),
            title="What took hours away or slowed the resources",
            rows=8,
            if_none="nothing beyond tolerance since the last cycle.",
        ),
    ]


def first_names(names: str) -> str:
    """Return whole names from the beginning of a list, as many as a cell has room for."""
    kept, _, _ = names[: MOST_NAMES + 1].rpartition(",")
    return names if len(names) <= MOST_NAMES else f"{kept}, …"


def material_part(run: Run, found: Found) -> list[Block]:
    """Return components that run short, what suppliers confirm, who waits, the stock ahead."""
    short = found.material
    if "material shortages" in set(found.off["detector"]):
        own = found.off[found.off["detector"] == "material shortages"]["sentence"].iloc[0]
        return [Grid(short, if_none=own[0].upper() + own[1:] + ".")]
    if short.empty:
        return [Grid(short, if_none="Every purchased component covers the published schedule.")]
    shown = pd.DataFrame(
        {
            "component": short["item_id"],
            "short from": [short_day(at, run) for at in short["first_short_at"]],
            "missing": short["missing_qty"].round(0),
            "order by": [
                "now" if at <= run.as_of else short_day(at, run) for at in short["act_by_at"]
            ],
            "supplier": short["supplier_id"].fillna("–"),
            "order": short["po_id"].fillna("nothing on order"),
            "required": [short_day(at, run) for at in short["required_date"]],
            "confirmed": [short_day(at, run) for at in short["promised_date"]],
            "work orders": short["num_work_orders"],
            "late order lines that wait": [
                f"{count}: {first_names(names)}" if count else "none"
                for count, names in zip(short["num_orders"], short["order_ids"], strict=True)
            ],
        }
    )
    if currency_of(run):
        shown[f"cost {currency_of(run)}"] = short["late_cost"].round(0)
    pressing = short[~short["can_wait"].astype(bool)]
    first = (pressing if len(pressing) else short)["item_id"].head(CURVES)
    curves = found.stock[found.stock["item_id"].isin(first)]
    return [
        Grid(
            shown,
            title="Components that run short, what their supplier confirms, and who waits",
            table="material_shortages",
            rows=ROWS,
        ),
        Picture(
            plot_projected_stock(curves, title="Projected stock; below nil a need is not covered"),
            "projected_stock",
        ),
    ]


def demand_part(run: Run, found: Found) -> list[Block]:
    """Return orders against the S&OP plan by family and week."""
    demand = found.demand
    if demand.empty:
        why = "No S&OP plan covers the weeks around this one."
        return [Grid(demand, if_none=why)]
    gap = demand["deviation_qty"].abs()
    # the gap comes first: a column set on a frame without rows would bring rows of its own
    outside = demand.assign(gap=gap)[demand["is_outside"]].sort_values("gap", ascending=False)
    shown = pd.DataFrame(
        {
            "family": outside["family_id"],
            "week of": [f"{at:%d %b}" for at in outside["week_start_date"]],
            "planned": outside["planned_qty"].round(0),
            "ordered": outside["actual_qty"].round(0),
            "ordered - planned": outside["deviation_qty"].round(0),
            "% of plan": outside["deviation_pct"].round(0),
        }
    )
    tolerance = run.params.divergence.demand_pct
    return [
        Picture(plot_deviation_heat_map(demand), "demand_vs_plan"),
        Note(
            f"Figures stand where orders leave the plan by more than {tolerance:g} %. Weeks to "
            "come still fill up: there only more orders than planned are a divergence."
        ),
        Grid(
            shown,
            title="Largest deviations",
            table="demand_vs_plan",
            rows=8,
            if_none="every family is inside its tolerance.",
        ),
    ]


def standing_part(run: Run, rows: pd.DataFrame) -> list[Block]:
    """Return what came back, what is laid aside and by whom, what is beyond a role's budget."""
    found: list[Block] = []
    back, quiet = rows[rows["standing"] == "back"], rows[rows["standing"] == "laid aside"]
    for title, own in (("Came back", back), ("Laid aside", quiet)):
        if len(own):
            said = zip(own["sentence"], own["why"], strict=True)
            found.append(Facts(title, tuple((str(what), str(why)) for what, why in said)))
    over = rows[rows["is_over_budget"]].groupby("owner_role").size()
    if len(over):
        counts = ", ".join(f"{str(role).replace('_', ' ')} {n:,}" for role, n in over.items())
        found.append(
            Note(
                f"Beyond the {run.params.divergence.alert_budget} that a role is asked to look at "
                f"in a week: {counts}. They stand at the end of the table above and in its file."
            )
        )
    return found


def divergence_rows(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return divergences as people read them: what, who owns it, until when, late orders, money."""
    first = rows["sentence"].str.slice(0, 1).str.upper()
    shown = pd.DataFrame({"what": first + rows["sentence"].str.slice(1)})
    shown["owned by"] = rows["owner_role"].str.replace("_", " ")
    shown["act by"] = [by_when(at, run) for at in rows["act_by_at"]]
    shown["late orders"] = rows["num_orders"].round(0)
    if currency_of(run):
        shown[f"at risk {currency_of(run)}"] = rows["money_at_risk"].round(0)
    return shown

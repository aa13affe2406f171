"""
The menu of interventions: the levers that exist for each late order line, their price, until when.

The levers are those that step 3 pulls; whether one pays is decided there, by a schedule. Here each
line sees what could still be done for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from soe_lib.impact.replay import Replay
from soe_lib.impact.rows import rows_of
from soe_lib.run import Run
from soe_lib.scenario.context import Context, components_of, work_for
from soe_lib.scenario.levers import Expedite, Lever, Overtime, Split, pulled_rows
from soe_lib.scenario.offers import offers
from soe_lib.schedule import Schedule

KINDS = ("overtime", "expedite", "split")
MENU_COLUMNS = {
    "order_id": "str",
    "line_id": "str",
    "lever": "str",
    "object_id": "str",
    "what": "str",
    "cost": "float64",
    "act_by_at": "datetime64[us, UTC]",
    "num_lines": "int64",
}
REROUTE = "alternate resource"


def no_menu() -> pd.DataFrame:
    """Return the menu without a row."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in MENU_COLUMNS.items()})


def menu_of(run: Run, projection: Replay | None, schedule: Schedule | None) -> pd.DataFrame:
    """
    Return the levers that reach each late order line.

    Overtime of a resource that works for the line (all its windows that start before the work ends,
    at the price of the hours), an expedite of a purchase that the work takes, a split of one of its
    lots, and an alternate resource of work that has not begun.

    Parameters
    ----------
    run
        The run.
    projection, schedule
        The projection as a replay and as a schedule; None where it is off.

    Returns
    -------
    pandas.DataFrame
        One row per late line and lever, the first to expire first: ``MENU_COLUMNS``; ``cost`` of
        pulling the lever [money], ``act_by_at`` the last instant to pull it (``as_of`` where that
        is now or never), ``num_lines`` late lines that it reaches.
    """
    if projection is None or schedule is None:
        return no_menu()
    zone = run.snapshot.site_time_zone
    context = Context(run.tables, run.as_of, zone, run.params)
    levers = offers(KINDS, context, projection.problem, schedule)
    rows = _priced(pulled_rows(levers, zone), levers, projection)
    routes = _routes(run, projection)
    found: list[pd.DataFrame] = []
    late = schedule.promises[schedule.promises["lateness_days"] > 1e-6]
    for k in range(len(late)):
        line = late.iloc[[k]]
        work = work_for(schedule, line, run.tables)
        items = {*work["item_id"], *line["item_id"]}
        taken = items | components_of(items, run.tables)
        reaches = [_reaches(lever, work, taken) for lever in levers]
        parts = [_together(rows[reaches]), _reroutes(work, routes, run.as_of)]
        parts = [part for part in parts if len(part)]
        if not parts:
            continue
        own = pd.concat(parts, ignore_index=True)
        found.append(own.assign(order_id=line["order_id"].iloc[0], line_id=line["line_id"].iloc[0]))
    kept = [part for part in found if len(part)]
    if not kept:
        return no_menu()
    every = pd.concat(kept, ignore_index=True)
    every["num_lines"] = every.groupby(["lever", "object_id"])["order_id"].transform("size")
    late_first = every["act_by_at"].where(every["act_by_at"] > run.as_of, run.as_of)
    every = every.assign(act_by_at=late_first)
    ordered = every.sort_values(
        ["order_id", "line_id", "act_by_at", "lever", "object_id"], kind="stable"
    )
    return ordered[list(MENU_COLUMNS)].reset_index(drop=True).astype(MENU_COLUMNS)


def _reaches(lever: Lever, work: pd.DataFrame, items: set[str]) -> bool:
    if isinstance(lever, Overtime):
        own = work[work["resource_id"] == lever.resource_id]
        return bool(len(own)) and bool((own["end_at"] > lever.start_at).any())
    if isinstance(lever, Expedite):
        return lever.item_id in items
    if isinstance(lever, Split):
        return lever.wo_id in set(work["wo_id"])
    return False


def _priced(rows: pd.DataFrame, levers: Sequence[Lever], projection: Replay) -> pd.DataFrame:
    """Return levers with what they cost when all of them is used, and their hours."""
    problem = projection.problem
    price = dict(zip(problem.resource_ids, problem.overtime_cost.tolist(), strict=True))
    hours = [
        (lever.end_at - lever.start_at).total_seconds() / 3600
        if isinstance(lever, Overtime)
        else 0.0
        for lever in levers
    ]
    full = [
        h * price.get(lever.resource_id, 0.0) if isinstance(lever, Overtime) else cost
        for lever, h, cost in zip(levers, hours, rows["cost"], strict=True)
    ]
    return rows.assign(cost=full, hours=hours, detail=[_detail(lever) for lever in levers])


def _detail(lever: Lever) -> str:
    """Say which item a purchase brings and how much earlier it can come."""
    if not isinstance(lever, Expedite):
        return ""
    days = (lever.old_date - lever.new_date).days
    many = "1 day" if days == 1 else f"{days} days"
    return f" ({lever.item_id}), {many} earlier: {lever.new_date:%d %b}"


def _together(rows: pd.DataFrame) -> pd.DataFrame:
    """Windows of overtime of one resource are one entry: the first expires, the prices add up."""
    if rows.empty:
        return rows
    found = rows.groupby(["lever", "object_id"], as_index=False, sort=True).agg(
        hours=("hours", "sum"),
        cost=("cost", "sum"),
        act_by_at=("act_by_at", "min"),
        detail=("detail", "first"),
    )
    texts = [
        f"up to {hours:.0f} h of overtime on {name}" if hours > 0 else f"{lever} {name}{detail}"
        for lever, name, hours, detail in zip(
            found["lever"], found["object_id"], found["hours"], found["detail"], strict=True
        )
    ]
    return found.drop(columns=["hours", "detail"]).assign(what=pd.Series(texts, dtype="str"))


def _routes(run: Run, projection: Replay) -> dict[tuple[str, int], list[str]]:
    """Resources on which each item's operation can run."""
    routing = run.tables.get("routing_alternate")
    if routing is None or routing.empty:
        return {}
    known = routing[routing["resource_id"].isin(projection.problem.resource_ids)]
    grouped = known.groupby(["item_id", "op_no"])["resource_id"].agg(lambda r: sorted(set(r)))
    found = grouped.reset_index()
    return {(row.item_id, int(row.op_no)): row.resource_id for row in rows_of(found)}


def _reroutes(
    work: pd.DataFrame, routes: dict[tuple[str, int], list[str]], as_of: pd.Timestamp
) -> pd.DataFrame:
    """Work that has not begun and could run elsewhere: free of charge, until it begins."""
    rows = []
    for row in rows_of(work[work["setup_start_at"] > as_of]):
        others = [r for r in routes.get((row.item_id, int(row.op_no)), []) if r != row.resource_id]
        if others:
            name = f"{row.wo_id}/{row.op_no}"
            rows.append((REROUTE, name, f"{name} on {' or '.join(others)} instead of "
                         f"{row.resource_id}", 0.0, row.setup_start_at))  # fmt: skip
    columns = ["lever", "object_id", "what", "cost", "act_by_at"]
    found = pd.DataFrame(rows, columns=columns)
    found["act_by_at"] = pd.to_datetime(found["act_by_at"], utc=True).astype("datetime64[us, UTC]")
    return found.astype({"lever": "str", "object_id": "str", "what": "str", "cost": float})

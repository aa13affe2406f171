"""A week made by hand: canonical tables from a few lines of plan and a few of what was run."""

from __future__ import annotations

import pandas as pd

from soe_lib.tables import TABLES

MONDAY = pd.Timestamp("2026-11-16T00:00Z")
FREEZE = pd.Timestamp("2026-11-13T17:00Z")
END = pd.Timestamp("2026-11-23T00:00Z")


def at(text: str) -> pd.Timestamp:
    """Return an instant of the week: ``Tue 06:00``."""
    day, clock = text.split()
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun").index(day)
    hours, minutes = clock.split(":")
    return MONDAY + pd.Timedelta(days=days, hours=int(hours), minutes=int(minutes))


def typed(name: str, rows: list[dict]) -> pd.DataFrame:
    """Return rows as the canonical table, all columns there and typed."""
    contract = TABLES[name]
    frame = pd.DataFrame(rows, columns=list(contract.columns))
    found = {}
    for column in contract.contracts:
        values = frame[column.name]
        if column.dtype == "datetime64[us, UTC]":
            found[column.name] = pd.to_datetime(values, utc=True).astype(column.dtype)
        elif column.dtype == "datetime64[us]":
            found[column.name] = pd.to_datetime(values).astype(column.dtype)
        elif column.dtype == "str":
            found[column.name] = values.astype("object").where(values.notna(), None).astype("str")
        else:
            found[column.name] = values.astype(column.dtype)
    return pd.DataFrame(found)


def planned(
    wo: str,
    item: str,
    resource: str,
    start: str,
    end: str,
    qty: float,
    *,
    split: int = 1,
    version: str = "V1",
    published: pd.Timestamp = FREEZE,
    pegged: str | None = None,
) -> dict:
    """Return one planned operation."""
    return {
        "version_id": version,
        "published_at": published,
        "status": "published",
        "wo_id": wo,
        "op_no": 10,
        "split_no": split,
        "item_id": item,
        "planned_qty": qty,
        "resource_id": resource,
        "setup_start_at": at(start),
        "start_at": at(start),
        "end_at": at(end),
        "is_frozen": True,
        "pegged_demand": pegged,
    }


def ran(
    wo: str,
    resource: str,
    start: str,
    end: str | None,
    good: float,
    scrap: float = 0.0,
    *,
    split: int = 1,
    reason: str | None = None,
    recorded: pd.Timestamp | None = None,
) -> list[dict]:
    """Return the events of one run: its start, and its completion (``end``) or progress."""
    common = {"wo_id": wo, "op_no": 10, "resource_id": resource, "split_no": split}
    last = at(end) if end else at(start) + pd.Timedelta(hours=1)
    return [
        {
            **common,
            "event_id": f"{wo}-{split}-start",
            "event_at": at(start),
            "recorded_at": recorded or at(start),
            "event_type": "start",
            "good_qty": 0.0,
            "scrap_qty": 0.0,
        },
        {
            **common,
            "event_id": f"{wo}-{split}-last",
            "event_at": last,
            "recorded_at": recorded or last,
            "event_type": "complete" if end else "progress",
            "good_qty": good,
            "scrap_qty": scrap,
            "reason_code": reason,
        },
    ]


def week_tables(
    plan: list[dict],
    runs: list[list[dict]],
    *,
    orders: list[dict] | None = None,
    stops: list[dict] | None = None,
    work_orders: list[dict] | None = None,
    minutes_per_unit: float = 6.0,
) -> dict[str, pd.DataFrame]:
    """
    Return canonical tables of the week.

    Work orders are made from plan and runs (item from the plan, else ``X``); one unit takes
    ``minutes_per_unit`` on every resource.
    """
    events = [event for run in runs for event in run]
    item_of = {row["wo_id"]: row["item_id"] for row in plan}
    qty_of: dict[str, float] = {}
    for row in plan:
        qty_of[row["wo_id"]] = qty_of.get(row["wo_id"], 0.0) + row["planned_qty"]
    names = list(dict.fromkeys([*item_of, *(event["wo_id"] for event in events)]))
    changed = {row["wo_id"]: row for row in work_orders or []}
    rows = [
        {
            "wo_id": wo,
            "item_id": item_of.get(wo, "X"),
            "ordered_qty": qty_of.get(wo, 100.0),
            "release_at": FREEZE,
            "due_at": END,
            "status": "started",
            **changed.get(wo, {}),
        }
        for wo in names
    ]
    resources = sorted(
        {row["resource_id"] for row in plan} | {event["resource_id"] for event in events}
    )
    items = sorted({row["item_id"] for row in rows})
    shift = {"calendar_kind": "shift", "start_at": MONDAY, "end_at": END}
    return {
        "item": typed(
            "item",
            [{"item_id": i, "family_id": "F", "uom": "EA", "supply_type": "make"} for i in items],
        ),
        "resource": typed("resource", [{"resource_id": r, "site_id": "S"} for r in resources]),
        "resource_calendar": typed(
            "resource_calendar", [{"resource_id": r, **shift} for r in resources]
        ),
        "routing_alternate": typed(
            "routing_alternate",
            [
                {
                    "item_id": i,
                    "op_no": 10,
                    "resource_id": r,
                    "run_minutes_per_unit": minutes_per_unit,
                }
                for i in items
                for r in resources
            ],
        ),
        "schedule_operation": typed("schedule_operation", plan),
        "work_order": typed("work_order", rows),
        "work_order_progress_event": typed("work_order_progress_event", events),
        "sales_order_line": typed("sales_order_line", orders or []),
        "downtime_event": typed("downtime_event", stops or []),
    }

"""
What each option of a decision would have cost under what really happened.

The option's own schedule is shifted right through the problem of its day, into which the stops,
arrivals, speeds and cancellations that really came are put. What cannot be put in is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import facts_of
from soe_lib.divergence.rates import completed_runs
from soe_lib.scenario.apply import problem_with
from soe_lib.scenario.catalogue import CATALOGUE
from soe_lib.scenario.context import Context, as_published
from soe_lib.scenario.levers import Lever
from soe_lib.scenario.result import Start, measured
from soe_lib.schedule import right_shift

LEAST_RUNS = 3
"""Runs of a line in the week below which its speed is left at the standard."""
NOT_PUT_IN = (
    "scrap, absences and repairs of quality are not put in: the feed does not say which lot of "
    "another schedule they would have hit",
    "orders that came in after the decision are in no option: none of them could know these",
)
REALISED_TERMS = ("late_cost", "lost_margin", "overtime_cost", "changeover_cost", "holding_cost")
DECIDED_TERMS = ("expedite_cost", "change_cost")
"""Terms that are paid when the option is chosen, whatever happens afterwards."""
OPTION_COLUMNS = (
    "scenario",
    "title",
    "is_chosen",
    "expected_cost",
    "realised_cost",
    "expected_late_lines",
    "realised_late_lines",
    "regret",
)

Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Option:
    """
    A computed option of a past cycle.

    Attributes
    ----------
    scenario, title
        Its name.
    operations
        Its schedule: key, ``resource_id``, ``start_at``.
    levers
        Levers pulled.
    terms
        Money terms that were expected.
    late_lines
        Late lines that were expected.
    """

    scenario: str
    title: str
    operations: pd.DataFrame
    levers: tuple[Lever, ...]
    terms: Mapping[str, float]
    late_lines: float


@dataclass(frozen=True)
class Realised:
    """The tables of a past snapshot with what really came, and what that was in sentences."""

    tables: Tables
    put_in: tuple[str, ...]


def realised_tables(then: Context, now: Tables, end: pd.Timestamp) -> Realised:
    """
    Put what really came between a snapshot and ``end`` into its tables.

    Parameters
    ----------
    then
        Tables, instant and parameters of the past cycle.
    now
        Canonical tables of a later snapshot.
    end
        Until when the past is looked at.
    """
    tables = dict(then.tables)
    said = []
    if _has(now, "downtime_event"):
        tables["downtime_event"], count = _stops(then, now["downtime_event"], end)
        said.append(f"{count} stops of resources")
    if _has(now, "goods_receipt_event") and _has(tables, "purchase_order_line"):
        tables["purchase_order_line"], count = _arrivals(then, now, end)
        said.append(f"{count} arrivals of purchases")
    speed = _speeds(then, now, end)
    if len(speed) and _has(tables, "routing_alternate"):
        routing = tables["routing_alternate"]
        factor = routing["resource_id"].map(speed).fillna(1.0)
        tables["routing_alternate"] = routing.assign(
            run_minutes_per_unit=routing["run_minutes_per_unit"] * factor
        )
        said.append(f"the speed of {len(speed)} resources")
    if _has(now, "sales_order_line"):
        tables["sales_order_line"], count = _lines(tables["sales_order_line"], now)
        said.append(f"{count} cancelled or changed order lines")
    return Realised(tables, tuple(said))


def rerun(options: Sequence[Option], chosen: str, then: Context, real: Realised) -> pd.DataFrame:
    """
    Shift each option right through what really came, and price it.

    Returns
    -------
    pandas.DataFrame
        One row per option in their order: :data:`OPTION_COLUMNS`. Realised cost is the sum of
        lateness, lost margin, overtime, changeovers and holding under what came, and of expedites
        and moves as they were decided; ``regret`` is the option's realised cost minus the least of
        all options' (0 = hindsight would have chosen it).
    """
    ground = Context(real.tables, then.as_of, then.site_time_zone, then.params)
    base = ground.problem()
    start = Start(ground, base, right_shift(base))
    rows = []
    for option in options:
        problem = problem_with(ground, option.levers, None if option.levers else base)
        schedule = right_shift(as_published(problem, option.operations))
        told = measured(CATALOGUE["do_nothing"], start, problem, schedule, option.levers).measures
        cost = sum(float(told[term]) for term in REALISED_TERMS)
        cost += sum(float(option.terms[term]) for term in DECIDED_TERMS)
        rows.append(
            (
                option.scenario,
                option.title,
                option.scenario == chosen,
                float(sum(option.terms.values())),
                cost,
                option.late_lines,
                float(told["num_late_lines"]),
            )
        )
    found = pd.DataFrame(rows, columns=list(OPTION_COLUMNS[:-1]))
    least = found["realised_cost"].min() if len(found) else np.nan
    return found.assign(regret=found["realised_cost"] - least)


def _has(tables: Tables, name: str) -> bool:
    return name in tables and not tables[name].empty


def _stops(then: Context, now: pd.DataFrame, end: pd.Timestamp) -> tuple[pd.DataFrame, int]:
    """Replace what was known of stops by how they really went; none is known beyond ``end``."""
    began = now["start_at"] < end
    ended = now["end_at"].fillna(end)
    real = now[began & (ended > then.as_of) & ~now["is_planned"].fillna(False).astype(bool)]
    real = real.assign(end_at=ended[real.index])
    old = then.tables.get("downtime_event", now.head(0))
    keys = ["resource_id", "start_at"]
    again = pd.MultiIndex.from_frame(old[keys]).isin(pd.MultiIndex.from_frame(now[keys]))
    kept = old[~again]
    return pd.concat([kept, real], ignore_index=True)[list(old.columns)], len(real)


def _arrivals(then: Context, now: Tables, end: pd.Timestamp) -> tuple[pd.DataFrame, int]:
    """Let purchases arrive when they did; who had not come by ``end`` comes when it says now."""
    keys = ["po_id", "line_id"]
    lines = then.tables["purchase_order_line"]
    receipts = now["goods_receipt_event"]
    receipts = receipts[(receipts["received_at"] > then.as_of) & (receipts["received_at"] <= end)]
    came = receipts.groupby(keys)["received_at"].max()
    index = pd.MultiIndex.from_frame(lines[keys])
    at = pd.Series(came.reindex(index).to_numpy(), index=lines.index, dtype="datetime64[us, UTC]")
    later = now["purchase_order_line"].drop_duplicates(keys).set_index(keys)
    promised = later["promised_date"].reindex(index).dt.tz_localize("UTC").to_numpy()
    told = pd.Series(promised, index=lines.index, dtype="datetime64[us, UTC]")
    told = told.where(told > end, end).where(told.notna())
    was_due = lines["promised_date"].fillna(lines["required_date"]).dt.tz_localize("UTC") <= end
    is_open = lines["status"] == "open"
    new = at.fillna(told.where(was_due)).where(is_open)
    return lines.assign(eta_at=new.fillna(lines["eta_at"])), int((at.notna() & is_open).sum())


def _speeds(then: Context, now: Tables, end: pd.Timestamp) -> pd.Series:
    """Return actual over standard time of the resources' runs that ended in between."""
    needed = ("run_rate", "work_order_progress_event", "resource_calendar", "work_order")
    if not all(_has(now, name) for name in needed):
        return pd.Series(dtype=float)
    facts = facts_of(dict(now), end, then.params, time_zone=then.site_time_zone, since=then.as_of)
    runs = completed_runs(facts)
    runs = runs[(runs["ended"] > then.as_of) & (runs["ended"] <= end)]
    sums = runs.groupby("resource_id").agg(
        actual=("actual_hours", "sum"), standard=("standard_hours", "sum"), n=("wo_id", "size")
    )
    sums = sums[(sums["n"] >= LEAST_RUNS) & (sums["standard"] > 0)]
    return (sums["actual"] / sums["standard"]).clip(0.5, 3.0)


def _lines(then: pd.DataFrame, now: Tables) -> tuple[pd.DataFrame, int]:
    """Drop lines that were cancelled since, and take the quantity that is ordered now."""
    keys = ["order_id", "line_id"]
    later = now["sales_order_line"].drop_duplicates(keys, keep="last").set_index(keys)
    own = later.reindex(pd.MultiIndex.from_frame(then[keys]))
    gone = (own["status"] == "cancelled").to_numpy() & (then["status"] == "open").to_numpy()
    qty = pd.Series(own["ordered_qty"].to_numpy(), index=then.index).fillna(then["ordered_qty"])
    single = ~then.duplicated(keys, keep=False)
    changed = single & (qty != then["ordered_qty"]) & (then["status"] == "open") & ~gone
    new = then.assign(ordered_qty=then["ordered_qty"].where(~changed, qty))
    return new[~gone].reset_index(drop=True), int(gone.sum() + changed.sum())

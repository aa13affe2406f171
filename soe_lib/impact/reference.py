"""The plan of the last cycle, and what of the week can be measured against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from soe_lib.impact.rows import rows_of
from soe_lib.schedule import Problem
from soe_lib.schedule.calendar import build_calendar
from soe_lib.schedule.problem import NEVER, Calendar

OPEN_KINDS = ("shift", "overtime")
LEAST_STOP_MINUTES = 5.0
"""Shorter stops are part of the running speed. [min]"""
LEAST_EXCESS = 0.005
"""Standard rates that are too fast by less are right."""
_KEY = ["wo_id", "op_no", "split_no"]


@dataclass(frozen=True)
class Reference:
    """
    What was planned at the last cycle.

    Attributes
    ----------
    since
        Instant of the last cycle.
    as_of
        Instant of the snapshot.
    version_id
        Schedule version that was published last by ``since``; the oldest known one where none was;
        empty where the feed publishes work order by work order.
    operations
        Its operations: key, ``resource_id``, ``start_at``, ``end_at``.
    ratios
        Actual over standard run time by resource, as it was known then.
    """

    since: pd.Timestamp
    as_of: pd.Timestamp
    version_id: str
    operations: pd.DataFrame
    ratios: Mapping[str, float] = field(default_factory=dict)

    def planned_window(self, problem: Problem) -> np.ndarray:
        """
        Return when the last plan had each firm operation: begin and end. [min]

        Operations that it did not know have NaN: nobody can be behind with them.
        """
        plan = self.operations
        lot = plan["wo_id"] + "/" + plan["split_no"].astype("int64").astype("str")
        both = pd.DataFrame(
            {
                "begin": (plan["start_at"] - self.as_of).dt.total_seconds().to_numpy() / 60,
                "end": (plan["end_at"] - self.as_of).dt.total_seconds().to_numpy() / 60,
            },
            index=pd.MultiIndex.from_arrays([lot, plan["op_no"].astype("int64")]),
        )
        both = both[~both.index.duplicated()]
        names = pd.Series(problem.lot_ids, dtype="str").iloc[problem.op_lot].to_numpy()
        return both.reindex(pd.MultiIndex.from_arrays([names, problem.op_no])).to_numpy(float)

    def floor(self, problem: Problem, count: int) -> np.ndarray:
        """
        Return the earlier of the starts in this and in the last plan, by operation. [min]

        What was published later because of a disruption may start earlier without it.
        """
        found = np.zeros(count)
        now = np.where(problem.op_start < NEVER / 2, problem.op_start, 0.0)
        before = self.planned_window(problem)[:, 0] if len(now) else now
        found[: len(now)] = np.fmin(now, before)
        return found

    def stops(self, rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """
        Return unplanned stops since the last cycle.

        Returns
        -------
        pandas.DataFrame
            ``resource_id``, ``event`` (reason and begin), ``start_at``, ``end_at`` (not after
            ``as_of``), ``begin_minutes``, ``until_minutes`` (expected end since ``as_of``; not
            above 0 where the stop is over).
        """
        events = rows["downtime_event"]
        own = events[~events["is_planned"].fillna(False).astype(bool)]
        unknown = self.as_of + pd.Timedelta(hours=4)  # as the engine takes it
        until = own["end_at"].fillna(own["expected_end_at"]).fillna(unknown)
        ended = own["end_at"].notna() & (own["end_at"] <= self.as_of)
        until = until.where(ended | (until > self.as_of), unknown)
        own = own.assign(
            until_minutes=(until - self.as_of).dt.total_seconds() / 60,
            begin_minutes=(own["start_at"] - self.as_of).dt.total_seconds() / 60,
            end_at=until.where(until <= self.as_of, self.as_of),
            event=own["reason_code"].fillna("stop").astype("str")
            + own["start_at"].dt.strftime(" %m-%d %H:%M"),
        )
        own = own[(own["end_at"] > self.since) & (own["start_at"] <= self.as_of)]
        begin = own["start_at"].where(own["start_at"] >= self.since, self.since)
        minutes = (own["end_at"] - begin).dt.total_seconds() / 60
        own = own.assign(start_at=begin)[
            (minutes >= LEAST_STOP_MINUTES) | (own["until_minutes"] > 0)
        ]
        own = own.assign(minutes=_open_minutes(own, rows["resource_calendar"]))
        columns = ["resource_id", "event", "start_at", "end_at", "begin_minutes", "until_minutes"]
        return own.sort_values(["resource_id", "start_at"])[[*columns, "minutes"]].reset_index(
            drop=True
        )

    def stopped(self, stops: pd.DataFrame, resource: str) -> list[tuple[str, float]]:
        """Return the stops of a resource and the working minutes that each has taken."""
        own = stops[(stops["resource_id"] == resource) & (stops["minutes"] > 0)]
        return list(zip(own["event"].tolist(), own["minutes"].tolist(), strict=True))

    def optimistic_minutes(self, rows: Mapping[str, pd.DataFrame], resource: str) -> float:
        """
        Return what the standard rate of a resource was too fast by since the last cycle. [min]

        What the last plan had it do in that time, times the excess that was known then.
        """
        excess = self.ratios.get(resource, 1.0) - 1
        if excess <= LEAST_EXCESS:
            return 0.0
        own = self.operations[self.operations["resource_id"] == resource]
        begin = own["start_at"].where(own["start_at"] >= self.since, self.since)
        end = own["end_at"].where(own["end_at"] <= self.as_of, self.as_of)
        inside = own.assign(start_at=begin, end_at=end)[begin < end]
        return float(_open_minutes(inside, rows["resource_calendar"]).sum()) * excess

    def open_calendar(self, rows: Mapping[str, pd.DataFrame]) -> Calendar:
        """Return the calendar of all resources as it were without unplanned stops."""
        events = rows["downtime_event"]
        planned = events[events["is_planned"].fillna(False).astype(bool)]
        names = tuple(rows["resource"].sort_values("resource_id")["resource_id"].tolist())
        return build_calendar({**rows, "downtime_event": planned}, names, self.as_of, [])

    def scrap_minutes(
        self, problem: Problem, rows: Mapping[str, pd.DataFrame], run: np.ndarray
    ) -> np.ndarray:
        """Return minutes of each firm operation that make again what it has scrapped. [min]"""
        events = rows["work_order_progress_event"]
        events = events[(events["event_at"] <= self.as_of)]
        events = events.assign(split_no=events["split_no"].fillna(1).astype("int64"))
        lot = events["wo_id"] + "/" + events["split_no"].astype("str")
        sums = (
            events.assign(lot=lot)
            .groupby(["lot", "op_no"])[["good_qty", "scrap_qty"]]
            .sum(min_count=1)
        )
        names = pd.Series(problem.lot_ids, dtype="str").iloc[problem.op_lot].to_numpy()
        own = sums.reindex(pd.MultiIndex.from_arrays([names, problem.op_no])).fillna(0.0)
        qty = problem.lot_qty[problem.op_lot]
        left = np.maximum(qty - own["good_qty"].to_numpy(float), 1e-9)
        return run * np.minimum(own["scrap_qty"].to_numpy(float) / left, 1.0)

    def absent_minutes(
        self, rows: Mapping[str, pd.DataFrame]
    ) -> dict[str, list[tuple[str, float]]]:
        """Return the minutes that missing people took from each resource of their skill."""
        people = rows["labour_availability"]
        inside = (people["start_at"] < self.as_of) & (people["end_at"] > self.since)
        short = people[inside & (people["actual_headcount"] < people["planned_headcount"])]
        if short.empty:
            return {}
        minutes = (short["end_at"] - short["start_at"]).dt.total_seconds() / 60
        lost = minutes * (1 - short["actual_headcount"] / short["planned_headcount"])
        summed = lost.groupby([short["site_id"], short["skill_code"]]).sum()
        found: dict[str, list[tuple[str, float]]] = {}
        for row in rows_of(rows["resource"]):
            taken = summed.get((row.site_id, row.skill_code))
            if taken is not None:
                found[str(row.resource_id)] = [(f"{row.site_id} {row.skill_code}", float(taken))]
        return found

    def short_lots(self, rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """
        Return lots that ended since the last cycle with more scrap than usual.

        Returns
        -------
        pandas.DataFrame
            ``resource_id`` (where most was scrapped), ``item_id``, ``missing_qty`` beyond the
            usual share of that resource. [uom]
        """
        orders = rows["work_order"]
        ended = orders[orders["ended_at"].notna() & (orders["ordered_qty"] > 0)]
        events = rows["scrap_event"]
        worst = events.groupby(["wo_id", "resource_id"])["scrap_qty"].sum().reset_index()
        worst = worst.sort_values("scrap_qty", kind="stable").drop_duplicates("wo_id", keep="last")
        ended = ended.merge(worst[["wo_id", "resource_id"]], on="wo_id", how="inner")
        share = ended["scrap_qty"].fillna(0.0) / ended["ordered_qty"]
        before = ended["ended_at"] <= self.since
        usual = share[before].groupby(ended.loc[before, "resource_id"]).median()
        expected = pd.Series(
            usual.reindex(ended["resource_id"]).fillna(0.0).to_numpy(), index=ended.index
        )
        missing = ended["scrap_qty"].fillna(0.0) - expected * ended["ordered_qty"]
        large = share > np.maximum(3 * expected, expected + 0.01)
        fresh = ended.assign(missing_qty=missing)[~before & large & (missing > 0)]
        return fresh[["resource_id", "item_id", "missing_qty"]]

    def newly_blocked(self, rows: Mapping[str, pd.DataFrame]) -> pd.Series:
        """Return quantity by item that is blocked now and was not at the last cycle. [uom]"""
        stock = rows["inventory_balance"]
        stock = stock[stock["balance_at"] <= self.as_of]
        now = _blocked_at(stock)
        before = _blocked_at(stock[stock["balance_at"] <= self.since])
        more = now.sub(before.reindex(now.index).fillna(0.0))
        return more[more > 1e-6]


def reference_of(
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
    since: pd.Timestamp,
    ratios: Mapping[str, float] | None = None,
) -> Reference:
    """
    Return the plan of the last cycle.

    Parameters
    ----------
    tables
        Canonical tables.
    as_of, since
        Instant of the snapshot and of the last cycle.
    ratios
        See :class:`Reference`; none: the standard rates are taken as right.
    """
    plan = tables["schedule_operation"]
    known = plan[(plan["published_at"] <= as_of) & (plan["status"] != "draft")]
    version = ""
    if known["version_id"].nunique() > 1:
        instants = known.groupby("version_id")["published_at"].max().sort_values(kind="stable")
        before = instants[instants <= since]
        version = str(before.index[-1] if len(before) else instants.index[0])
        known = known[known["version_id"] == version]
    columns = [*_KEY, "resource_id", "start_at", "end_at"]
    operations = known[columns].reset_index(drop=True)
    return Reference(since, as_of, version, operations, ratios or {})


def _open_minutes(stops: pd.DataFrame, calendar: pd.DataFrame) -> np.ndarray:
    """Return the minutes of each stop that fall into shifts; all where there is no calendar."""
    shifts = calendar[calendar["calendar_kind"].isin(OPEN_KINDS)]
    by_resource = dict(tuple(shifts.groupby("resource_id")[["start_at", "end_at"]]))
    found = np.zeros(len(stops))
    for k, row in enumerate(rows_of(stops)):
        own = by_resource.get(row.resource_id)
        if own is None:
            found[k] = (row.end_at - row.start_at).total_seconds() / 60
            continue
        begin = own["start_at"].where(own["start_at"] >= row.start_at, row.start_at)
        end = own["end_at"].where(own["end_at"] <= row.end_at, row.end_at)
        found[k] = float((end - begin).dt.total_seconds().clip(lower=0).sum()) / 60
    return found


def _blocked_at(stock: pd.DataFrame) -> pd.Series:
    newest = stock.groupby(["item_id", "location_id"])["balance_at"].transform("max")
    last = stock[stock["balance_at"] == newest]
    return last["blocked_qty"].fillna(0.0).groupby(last["item_id"]).sum()

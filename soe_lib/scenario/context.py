"""What every scenario is computed from: the snapshot, its instant and the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from soe_lib.divergence.facts import facts_of
from soe_lib.impact.noise import Noise, fit_noise
from soe_lib.params import Params, PriorityCriterion
from soe_lib.scenario.costs import Prices, prices_of
from soe_lib.scenario.difference import OPERATION_KEY, same_operations
from soe_lib.scenario.fences import FenceTable, fence_table
from soe_lib.schedule import Problem, Schedule, build_problem

__all__ = ["OPERATION_KEY", "Context", "as_published", "late_lots", "work_for"]


@dataclass(frozen=True)
class Context:
    """
    The common ground of all scenarios; levers are deltas on it.

    Attributes
    ----------
    tables
        Canonical tables of the snapshot.
    as_of
        Instant UTC of the snapshot.
    site_time_zone
        Zone in which due days end and shifts are counted.
    params
        Parameters of the cycle.
    """

    tables: Mapping[str, pd.DataFrame]
    as_of: pd.Timestamp
    site_time_zone: str
    params: Params

    @property
    def order_priority(self) -> tuple[PriorityCriterion, ...]:
        """Ordered policy by which order lines choose their supply."""
        return self.params.order_priority

    @property
    def horizon_end_at(self) -> pd.Timestamp:
        """Last instant that the loop plans."""
        return self.as_of + pd.Timedelta(weeks=self.params.horizon.horizon_weeks)

    def problem(self, tables: Mapping[str, pd.DataFrame] | None = None) -> Problem:
        """Return the scheduling problem of the snapshot, or of a delta on its tables."""
        return build_problem(
            self.tables if tables is None else tables,
            self.as_of,
            site_time_zone=self.site_time_zone,
            order_priority=self.order_priority,
            money=self.params.money,
            fences=self.params.fences,
            horizon_weeks=self.params.horizon.horizon_weeks,
        )

    @cached_property
    def prices(self) -> Prices:
        """Prices of the snapshot."""
        return prices_of(self.tables, self.params.money)

    @cached_property
    def fences(self) -> FenceTable:
        """Fences of the snapshot."""
        return fence_table(self.tables, self.params.fences)

    @cached_property
    def noise(self) -> Noise:
        """How the site varies, learnt from the snapshot."""
        zone = self.site_time_zone
        return fit_noise(facts_of(self.tables, self.as_of, self.params, time_zone=zone))


def as_published(problem: Problem, operations: pd.DataFrame) -> Problem:
    """
    Return the problem as if ``operations`` were its published schedule.

    Right-shifting the result replays that schedule, in its sequence and on its resources, under
    whatever the problem now says about calendars and material. This is the one place where
    scenarios reach into the arrays of a problem.

    Parameters
    ----------
    problem
        The problem; operations that ``operations`` does not name keep what was published.
    operations
        Operations of a schedule: key, ``resource_id``, ``start_at`` (a replay starts no
        run earlier than that; its changeover goes before it).
    """
    lots = pd.Series(problem.lot_ids, dtype="str").iloc[problem.op_lot].to_numpy()
    wanted = pd.MultiIndex.from_arrays([lots, problem.op_no])
    lot = operations["wo_id"] + "/" + operations["split_no"].astype("str")
    minutes = (operations["start_at"] - problem.as_of).dt.total_seconds() / 60
    given = pd.DataFrame({"resource": operations["resource_id"], "start": minutes})
    given.index = pd.MultiIndex.from_arrays([lot, operations["op_no"]])
    placed = given[given["start"].notna()].reindex(wanted)
    known = placed["start"].notna().to_numpy()
    place = {name: number for number, name in enumerate(problem.resource_ids)}
    resource = placed["resource"].map(place).fillna(-1).astype("int64").to_numpy()
    return problem.replace(
        op_resource=pd.Series(problem.op_resource).where(~known, resource).to_numpy(),
        op_start=pd.Series(problem.op_start).where(~known, placed["start"].to_numpy()).to_numpy(),
    )


def with_published_start(operations: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Return operations with the start at which the published schedule has them."""
    places = same_operations(published, operations)
    if places is not None:
        told = published["start_at"].take(places).to_numpy()
        return operations.assign(published_start_at=told).astype(
            {"published_start_at": "datetime64[us, UTC]"}
        )
    start = published[[*OPERATION_KEY, "start_at"]].rename(columns={"start_at": "_start"})
    start = start.drop_duplicates(OPERATION_KEY)
    joined = operations.merge(start, on=OPERATION_KEY, how="left")
    return operations.assign(published_start_at=joined["_start"].to_numpy()).astype(
        {"published_start_at": "datetime64[us, UTC]"}
    )


def late_lots(schedule: Schedule, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """
    Return the work that late order lines wait for.

    Returns
    -------
    pandas.DataFrame
        Operations of the schedule that belong to lots pegged to a late line, or that make what
        such lots consume (through every level of the bills of material).
    """
    late = schedule.promises[schedule.promises["lateness_days"] > 1e-6]
    return work_for(schedule, late, tables)


def work_for(
    schedule: Schedule, lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """
    Return the operations that some order lines wait for.

    Parameters
    ----------
    schedule
        A schedule.
    lines
        Rows of its promises.
    tables
        Canonical tables; what a lot consumes is found through the bills of material.
    """
    key = ["order_id", "line_id"]
    pegged = schedule.pegging.merge(lines[key], on=key)
    lots = set(pegged.loc[pegged["supply_type"] == "lot", "supply_id"])
    operations = schedule.operations
    lot_id = operations["wo_id"] + "/" + operations["split_no"].astype("str")
    own = lot_id.isin(lots)
    made = {*operations.loc[own, "item_id"], *lines.loc[~lines["is_covered"], "item_id"]}
    below = components_of(made, tables)
    return operations[own | operations["item_id"].isin(below)]


def components_of(items: set[str], tables: Mapping[str, pd.DataFrame]) -> set[str]:
    """Return all components of items, through every level."""
    bom = tables.get("bom_component")
    if bom is None or bom.empty:
        return set()
    found: set[str] = set()
    front = set(items)
    while front:
        own = bom.loc[bom["parent_item_id"].isin(front), "component_item_id"]
        front = set(own) - found
        found |= front
    return found

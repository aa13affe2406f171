"""The suite's own answer for a plant that it knows by extracts only: from files to files."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from soe_lib.loop.forecast import forecast_lines
from soe_lib.params import Params
from soe_lib.publish.mes import dispatch_list
from soe_lib.scenario.catalogue import scenarios
from soe_lib.scenario.compare import compare
from soe_lib.scenario.context import Context
from soe_lib.scenario.evaluate import evaluate_all
from soe_lib.scenario.levers import Expedite, Overtime
from soe_lib.scenario.result import Result, start_of
from soe_lib.snapshot import take_snapshot
from soe_lib.sources import Source
from soe_lib.workspace import Workspace

EXPEDITE_COLUMNS = ("po_id", "receipt_at", "cost")
OVERTIME_COLUMNS = ("resource_id", "start_at", "end_at")


@dataclass(frozen=True)
class Answer:
    """
    What the suite publishes.

    Attributes
    ----------
    scenario
        Name of the recommended scenario; empty where there was nothing to schedule.
    dispatch
        Rows of ``publish.mes.dispatch_list``: what MES receives.
    overtime
        Booked overtime: ``resource_id, start_at, end_at``.
    expedites
        Purchases to pull in: ``po_id, receipt_at, cost``.
    num_moves
        Operations that the recommendation moves against the published schedule.
    """

    scenario: str
    dispatch: pd.DataFrame
    overtime: pd.DataFrame
    expedites: pd.DataFrame
    num_moves: int


def recommend(
    source: Source, as_of: pd.Timestamp, params: Params, workspace: Workspace
) -> Answer | None:
    """
    Take a snapshot, compute the scenarios of ``params`` and return the recommended one.

    Demand that the S&OP plan expects and nobody has ordered yet counts at the price of lateness
    without a clause, or the lots that serve next week's orders would be put off.

    Returns
    -------
    Answer or None
        None where the feed has no open operation, or every scenario breaks a rule.
    """
    snapshot = take_snapshot(source, as_of, workspace)
    tables = dict(snapshot.tables)
    zone, weeks = snapshot.site_time_zone, params.horizon.horizon_weeks
    expected = forecast_lines(tables, as_of, zone, weeks)
    tables["sales_order_line"] = pd.concat(
        [tables["sales_order_line"], expected], ignore_index=True
    )
    context = Context(tables, as_of, zone, params)
    start = start_of(context)
    if start.problem.num_operations == 0:
        return None
    results = evaluate_all(scenarios(params.scenario.names), start)
    table = compare(results)
    chosen = table.index[table["is_recommended"]]
    if not len(chosen):
        return None
    result = results[int(chosen[0])]
    placed = result.schedule.operations
    placed = placed[placed["end_at"].notna()]
    return Answer(
        scenario=result.scenario.name,
        dispatch=dispatch_list(placed, result.moves),
        overtime=_booked(result, params),
        expedites=_expedites(result),
        num_moves=int(result.measures["num_moves"]),
    )


def _booked(result: Result, params: Params) -> pd.DataFrame:
    """Book each overtime interval that is worked, from its begin to the end of its last run."""
    longest = pd.Timedelta(hours=params.scenario.overtime_hours_per_week)
    operations = result.schedule.operations
    rows = []
    ends = {
        (lever.resource_id, lever.start_at): lever.end_at
        for lever in result.levers
        if isinstance(lever, Overtime)
    }
    for resource, start in zip(
        result.overtime["resource_id"], result.overtime["start_at"], strict=True
    ):
        until = ends.get((resource, start), start + longest)
        own = operations[operations["resource_id"] == resource]
        inside = own[(own["end_at"] > start) & (own["setup_start_at"] < until)]
        last = inside["end_at"].max()
        rows.append((resource, start, until if pd.isna(last) else min(until, last)))
    return pd.DataFrame(rows, columns=list(OVERTIME_COLUMNS))


def _expedites(result: Result) -> pd.DataFrame:
    rows = [
        (lever.po_id, lever.new_date, lever.cost)
        for lever in result.levers
        if isinstance(lever, Expedite)
    ]
    return pd.DataFrame(rows, columns=list(EXPEDITE_COLUMNS))

"""
Pressure test: would the shop floor survive this schedule?

Six subjects, each *pass*, *fail* or *unknown*. A failure has the rows that fail. An unknown is
never counted as a pass: it is a question to a function, with the rows it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.scenario.published import table_or_empty
from soe_lib.scenario.rows import rows_of

PRESSURE_COLUMNS = (
    "subject",
    "status",
    "num_checked",
    "num_failed",
    "num_unknown",
    "function",
    "sentence",
)
ROW_COLUMNS = ("subject", "status", "object_type", "object_id", "at", "detail", "question")

SUBJECT_FUNCTION = {
    "changeovers": "operations",
    "tooling": "operations",
    "labour": "operations",
    "material": "procurement",
    "shipping": "logistics",
    "fences": "operations",
}


@dataclass(frozen=True)
class PressureTest:
    """
    Outcome of the pressure test of one scenario.

    Attributes
    ----------
    summary
        One row per ``subject``: ``status``, ``num_checked``, ``num_failed``, ``num_unknown``,
        ``function`` that answers, ``sentence``.
    rows
        One row per failure or open question: ``subject``, ``status``, ``object_type``,
        ``object_id``, ``at`` (instant), ``detail``, ``question`` (empty for a failure).
    """

    summary: pd.DataFrame
    rows: pd.DataFrame

    @property
    def is_passed(self) -> bool:
        """Whether nothing fails; unknowns may remain open."""
        return not (self.summary["status"] == "fail").any()


@dataclass(frozen=True)
class _Finding:
    num_checked: int
    rows: list[tuple[str, str, str, object, str, str]]
    off_because: str = ""


def pressure_test(
    operations: pd.DataFrame,
    moves: pd.DataFrame,
    shipments_due: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
) -> PressureTest:
    """
    Test a schedule against changeovers, tooling, labour, material, shipping and fences.

    Parameters
    ----------
    operations
        Operations of the scenario, columns of ``schedule_operation``, not yet completed.
    moves
        Rows of ``moved_operations`` against the published schedule, with ``zone``.
    shipments_due
        One row per order line that leaves in the horizon: ``order_id``, ``line_id``, ``item_id``,
        ``ship_date``, ``site_id``, ``qty`` [uom].
    tables
        Canonical tables.

    Returns
    -------
    PressureTest
        Summary and rows, both sorted by subject in the order of the agenda.
    """
    checks: dict[str, Callable[[], _Finding]] = {
        "changeovers": lambda: _changeovers(operations, tables),
        "tooling": lambda: _tooling(operations, tables),
        "labour": lambda: _labour(operations, tables),
        "material": lambda: _material(operations, tables),
        "shipping": lambda: _shipping(shipments_due, tables),
        "fences": lambda: _fences(moves),
    }
    summary, rows = [], []
    for subject, check in checks.items():
        finding = check()
        failed = sum(1 for row in finding.rows if row[0] == "fail")
        unknown = len(finding.rows) - failed
        status = "fail" if failed else "unknown" if unknown or finding.off_because else "pass"
        summary.append(
            (
                subject,
                status,
                finding.num_checked,
                failed,
                unknown,
                SUBJECT_FUNCTION[subject],
                _sentence(subject, finding, failed, unknown),
            )
        )
        rows += [(subject, *row) for row in finding.rows]
    table = pd.DataFrame(rows, columns=list(ROW_COLUMNS))
    table["at"] = pd.to_datetime(table["at"], utc=True)
    return PressureTest(pd.DataFrame(summary, columns=list(PRESSURE_COLUMNS)), table)


def _sentence(subject: str, finding: _Finding, failed: int, unknown: int) -> str:
    if finding.off_because:
        return f"{subject}: unknown, {finding.off_because}"
    said = [f"{finding.num_checked} checked"]
    if failed:
        said.append(f"{failed} fail")
    if unknown:
        said.append(f"{unknown} open questions")
    return f"{subject}: " + ", ".join(said)


def _name(row: object) -> str:
    return f"{row.wo_id}/{row.op_no}/{row.split_no}"  # type: ignore[attr-defined]


def _changeovers(operations: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> _Finding:
    matrix = table_or_empty(tables, "setup_matrix")
    if matrix.empty:
        return _Finding(0, [], "the feed has no changeover matrix")
    resources = table_or_empty(tables, "resource").set_index("resource_id")
    jobs = operations[operations["setup_from"].notna() & operations["setup_to"].notna()]
    jobs = jobs[jobs["setup_from"] != jobs["setup_to"]]
    group = jobs["resource_id"].map(resources["resource_group"])
    needed = _matrix_minutes(matrix)
    rows: list[tuple[str, str, str, object, str, str]] = []
    for job, resource_group in zip(rows_of(jobs), group, strict=True):
        pair = (job.setup_from, job.setup_to)
        minutes = needed.get((job.resource_id, *pair), needed.get((resource_group, *pair)))
        text = f"{job.resource_id}: {job.setup_from} to {job.setup_to}"
        if minutes is None:
            question = f"How long is the changeover {text}?"
            rows.append(("unknown", "operation", _name(job), job.setup_start_at, text, question))
            continue
        given = (job.start_at - job.setup_start_at).total_seconds() / 60
        if given < minutes - 0.5:
            detail = f"{text} needs {minutes:.0f} min, the schedule gives {given:.0f} min"
            rows.append(("fail", "operation", _name(job), job.setup_start_at, detail, ""))
    return _Finding(len(jobs), rows)


def _matrix_minutes(matrix: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    keys = matrix[["resource_group", "from_setup_family", "to_setup_family"]]
    return dict(zip(keys.itertuples(index=False, name=None), matrix["setup_minutes"], strict=True))


def _tooling(operations: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> _Finding:
    tools = table_or_empty(tables, "tooling")
    jobs = operations[operations["tool_id"].notna()]
    if tools.empty and jobs.empty:
        return _Finding(0, [], "the feed names no tools")
    pieces = tools.set_index("tool_id")["tool_qty"]
    rows: list[tuple[str, str, str, object, str, str]] = []
    for tool, uses in jobs.groupby("tool_id", sort=True):
        if tool not in pieces.index:
            question = f"Is tool {tool} there for {len(uses)} operations?"
            first = uses["start_at"].min()
            rows.append(("unknown", "tool", str(tool), first, "not in the tooling table", question))
            continue
        peak, at = _peak(uses, np.ones(len(uses)))
        if peak > pieces[tool]:
            detail = f"{peak:.0f} operations at once, {pieces[tool]:.0f} pieces"
            rows.append(("fail", "tool", str(tool), at, detail, ""))
    return _Finding(len(jobs), rows)


def _peak(uses: pd.DataFrame, weight: np.ndarray) -> tuple[float, pd.Timestamp]:
    """Return the highest simultaneous use and its first instant; ends free before starts take."""
    at = pd.concat([uses["setup_start_at"].fillna(uses["start_at"]), uses["end_at"]])
    change = np.concatenate([weight, -weight])
    events = pd.DataFrame({"at": at.to_numpy(), "change": change})
    level = events.sort_values(["at", "change"], kind="stable")
    running = level["change"].cumsum().to_numpy()
    highest = int(running.argmax())
    return float(running[highest]), pd.Timestamp(level["at"].iloc[highest])


def _labour(operations: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> _Finding:
    people = table_or_empty(tables, "labour_availability")
    if people.empty:
        return _Finding(0, [], "the feed has no headcounts")
    jobs = operations[operations["labour_count"].fillna(0) > 0]
    if jobs.empty:
        return _Finding(0, [], "the schedule names no people per operation")
    site = table_or_empty(tables, "resource").set_index("resource_id")["site_id"]
    jobs = jobs.assign(site=jobs["resource_id"].map(site))
    shifts = _shift_windows(people)
    if shifts.empty:
        return _Finding(0, [], "headcounts have no shift times")
    rows: list[tuple[str, str, str, object, str, str]] = []
    for shift in rows_of(shifts):
        inside = jobs[
            (jobs["site"] == shift.site_id)
            & (jobs["start_at"] < shift.end_at)
            & (jobs["end_at"] > shift.start_at)
        ]
        if inside.empty:
            continue
        clipped = inside.assign(
            setup_start_at=inside["start_at"].clip(lower=shift.start_at),
            end_at=inside["end_at"].clip(upper=shift.end_at),
        )
        peak, at = _peak(clipped, inside["labour_count"].astype(float).to_numpy())
        name = f"{shift.site_id} {shift.labour_date:%Y-%m-%d} {shift.shift_code}"
        if peak > shift.headcount + 1e-9:
            detail = f"{peak:.0f} people needed at once, {shift.headcount:.0f} {shift.basis}"
            rows.append(("fail", "shift", name, at, detail, ""))
    covered = _covered(jobs, shifts)
    for job in rows_of(jobs[~covered]):
        question = f"Are {job.labour_count:.0f} people there for {_name(job)}?"
        rows.append(("unknown", "operation", _name(job), job.start_at, "no headcount", question))
    return _Finding(len(jobs), rows)


def _shift_windows(people: pd.DataFrame) -> pd.DataFrame:
    known = people[people["start_at"].notna() & people["end_at"].notna()]
    count = known["actual_headcount"].fillna(known["planned_headcount"])
    basis = np.where(known["actual_headcount"].notna(), "present", "planned")
    shifts = known.assign(headcount=count, basis=basis)
    return (
        shifts.groupby(["site_id", "labour_date", "shift_code"], sort=True)
        .agg(
            start_at=("start_at", "min"),
            end_at=("end_at", "max"),
            headcount=("headcount", "sum"),
            basis=("basis", "first"),
        )
        .reset_index()
    )


def _covered(jobs: pd.DataFrame, shifts: pd.DataFrame) -> np.ndarray:
    covered = np.zeros(len(jobs), dtype=bool)
    for site, windows in shifts.groupby("site_id", sort=True):
        here = (jobs["site"] == site).to_numpy()
        first, last = windows["start_at"].min(), windows["end_at"].max()
        covered |= here & (jobs["start_at"] >= first).to_numpy() & (jobs["start_at"] < last)
    return covered


def _material(operations: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> _Finding:
    components = table_or_empty(tables, "bom_component")
    if components.empty:
        return _Finding(0, [], "the feed has no bills of material")
    orders = table_or_empty(tables, "purchase_order_line")
    made = set(operations["item_id"])
    needed = components[components["parent_item_id"].isin(made)]
    used = set(needed["component_item_id"])
    open_orders = orders[(orders["status"] == "open") & orders["item_id"].isin(used)]
    unconfirmed = open_orders[open_orders["promised_date"].isna()]
    horizon = operations["end_at"].max()
    required = unconfirmed["required_date"].dt.tz_localize("UTC")
    unconfirmed = unconfirmed[required.isna() | (required <= horizon)]
    rows: list[tuple[str, str, str, object, str, str]] = [
        (
            "unknown",
            "purchase_order_line",
            f"{line.po_id}/{line.line_id}",
            line.required_date,
            f"{line.item_id} from {line.supplier_id} has no confirmation",
            f"Will {line.supplier_id} deliver {line.ordered_qty - line.received_qty:,.0f} of "
            f"{line.item_id}, and until when?",
        )
        for line in rows_of(unconfirmed.sort_values(["required_date", "po_id", "line_id"]))
    ]
    return _Finding(len(used), rows)


def _shipping(due: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> _Finding:
    capacity = table_or_empty(tables, "ship_capacity")
    if capacity.empty:
        return _Finding(0, [], "the feed has no dock or ship capacity")
    items = table_or_empty(tables, "item").set_index("item_id")
    per_pallet = due["item_id"].map(items["qty_per_pallet"])
    loads = due.assign(pallets=due["qty"] / per_pallet)
    days = loads.groupby(["site_id", "ship_date"], sort=True)["pallets"].sum().reset_index()
    room = capacity.groupby(["site_id", "ship_date"], sort=True)["capacity_pallets"].sum()
    days = days.merge(room.reset_index(), on=["site_id", "ship_date"], how="left")
    last = capacity["ship_date"].max()
    rows: list[tuple[str, str, str, object, str, str]] = []
    for day in rows_of(days):
        name = f"{day.site_id} {day.ship_date:%Y-%m-%d}"
        if pd.isna(day.capacity_pallets):
            if day.ship_date <= last:
                question = f"Can {day.pallets:,.0f} pallets leave {name}?"
                rows.append(("unknown", "dock", name, day.ship_date, "no capacity row", question))
        elif day.pallets > day.capacity_pallets + 1e-6:
            detail = f"{day.pallets:,.1f} pallets ready, {day.capacity_pallets:,.0f} can leave"
            rows.append(("fail", "dock", name, day.ship_date, detail, ""))
    for item in sorted(set(due.loc[per_pallet.isna(), "item_id"])):
        question = f"How many {item} stand on a pallet?"
        rows.append(("unknown", "item", item, pd.NaT, "no quantity per pallet", question))
    return _Finding(len(days), rows)


def _fences(moves: pd.DataFrame) -> _Finding:
    frozen = moves[(moves["zone"] == "frozen") & (moves["change"] != "shifted")]
    rows: list[tuple[str, str, str, object, str, str]] = [
        (
            "fail",
            "operation",
            _name(move),
            move.first_start_at,
            f"{move.change} inside the frozen zone: needs its approver",
            "",
        )
        for move in rows_of(frozen)
    ]
    return _Finding(len(moves), rows)

"""
Pressure test: would the shop floor survive this schedule?

Six subjects, each *pass*, *fail* or *unknown*. A failure has the rows that fail. An unknown is
never counted as a pass: it is a question to a function, with the rows it is about. Breaking the
frozen zone is a question to its approver, priced, never a silent pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from soe_lib.scenario import pressure_checks as checks
from soe_lib.scenario.context import Context
from soe_lib.scenario.floor import shipments_due, with_floor_needs
from soe_lib.scenario.pressure_checks import Finding
from soe_lib.scenario.result import Result

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
"""Subjects in the order of the agenda, and the function that answers for each."""


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


def pressure_of(result: Result, context: Context) -> PressureTest:
    """
    Test a scenario's result.

    Parameters
    ----------
    result
        The result; its violations are not looked at again.
    context
        Snapshot and parameters.
    """
    operations = with_floor_needs(result.schedule.operations, context.tables, context.as_of)
    return pressure_test(
        operations[operations["end_at"].notna()],
        result.moves,
        shipments_due(result.schedule.promises, context.tables, context.site_time_zone),
        context.tables,
        purchases=result.schedule.purchases,
        overtime=result.overtime,
        expedites=result.pulled[result.pulled["lever"] == "expedite"],
        time_zone=context.site_time_zone,
    )


def pressure_test(
    operations: pd.DataFrame,
    moves: pd.DataFrame,
    shipments: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    purchases: pd.DataFrame,
    overtime: pd.DataFrame,
    expedites: pd.DataFrame,
    time_zone: str = "UTC",
) -> PressureTest:
    """
    Test a schedule against changeovers, tooling, labour, material, shipping and fences.

    Parameters
    ----------
    operations
        Operations of the scenario, not yet completed, with ``tool_id`` and ``labour_count``.
    moves
        Rows of ``moved_operations`` against doing nothing, with ``zone`` and ``change_cost``.
    shipments
        One row per order line that leaves in the horizon: ``order_id``, ``line_id``, ``item_id``,
        ``ship_date``, ``site_id``, ``qty`` [uom].
    tables
        Canonical tables.
    purchases
        ``Schedule.purchases``: supply that the schedule assumes at lead time.
    overtime
        Rows of ``overtime_used``.
    expedites
        Rows of ``levers.pulled_rows``.
    time_zone
        Zone of the hours in questions.

    Returns
    -------
    PressureTest
        Summary and rows, both sorted by subject in the order of the agenda.
    """
    subjects: dict[str, Callable[[], Finding]] = {
        "changeovers": lambda: checks.changeovers(operations, tables),
        "tooling": lambda: checks.tooling(operations, tables),
        "labour": lambda: checks.labour(operations, overtime, tables, time_zone),
        "material": lambda: checks.material(operations, purchases, expedites, tables),
        "shipping": lambda: checks.shipping(shipments, tables),
        "fences": lambda: checks.fences(moves),
    }
    summary, rows = [], []
    for subject, check in subjects.items():
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
    table["at"] = pd.to_datetime(table["at"], utc=True).astype("datetime64[us, UTC]")
    texts = [name for name in ROW_COLUMNS if name != "at"]
    return PressureTest(
        pd.DataFrame(summary, columns=list(PRESSURE_COLUMNS)),
        table.astype(dict.fromkeys(texts, "str")),
    )


def _sentence(subject: str, finding: Finding, failed: int, unknown: int) -> str:
    said = [f"{finding.num_checked:,} checked"] if finding.num_checked else []
    if failed:
        said.append(f"{failed:,} fail")
    if unknown:
        said.append(f"{unknown:,} open question" + ("s" if unknown > 1 else ""))
    if finding.off_because:
        said.insert(0, f"unknown, {finding.off_because}")
    return f"{subject}: " + ", ".join(said or ["nothing to check"])

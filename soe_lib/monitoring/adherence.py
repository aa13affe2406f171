"""Schedule adherence of last week as tables and one sentence; its formulas are in ``kpi``."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from soe_lib.kpi.value import Kpi

COLUMNS = {
    "schedule_adherence": "adherence_pct",
    "schedule_attainment": "attainment_pct",
    "mix_attainment": "mix_pct",
    "sequence_adherence": "sequence_pct",
    "start_on_time": "start_on_time_pct",
    "finish_on_time": "finish_on_time_pct",
    "build_to_schedule": "build_to_schedule_pct",
    "unscheduled_work": "unscheduled_pct",
}
"""KPI to column of :func:`by_resource`, in the order shown."""


def by_resource(kpis: Sequence[Kpi], operations: pd.DataFrame) -> pd.DataFrame:
    """
    Return the four dimensions of each resource.

    Parameters
    ----------
    kpis
        Result of ``kpi.adherence.adherence_kpis`` cut by ``resource_id``.
    operations
        Rows behind it.

    Returns
    -------
    pandas.DataFrame
        One row per ``resource_id`` that had something planned, worst adherence first:
        ``num_operations`` due, ``planned_hours``, ``lost_hours`` [h], the columns of
        :data:`COLUMNS` [%] (empty = not evaluable), ``main_loss`` (cause of most lost hours).
    """
    rows = [
        {"resource_id": k.member, "column": COLUMNS[k.kpi], "value": k.value}
        for k in kpis
        if k.dimension == "resource_id" and k.kpi in COLUMNS
    ]
    due = operations[
        (operations["origin"] == "plan")
        & operations["is_due_to_finish"]
        & (operations["exclude_reason"] == "")
    ]
    by = due.groupby("resource_id")
    lost = due.groupby(["resource_id", "main_loss"])["lost_hours"].sum().reset_index()
    lost = lost[lost["main_loss"] != ""].sort_values(
        ["lost_hours", "main_loss"], ascending=[False, True], kind="stable"
    )
    main = lost.drop_duplicates("resource_id").set_index("resource_id")["main_loss"]
    found = pd.DataFrame(
        {
            "num_operations": by.size(),
            "planned_hours": by["planned_hours"].sum(),
            "lost_hours": by["lost_hours"].sum(),
        }
    )
    wide = pd.DataFrame(rows, columns=["resource_id", "column", "value"]).pivot(
        index="resource_id", columns="column", values="value"
    )
    for name in COLUMNS.values():
        found[name] = (
            wide[name].reindex(found.index).astype(float) if name in wide else float("nan")
        )
    found["main_loss"] = main.reindex(found.index)
    found = found.rename_axis("resource_id").reset_index()
    types = {"resource_id": "str", "main_loss": "str", "num_operations": "int64"}
    ordered = found.astype({**types, "planned_hours": "float64", "lost_hours": "float64"})
    return ordered.sort_values(
        ["adherence_pct", "resource_id"], kind="stable", na_position="last"
    ).reset_index(drop=True)


def adherence_sentence(
    kpis: pd.DataFrame, operations: pd.DataFrame, losses: pd.DataFrame, off: Sequence[str] = ()
) -> str:
    """
    Say how the plan of the week was kept in its four dimensions and what cost most.

    Parameters
    ----------
    kpis
        Scorecard rows of the week.
    operations
        Rows of ``kpi.adherence_rows.adherence_operations``.
    losses
        Rows of ``kpi.adherence.schedule_losses``.
    off
        What is off in the feed: said where nothing was due.
    """
    totals = kpis[kpis["dimension"] == ""].drop_duplicates("kpi").set_index("kpi")["value"]
    value = {name: float(totals.get(name, float("nan"))) for name in COLUMNS}
    if pd.isna(value["schedule_adherence"]):
        why = next((s for s in off if s.startswith("schedule adherence")), "")
        return f"{why}." if why else "not evaluable: no published operation was due last week."
    due = operations[
        (operations["origin"] == "plan")
        & operations["is_due_to_finish"]
        & (operations["exclude_reason"] == "")
    ]
    dimensions = [
        ("quantity", value["schedule_adherence"]),
        ("mix", value["mix_attainment"]),
        ("sequence", value["sequence_adherence"]),
        ("starts on time", value["start_on_time"]),
    ]
    told = ", ".join(f"{name} {number:.1f} %" for name, number in dimensions if not pd.isna(number))
    text = (
        f"Of {len(due):,} operations due ({due['planned_hours'].sum():,.0f} h): {told}. "
        f"Against the schedule in force when the week's first line opened."
    )
    lost = float(losses["lost_hours"].sum())
    if lost <= 0:
        return text
    causes = losses.groupby("cause")["lost_hours"].sum().sort_index()
    top = causes.sort_values(ascending=False, kind="stable").head(2)
    parts = " and ".join(f"{hours:,.1f} h to '{cause}'" for cause, hours in top.items())
    worst = losses.groupby("resource_id")["lost_hours"].sum().sort_index().idxmax()
    return f"{text} {lost:,.1f} h of it were lost, {parts}; most on {worst}."

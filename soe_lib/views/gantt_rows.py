"""Rows for the Gantt of a scenario: what moves, and where it stood."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.run import Run

_KEY = ["wo_id", "op_no", "split_no"]


def gantt_rows(
    run: Run,
    tables: Mapping[str, pd.DataFrame],
    scenario: str,
    *,
    only_moved: bool,
    days: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Return operations of a scenario and the bars behind them.

    Parameters
    ----------
    run
        Run whose instant and items are used.
    tables
        ``scenario_operations`` and ``scenario_moves``.
    scenario
        Scenario to draw.
    only_moved
        Only operations that a decision moves.
    days
        Operations that start within so many days of the run. [days]

    Returns
    -------
    operations, ghosts
        Columns that :func:`soe_lib.charts.plot_gantt` wants; ghosts are those of doing nothing.
    """
    everything = tables["scenario_operations"]
    rows = everything[(everything["scenario"] == scenario) & everything["start_at"].notna()]
    rows = rows[rows["start_at"] < run.as_of + pd.Timedelta(days=days)]
    if only_moved:
        moves = tables["scenario_moves"]
        moves = moves[(moves["scenario"] == scenario) & (moves["change_cost"] > 0)]
        rows = rows.merge(moves[_KEY].drop_duplicates(), on=_KEY)
    families = run.tables["item"].set_index("item_id")["family_id"]
    quantity = rows["planned_qty"].map(" {:,.0f}".format).astype("str")
    rows = rows.assign(
        family_id=rows["item_id"].map(families).fillna("other"),
        label=rows["wo_id"] + " " + rows["item_id"] + quantity,
    )
    nothing = everything[everything["scenario"] == "do_nothing"]
    before = rows[[*_KEY, "label"]].merge(
        nothing[[*_KEY, "resource_id", "setup_start_at", "start_at", "end_at"]], on=_KEY
    )
    return rows, before[before["start_at"].notna()]

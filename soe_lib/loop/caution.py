"""What a plan for a real floor allows for: the speed that was seen, and time in hand before a due."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

LEAST_RUNS = 20
"""Runs of a line from which on its mean speed is believed. [runs]"""


def with_seen_rates(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """
    Return tables whose routing is as fast as the lines have been.

    Of each line the MES's mean rates are set against the standard ones, weighted by the number of
    runs; short stops and slow shifts are in these means. Running times per unit of the line are
    divided by that ratio. A line with fewer than :data:`LEAST_RUNS` runs keeps its standard.

    Parameters
    ----------
    tables
        Canonical tables; ``run_rate`` and ``routing_alternate`` are read.
    """
    rates, routing = tables["run_rate"], tables["routing_alternate"]
    seen = rates[rates["mean_rate_per_hour"].gt(0) & rates["standard_rate_per_hour"].gt(0)]
    runs = seen["num_observations"].fillna(0).astype(float)
    minutes = runs * seen["standard_rate_per_hour"] / seen["mean_rate_per_hour"]
    count = runs.groupby(seen["resource_id"]).sum()
    slower = (minutes.groupby(seen["resource_id"]).sum() / count)[count >= LEAST_RUNS]
    factor = routing["resource_id"].map(slower).astype(float).fillna(1.0)
    own = routing.assign(run_minutes_per_unit=routing["run_minutes_per_unit"] * factor)
    return {**tables, "routing_alternate": own}


def in_hand(lines: pd.DataFrame, as_of: pd.Timestamp, hours: float) -> pd.DataFrame:
    """
    Return order lines that are due some hours before they are.

    A plan that is ready when the truck is loaded is late after the first stop. What is due within
    these hours, or was due, keeps its instant.

    Parameters
    ----------
    lines
        ``sales_order_line``.
    as_of
        Instant of the plan.
    hours
        Time in hand. [h]
    """
    early = lines["due_at"] - pd.Timedelta(hours=hours)
    may = lines["due_at"].notna() & (early > as_of)
    return lines.assign(due_at=lines["due_at"].where(~may, early))

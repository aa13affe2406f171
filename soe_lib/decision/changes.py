"""What the chosen schedule changes for customers: dates, quantities, shipments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.scenario.orders import LINE_KEY, open_lines
from soe_lib.scenario.published import table_or_empty

CONFIRMATION_COLUMNS = (
    *LINE_KEY,
    "customer_id",
    "item_id",
    "action",
    "old_confirmed_date",
    "new_confirmed_date",
    "moved_days",
    "open_qty",
    "new_confirmed_qty",
    "reason_code",
)


def order_confirmations(
    promises: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    reasons: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """
    List the order lines whose confirmation must change.

    A promise that becomes earlier is not passed on: the customer's date stands. A line without
    any promise in the horizon is withdrawn, never left at a date that nobody will keep.

    Parameters
    ----------
    promises
        Promises of the chosen schedule, one row per (order_id, line_id): ``promised_date``,
        ``promised_qty`` [uom].
    tables
        Canonical tables; ``sales_order_line`` holds what is confirmed now.
    reasons
        One row per (order_id, line_id): ``reason_code``; none = ``unexplained``.

    Returns
    -------
    pandas.DataFrame
        One row per changed (order_id, line_id), latest move first: ``action`` (confirm, redate,
        reduce, withdraw), ``old_confirmed_date``, ``new_confirmed_date``, ``moved_days`` [days],
        ``open_qty``, ``new_confirmed_qty`` [uom], ``reason_code``.
    """
    lines = open_lines(tables)
    promised = promises[[*LINE_KEY, "promised_date", "promised_qty"]]
    joined = lines.merge(promised, on=LINE_KEY, how="inner", validate="one_to_one")
    old, new = joined["last_confirmed_date"], joined["promised_date"]
    short = joined["promised_qty"].fillna(0) < joined["open_qty"] - 1e-6
    action = np.select(
        [new.isna() & old.isna(), new.isna(), old.isna(), new > old, short],
        ["", "withdraw", "confirm", "redate", "reduce"],
        default="",
    )
    joined = joined.assign(
        action=pd.Series(action, dtype="str"),
        old_confirmed_date=old,
        new_confirmed_date=new.where(old.isna() | new.isna() | (new > old), old),
        new_confirmed_qty=joined["promised_qty"].fillna(0.0),
    )
    joined["moved_days"] = (
        joined["new_confirmed_date"] - joined["old_confirmed_date"]
    ).dt.total_seconds() / 86400
    joined = joined[joined["action"] != ""]
    joined = _with_reason(joined, reasons)
    return (
        joined.sort_values(
            ["moved_days", *LINE_KEY], ascending=[False, True, True], na_position="first"
        )
        .reset_index(drop=True)
        .reindex(columns=list(CONFIRMATION_COLUMNS))
    )


def _with_reason(rows: pd.DataFrame, reasons: pd.DataFrame | None) -> pd.DataFrame:
    if reasons is None or reasons.empty:
        return rows.assign(reason_code="unexplained")
    known = reasons.drop_duplicates(LINE_KEY)[[*LINE_KEY, "reason_code"]]
    joined = rows.merge(known, on=LINE_KEY, how="left")
    return joined.assign(reason_code=joined["reason_code"].fillna("unexplained"))


def shipments_too_early(
    promises: pd.DataFrame, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    List the shipments that are planned to leave before their goods are ready.

    Parameters
    ----------
    promises
        Promises of the chosen schedule.

    Returns
    -------
    pandas.DataFrame
        One row per (``shipment_id``, order line): ``planned_departure_at``, ``ready_at`` (empty =
        never in the horizon), ``order_id``, ``line_id``; the earliest departure first.
    """
    shipments = table_or_empty(tables, "shipment")
    is_to_come = shipments["actual_departure_at"].isna() & (shipments["status"] == "planned")
    planned = shipments[is_to_come & (shipments["planned_departure_at"] >= as_of)]
    at = promises["ready_at"] if "ready_at" in promises else promises["promised_at"]
    ready = promises[LINE_KEY].assign(ready_at=at)
    joined = planned.merge(ready, on=LINE_KEY)
    late = joined["ready_at"].isna() | (joined["ready_at"] > joined["planned_departure_at"])
    found = joined[late].sort_values(
        ["planned_departure_at", "shipment_id", *LINE_KEY], kind="stable"
    )
    return found[["shipment_id", "planned_departure_at", "ready_at", *LINE_KEY]].reset_index(
        drop=True
    )

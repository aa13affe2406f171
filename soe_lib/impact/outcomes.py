"""What became of promises that were forecast earlier."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.tables import TABLES

KEYS = ["order_id", "line_id"]


def promise_outcomes(
    forecasts: pd.DataFrame, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    Return whether each forecast promise was kept, as far as it is known.

    A promise is kept when the whole line left by the end of the day (UTC) on which it was due then:
    what is ready by the cut-off is loaded and issued after it. A line that is still open after that
    day is broken; a cancelled line, one that the feed no longer has or one that
    is not due yet is not known.

    Parameters
    ----------
    forecasts
        ``order_id``, ``line_id``, ``due_at`` as they were forecast.
    tables
        Canonical tables of a later snapshot.
    as_of
        Its instant.

    Returns
    -------
    pandas.DataFrame
        Forecasts in their order with ``is_on_time`` (nullable boolean).
    """
    lines = tables.get("sales_order_line", TABLES["sales_order_line"].empty())
    marked = lines.assign(
        is_open=lines["status"] == "open", is_cancelled=lines["status"] == "cancelled"
    )
    states = marked.groupby(KEYS).agg(
        is_open=("is_open", "any"),
        is_cancelled=("is_cancelled", "all"),
        left_at=("last_goods_issue_at", "max"),
    )
    events = tables.get("delivery_event", TABLES["delivery_event"].empty())
    events = events[events["goods_issue_at"] <= as_of]
    issued = events.groupby(KEYS)["goods_issue_at"].max().rename("issued_at")
    found = forecasts.merge(states.join(issued).reset_index(), on=KEYS, how="left")
    left = found["left_at"].fillna(found["issued_at"])
    is_known = found["is_open"].notna() & ~found["is_cancelled"].eq(True)
    is_open = found["is_open"].eq(True)
    limit = found["due_at"].dt.floor("D") + pd.Timedelta(days=1)
    kept = ~is_open & left.notna() & (left < limit)
    broken = (is_open & (limit <= as_of)) | (~is_open & (left >= limit))
    outcome = pd.Series(pd.NA, index=found.index, dtype="boolean")
    outcome = outcome.mask(is_known & kept, True).mask(is_known & broken, False)
    return forecasts.assign(is_on_time=outcome.to_numpy())

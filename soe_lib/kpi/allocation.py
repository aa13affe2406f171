"""Which schedule line a delivery serves: first come first served within its order line."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soe_lib.kpi.facts import KEY, TINY


def allocate(
    rows: pd.DataFrame, sort_by: list[str], deliveries: pd.DataFrame, day: str
) -> pd.DataFrame:
    """
    Divide the deliveries of each order line over its schedule lines, first come first served.

    Parameters
    ----------
    rows
        Schedule lines with :data:`KEY`, ``row``, ``qty`` and the columns of ``sort_by``.
    sort_by
        In which order the schedule lines of one order line are served.
    deliveries
        :data:`KEY`, ``delivered_qty`` and the day column.
    day
        Deliveries are consumed in this order. What exceeds all schedule lines goes to the last.

    Returns
    -------
    pandas.DataFrame
        ``row``, ``qty`` (> 0), the day column, ``delivery`` (position in ``deliveries``), by row
        and day.
    """
    line, served = _numbered(rows, deliveries)
    ordered = rows[["row", "qty", *sort_by]].assign(line=line)
    ordered = ordered.sort_values(["line", *sort_by], kind="stable")[["line", "row", "qty"]]
    ordered["upto"] = ordered.groupby("line", sort=False)["qty"].cumsum()
    ordered["begin"] = ordered["upto"] - ordered["qty"]
    is_last = ~ordered.duplicated("line", keep="last")
    ordered.loc[is_last, "upto"] = np.inf
    moves = deliveries[["delivered_qty", day]].assign(
        line=served, delivery=np.arange(len(deliveries))
    )
    moves = moves.sort_values(["line", day, "delivery"], kind="stable")
    moves["move_upto"] = moves.groupby("line", sort=False)["delivered_qty"].cumsum()
    moves["move_begin"] = moves["move_upto"] - moves["delivered_qty"]
    pairs = moves.merge(ordered.drop(columns="qty"), on="line", how="inner")
    low = np.maximum(pairs["begin"], pairs["move_begin"])
    high = np.minimum(pairs["upto"], pairs["move_upto"])
    pairs["qty"] = high - low
    pairs = pairs[pairs["qty"] > TINY * pairs["delivered_qty"]]
    return pairs.sort_values(["row", day, "delivery"], kind="stable")[
        ["row", day, "qty", "delivery"]
    ].reset_index(drop=True)


def _numbered(rows: pd.DataFrame, deliveries: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return a number for the order line of each row and of each delivery: quicker than names."""
    both = pd.concat([rows[KEY], deliveries[KEY]])
    number = both.groupby(KEY, sort=False, dropna=False).ngroup().to_numpy()
    return number[: len(rows)], number[len(rows) :]


def allocate_claims(
    rows: pd.DataFrame, sort_by: list[str], deliveries: pd.DataFrame, day: str
) -> tuple[pd.DataFrame, pd.Series]:
    """
    Divide deliveries as :func:`allocate` does, when part of the schedule lines left the book.

    A line that is gone (``gone_at``) keeps what it had received until then and no more, before the
    lines that remain are served.

    Parameters
    ----------
    rows
        As for :func:`allocate`, with ``gone_at``.
    deliveries
        As for :func:`allocate`, with ``known_at``.

    Returns
    -------
    tuple
        The pairs of :func:`allocate`, and what each row could claim (``qty``, or what it had
        received when it was gone), index of ``rows``. [uom]
    """
    is_gone = rows["gone_at"].notna()
    claim = rows["qty"].astype(float).copy()
    if not is_gone.any():
        return allocate(rows, sort_by, deliveries, day), claim
    pairs = allocate(rows, sort_by, deliveries, day)
    by_row = rows.set_index("row")["gone_at"]
    known = deliveries["known_at"].to_numpy()[pairs["delivery"].to_numpy()]
    in_time = pairs[pd.Series(known <= by_row.loc[pairs["row"]].to_numpy(), index=pairs.index)]
    had = in_time.groupby("row")["qty"].sum().reindex(rows["row"]).fillna(0.0)
    claim = claim.where(~is_gone, np.minimum(claim, had.to_numpy()))
    if not (is_gone & rows.duplicated(KEY, keep=False)).any():
        return pairs, claim
    asked = rows.assign(qty=claim, is_live=~is_gone)
    return allocate(asked, ["is_live", *sort_by], deliveries, day), claim

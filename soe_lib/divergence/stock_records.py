"""Stock records that do not fit their movements."""

from __future__ import annotations

import pandas as pd
from scipy.stats import norm

from soe_lib.divergence.control import LEAST_OBSERVATIONS, usual_of
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.names import look_up, named
from soe_lib.divergence.rows import empty_rows, finish

BROKEN_SHARE = 0.25
"""Where more items than this share break the balance of movements, the ledger is incomplete."""
USUAL_NOISE = 0.02
"""Share by which a run takes more or less than its bill of material where the past is silent."""
LEAST_NOISE = 0.001


def stock_identity(facts: Facts, pairs: int = 1) -> pd.DataFrame:
    """
    Compare each purchased item's balances with what its movements make of the one before.

    Expected = balance before + usable receipts − consumption by reported quantities through the
    BOM − deliveries to customers, all between the two balances.

    Parameters
    ----------
    pairs
        How many of the newest pairs of balances of each item.

    Returns
    -------
    pandas.DataFrame
        One row per ``item_id`` and pair: ``before_at``, ``balance_at``, ``before_qty``,
        ``received_qty``, ``consumed_qty`` (deliveries included), ``expected_qty``,
        ``on_hand_qty`` [uom], ``counted_at`` (last physical count between the two, NaT = none),
        ``counted_qty`` (what was expected then, without a count what is expected now) [uom],
        ``run_qty`` (root of the sum of squares of what single work orders consumed: their
        differences from the bill of material add up like that) [uom], ``age`` (0 = newest pair).
    """
    stock = facts.tables["inventory_balance"]
    stock = stock[stock["balance_at"] <= facts.as_of]
    totals = stock.groupby(["item_id", "balance_at"], as_index=False).agg(
        on_hand_qty=("on_hand_qty", "sum"), counted_at=("counted_at", "max")
    )
    by_item = totals.groupby("item_id")
    totals["before_qty"] = by_item["on_hand_qty"].shift()
    totals["before_at"] = by_item["balance_at"].shift()
    totals["age"] = by_item.cumcount(ascending=False)
    items = facts.tables["item"]
    bought = items.loc[items["supply_type"] == "buy", "item_id"]
    kept = totals["before_qty"].notna() & (totals["age"] < pairs) & totals["item_id"].isin(bought)
    rows = totals[kept].reset_index(drop=True)
    received = _received(facts)
    rows["counted_at"] = rows["counted_at"].where(rows["counted_at"] > rows["before_at"])
    consumed = _consumed(facts, rows)
    used = pd.concat([consumed, _delivered(facts)], ignore_index=True)
    rows["run_qty"] = _root_of_squares(consumed, rows)
    rows["received_qty"] = _between(received, rows, rows["balance_at"])
    rows["consumed_qty"] = _between(used, rows, rows["balance_at"])
    rows["expected_qty"] = rows["before_qty"] + rows["received_qty"] - rows["consumed_qty"]
    then = rows["before_qty"] + _between(received, rows, rows["counted_at"])
    then -= _between(used, rows, rows["counted_at"])
    rows["counted_qty"] = then.where(rows["counted_at"].notna(), rows["expected_qty"])
    return rows


def movements_are_complete(facts: Facts, identity: pd.DataFrame) -> bool:
    """Say whether the feed's movements explain the newest balances of most items that moved."""
    newest = identity[identity["age"] == 0]
    moved = newest[(newest["received_qty"] > 0) | (newest["consumed_qty"] > 0)]
    if moved.empty:
        return False
    gaps = _gaps(facts, identity)
    return float(gaps.loc[moved.index, "is_wrong"].mean()) <= BROKEN_SHARE


def _gaps(facts: Facts, identity: pd.DataFrame) -> pd.DataFrame:
    """
    Judge each pair: a record is wrong beyond the tolerance of what was expected at the count, and
    beyond the drift that consumption by the bill of material always leaves.
    """
    rows = identity.assign(planned_value=identity["expected_qty"].clip(lower=0.0))
    rows["actual_value"] = rows["on_hand_qty"]
    gap = rows["actual_value"] - rows["planned_value"]
    drift = (gap / rows["run_qty"].where(rows["run_qty"] > 0))[rows["age"] > 0].dropna()
    centre, spread = 0.0, USUAL_NOISE
    if len(drift) >= LEAST_OBSERVATIONS:
        centre, spread = usual_of(drift.to_numpy(float), LEAST_NOISE)
    base = rows["counted_qty"].clip(lower=1.0)
    tolerance = facts.params.divergence.stock_count_pct
    sigmas = float(norm.isf(0.5 / facts.params.divergence.false_alarm_weeks))
    rows["severity"] = (100 * gap.abs() / base) / max(tolerance, 1e-9)
    rows["is_wrong"] = (gap.abs() > tolerance / 100 * base) & (
        (gap - centre * rows["run_qty"]).abs() > sigmas * spread * rows["run_qty"]
    )
    return rows


def wrong_stock(facts: Facts, identity: pd.DataFrame) -> pd.DataFrame:
    """Return purchased items whose record leaves what its movements give by the tolerance."""
    rows = _gaps(facts, identity)
    found = rows[rows["is_wrong"] & (rows["age"] == 0)].copy()
    if found.empty:
        return empty_rows()
    found["object_id"] = found["item_id"]
    difference = found["actual_value"] - found["planned_value"]
    found["direct_cost"] = difference.abs() * look_up(found["item_id"], facts.items["std_cost"])
    found["first_seen_at"] = found["counted_at"].fillna(found["balance_at"])
    found["act_by_at"] = facts.as_of
    found["sentence"] = [
        f"{i}: the record says {a:,.0f}, its movements give {p:,.0f} ({a - p:+,.0f}): count it"
        for i, a, p in zip(
            named(found["item_id"], facts.item_names),
            found["actual_value"],
            found["planned_value"],
            strict=True,
        )
    ]
    return finish(
        found,
        divergence_type="stock_record_wrong",
        subject="inventory",
        object_type="item",
        owner_role="operations",
        unit="uom",
        evidence_table="inventory_balance",
        evidence={
            "item_id": found["item_id"],
            "balance_at": pd.Series(
                [list(pair) for pair in zip(found["before_at"], found["balance_at"], strict=True)],
                index=found.index,
            ),
        },
    )


def _between(moves: pd.DataFrame, windows: pd.DataFrame, until: pd.Series) -> pd.Series:
    """Sum ``qty`` of each window's item over (before_at, until]; no end = nothing."""
    window = windows[["item_id", "before_at"]].assign(until=until, window=windows.index)
    joined = moves.merge(window, on="item_id")
    inside = (joined["at"] > joined["before_at"]) & (joined["at"] <= joined["until"])
    summed = joined[inside].groupby("window")["qty"].sum()
    return summed.reindex(windows.index).fillna(0.0).astype(float)


def _root_of_squares(consumed: pd.DataFrame, windows: pd.DataFrame) -> pd.Series:
    window = windows[["item_id", "before_at", "balance_at"]].assign(window=windows.index)
    joined = consumed.merge(window, on="item_id")
    inside = (joined["at"] > joined["before_at"]) & (joined["at"] <= joined["balance_at"])
    by_order = joined[inside].groupby(["window", "wo_id"])["qty"].sum() ** 2
    summed = by_order.groupby(level="window").sum() ** 0.5
    return summed.reindex(windows.index).fillna(0.0).astype(float)


def _received(facts: Facts) -> pd.DataFrame:
    events = facts.tables["goods_receipt_event"]
    keys = ["po_id", "line_id"]
    lines = facts.tables["purchase_order_line"].drop_duplicates(keys)[[*keys, "item_id"]]
    joined = events.merge(lines, on=keys)
    qty = joined["received_qty"] - joined["rejected_qty"].fillna(0)
    return pd.DataFrame({"item_id": joined["item_id"], "at": joined["received_at"], "qty": qty})


def _delivered(facts: Facts) -> pd.DataFrame:
    events = facts.tables["delivery_event"]
    keys = ["order_id", "line_id"]
    lines = facts.tables["sales_order_line"].drop_duplicates(keys)[[*keys, "item_id"]]
    joined = events.merge(lines, on=keys)
    return pd.DataFrame(
        {
            "item_id": joined["item_id"],
            "at": joined["goods_issue_at"],
            "qty": joined["delivered_qty"],
        }
    )


def _consumed(facts: Facts, windows: pd.DataFrame) -> pd.DataFrame:
    """
    Components that reported quantities used, through the BOM valid today; reports are summed by
    run and day, never across an end of the windows.
    """
    instants = windows[["before_at", "balance_at", "counted_at"]].stack()
    begin = windows["before_at"].min() if len(windows) else facts.as_of
    events = facts.progress.days(begin, pd.unique(pd.Series(instants)).tolist())
    made = events["good_qty"] + events["scrap_qty"]
    events = events.assign(made=made, event_at=events["last_at"])[made > 0]
    events = events[["wo_id", "op_no", "event_at", "made"]]
    orders = facts.tables["work_order"].drop_duplicates("wo_id").set_index("wo_id")["item_id"]
    events["parent_item_id"] = look_up(events["wo_id"], orders)
    bom = facts.tables["bom_component"]
    day = facts.today
    bom = bom[
        (bom["valid_from_date"].isna() | (bom["valid_from_date"] <= day))
        & (bom["valid_to_date"].isna() | (bom["valid_to_date"] >= day))
    ]
    bom = bom[["parent_item_id", "component_item_id", "qty_per", "op_no", "scrap_pct"]]
    bom = bom.rename(columns={"op_no": "bom_op"})
    # A component without operation goes into the first one of the work order.
    first = facts.progress.runs.groupby("wo_id")["op_no"].min()
    is_first = (events["op_no"] == look_up(events["wo_id"], first)).fillna(False).astype(bool)
    keys = ["parent_item_id", "op_no"]
    placed = bom[bom["bom_op"].notna()].rename(columns={"bom_op": "op_no"})
    parts = [
        events.merge(placed.astype({"op_no": "Int64"}), on=keys),
        events[is_first].merge(bom[bom["bom_op"].isna()], on="parent_item_id"),
    ]
    joined = pd.concat([part.drop(columns="bom_op", errors="ignore") for part in parts])
    qty = joined["made"] * joined["qty_per"] * (1 + joined["scrap_pct"].fillna(0) / 100)
    return pd.DataFrame(
        {
            "item_id": joined["component_item_id"],
            "at": joined["event_at"],
            "qty": qty,
            "wo_id": joined["wo_id"],
        }
    )

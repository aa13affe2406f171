"""Material: purchased components against the needs of the published schedule."""

from __future__ import annotations

import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import Links, latest_stock
from soe_lib.divergence.names import at_least, count_of, look_up, named
from soe_lib.divergence.rows import empty_rows, finish
from soe_lib.divergence.supply import open_purchases

SHORT_QTY = 1e-6
_CURVE = {
    "item_id": "str",
    "at": "datetime64[us, UTC]",
    "change_qty": "float64",
    "projected_qty": "float64",
    "first_short_at": "datetime64[us, UTC]",
}


def stock_curve(facts: Facts, needs: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """
    Project the stock of purchased components against what the published schedule wants.

    Receipts count on the noon of their confirmed day, what is past due tomorrow, as the engine
    has it; needs count when the plan wants them, not when the projection could serve them.

    Parameters
    ----------
    needs
        ``item_id``, ``wo_id``, ``qty`` [uom], ``wanted_at`` (instant).
    until
        End of the horizon.

    Returns
    -------
    pandas.DataFrame
        One row per (``item_id``, ``at``), ascending: ``change_qty``, ``projected_qty`` [uom]
        (negative = a backlog of needs), ``first_short_at`` of the item (NaT = never).
    """
    items = facts.items
    bought = set(items.index[items["supply_type"] == "buy"])
    needs = needs[needs["item_id"].isin(bought) & (needs["wanted_at"] < until)]
    if needs.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _CURVE.items()})
    wanted = set(needs["item_id"])
    stock = latest_stock(facts.tables, facts.as_of)
    parts = [
        pd.DataFrame(
            {"item_id": stock["item_id"], "at": facts.as_of, "change_qty": stock["on_hand_qty"]}
        ),
        _receipts(facts),
        pd.DataFrame(
            {"item_id": needs["item_id"], "at": needs["wanted_at"], "change_qty": -needs["qty"]}
        ),
    ]
    kept = [part for part in parts if len(part)]
    moves = pd.concat(kept, ignore_index=True)
    moves = moves[(moves["at"] < until) & moves["item_id"].isin(wanted)]
    curve = moves.groupby(["item_id", "at"])["change_qty"].sum().reset_index()
    curve = curve.sort_values(["item_id", "at"], kind="stable")
    curve["projected_qty"] = curve.groupby("item_id")["change_qty"].cumsum()
    below = curve[curve["projected_qty"] < -SHORT_QTY]
    curve["first_short_at"] = look_up(curve["item_id"], below.groupby("item_id")["at"].min())
    return curve.astype(_CURVE).reset_index(drop=True)


def _receipts(facts: Facts) -> pd.DataFrame:
    lines = open_purchases(facts)
    day = lines["promised_date"].fillna(lines["required_date"])
    at = (day + pd.Timedelta(hours=12)).dt.tz_localize("UTC")
    tomorrow = facts.as_of + pd.Timedelta(days=1)
    at = at.where(at > tomorrow, tomorrow).astype("datetime64[us, UTC]")
    promised = lines["confirmed_qty"].fillna(lines["ordered_qty"])
    qty = promised.clip(upper=lines["ordered_qty"]) - lines["received_qty"].fillna(0)
    return pd.DataFrame({"item_id": lines["item_id"], "at": at, "change_qty": qty.clip(lower=0)})


def material_shortages(
    facts: Facts, curve: pd.DataFrame, needs: pd.DataFrame, late: pd.DataFrame, links: Links
) -> pd.DataFrame:
    """
    Return the components that run short, with what the supplier says and who waits for them.

    Parameters
    ----------
    curve
        Result of :func:`stock_curve`.
    needs
        Needs as for it.
    late, links
        Late order lines (priced) and what they hang on.

    Returns
    -------
    pandas.DataFrame
        One row per ``item_id`` that runs short, first first: ``first_short_at``, ``missing_qty``
        [uom] (deepest backlog), ``on_hand_qty`` [uom], ``short_until_at`` (covered again; NaT =
        not within the horizon), ``supplier_id``, ``po_id``, ``required_date``, ``promised_date``,
        ``confirmed_qty`` [uom] of the next open purchase line, ``num_work_orders``,
        ``num_orders`` (late order lines that wait for it), ``late_cost`` [money] of those,
        ``order_ids`` (comma separated, at most ten), ``act_by_at`` (the shortage less the lead
        time, not before ``as_of``) and ``can_wait`` (a normal order in a later cycle is still in
        time and nobody waits).
    """
    short = curve[curve["first_short_at"].notna()]
    rows = short.groupby("item_id", as_index=False).agg(
        first_short_at=("first_short_at", "first"), missing_qty=("projected_qty", "min")
    )
    rows["missing_qty"] = -rows["missing_qty"]
    after = short[short["at"] > short["first_short_at"]]
    last_negative = short[short["projected_qty"] < -SHORT_QTY].groupby("item_id")["at"].max()
    later = after[after["at"] > look_up(after["item_id"], last_negative)]
    rows["short_until_at"] = look_up(rows["item_id"], later.groupby("item_id")["at"].min())
    stock = latest_stock(facts.tables, facts.as_of).set_index("item_id")["on_hand_qty"]
    rows["on_hand_qty"] = look_up(rows["item_id"], stock).fillna(0.0)
    lines = open_purchases(facts)
    lines["expected"] = lines["promised_date"].fillna(lines["required_date"])
    following = lines.sort_values(["expected", "po_id", "line_id"], kind="stable")
    following = following.drop_duplicates("item_id")[
        ["item_id", "supplier_id", "po_id", "required_date", "promised_date", "confirmed_qty"]
    ]
    rows = rows.merge(following, on="item_id", how="left")
    usual = look_up(rows["item_id"], facts.items["supplier_id"])
    rows["supplier_id"] = rows["supplier_id"].fillna(usual)
    waiting = needs.merge(rows[["item_id", "first_short_at"]], on="item_id")
    waiting = waiting[waiting["wanted_at"] >= waiting["first_short_at"]]
    rows["num_work_orders"] = (
        look_up(rows["item_id"], waiting.groupby("item_id")["wo_id"].nunique())
        .fillna(0)
        .astype(int)
    )
    hurt = waiting_orders(links, rows)
    priced = hurt.merge(late[["order_id", "line_id", "late_cost"]], on=["order_id", "line_id"])
    by_item = priced.groupby("item_id")
    rows["num_orders"] = look_up(rows["item_id"], by_item.size()).fillna(0).astype(int)
    rows["late_cost"] = look_up(rows["item_id"], by_item["late_cost"].sum()).fillna(0.0)
    names = by_item["order_id"].agg(_listed) if len(priced) else pd.Series(dtype="str")
    rows["order_ids"] = look_up(rows["item_id"], names).fillna("").astype("str")
    lead = look_up(rows["item_id"], facts.items["lead_time_days"]).fillna(0.0).astype(float)
    last = rows["first_short_at"] - pd.to_timedelta(lead, unit="D")
    rows["act_by_at"] = at_least(last, facts.as_of)
    next_cycle = facts.as_of + (facts.as_of - facts.since)
    rows["can_wait"] = (rows["act_by_at"] > next_cycle) & (rows["num_orders"] == 0)
    ordered = rows.sort_values(["first_short_at", "item_id"], kind="stable")
    return ordered.reset_index(drop=True)


def waiting_orders(links: Links, shortages: pd.DataFrame) -> pd.DataFrame:
    """Return ``order_id``, ``line_id``, ``item_id``: late lines whose work wants what is short."""
    columns = ["item_id", "first_short_at", "short_until_at"]
    found = links.components.merge(shortages[columns], on="item_id")
    begun = found["wanted_at"] >= found["first_short_at"]
    over = found["wanted_at"] >= found["short_until_at"]
    found = found[begun & ~over]
    return found[["order_id", "line_id", "item_id"]].drop_duplicates().reset_index(drop=True)


def _listed(ids: pd.Series) -> str:
    unique = list(dict.fromkeys(ids))
    return ", ".join(unique[:10]) + (f" and {len(unique) - 10} more" if len(unique) > 10 else "")


def shortages(facts: Facts, material: pd.DataFrame) -> pd.DataFrame:
    """Return one divergence per component that runs short and cannot wait for a later cycle."""
    rows = material[~material["can_wait"].astype(bool)].copy()
    if rows.empty:
        return empty_rows()
    rows["object_id"] = rows["item_id"]
    rows["planned_value"] = 0.0
    rows["actual_value"] = -rows["missing_qty"]
    rows["first_seen_at"] = facts.as_of
    days = (rows["first_short_at"] - facts.as_of).dt.total_seconds() / 86_400
    rows["severity"] = 1.0 + 10.0 / (1.0 + days.clip(lower=0.0))
    rows["sentence"] = [
        f"{i} runs short on {at:%a %d %b}: {q:,.0f} missing for {count_of(n, 'work order')}"
        + (f"; {s} confirms {p:%d %b}" if pd.notna(p) else "; nothing is on order")
        for i, at, q, n, s, p in zip(
            named(rows["item_id"], facts.item_names),
            rows["first_short_at"].dt.tz_convert(facts.time_zone),
            rows["missing_qty"],
            rows["num_work_orders"],
            rows["supplier_id"],
            rows["promised_date"],
            strict=True,
        )
    ]
    return finish(
        rows,
        divergence_type="material_shortage",
        subject="inventory",
        object_type="item",
        owner_role="procurement",
        unit="uom",
        evidence_table="projected_stock",
        evidence={"item_id": rows["item_id"]},
    )

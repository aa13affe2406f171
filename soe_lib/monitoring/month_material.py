r"""
Purchased components that the month plan needs, and what of them will be there in time.

A component counts when it can no longer be bought for the month: an order of today would come on
the month's last day or after it. What is there are today's stock
(that of bought and of made intermediates, in components) and open purchase lines; each line's
delay is drawn from its supplier's own past delays, leaning on those of all suppliers. Components
with an alternative, and those already issued to orders that have begun, are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.calendars import site_day
from soe_lib.divergence.facts import Facts
from soe_lib.divergence.links import latest_stock
from soe_lib.divergence.supply import open_purchases
from soe_lib.monitoring.slip_history import promises

DEEPEST = 20
"""Levels of a bill of materials that are followed."""
LEAN = 10
"""Past delays of a supplier at which they weigh as much as those of all."""
COMPONENT_COLUMNS = (
    "plan_month",
    "item_id",
    "required_qty",
    "stock_qty",
    "on_order_qty",
    "qty_p20",
    "qty_p50",
    "p_enough",
    "orderable_until",
)


@dataclass(frozen=True)
class Material:
    """
    Components that could limit a month.

    Attributes
    ----------
    items
        Their names; ``k`` of them.
    need
        Pieces per unit of a family: families by components.
    supply
        Pieces that are there in time: draws by components.
    stock_qty, on_order_qty
        What is in stock, and on order whatever its day.
    orderable_until
        Last day on which an order still came in time; it has passed.
    """

    items: tuple[str, ...]
    need: np.ndarray
    supply: np.ndarray
    stock_qty: np.ndarray
    on_order_qty: np.ndarray
    orderable_until: pd.DatetimeIndex


def needs_per_unit(facts: Facts) -> pd.DataFrame:
    """
    Return pieces of every component per unit of each family, by its mix.

    Returns
    -------
    pandas.DataFrame
        ``family_id``, ``item_id`` (families' own items, intermediates and components), ``qty``.
    """
    bom = _bill(facts)
    level = _mix(facts)
    found = [level]
    for _ in range(DEEPEST):
        level = level.merge(bom, left_on="item_id", right_on="parent_item_id")
        if level.empty:
            break
        level["qty"] *= level["qty_per"]
        level = (
            level[["family_id", "component_item_id", "qty"]]
            .groupby(["family_id", "component_item_id"], as_index=False)
            .sum()
            .rename(columns={"component_item_id": "item_id"})
        )
        found.append(level)
    rows = pd.concat(found, ignore_index=True)
    return rows.groupby(["family_id", "item_id"], as_index=False)[["qty"]].sum()


def _bill(facts: Facts) -> pd.DataFrame:
    bom = facts.tables["bom_component"]
    begun = bom["valid_from_date"].isna() | (bom["valid_from_date"] <= facts.today)
    lasting = bom["valid_to_date"].isna() | (bom["valid_to_date"] >= facts.today)
    bom = bom[begun & lasting & bom["alternate_group"].isna()]
    qty = bom["qty_per"].astype(float) * (1 + bom["scrap_pct"].fillna(0.0).astype(float) / 100)
    return bom[["parent_item_id", "component_item_id"]].assign(qty_per=qty)


def _mix(facts: Facts) -> pd.DataFrame:
    mix = facts.tables["family_mix"]
    begins = mix["valid_from_date"]
    mix = mix[begins.isna() | (begins <= facts.today)]
    mix = mix.drop_duplicates(["family_id", "item_id"], keep="last")
    total = mix.groupby("family_id")["mix_weight"].transform("sum")
    share = (mix["mix_weight"] / total.where(total > 0)).fillna(0.0).astype(float)
    return mix[["family_id", "item_id"]].assign(qty=share)


def material(
    facts: Facts, month: pd.Timestamp, families: pd.Series, *, seed: int, draws: int
) -> Material:
    """
    Return the components that could limit the families' plan of a month.

    Parameters
    ----------
    facts
        Snapshot and instant.
    month
        First day of the month.
    families
        Families in the order wanted.
    seed, draws
        Of the simulation of suppliers.
    """
    per_unit = needs_per_unit(facts)
    items = facts.items
    bought = items[items["supply_type"] == "buy"]
    last_day = month + pd.offsets.MonthBegin(1) - pd.Timedelta(days=1)
    lead = bought["lead_time_days"].astype(float)
    until = last_day - pd.to_timedelta(lead + 1, unit="D")
    late = bought.index[(until < facts.today) & lead.notna()]
    own = per_unit[per_unit["item_id"].isin(late) & per_unit["family_id"].isin(families)]
    names = tuple(sorted(own["item_id"].astype("str").unique()))
    need = np.zeros((len(families), len(names)))
    at = (
        pd.Index(families).get_indexer(own["family_id"]),
        pd.Index(names).get_indexer(own["item_id"]),
    )
    np.add.at(need, at, own["qty"].to_numpy(float))
    stock = _stock(facts, names)
    ordered, arriving = _arriving(facts, names, last_day, seed, draws)
    return Material(
        names, need, stock[None, :] + arriving, stock, ordered,
        pd.DatetimeIndex(until.reindex(list(names))),
    )  # fmt: skip


def _stock(facts: Facts, names: tuple[str, ...]) -> np.ndarray:
    """Return usable stock in components; that of intermediates counts as what is in them."""
    if not facts.has("inventory_balance"):
        return np.zeros(len(names))
    level = latest_stock(facts.tables, facts.as_of).rename(columns={"on_hand_qty": "qty"})
    sold = set(facts.tables["family_mix"]["item_id"])
    level = level[~level["item_id"].isin(sold)]
    bom, found = _bill(facts), []
    for _ in range(DEEPEST):
        found.append(level[level["item_id"].isin(names)])
        level = level.merge(bom, left_on="item_id", right_on="parent_item_id")
        if level.empty:
            break
        level = pd.DataFrame(
            {"item_id": level["component_item_id"], "qty": level["qty"] * level["qty_per"]}
        )
    total = pd.concat(found).groupby("item_id")["qty"].sum()
    return total.reindex(list(names)).fillna(0.0).to_numpy(float)


def _arriving(
    facts: Facts, names: tuple[str, ...], last_day: pd.Timestamp, seed: int, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is on order, and what of it comes before the last day in each draw."""
    lines = open_purchases(facts)
    lines = lines[lines["item_id"].isin(names)].sort_values(["po_id", "line_id"], kind="stable")
    promised = lines["confirmed_qty"].fillna(lines["ordered_qty"]).astype(float)
    promised = promised.clip(upper=lines["ordered_qty"].astype(float))
    left = (promised - lines["received_qty"].fillna(0.0).astype(float)).clip(lower=0).to_numpy()
    place = pd.Index(names).get_indexer(pd.Index(lines["item_id"]))
    day = lines["promised_date"].fillna(lines["required_date"])
    ahead = (last_day - day).dt.days.to_numpy(float)
    total, found = np.zeros(len(names)), np.zeros((draws, len(names)))
    np.add.at(total, place, left)
    luck = np.random.default_rng(seed)
    delays = _delays(facts)
    for number, supplier in enumerate(lines["supplier_id"].astype("str")):
        own, every = delays.get(supplier, np.zeros(0)), delays[""]
        is_own = luck.random(draws) < len(own) / (len(own) + LEAN)
        delay = np.where(
            is_own,
            own[luck.integers(0, max(len(own), 1), draws)] if len(own) else 0.0,
            every[luck.integers(0, len(every), draws)],
        )
        is_here = np.zeros(draws) if np.isnan(ahead[number]) else (delay < ahead[number])
        found[:, place[number]] += left[number] * is_here
    return total, found


def _delays(facts: Facts) -> dict[str, np.ndarray]:
    """Return days from the promise last in force to the receipt, by supplier; "" is all."""
    rows = promises(facts)
    rows = rows[rows["received_at"].notna() & (rows["until_at"] > rows["received_at"])]
    if rows.empty:
        return {"": np.zeros(1)}
    day = site_day(rows["received_at"], facts.time_zone)
    delay = (day - rows["promised_date"]).dt.days.astype(float)
    found = {str(name): own.to_numpy() for name, own in delay.groupby(rows["supplier_id"])}
    return {**found, "": delay.to_numpy()}

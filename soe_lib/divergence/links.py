"""Who hangs on whom: order lines, work orders, resources and components of the projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.projection import Projection

MOST_LEVELS = 60
"""Steps from work order to work order that are followed."""
PLAN_SHARE = 0.5
"""Share of the lateness from which on the plan, not what happened since, is its first cause."""
DELAY_HOURS = 1.0
"""An operation that starts this much after its published start is delayed. [h]"""


@dataclass(frozen=True)
class Links:
    """
    Links of the late order lines, quantity-exact through all levels.

    Attributes
    ----------
    work_orders
        ``order_id``, ``line_id``, ``wo_id``: work orders that a late line waits for: those that
        make it, at any level, and those that held up the resource in front of them.
    resources
        ``order_id``, ``line_id``, ``resource_id``: resources on which such work runs later than
        published.
    components
        ``order_id``, ``line_id``, ``item_id``, ``wanted_at``: purchased components of such work
        that has not started, and when the published schedule wants them.
    first_start
        ``order_id``, ``line_id``, ``start_at``: first start of work that has not begun.
    late_in_plan
        ``order_id``, ``line_id``, ``planned_late_days``: lines of which the published schedule
        itself ends the work late, by at least half of the projected lateness.
    """

    work_orders: pd.DataFrame
    resources: pd.DataFrame
    components: pd.DataFrame
    first_start: pd.DataFrame
    late_in_plan: pd.DataFrame


def link(
    projection: Projection,
    late: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    as_of: pd.Timestamp,
) -> Links:
    """
    Return what late order lines hang on.

    Parameters
    ----------
    projection
        The projection.
    late
        Rows of its promises that are late (``order_id``, ``line_id``).
    tables
        Canonical tables.
    as_of
        Instant of the snapshot: stock counts from then on.
    """
    keys = ["order_id", "line_id"]
    pegged = projection.pegging[projection.pegging["supply_type"] == "lot"]
    direct = late[keys].merge(pegged[[*keys, "supply_id"]], on=keys)
    direct["wo_id"] = direct["supply_id"].str.rsplit("/", n=1).str[0].astype("str")
    found = [direct[[*keys, "wo_id"]].drop_duplicates()]
    feeds = work_order_pegging(projection, tables, as_of)[["consumer_wo_id", "wo_id"]]
    blocks = blocking_work_orders(projection.operations, tables["resource"])
    feeds = pd.concat([feeds, blocks], ignore_index=True)
    feeds = feeds.drop_duplicates()
    seen = found[0]
    while len(found[-1]) and len(found) <= MOST_LEVELS and len(feeds):
        below = found[-1].rename(columns={"wo_id": "consumer_wo_id"}).merge(feeds)
        below = below[[*keys, "wo_id"]].drop_duplicates()
        below = below.merge(seen.assign(is_seen=True), on=[*keys, "wo_id"], how="left")
        below = below.loc[below["is_seen"].isna(), [*keys, "wo_id"]]
        found.append(below)
        seen = pd.concat([seen, below], ignore_index=True)
    operations = projection.operations
    delay = operations["start_at"] - operations["published_start_at"]
    # Work without a published start waits as well; it is not delayed against anything.
    delayed = operations[delay > pd.Timedelta(hours=DELAY_HOURS)]
    resources = seen.merge(delayed[["wo_id", "resource_id"]].drop_duplicates(), on="wo_id")
    bought = tables["item"].loc[tables["item"]["supply_type"] == "buy", "item_id"]
    needs = projection.needs[projection.needs["item_id"].isin(bought)]
    components = seen.merge(needs[["wo_id", "item_id", "wanted_at"]], on="wo_id")
    ahead = operations[operations["setup_start_at"] > as_of]
    starts = seen.merge(ahead[["wo_id", "setup_start_at"]], on="wo_id")
    first = starts.groupby(keys)["setup_start_at"].min().rename("start_at").reset_index()
    return Links(
        work_orders=seen.reset_index(drop=True),
        resources=resources[[*keys, "resource_id"]].drop_duplicates().reset_index(drop=True),
        components=components.drop(columns="wo_id").drop_duplicates().reset_index(drop=True),
        first_start=first,
        late_in_plan=_late_in_plan(projection, late),
    )


def _late_in_plan(projection: Projection, late: pd.DataFrame) -> pd.DataFrame:
    """By the plan's own pegging where the feed has it, else by that of the projection."""
    keys = ["order_id", "line_id"]
    rows = late[[*keys, "due_at", "lateness_days", "has_supply"]]
    rows = rows.merge(_planned_ends(projection), on=keys)
    days = (rows["planned_at"] - rows["due_at"]).dt.total_seconds() / 86_400
    rows = rows.assign(planned_late_days=days)
    kept = rows["has_supply"] & (days > 0) & (days >= PLAN_SHARE * rows["lateness_days"])
    return rows.loc[kept, [*keys, "planned_late_days"]].reset_index(drop=True)


def _planned_ends(projection: Projection) -> pd.DataFrame:
    """Return ``order_id``, ``line_id``, ``planned_at``: last end of the lots planned for a line."""
    keys = ["order_id", "line_id"]
    planned = projection.planned_pegging
    if len(planned):
        return planned.groupby(keys)["planned_at"].max().reset_index()
    lots = projection.pegging[projection.pegging["supply_type"] == "lot"]
    operations = projection.operations
    name = operations["wo_id"] + "/" + operations["split_no"].astype("str")
    ends = operations["published_end_at"].groupby(name).max().rename("planned_at")
    pegged = lots.merge(ends, left_on="supply_id", right_index=True)
    return pegged.groupby(keys)["planned_at"].max().reset_index()


def work_order_pegging(
    projection: Projection, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    Peg the component needs of work orders to the work orders that make them.

    First in, first out per item: stock first, then lots in the order of their projected end; the
    needs in the order in which they are served. Quantity-exact.

    Returns
    -------
    pandas.DataFrame
        One row per pair: ``consumer_wo_id``, ``wo_id`` (that makes it), ``item_id``, ``qty`` [uom].
    """
    columns = ["consumer_wo_id", "wo_id", "item_id", "qty"]
    operations = projection.operations.dropna(subset=["end_at"])
    last = operations.sort_values("op_no", kind="stable").drop_duplicates(
        ["wo_id", "split_no"], keep="last"
    )
    needs = projection.needs
    made = last[last["item_id"].isin(needs["item_id"].unique())]
    needs = needs[needs["item_id"].isin(made["item_id"].unique())]
    if needs.empty:
        return pd.DataFrame(columns=columns).astype({"qty": float})
    stock = latest_stock(tables, as_of)
    stock = stock[stock["item_id"].isin(needs["item_id"].unique())]
    supplies = pd.concat(
        [
            pd.DataFrame({"item_id": stock["item_id"], "wo_id": "", "qty": stock["on_hand_qty"]}),
            made.sort_values(["end_at", "wo_id"])[["item_id", "wo_id", "planned_qty"]].rename(
                columns={"planned_qty": "qty"}
            ),
        ],
        ignore_index=True,
    )
    wanted = needs.sort_values(["at", "wo_id"], kind="stable")
    parts: list[pd.DataFrame] = []
    by_item = dict(list(supplies.groupby("item_id")))
    for item, own in wanted.groupby("item_id"):
        pairs = _overlap(own["qty"].to_numpy(float), by_item[item]["qty"].to_numpy(float))
        parts.append(
            pd.DataFrame(
                {
                    "consumer_wo_id": own["wo_id"].to_numpy()[pairs[0]],
                    "wo_id": by_item[item]["wo_id"].to_numpy()[pairs[1]],
                    "item_id": item,
                    "qty": pairs[2],
                }
            )
        )
    found = pd.concat(parts, ignore_index=True)
    return found[found["wo_id"] != ""].reset_index(drop=True)


def blocking_work_orders(operations: pd.DataFrame, resource: pd.DataFrame) -> pd.DataFrame:
    """
    Return which delayed work stood behind which other delayed work on the same resource.

    The operation that ran last before it blocks an operation when it was late itself and still
    occupied the resource at the published start of the operation. Resources with several stations
    are left out: there the next station may have been free.

    Returns
    -------
    pandas.DataFrame
        ``consumer_wo_id`` (that waits), ``wo_id`` (that blocks).
    """
    delay = operations["start_at"] - operations["published_start_at"]
    single = resource.loc[resource["capacity_parallel"].fillna(1.0) <= 1, "resource_id"]
    is_moved = delay > pd.Timedelta(hours=DELAY_HOURS)
    moved = operations[is_moved & operations["resource_id"].isin(single)]
    columns = ["resource_id", "wo_id", "setup_start_at", "published_start_at"]
    waiting = moved[columns].sort_values("setup_start_at", kind="stable")
    before = moved[["resource_id", "wo_id", "end_at"]].rename(columns={"wo_id": "blocker"})
    before = before.sort_values("end_at", kind="stable")
    pairs = pd.merge_asof(
        waiting, before, left_on="setup_start_at", right_on="end_at", by="resource_id"
    )
    held = pairs["end_at"] > pairs["published_start_at"]
    found = pairs[held & (pairs["blocker"] != pairs["wo_id"])]
    found = found[["wo_id", "blocker"]].set_axis(["consumer_wo_id", "wo_id"], axis=1)
    return found.drop_duplicates().reset_index(drop=True)


def latest_stock(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """Return usable stock per ``item_id``: ``on_hand_qty`` less blocked, newest balance."""
    stock = tables["inventory_balance"]
    stock = stock[stock["balance_at"] <= as_of]
    newest = stock.groupby(["item_id", "location_id"])["balance_at"].transform("max")
    stock = stock[stock["balance_at"] == newest]
    usable = (stock["on_hand_qty"] - stock["blocked_qty"].fillna(0)).clip(lower=0)
    return usable.groupby(stock["item_id"]).sum().rename("on_hand_qty").reset_index()


def _overlap(needs: np.ndarray, supplies: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay both sequences end to end and return their overlaps: need, supply, quantity."""
    need_end, supply_end = np.cumsum(needs), np.cumsum(supplies)
    total = min(need_end[-1], supply_end[-1]) if len(needs) and len(supplies) else 0.0
    edges = np.unique(np.concatenate([[0.0], need_end, supply_end]))
    edges = edges[edges <= total + 1e-9]
    begin, end = edges[:-1], edges[1:]
    middle = (begin + end) / 2
    real = end - begin > 1e-9
    need = np.searchsorted(need_end, middle[real], side="right")
    supply = np.searchsorted(supply_end, middle[real], side="right")
    return need, supply, (end - begin)[real]

# mypy: disable-error-code="arg-type"
"""Open work orders as lots and operations with what is left of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.params import FenceParams
from soe_lib.schedule.problem import NEVER
from soe_lib.schedule.recipes import minutes_per_unit, secondary, valid

OPEN = ("planned", "released", "started")
SECONDARY = ("alt_tool", "alt_skill", "alt_heads", "alt_queue")


@dataclass(frozen=True)
class Lots:
    """Lots, their operations, alternates (flattened arrays) and component needs."""

    lots: pd.DataFrame
    operations: pd.DataFrame
    alternates: dict[str, np.ndarray]
    needs: pd.DataFrame


def published_version(schedule: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the operations of the version that was published last by ``as_of``."""
    known = schedule[(schedule["published_at"] <= as_of) & (schedule["status"] != "draft")]
    if known.empty:
        return known
    if known["version_id"].nunique() == 1:
        return known
    newest = known.sort_values(["published_at", "version_id"])["version_id"].iloc[-1]
    return known[known["version_id"] == newest]


def build_lots(
    rows: Mapping[str, pd.DataFrame],
    resource_ids: tuple[str, ...],
    as_of: pd.Timestamp,
    fences: FenceParams,
    notes: list[str],
    names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
) -> Lots:
    """
    Return the open work as lots; operations that are complete are gone.

    ``names`` are the tools and skills that the problem knows.
    """
    orders = rows["work_order"]
    orders = orders[orders["status"].isin(OPEN) & orders["ended_at"].isna()]
    operations = _operations(rows, orders, as_of)
    events = rows["work_order_progress_event"]
    progress = _progress(events[events["wo_id"].isin(orders["wo_id"])], as_of)
    operations = operations.merge(progress, on=["wo_id", "op_no", "split_no"], how="left")
    done = operations["is_complete"].eq(True)
    first_op = operations.groupby(["wo_id", "split_no"])["op_no"].transform("min")
    operations["is_first"] = operations["op_no"] == first_op
    operations = operations[~done].copy()
    alternates = _alternates(rows, operations, resource_ids, names, as_of)
    found = alternates["operation"].drop_duplicates()
    lost = operations.index.difference(found)
    if len(lost):
        notes.append(f"{len(lost)} operations have no resource in the feed and are left out")
        operations = operations.loc[found.sort_values()]
    operations["is_started"] = operations["started_at"].notna()
    good = operations["good_qty"].fillna(0.0)
    share = (1 - good / operations["planned_qty"]).clip(lower=0.0, upper=1.0)
    operations["share"] = share.where(operations["is_started"], 1.0)
    operations["start_minutes"] = ((operations["start_at"] - as_of).dt.total_seconds() / 60).fillna(
        NEVER
    )
    operations["is_frozen"] = operations["start_minutes"] < fences.frozen_days * 1440
    operations["setup_family"] = operations["setup_family"].where(
        operations["setup_family"].notna(), None
    )
    operations = operations.sort_values(["wo_id", "split_no", "op_no"])
    number = operations.groupby(["wo_id", "split_no"], sort=False).ngroup()
    operations["lot"] = number
    heads = operations.drop_duplicates("lot")
    release = orders.set_index("wo_id")["release_at"]
    due = orders.set_index("wo_id")["due_at"]
    lots = pd.DataFrame(
        {
            "lot_id": heads["wo_id"] + "/" + heads["split_no"].astype(str),
            "item_id": heads["item_id"],
            "qty": heads["planned_qty"],
            "release_minutes": np.maximum(
                0.0,
                _minutes(release.reindex(heads["wo_id"]), as_of).fillna(0.0).to_numpy(),
            ),
            "due_minutes": _minutes(due.reindex(heads["wo_id"]), as_of).to_numpy(),
        }
    ).reset_index(drop=True)
    place = pd.Series(np.arange(len(operations)), index=operations.index)
    kept = alternates[alternates["operation"].isin(operations.index)].copy()
    kept["position"] = kept["operation"].map(place)
    kept["minutes"] *= kept["operation"].map(operations["share"])
    kept = kept.sort_values(["position", "preference", "resource"], kind="stable")
    flat = {
        "offset": np.searchsorted(kept["position"].to_numpy(), np.arange(len(operations) + 1)),
        "resource": kept["resource"].to_numpy(np.int64),
        "minutes": kept["minutes"].to_numpy(float),
        "preference": kept["preference"].to_numpy(float),
        "alt_tool": kept["alt_tool"].to_numpy(np.int64),
        "alt_skill": kept["alt_skill"].to_numpy(np.int64),
        "alt_heads": kept["alt_heads"].to_numpy(float),
        "alt_queue": kept["alt_queue"].to_numpy(float),
    }
    operations = operations.reset_index(drop=True)
    return Lots(lots, operations, flat, _needs(rows["bom_component"], operations, as_of))


def _minutes(at: pd.Series, as_of: pd.Timestamp) -> pd.Series:
    return (at - as_of).dt.total_seconds() / 60


def _operations(
    rows: Mapping[str, pd.DataFrame], orders: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    columns = ["wo_id", "op_no", "split_no", "item_id", "planned_qty", "resource_id"]
    published = published_version(rows["schedule_operation"], as_of)
    published = published[published["wo_id"].isin(orders["wo_id"])]
    planned = published[[*columns, "start_at", "end_at"]]
    rest = orders[~orders["wo_id"].isin(planned["wo_id"])]
    routing = rows["routing_alternate"].sort_values(["item_id", "op_no", "preference"])
    routing = routing.drop_duplicates(["item_id", "op_no"])
    added = rest[["wo_id", "item_id", "ordered_qty"]].merge(
        routing[["item_id", "op_no", "resource_id"]], on="item_id"
    )
    added = added.rename(columns={"ordered_qty": "planned_qty"}).assign(split_no=1)
    added["start_at"] = pd.Series(pd.NaT, index=added.index, dtype=planned["start_at"].dtype)
    added["end_at"] = pd.Series(pd.NaT, index=added.index, dtype=planned["start_at"].dtype)
    both = [part for part in (planned, added[planned.columns]) if len(part)]
    found = pd.concat(both, ignore_index=True) if both else planned.copy()
    family = rows["item"].set_index("item_id")["setup_family"]
    return found.assign(setup_family=found["item_id"].map(family))


def _progress(events: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    keys = ["wo_id", "op_no", "split_no"]
    known = events[events["event_at"] <= as_of]
    known = known.assign(
        split_no=known["split_no"].fillna(1),
        started_at=known["event_at"].where(known["event_type"] == "start"),
        is_complete=known["event_type"] == "complete",
    )
    found = known.groupby(keys).agg(
        started_at=("started_at", "min"),
        is_complete=("is_complete", "max"),
        good_qty=("good_qty", "sum"),
    )
    return found.reset_index()


def _alternates(
    rows: Mapping[str, pd.DataFrame],
    operations: pd.DataFrame,
    resource_ids: tuple[str, ...],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    as_of: pd.Timestamp,
) -> pd.DataFrame:
    """Return resources, minutes, tools and people of each operation; published ones are known."""
    index = pd.Index(resource_ids)
    routing = valid(rows["routing_alternate"], as_of)
    routing = routing.assign(per_unit=minutes_per_unit(routing, rows["resource"]))
    routing = routing.assign(**secondary(routing, *names))
    routing["preference"] = routing["preference"].astype("float64").fillna(1.0)
    base = operations[["item_id", "op_no", "planned_qty"]].rename_axis("operation").reset_index()
    kept = ["item_id", "op_no", "resource_id", "per_unit", "preference", *SECONDARY]
    listed = base.merge(routing[kept], on=["item_id", "op_no"])
    listed["minutes"] = listed["planned_qty"].astype(float) * listed["per_unit"].astype(float)
    own = operations[operations["start_at"].notna()]
    lasting = (own["end_at"] - own["start_at"]).dt.total_seconds() / 60
    published = pd.DataFrame(
        {
            "operation": own.index,
            "resource_id": own["resource_id"],
            "minutes": lasting.to_numpy(float),
            "preference": 0.0,
            "alt_tool": -1,
            "alt_skill": -1,
            "alt_heads": 0.0,
            "alt_queue": 0.0,
        }
    )
    known = listed[["operation", "resource_id"]].assign(known=True)
    published = published.merge(known, on=["operation", "resource_id"], how="left")
    published = published[published["known"].isna()]
    columns = ["operation", "resource_id", "minutes", "preference", *SECONDARY]
    both = pd.concat([part[columns] for part in (listed, published) if len(part)] or [listed])
    both["resource"] = index.get_indexer(both["resource_id"])
    return both[both["resource"] >= 0].drop_duplicates(["operation", "resource"])


def _needs(bom: pd.DataFrame, operations: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    day = as_of.tz_localize(None).normalize()
    valid = bom[
        (bom["valid_from_date"].isna() | (bom["valid_from_date"] <= day))
        & (bom["valid_to_date"].isna() | (bom["valid_to_date"] >= day))
    ]
    open_ = operations[~operations["is_started"]]
    base = open_[["item_id", "op_no", "planned_qty", "is_first"]].rename_axis("operation")
    joined = base.reset_index().merge(
        valid[["parent_item_id", "component_item_id", "qty_per", "scrap_pct", "op_no"]].rename(
            columns={"parent_item_id": "item_id", "op_no": "bom_op"}
        ),
        on="item_id",
    )
    here = joined["bom_op"].eq(joined["op_no"]).fillna(False) | (
        joined["bom_op"].isna() & joined["is_first"]
    )
    joined = joined[here.astype(bool)]
    qty = joined["planned_qty"] * joined["qty_per"] * (1 + joined["scrap_pct"].fillna(0) / 100)
    needs = pd.DataFrame(
        {
            "operation": joined["operation"].to_numpy(np.int64),
            "item_id": joined["component_item_id"].to_numpy(),
            "qty": qty.to_numpy(float),
        }
    )
    return needs.sort_values(["operation", "item_id"], kind="stable").reset_index(drop=True)

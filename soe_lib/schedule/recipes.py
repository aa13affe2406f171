# mypy: disable-error-code="arg-type"
"""Routing and bill of each item that the engine may make, per good unit of a planned lot."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soe_lib.schedule.problem import Recipes


def build_recipes(
    rows: Mapping[str, pd.DataFrame],
    item_ids: tuple[str, ...],
    resource_ids: tuple[str, ...],
    family_ids: tuple[str, ...],
    tool_ids: tuple[str, ...],
    skill_ids: tuple[str, ...],
    as_of: pd.Timestamp,
) -> Recipes:
    """Return the recipes of all items with a valid routing on a known resource."""
    items = pd.Index(item_ids)
    routing = valid(rows["routing_alternate"], as_of)
    routing = routing[
        routing["item_id"].isin(items) & routing["resource_id"].isin(resource_ids)
    ].copy()
    routing["item"] = items.get_indexer(routing["item_id"])
    routing["preference"] = routing["preference"].astype("float64").fillna(1.0)
    keys = ["item", "op_no", "preference", "resource_id"]
    routing = routing.sort_values(keys, kind="stable").reset_index(drop=True)
    routing = routing.drop_duplicates(["item", "op_no", "resource_id"]).reset_index(drop=True)
    heads = routing.drop_duplicates(["item", "op_no"]).reset_index()
    counts = np.diff(np.append(heads["index"].to_numpy(np.int64), len(routing)))
    family = routing_family(routing, rows["item"]).loc[heads["index"]].to_numpy()
    needs = _needs(rows["bom_component"], heads, items, as_of)
    return Recipes(
        offset=np.searchsorted(heads["item"].to_numpy(), np.arange(len(items) + 1)).astype(
            np.int64
        ),
        op_no=heads["op_no"].to_numpy(np.int64),
        op_family=pd.Index(family_ids).get_indexer(family.tolist()).astype(np.int64),
        op_setup=np.zeros(len(heads)),
        alt_offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        alt_resource=pd.Index(resource_ids).get_indexer(routing["resource_id"]).astype(np.int64),
        alt_minutes_per_unit=minutes_per_unit(routing, rows["resource"]),
        alt_minutes_fixed=routing["setup_minutes"].fillna(0.0).to_numpy(float),
        alt_preference=routing["preference"].to_numpy(float),
        **secondary(routing, tool_ids, skill_ids),
        need_offset=np.searchsorted(needs["operation"].to_numpy(), np.arange(len(heads) + 1)),
        need_item=items.get_indexer(needs["item_id"]).astype(np.int64),
        need_per_unit=needs["per_unit"].to_numpy(float),
    )


def exploded(item_ids: set[str], bom: pd.DataFrame) -> set[str]:
    """Return items with everything below them in the bill of materials."""
    found, level = set(item_ids), set(item_ids)
    while level:
        below = bom.loc[bom["parent_item_id"].isin(level), "component_item_id"]
        level = set(below) - found
        found |= level
    return found


def valid(table: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the rows of a table with ``valid_from_date`` and ``valid_to_date`` that hold now."""
    day = as_of.tz_localize(None).normalize()
    begun = table["valid_from_date"].isna() | (table["valid_from_date"] <= day)
    lasting = table["valid_to_date"].isna() | (table["valid_to_date"] >= day)
    return table[begun & lasting]


def minutes_per_unit(routing: pd.DataFrame, resources: pd.DataFrame) -> np.ndarray:
    """Return run minutes per good unit: the routing's rate, yield and the resource's efficiency."""
    efficiency = resources.set_index("resource_id")["efficiency_pct"].fillna(100.0) / 100
    speed = routing["resource_id"].map(efficiency).astype(float).fillna(1.0)
    good = routing["yield_pct"].fillna(100.0) / 100
    return (routing["run_minutes_per_unit"] / speed / good).to_numpy(float)


def routing_family(routing: pd.DataFrame, items: pd.DataFrame) -> pd.Series:
    """Return the set-up family of routing rows: their own, else the item's, else empty."""
    of_item = routing["item_id"].map(items.set_index("item_id")["setup_family"])
    return routing["setup_family"].where(routing["setup_family"].notna(), of_item).fillna("")


def secondary(
    routing: pd.DataFrame, tool_ids: tuple[str, ...], skill_ids: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Return tool, skill, people and queue of routing rows; unknown names bind nothing."""
    tool = pd.Index(tool_ids).get_indexer(routing["tool_id"].fillna("").tolist())
    skill = pd.Index(skill_ids).get_indexer(routing["skill_code"].fillna("").tolist())
    heads = routing["labour_count"].astype("float64").fillna(1.0).to_numpy()
    return {
        "alt_tool": tool.astype(np.int64),
        "alt_skill": skill.astype(np.int64),
        "alt_heads": np.where(skill >= 0, heads, 0.0),
        "alt_queue": routing["queue_minutes"].fillna(0.0).to_numpy(float),
    }


def _needs(
    bom: pd.DataFrame, heads: pd.DataFrame, items: pd.Index, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Return components per recipe operation; a row without operation belongs to the first."""
    operations = heads[["item_id", "op_no"]].rename_axis("operation").reset_index()
    operations["is_first"] = ~operations.duplicated("item_id")
    lines = valid(bom, as_of)[
        ["parent_item_id", "component_item_id", "qty_per", "scrap_pct", "op_no"]
    ].rename(columns={"parent_item_id": "item_id", "op_no": "bom_op"})
    known = operations.groupby("item_id")["op_no"].agg(set)
    lines = lines[lines["component_item_id"].isin(items) & lines["item_id"].isin(known.index)]
    has_op = [op in known[item] for item, op in zip(lines["item_id"], lines["bom_op"], strict=True)]
    lines = lines.assign(has_op=np.array(has_op, bool))
    joined = operations.merge(lines, on="item_id")
    here = np.where(
        joined["has_op"], joined["bom_op"].eq(joined["op_no"]).fillna(False), joined["is_first"]
    )
    joined = joined[here.astype(bool)]
    per_unit = joined["qty_per"] * (1 + joined["scrap_pct"].fillna(0.0) / 100)
    found = pd.DataFrame(
        {
            "operation": joined["operation"].to_numpy(np.int64),
            "item_id": joined["component_item_id"].to_numpy(),
            "per_unit": per_unit.to_numpy(float),
        }
    )
    summed = found.groupby(["operation", "item_id"], sort=True)["per_unit"].sum()
    return summed.reset_index()

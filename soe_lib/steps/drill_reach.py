"""What each row of step 1 concerns: site, family, line, customer and week, for the filters."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.calendars import week_start
from soe_lib.tables import TABLES

KEYS = ["order_id", "line_id"]
DIMENSIONS = ("site", "family", "line", "customer", "week")
MOST_LEVELS = 60
"""Levels of the bill of material that are followed upwards."""


def week_of(instants: pd.Series, zone: str) -> pd.Series:
    """Return the Monday of each instant in a time zone as text (2026-11-23); empty = unknown."""
    return _text(week_start(pd.to_datetime(instants, utc=True), zone).dt.strftime("%Y-%m-%d"))


def line_reach(tables: Mapping[str, pd.DataFrame], zone: str) -> pd.DataFrame:
    """
    Return what each open order line concerns.

    Parameters
    ----------
    tables
        Canonical tables and tables of step 1.
    zone
        Time zone of the site: weeks begin on its Mondays.

    Returns
    -------
    pandas.DataFrame
        One row per open order line and resource that makes it (one row without a resource where
        it comes from stock): ``order_id``, ``line_id``, ``item_id`` and ``DIMENSIONS``, all text;
        ``week`` is that of the due date.
    """
    lines = tables["sales_order_line"]
    lines = lines[lines["status"] == "open"].drop_duplicates(KEYS)
    promises, late = tables["projected_promises"], tables["orders_in_jeopardy"]
    due = pd.concat([promises[[*KEYS, "due_at"]], late[[*KEYS, "due_at"]]]).drop_duplicates(KEYS)
    found = lines[[*KEYS, "customer_id", "site_id", "item_id"]].merge(due, on=KEYS, how="left")
    made = _resources(tables)
    found = found.merge(made[[*KEYS, "resource_id"]].drop_duplicates(), on=KEYS, how="left")
    return pd.DataFrame(
        {
            **{name: _text(found[name]) for name in (*KEYS, "item_id")},
            "site": _text(found["site_id"]),
            "family": _families(found["item_id"], tables),
            "line": _text(found["resource_id"]),
            "customer": _text(found["customer_id"]),
            "week": week_of(found["due_at"], zone),
        }
    )


def divergence_reach(
    divergences: pd.DataFrame, touched: pd.DataFrame, lines: pd.DataFrame
) -> pd.DataFrame:
    """
    Return what each divergence concerns: its own site, family, line and week, else those of the
    order lines behind it.

    Parameters
    ----------
    divergences, touched
        Rows of step 1 and the order lines behind each.
    lines
        Result of :func:`line_reach`.

    Returns
    -------
    pandas.DataFrame
        ``divergence_id`` and ``DIMENSIONS``; one row per combination.
    """
    own = pd.DataFrame(
        {
            "divergence_id": _text(divergences["divergence_id"]),
            "own_site": _text(divergences["site_id"]),
            "own_family": _text(divergences["family_id"]),
            "own_line": _text(divergences["resource_id"]),
            "own_week": _text(divergences["week_start_date"].dt.strftime("%Y-%m-%d")),
        }
    )
    behind = touched[["divergence_id", *KEYS]].merge(lines, on=KEYS)
    found = own.merge(behind[["divergence_id", *DIMENSIONS]], on="divergence_id", how="left")
    for name in DIMENSIONS:
        found[name] = _text(found[name])
        if f"own_{name}" in found:
            found[name] = found[f"own_{name}"].where(found[f"own_{name}"] != "", found[name])
    return found[["divergence_id", *DIMENSIONS]].drop_duplicates().reset_index(drop=True)


def load_reach(
    load: pd.DataFrame, tables: Mapping[str, pd.DataFrame], lines: pd.DataFrame, zone: str
) -> pd.DataFrame:
    """
    Return what each week of a resource concerns: the families and customers of the work in it.

    Returns
    -------
    pandas.DataFrame
        ``row`` (label of ``load``) and ``DIMENSIONS``.
    """
    cells = pd.DataFrame(
        {
            "row": load.index,
            "line": _text(load["resource_id"]),
            "week": _text(load["week_start_date"].dt.strftime("%Y-%m-%d")),
        }
    )
    resource = tables.get("resource", TABLES["resource"].empty()).set_index("resource_id")
    cells["site"] = _text(cells["line"].map(resource["site_id"]))
    work = tables["projected_operations"]
    work = pd.DataFrame(
        {
            "line": _text(work["resource_id"]),
            "week": week_of(work["start_at"], zone),
            "wo_id": _text(work["wo_id"]),
            "family": _families(work["item_id"], tables),
        }
    )
    owners = _resources(tables)[[*KEYS, "wo_id"]].merge(lines[[*KEYS, "customer"]], on=KEYS)
    work = work.merge(owners[["wo_id", "customer"]].drop_duplicates(), on="wo_id", how="left")
    wanted = work[["line", "week", "family", "customer"]].drop_duplicates()
    found = cells.merge(wanted, on=["line", "week"], how="left")
    found["family"], found["customer"] = _text(found["family"]), _text(found["customer"])
    return found[["row", *DIMENSIONS]]


def component_reach(
    items: pd.Series, tables: Mapping[str, pd.DataFrame], lines: pd.DataFrame
) -> pd.DataFrame:
    """
    Return what each component concerns: the open order lines of items that contain it.

    Returns
    -------
    pandas.DataFrame
        ``item_id`` of the component and ``DIMENSIONS``.
    """
    bom = tables.get("bom_component", TABLES["bom_component"].empty())
    bom = bom[["component_item_id", "parent_item_id"]].drop_duplicates()
    reached = pd.DataFrame({"item_id": _text(items), "inside": _text(items)}).drop_duplicates()
    newest = reached
    for _ in range(MOST_LEVELS):
        up = newest.merge(bom, left_on="inside", right_on="component_item_id")
        up = up[["item_id", "parent_item_id"]].rename(columns={"parent_item_id": "inside"})
        both = pd.concat([reached, up], ignore_index=True).drop_duplicates()
        newest, reached = both.iloc[len(reached) :], both
        if newest.empty:
            break
    wanted = lines.rename(columns={"item_id": "inside"})
    found = reached.merge(wanted[["inside", *DIMENSIONS]], on="inside")
    return found[["item_id", *DIMENSIONS]].drop_duplicates().reset_index(drop=True)


def demand_reach(demand: pd.DataFrame) -> pd.DataFrame:
    """Return ``row`` (label of ``demand``), ``family`` and ``week``; the plan knows no more."""
    return pd.DataFrame(
        {
            "row": demand.index,
            "family": _text(demand["family_id"]),
            "week": _text(demand["week_start_date"].dt.strftime("%Y-%m-%d")),
        }
    )


def _resources(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return ``order_id``, ``line_id``, ``wo_id``, ``resource_id`` of the lots pegged to lines."""
    pegging = tables["projected_pegging"]
    lots = pegging[pegging["supply_type"] == "lot"]
    lots = lots[KEYS].assign(wo_id=lots["supply_id"].str.rsplit("/", n=1).str[0].astype("str"))
    work = tables["projected_operations"][["wo_id", "resource_id"]].drop_duplicates()
    return lots.drop_duplicates().merge(work, on="wo_id")


def _families(items: pd.Series, tables: Mapping[str, pd.DataFrame]) -> pd.Series:
    item = tables.get("item", TABLES["item"].empty()).drop_duplicates("item_id")
    return _text(items.map(item.set_index("item_id")["family_id"]))


def _text(values: pd.Series) -> pd.Series:
    return values.astype("object").where(values.notna(), "").astype("str")

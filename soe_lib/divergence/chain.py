"""
The cause chain: a stopped line is one divergence with eleven orders, not twelve divergences.

Every late order line hangs on work orders, resources and components (``links``). A divergence of
one of those stands behind the line when the line waits for it; a divergence that another one
explains is folded into it. What remains are the roots: one per thing that somebody must handle.
This finds plausible causes; it does not weigh them: a line's cost is shared out in equal parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soe_lib.divergence.facts import Facts
from soe_lib.divergence.folding import folded
from soe_lib.divergence.links import Links
from soe_lib.divergence.names import look_up
from soe_lib.divergence.prices import KEYS
from soe_lib.divergence.projection import Projection
from soe_lib.divergence.waiting import waited_for


@dataclass(frozen=True)
class Chain:
    """
    Divergences with what stands behind what.

    Attributes
    ----------
    roots
        Divergences that no other explains, with ``num_orders``, the late lines behind them (a line
        counts at every root that it waits for), and ``money_at_risk``, their own cost and their
        share of what those lines cost: it adds up over rows.
    consequences
        The others, ``cause_id`` names their root.
    touched
        ``divergence_id`` (root), ``order_id``, ``line_id``: late lines behind each root, the
        primary cause of a line first (``is_primary``), and ``share``: the part of the line's cost
        that counts at this root (equal parts; nobody has weighed the causes yet).
    """

    roots: pd.DataFrame
    consequences: pd.DataFrame
    touched: pd.DataFrame


def chain(
    facts: Facts,
    rows: pd.DataFrame,
    late: pd.DataFrame,
    links: Links,
    material: pd.DataFrame,
    projection: Projection,
) -> Chain:
    """
    Fold consequences into their causes and count the late order lines behind each cause.

    Parameters
    ----------
    rows
        All divergences, each once.
    late
        Late order lines, priced.
    links, material, projection
        What the lines hang on.
    """
    touched = waited_for(facts, rows, late, links, material, projection)
    cause = {**folded(facts, rows, material, projection), **_order_causes(rows, touched)}
    root = {one: _root(one, cause) for one in rows["divergence_id"]}
    is_root = np.array([root[one] == one for one in rows["divergence_id"]], dtype=bool)
    edges = touched.sort_values([*KEYS, "rank", "divergence_id"], kind="stable")
    edges["divergence_id"] = edges["divergence_id"].map(root)
    edges = edges.drop_duplicates(["divergence_id", *KEYS])
    edges["is_primary"] = ~edges.duplicated(KEYS)
    edges["share"] = 1.0 / edges.groupby(KEYS)["divergence_id"].transform("size")
    priced = edges.merge(late[[*KEYS, "late_cost"]], on=KEYS)
    priced["late_cost"] = priced["late_cost"] * priced["share"]
    behind = priced.groupby("divergence_id").agg(
        orders=("late_cost", "size"), cost=("late_cost", lambda cost: cost.sum(min_count=1))
    )
    own = rows["divergence_id"]
    orders = look_up(own, behind["orders"])
    is_order = rows["object_type"] == "order_line"
    filled = rows.assign(
        num_orders=orders.where(orders.notna() & ~is_order, rows["num_orders"]).fillna(0.0),
        money_at_risk=_money(rows, look_up(own, behind["cost"])),
        cause_id=[("" if root[one] == one else root[one]) for one in own],
    )
    return Chain(
        roots=filled[is_root].reset_index(drop=True),
        consequences=filled[~is_root].reset_index(drop=True),
        touched=edges.drop(columns="rank").reset_index(drop=True),
    )


def _money(rows: pd.DataFrame, behind: pd.Series) -> pd.Series:
    """Own cost and that of the late lines behind; empty only where neither has a price."""
    own = rows["direct_cost"]
    total = (own.fillna(0.0) + behind.fillna(0.0)).where(own.notna() | behind.notna())
    # A line's lateness is its own cost already.
    return total.where(rows["divergence_type"] != "order_in_jeopardy", own)


def _order_causes(rows: pd.DataFrame, touched: pd.DataFrame) -> dict[str, str]:
    """Late order lines fold into their primary cause."""
    lines = rows[rows["divergence_type"] == "order_in_jeopardy"][["divergence_id", "object_id"]]
    first = touched.sort_values([*KEYS, "rank", "divergence_id"], kind="stable")
    first = first.drop_duplicates(KEYS)
    first = first.assign(object_id=first["order_id"] + "/" + first["line_id"])
    pairs = lines.merge(
        first[["object_id", "divergence_id"]], on="object_id", suffixes=("", "_cause")
    )
    return dict(zip(pairs["divergence_id"], pairs["divergence_id_cause"], strict=True))


def _root(one: str, cause: dict[str, str]) -> str:
    seen = {one}
    while one in cause and cause[one] not in seen:
        one = cause[one]
        seen.add(one)
    return one

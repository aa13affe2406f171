"""Order lines that came new, grew or were pulled in since the last cycle."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soe_lib.impact.players import DEMAND_DUE, DEMAND_QTY, Found
from soe_lib.impact.reference import Reference
from soe_lib.impact.replay import Replay

_KEY = ["order_id", "line_id"]
_DATES = ("confirmed_date", "requested_date", "expedite")


def demand_changes(
    found: Found, replay: Replay, rows: Mapping[str, pd.DataFrame], reference: Reference
) -> None:
    """
    Add order changes to the disruptions.

    Orders that simply arrived are none, they consume the forecast; an order counts as new where
    the feed's change events call it ``new`` (it came outside the normal course).
    """
    events = rows["order_change_event"]
    fresh = events[(events["event_at"] > reference.since)].sort_values("event_at", kind="stable")
    place = {key: k for k, key in enumerate(replay.problem.demand_keys)}
    for (order, line), own in fresh.groupby(_KEY, sort=True):
        demand = place.get((str(order), str(line)))
        if demand is None:
            continue
        _one_line(found, replay, demand, f"{order}/{line}", own)


def _one_line(found: Found, replay: Replay, demand: int, name: str, events: pd.DataFrame) -> None:
    open_qty = float(replay.problem.demand_qty[demand])
    if (events["change_field"] == "new").any():
        player = found.player("order_new", name, open_qty, "uom")
        found.undo(DEMAND_QTY, player, demand, -open_qty)
        return
    sizes = events[events["change_field"] == "qty"]
    if len(sizes):
        old = pd.to_numeric(sizes["old_value"], errors="coerce").iloc[0]
        new = pd.to_numeric(sizes["new_value"], errors="coerce").iloc[-1]
        grown = float(new - old)
        if grown > 1e-6:
            player = found.player("order_grew", name, grown, "uom")
            found.undo(DEMAND_QTY, player, demand, -min(grown, open_qty))
    moves = events[events["change_field"].isin(_DATES)]
    if len(moves):
        old_day = pd.to_datetime(moves["old_value"], errors="coerce").iloc[0]
        new_day = pd.to_datetime(moves["new_value"], errors="coerce").iloc[-1]
        days = (old_day - new_day).days if pd.notna(old_day) and pd.notna(new_day) else 0
        if days > 0:
            player = found.player("order_pulled_in", name, float(days), "days")
            found.undo(DEMAND_DUE, player, demand, days * 1440.0)

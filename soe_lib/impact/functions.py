"""What each function must know, each view ending in the question that the function answers."""

from __future__ import annotations

import pandas as pd

from soe_lib.vocabulary import FUNCTIONS

QUESTIONS = {
    "operations": "Can the constrained resources run longer, or can work move to another line?",
    "procurement": "Which supplier can pull in, by how many days, at what price?",
    "customer_service": "Which customers must hear a new date today?",
    "logistics": "Which shipments leave without their goods, and what leaves later instead?",
    "finance": "What does waiting cost, and what may intervening cost at most?",
    "demand_planning": "Which deviations from the plan are lasting, and belong to S&OP?",
}
"""The question that each function answers in the meeting."""

_DIVERGENCE = [
    "divergence_id",
    "divergence_type",
    "sentence",
    "object_id",
    "planned_value",
    "actual_value",
    "deviation",
    "unit",
    "num_orders",
    "money_at_risk",
    "act_by_at",
]


def by_function(
    divergences: pd.DataFrame,
    orders: pd.DataFrame,
    shipments: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """
    Return for each function the rows that are its own.

    Parameters
    ----------
    divergences
        Root divergences.
    orders
        Result of :func:`soe_lib.impact.orders.order_impact`.
    shipments
        Result of :func:`shipments_without_goods`.

    Returns
    -------
    dict
        Operations, procurement and demand planning get the divergences they own, customer service
        and finance the late order lines, logistics the shipments that leave without their goods
        and the divergences it owns (``divergence`` tells them apart).
    """
    late = orders[orders["is_late"]]
    own = {
        function: divergences.loc[divergences["owner_role"] == function, _DIVERGENCE].reset_index(
            drop=True
        )
        for function in FUNCTIONS
    }
    own["customer_service"] = late.drop(columns=["price_source", "penalty_type"]).reset_index(
        drop=True
    )
    own["finance"] = late[
        [
            "order_id",
            "line_id",
            "customer_id",
            "value",
            "tardiness_days",
            "late_cost",
            "margin_at_risk",
            "penalty_type",
            "price_source",
        ]
    ].reset_index(drop=True)
    own["logistics"] = _logistics(own["logistics"], shipments)
    return own


def _logistics(divergences: pd.DataFrame, shipments: pd.DataFrame) -> pd.DataFrame:
    """Shipments that leave without goods first, then what diverged in logistics itself."""
    without = shipments.assign(
        sentence=[
            f"shipment {s} ({lane}) leaves without {n} of {m} order lines"
            for s, lane, n, m in zip(
                shipments["shipment_id"],
                shipments["lane_id"].fillna("no lane"),
                shipments["num_late_lines"],
                shipments["num_lines"],
                strict=True,
            )
        ],
        act_by_at=shipments["planned_departure_at"],
        num_orders=shipments["num_late_lines"].astype(float),
        money_at_risk=shipments["late_cost"],
        object_id=shipments["shipment_id"],
        divergence_type="shipment_without_goods",
    )
    kept = [part for part in (without.reindex(columns=_DIVERGENCE), divergences) if len(part)]
    if not kept:
        return divergences
    return pd.concat(kept, ignore_index=True).astype(divergences.dtypes.to_dict())


def shipments_without_goods(
    shipment: pd.DataFrame, orders: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """
    Return planned shipments on which goods will be missing when they leave.

    Parameters
    ----------
    shipment
        Canonical table.
    orders
        Order lines with their projected date.
    as_of
        Only departures after it count.

    Returns
    -------
    pandas.DataFrame
        One row per shipment, the first to leave first: ``shipment_id``, ``lane_id``,
        ``carrier_id``, ``planned_departure_at``, ``num_lines``, ``num_late_lines``,
        ``late_cost`` [money], ``customers`` (comma separated).
    """
    keys = ["order_id", "line_id"]
    ahead = shipment[(shipment["planned_departure_at"] > as_of) & (shipment["status"] == "planned")]
    ready = orders["ready_at"] if "ready_at" in orders else orders["promised_at"]
    lines = orders[[*keys, "customer_id", "is_covered", "late_cost"]].assign(ready_at=ready)
    joined = ahead[["shipment_id", "lane_id", "carrier_id", "planned_departure_at", *keys]].merge(
        lines, on=keys
    )
    missing = ~joined["is_covered"] | (joined["ready_at"] > joined["planned_departure_at"])
    joined = joined.assign(
        is_missing=missing,
        cost=joined["late_cost"].where(missing, 0.0),
        waits=joined["customer_id"].where(missing),
    )
    found = joined.groupby("shipment_id", as_index=False).agg(
        lane_id=("lane_id", "first"),
        carrier_id=("carrier_id", "first"),
        planned_departure_at=("planned_departure_at", "min"),
        num_lines=("order_id", "size"),
        num_late_lines=("is_missing", "sum"),
        late_cost=("cost", "sum"),
        customers=("waits", lambda ids: ", ".join(sorted(set(ids.dropna())))),
    )
    found = found[found["num_late_lines"] > 0]
    found["num_late_lines"] = found["num_late_lines"].astype("int64")
    ordered = found.sort_values(["planned_departure_at", "shipment_id"], kind="stable")
    return ordered.reset_index(drop=True)

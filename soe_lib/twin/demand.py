"""Customers' order lines, drawn so that family and week add up to what the season says."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from soe_lib.twin.clock import Clock, working_day_before
from soe_lib.twin.noise import lognormal, normal, pick, uniform
from soe_lib.twin.plant import Plant
from soe_lib.twin.records import Customer, Item, customer_records, item_records
from soe_lib.twin.structure import FAMILIES, FAMILY_CASES_PER_WEEK, FAMILY_SITE, LANE_DAYS

ABC_WEIGHT = {"A": 5.0, "B": 2.0, "C": 1.0}
LINES_PER_1000_CASES = 2.25
PROMOTIONS = {
    ("ENERGY", 11): 1.05,
    ("ENERGY", 12): 1.14,
    ("ENERGY", 13): 1.12,
    ("ENERGY", 14): 1.06,
    ("ICETEA", 12): 1.06,
    ("ICETEA", 13): 1.06,
    ("WATER", 9): 0.84,
}
"""Demand that the S&OP plan does not know, by family and week."""
SEASON = {"COLA": 0.5, "ENERGY": 0.0, "WATER": -0.6, "ICETEA": -0.4, "JUICE": 0.3}
"""Change of demand per week, in percent of the mean. [%/week]"""
CUT_OFF_HOUR = 16.0


@dataclass(slots=True)
class Line:
    """An order line and what is known of it now; days are local day numbers, times minutes."""

    order_id: str
    line_id: str
    customer: str
    item: str
    site: str
    lane: str
    transit: int
    qty: float
    requested: int
    ordered_at: float
    confirm_at: float
    first_day: int
    last_day: int
    price: float
    margin: float
    priority: int
    partial: bool
    order_type: str
    delivered: float = 0.0
    last_issue: float = math.nan
    pod_at: float = math.nan
    status: str = "open"
    cancel_reason: str = ""
    cancelled_by: str = ""
    cancelled_at: float = math.nan
    confirmed: bool = False
    first_qty: float = math.nan

    @property
    def key(self) -> str:
        """Order and line in one word."""
        return f"{self.order_id}/{self.line_id}"

    @property
    def ship_day(self) -> int:
        """Last working day on which the promised day can still be met."""
        return working_day_before(
            (self.last_day if self.confirmed else self.requested) - self.transit
        )

    @property
    def promised_ship_day(self) -> int:
        """Last working day for the first promise, or for an earlier one given later."""
        return working_day_before(min(self.first_day, self.last_day) - self.transit)

    @property
    def open_qty(self) -> float:
        """Quantity still owed."""
        return self.qty - self.delivered if self.status == "open" else 0.0


def expected_cases(family: str, week: int) -> float:
    """Return the demand of a family and week that a planner expects. [cases]"""
    drift = SEASON.get(family, 0.0) / 100 * (week - 8)
    return FAMILY_CASES_PER_WEEK[family] * (1 + drift)


def item_shares(plant: Plant) -> dict[str, float]:
    """Return the share of each SKU in its family."""
    skus = plant.items[plant.items["item_type"] == "MTS"]
    weight = skus["abc_code"].map(ABC_WEIGHT)
    share = weight / weight.groupby(skus["family_id"]).transform("sum")
    return dict(zip(skus["item_id"], share.astype(float), strict=True))


def draw_lines(plant: Plant, clock: Clock, seed: int, weeks: int) -> list[Line]:
    """Return the order lines requested in weeks 0 to ``weeks``, in the order in which they come."""
    skus = plant.items[plant.items["item_type"] == "MTS"].set_index("item_id")
    customers = customer_records(plant)
    size = [customer.size for customer in customers]
    order_days = [customer.order_day for customer in customers]
    families = skus["family_id"].to_dict()
    shares = item_shares(plant)
    drafts: list[tuple[float, str, int, int, int, str, float]] = []
    for week in range(weeks + 1):
        for family in FAMILIES:
            items = [str(i) for i, own in families.items() if own == family]
            if not items:
                continue
            weights = [shares[i] for i in items]
            total = expected_cases(family, week) * PROMOTIONS.get((family, week), 1.0)
            total *= 1 + 0.05 * normal(seed, "week", family, week)
            count = round(FAMILY_CASES_PER_WEEK[family] / 1000 * LINES_PER_1000_CASES)
            raw = [lognormal(0.65, seed, "size", family, week, k) for k in range(count)]
            for k in range(count):
                key = (family, week, k)
                who = pick(size, seed, "who", *key)
                day = order_days[who]
                if uniform(seed, "day?", *key) < 0.35:
                    day = int(5 * uniform(seed, "day", *key))
                requested = week * 7 + day
                site = FAMILY_SITE[family]
                lead = 14.5 * lognormal(0.6, seed, "lead", who, site, requested)
                lead_days = round(min(max(lead, 2), 30))
                hour = 7 + 11 * uniform(seed, "hour", who, site, requested)
                ordered_day = requested - lead_days
                qty = max(20.0, round(raw[k] / sum(raw) * total / 10) * 10.0)
                item = items[pick(weights, seed, "item", *key)]
                minute = ordered_day * 1440 + hour * 60
                drafts.append((minute, site, who, requested, ordered_day, item, qty))
    return _numbered(drafts, plant, clock, seed)


def _numbered(
    drafts: list[tuple[float, str, int, int, int, str, float]],
    plant: Plant,
    clock: Clock,
    seed: int,
) -> list[Line]:
    drafts.sort()
    items = item_records(plant)
    customers = customer_records(plant)
    lines: list[Line] = []
    before: tuple[float, str, int, int] | None = None
    order, place = 100_000, 0
    for minute, site, who, requested, ordered_day, item, qty in drafts:
        group = (minute, site, who, requested)
        order, place = (order, place + 1) if group == before else (order + 1, 1)
        before = group
        ordered_at = (
            clock.at(ordered_day, (minute - ordered_day * 1440) / 60)
            if ordered_day >= 0
            else minute
        )
        lines.append(
            make_line(
                f"SO{order}",
                f"{place * 10}",
                customers[who],
                items[item],
                qty,
                requested,
                ordered_at,
                seed,
            )
        )
    return lines


def make_line(
    order_id: str,
    line_id: str,
    customer: Customer,
    item: Item,
    qty: float,
    requested: int,
    ordered_at: float,
    seed: int,
) -> Line:
    """Return a new order line; one in twelve is promised later than asked for."""
    tier, region, site = customer.tier, customer.region, item.site
    price = round(item.price * {"A": 0.9, "B": 0.94, "C": 0.98, "D": 1.0}[tier], 2)
    delay = 0
    if uniform(seed, "promise", order_id, line_id) < 0.08:
        delay = 1 + int(4 * uniform(seed, "delay", order_id, line_id))
    promised = requested + delay
    promised += 7 - promised % 7 if promised % 7 > 4 else 0
    return Line(
        order_id=order_id,
        line_id=line_id,
        customer=customer.customer_id,
        item=item.item_id,
        site=site,
        lane=f"{site[0]}-{region}",
        transit=LANE_DAYS[site][region],
        qty=qty,
        requested=requested,
        ordered_at=ordered_at,
        confirm_at=ordered_at + 60 + 300 * uniform(seed, "confirm", order_id),
        first_day=promised,
        last_day=promised,
        price=price,
        margin=round(price - item.cost, 4),
        priority={"A": 1, "B": 2, "C": 3, "D": 4}[tier],
        partial=customer.takes_parts,
        order_type="MTS",
    )


def order_book(lines: list[Line]) -> pd.Series:
    """Return the cases requested by item and week (for checks)."""
    table = pd.DataFrame(
        {"item": [x.item for x in lines], "week": [x.requested // 7 for x in lines]}
    )
    return pd.Series([x.qty for x in lines]).groupby([table["item"], table["week"]]).sum()

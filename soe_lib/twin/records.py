"""Master data row by row, typed, for code that works on single items and customers."""

from __future__ import annotations

from dataclasses import dataclass

from soe_lib.twin.plant import Plant


@dataclass(frozen=True)
class Item:
    """What the plant needs to know of an item; components have no lot sizes but a lead time."""

    item_id: str
    family: str
    site: str
    setup_family: str
    abc: str
    lot_min: float
    lot_multiple: float
    lot_max: float
    lead_days: int
    shelf_days: float
    cost: float
    price: float
    supplier: str

    @property
    def bulk(self) -> str:
        """Intermediate that is filled into a SKU."""
        return f"BULK-{self.family}"


@dataclass(frozen=True)
class Customer:
    """What the order desk needs to know of a customer."""

    customer_id: str
    tier: str
    region: str
    takes_parts: bool
    size: float
    order_day: int


@dataclass(slots=True)
class Batch:
    """Finished goods of one work order in stock."""

    lot: str
    qty: float
    made_at: float


def item_records(plant: Plant) -> dict[str, Item]:
    """Return items by identity."""
    table = plant.items
    columns = zip(
        table["item_id"].astype(str),
        table["family_id"].astype(str),
        table["site_id"].astype(str),
        table["setup_family"].fillna("").astype(str),
        table["abc_code"].fillna("").astype(str),
        table["lot_min_qty"].fillna(0.0).astype(float),
        table["lot_multiple_qty"].fillna(1.0).astype(float),
        table["lot_max_qty"].fillna(0.0).astype(float),
        table["lead_time_days"].astype(int),
        table["shelf_life_days"].astype(float),
        table["std_cost"].astype(float),
        table["price"].astype(float),
        table["supplier_id"].fillna("").astype(str),
        strict=True,
    )
    return {row[0]: Item(*row) for row in columns}


def customer_records(plant: Plant) -> list[Customer]:
    """Return customers in the order of the master data: the largest first."""
    table = plant.customers
    columns = zip(
        table["customer_id"].astype(str),
        table["customer_tier"].astype(str),
        table["region"].astype(str),
        table["is_partial_allowed"].astype(bool),
        table["size"].astype(float),
        table["order_days"].astype(int),
        strict=True,
    )
    return [Customer(*row) for row in columns]

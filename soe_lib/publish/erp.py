"""What ERP receives: order confirmations, allocations and purchase reschedules."""

from __future__ import annotations

from soe_lib.decision.changes import order_confirmations as order_confirmations
from soe_lib.decision.changes import purchase_reschedules as purchase_reschedules

ALLOCATION_COLUMNS = (
    "order_id",
    "line_id",
    "item_id",
    "supply_type",
    "supply_id",
    "allocated_qty",
    "available_at",
)

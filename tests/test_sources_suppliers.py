"""Real supplier deliveries with words in date and number fields: quarantined by name, not lost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from soe_lib.snapshot import Snapshot, take_snapshot
from soe_lib.sources import load_source
from soe_lib.workspace import Workspace

AS_OF = pd.Timestamp("2016-01-01T00:00Z")
FILE = "SCMS_Delivery_History_first_5000"
PURCHASES = f"""SELECT "PO / SO #" AS po_id, "ID" AS line_id, "Vendor" AS supplier_id,
  "Item Description" AS item_id, "PO Sent to Vendor Date" AS ordered_at,
  "Line Item Quantity" AS ordered_qty, "Line Item Quantity" AS received_qty,
  "Scheduled Delivery Date" AS required_date, "Scheduled Delivery Date" AS promised_date,
  'completed' AS status, "Unit Price" AS unit_cost, 'USD' AS currency
FROM "{FILE}"
"""
RECEIPTS = f"""SELECT "PO / SO #" AS po_id, "ID" AS line_id,
  "Delivered to Client Date" AS received_at, "Line Item Quantity" AS received_qty,
  0 AS rejected_qty FROM "{FILE}"
"""
RATES = f"""SELECT 'expedite_freight' AS cost_type, "ID" AS object_id,
  "Freight Cost (USD)" AS cost_amount, "Shipment Mode" AS mode FROM "{FILE}"
"""


@pytest.fixture(scope="module")
def raw(real_data: Path) -> pd.DataFrame:
    """The file as text."""
    path = real_data / "usaid_scms" / f"{FILE}.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def deliveries(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Snapshot of three tables mapped from the file."""
    folder = tmp_path_factory.mktemp("suppliers")
    mapping = folder / "sources" / "scms"
    mapping.mkdir(parents=True)
    config = {"kind": "files", "currency": "USD", "date_formats": ["%d-%b-%y", "%m/%d/%y"]}
    (mapping / "source.yaml").write_text(yaml.safe_dump(config))
    for name, text in (
        ("purchase_order_line", PURCHASES),
        ("goods_receipt_event", RECEIPTS),
        ("cost_rate", RATES),
    ):
        (mapping / f"{name}.sql").write_text(text)
    environ = {"SOE_SCMS": str(real_data / "usaid_scms")}
    return take_snapshot(
        load_source("scms", folder / "sources", environ), AS_OF, Workspace(folder / "ws")
    )


def test_words_in_date_fields_are_quarantined_by_name(
    deliveries: Snapshot, raw: pd.DataFrame
) -> None:
    """Tests that 'Date Not Captured' and 'N/A - From RDC' cost their rows, with the cell kept."""
    words = raw["PO Sent to Vendor Date"].str.contains("[A-Z]", regex=True)
    assert sorted(raw.loc[words, "PO Sent to Vendor Date"].unique()) == [
        "Date Not Captured",
        "N/A - From RDC",
    ]
    bad = deliveries.quarantine("purchase_order_line")
    assert deliveries.manifest["tables"]["purchase_order_line"]["quarantined"] == {
        "ordered_at_is_instant": int(words.sum())
    }
    assert bad["ordered_at"].value_counts().to_dict() == (
        raw.loc[words, "PO Sent to Vendor Date"].value_counts().to_dict()
    )
    assert len(deliveries.table("purchase_order_line")) == 5000 - int(words.sum())


def test_both_date_formats_are_read(deliveries: Snapshot, raw: pd.DataFrame) -> None:
    """Tests that 2-Jun-06 and 8/27/14 become the days they mean, in every loaded row."""
    lines = deliveries.table("purchase_order_line").set_index("line_id")
    by_id = raw.set_index("ID").loc[lines.index]
    ordered = pd.to_datetime(by_id["PO Sent to Vendor Date"], format="%m/%d/%y")
    required = pd.to_datetime(by_id["Scheduled Delivery Date"], format="%d-%b-%y")
    assert (lines["ordered_at"].dt.tz_localize(None) == ordered).all()
    assert (lines["required_date"] == required).all()
    receipts = deliveries.table("goods_receipt_event")
    assert len(receipts) == 5000
    late = receipts.merge(lines.reset_index(), on=["po_id", "line_id"])
    days = (late["received_at"].dt.tz_localize(None) - late["required_date"]).dt.days
    assert 0 < (days > 0).mean() < 0.5


def test_words_in_number_fields_are_quarantined_by_name(
    deliveries: Snapshot, raw: pd.DataFrame
) -> None:
    """Tests that freight in words is no number, and every row is accounted for."""
    words = ~raw["Freight Cost (USD)"].str.fullmatch(r"[\d.]+")
    counts = deliveries.manifest["tables"]["cost_rate"]
    assert counts["quarantined"] == {"cost_amount_is_number": int(words.sum())}
    assert counts["rows_loaded"] + counts["rows_quarantined"] == counts["rows_raw"] == 5000
    kept = deliveries.quarantine("cost_rate")["cost_amount"]
    assert "Freight Included in Commodity Cost" in set(kept)

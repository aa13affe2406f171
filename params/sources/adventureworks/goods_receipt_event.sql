-- assumption: goods are received on the header's ship date.
SELECT
  d."PurchaseOrderID" AS po_id,
  d."PurchaseOrderDetailID" AS line_id,
  'AW' AS site_id,
  h."ShipDate" AS received_at,
  d."ReceivedQty" AS received_qty,
  d."RejectedQty" AS rejected_qty,
  CASE
    WHEN h."ShipDate" IS NULL OR TRY_CAST(h."ShipDate" AS TIMESTAMP) > $as_of THEN 'after as_of'
    WHEN TRY_CAST(h."OrderDate" AS TIMESTAMP) <= $as_of - to_weeks($history_weeks) THEN 'older than the history kept'
  END AS exclude_reason
FROM "PurchaseOrderDetail" d
LEFT JOIN "PurchaseOrderHeader" h ON h."PurchaseOrderID" = d."PurchaseOrderID"

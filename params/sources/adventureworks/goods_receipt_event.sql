-- assumption: goods are received on the header's ship date.
SELECT
  d."PurchaseOrderID" AS po_id,
  d."PurchaseOrderDetailID" AS line_id,
  h."ShipDate" AS received_at,
  d."ReceivedQty" AS received_qty,
  d."RejectedQty" AS rejected_qty,
  CASE
    WHEN h."ShipDate" IS NULL OR TRY_CAST(h."ShipDate" AS TIMESTAMP) > CAST($as_of AS TIMESTAMP) THEN 'after as_of'
    WHEN TRY_CAST(h."OrderDate" AS TIMESTAMP) <= CAST($as_of AS TIMESTAMP) - INTERVAL 52 WEEK THEN 'older than 52 weeks'
  END AS exclude_reason
FROM "PurchaseOrderDetail" d
JOIN "PurchaseOrderHeader" h ON h."PurchaseOrderID" = d."PurchaseOrderID"

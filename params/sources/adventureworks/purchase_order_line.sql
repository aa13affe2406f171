-- assumption: the source has no supplier confirmations: the promise is the due date of the order; goods are received on the header's ship date.
-- assumption: 52 weeks of history and everything open are kept.
SELECT
  d."PurchaseOrderID" AS po_id,
  d."PurchaseOrderDetailID" AS line_id,
  h."VendorID" AS supplier_id,
  d."ProductID" AS item_id,
  'AW' AS site_id,
  h."OrderDate" AS ordered_at,
  d."OrderQty" AS ordered_qty,
  CASE WHEN shipped THEN d."ReceivedQty" ELSE '0' END AS received_qty,
  d."DueDate" AS required_date,
  d."DueDate" AS promised_date,
  d."DueDate" AS first_promised_date,
  CASE WHEN shipped THEN 'completed' ELSE 'open' END AS status,
  d."UnitPrice" AS unit_cost,
  'USD' AS currency,
  CASE
    WHEN h.ordered > CAST($as_of AS TIMESTAMP) THEN 'after as_of'
    WHEN h.ordered <= CAST($as_of AS TIMESTAMP) - INTERVAL 52 WEEK THEN 'older than 52 weeks'
  END AS exclude_reason
FROM "PurchaseOrderDetail" d
JOIN (
  SELECT *, TRY_CAST("OrderDate" AS TIMESTAMP) AS ordered,
    coalesce(TRY_CAST("ShipDate" AS TIMESTAMP) <= CAST($as_of AS TIMESTAMP), false) AS shipped
  FROM "PurchaseOrderHeader"
) h ON h."PurchaseOrderID" = d."PurchaseOrderID"

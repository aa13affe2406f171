-- assumption: the source has no supplier confirmations: the promise is the due date of the order; goods are received on the header's ship date, and an order is closed by its one receipt even where it fell short.
-- assumption: the header's status code is the state at the end of the data, not at as_of, and is not used.
SELECT
  d."PurchaseOrderID" AS po_id,
  d."PurchaseOrderDetailID" AS line_id,
  h."VendorID" AS supplier_id,
  d."ProductID" AS item_id,
  'AW' AS site_id,
  h."OrderDate" AS ordered_at,
  d."OrderQty" AS ordered_qty,
  CASE WHEN h.shipped THEN d."ReceivedQty" ELSE '0' END AS received_qty,
  d."DueDate" AS required_date,
  d."DueDate" AS promised_date,
  d."DueDate" AS first_promised_date,
  CASE WHEN h.shipped THEN 'completed' ELSE 'open' END AS status,
  d."UnitPrice" AS unit_cost,
  'USD' AS currency,
  CASE
    WHEN h.ordered > $as_of THEN 'after as_of'
    WHEN h.shipped AND h.ordered <= $as_of - to_weeks($history_weeks) THEN 'older than the history kept'
  END AS exclude_reason
FROM "PurchaseOrderDetail" d
LEFT JOIN (
  SELECT *, TRY_CAST("OrderDate" AS TIMESTAMP) AS ordered,
    coalesce(TRY_CAST("ShipDate" AS TIMESTAMP) <= $as_of, false) AS shipped
  FROM "PurchaseOrderHeader"
) h ON h."PurchaseOrderID" = d."PurchaseOrderID"

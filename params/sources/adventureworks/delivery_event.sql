-- assumption: a line is delivered in one shipment on the ship date.
SELECT
  'S' || d."SalesOrderID" AS shipment_id,
  d."SalesOrderID" AS order_id,
  d."SalesOrderDetailID" AS line_id,
  'AW' AS site_id,
  d."OrderQty" AS delivered_qty,
  h."ShipDate" AS goods_issue_at,
  CASE
    WHEN h."ShipDate" IS NULL OR TRY_CAST(h."ShipDate" AS TIMESTAMP) > $as_of THEN 'after as_of'
    WHEN TRY_CAST(h."OrderDate" AS TIMESTAMP) <= $as_of - to_weeks($history_weeks) THEN 'older than the history kept'
  END AS exclude_reason
FROM "SalesOrderDetail" d
LEFT JOIN "SalesOrderHeader" h ON h."SalesOrderID" = d."SalesOrderID"

-- assumption: a line is delivered in one shipment on the ship date.
SELECT
  'S' || d."SalesOrderID" AS shipment_id,
  d."SalesOrderID" AS order_id,
  d."SalesOrderDetailID" AS line_id,
  d."OrderQty" AS delivered_qty,
  h."ShipDate" AS goods_issue_at,
  CASE
    WHEN h."ShipDate" IS NULL OR TRY_CAST(h."ShipDate" AS TIMESTAMP) > CAST($as_of AS TIMESTAMP) THEN 'after as_of'
    WHEN TRY_CAST(h."OrderDate" AS TIMESTAMP) <= CAST($as_of AS TIMESTAMP) - INTERVAL 26 WEEK THEN 'older than 26 weeks'
  END AS exclude_reason
FROM "SalesOrderDetail" d
JOIN "SalesOrderHeader" h ON h."SalesOrderID" = d."SalesOrderID"

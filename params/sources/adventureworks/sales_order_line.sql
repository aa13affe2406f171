-- assumption: the due date is both the requested and the confirmed date; an order is delivered when it ships, completely.
-- assumption: an order is known from its order date on; 26 weeks of history and everything open are kept.
SELECT
  d."SalesOrderID" AS order_id,
  d."SalesOrderDetailID" AS line_id,
  h."CustomerID" AS customer_id,
  d."ProductID" AS item_id,
  'AW' AS site_id,
  h."OrderDate" AS ordered_at,
  d."OrderQty" AS ordered_qty,
  'EA' AS uom,
  h."DueDate" AS requested_date,
  h."DueDate" AS first_confirmed_date,
  h."DueDate" AS last_confirmed_date,
  CASE WHEN shipped THEN d."OrderQty" ELSE '0' END AS delivered_qty,
  CASE WHEN shipped THEN h."ShipDate" END AS last_goods_issue_at,
  CASE WHEN shipped THEN 'completed' ELSE 'open' END AS status,
  'MTS' AS order_type,
  d."UnitPrice" AS net_price,
  d."LineTotal" AS net_value,
  TRY_CAST(d."LineTotal" AS DOUBLE) / TRY_CAST(d."OrderQty" AS DOUBLE) - TRY_CAST(p."StandardCost" AS DOUBLE) AS margin_per_unit,
  'USD' AS currency,
  CASE
    WHEN h.ordered > CAST($as_of AS TIMESTAMP) THEN 'after as_of'
    WHEN h.ordered <= CAST($as_of AS TIMESTAMP) - INTERVAL 26 WEEK THEN 'older than 26 weeks'
  END AS exclude_reason
FROM "SalesOrderDetail" d
JOIN (
  SELECT *, TRY_CAST("OrderDate" AS TIMESTAMP) AS ordered,
    coalesce(TRY_CAST("ShipDate" AS TIMESTAMP) <= CAST($as_of AS TIMESTAMP), false) AS shipped
  FROM "SalesOrderHeader"
) h ON h."SalesOrderID" = d."SalesOrderID"
LEFT JOIN "Product" p ON p."ProductID" = d."ProductID"

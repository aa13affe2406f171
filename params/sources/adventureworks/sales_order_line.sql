-- assumption: the due date is both the requested and the confirmed date; an order is delivered when it ships, completely.
-- assumption: an order is known from its order date on; margin is the net price less the standard cost that was valid at as_of.
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
  CASE WHEN h.shipped THEN d."OrderQty" ELSE '0' END AS delivered_qty,
  CASE WHEN h.shipped THEN h."ShipDate" END AS last_goods_issue_at,
  CASE WHEN h.shipped THEN 'completed' ELSE 'open' END AS status,
  'MTS' AS order_type,
  TRY_CAST(d."LineTotal" AS DOUBLE) / TRY_CAST(d."OrderQty" AS DOUBLE) AS net_price,
  d."LineTotal" AS net_value,
  TRY_CAST(d."LineTotal" AS DOUBLE) / TRY_CAST(d."OrderQty" AS DOUBLE)
    - coalesce(c.std_cost, TRY_CAST(p."StandardCost" AS DOUBLE)) AS margin_per_unit,
  'USD' AS currency,
  CASE
    WHEN h.ordered > $as_of THEN 'after as_of'
    WHEN h.shipped AND h.ordered <= $as_of - to_weeks($history_weeks) THEN 'older than the history kept'
  END AS exclude_reason
FROM "SalesOrderDetail" d
LEFT JOIN (
  SELECT *, TRY_CAST("OrderDate" AS TIMESTAMP) AS ordered,
    coalesce(TRY_CAST("ShipDate" AS TIMESTAMP) <= $as_of, false) AS shipped
  FROM "SalesOrderHeader"
) h ON h."SalesOrderID" = d."SalesOrderID"
LEFT JOIN "Product" p ON p."ProductID" = d."ProductID"
LEFT JOIN (
  SELECT "ProductID", arg_max(TRY_CAST("StandardCost" AS DOUBLE), "StartDate") AS std_cost
  FROM "ProductCostHistory" WHERE TRY_CAST("StartDate" AS TIMESTAMP) <= $as_of GROUP BY "ProductID"
) c ON c."ProductID" = d."ProductID"

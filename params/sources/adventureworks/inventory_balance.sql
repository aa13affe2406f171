-- assumption: stock of August 2014 (all locations together) is rolled back through the movement ledger (TransactionHistory and its archive). The ledger books every movement on the day its order was taken; here it takes effect when it happened: production when the work order ended (stocked quantity), sales when they shipped, purchases when they were received (stocked quantity).
-- assumption: the ledger holds no component consumption; it is added from the bill of material valid at the work order's start, backflushed when the work order ends (for the 27 made intermediates this balances production exactly).
-- assumption: a balance that comes out negative (bought parts whose recorded purchases exceed what was used) is quarantined: that stock is unknown.
-- assumption: one balance per week for the last 8 weeks beside the one at as_of, valued at the standard cost of its day.
SELECT
  i.item_id,
  'AW' AS location_id,
  'AW' AS site_id,
  i.balance_at,
  i.final_qty - coalesce(sum(m.qty), 0) AS on_hand_qty,
  coalesce(any_value(c.std_cost), any_value(TRY_CAST(p."StandardCost" AS DOUBLE))) AS unit_std_cost,
  'USD' AS currency
FROM (
  SELECT "ProductID" AS item_id, sum(TRY_CAST("Quantity" AS DOUBLE)) AS final_qty, b.balance_at
  FROM "ProductInventory"
  CROSS JOIN (SELECT CAST($as_of AS TIMESTAMP) - week * INTERVAL 7 DAY AS balance_at FROM range(0, 9) w(week)) b
  GROUP BY ALL
) i
LEFT JOIN (
  SELECT item_id, moved_at, sum(qty) AS qty
  FROM (
    SELECT t."ProductID" AS item_id, t."TransactionType" AS kind,
      TRY_CAST(CASE t."TransactionType" WHEN 'W' THEN w."EndDate" WHEN 'S' THEN s."ShipDate" ELSE h."ShipDate" END AS TIMESTAMP) AS moved_at,
      CASE t."TransactionType"
        WHEN 'W' THEN TRY_CAST(w."StockedQty" AS DOUBLE)
        WHEN 'S' THEN -TRY_CAST(t."Quantity" AS DOUBLE)
        ELSE TRY_CAST(d."StockedQty" AS DOUBLE)
      END AS qty
    FROM (
      SELECT "ProductID", "ReferenceOrderID", "TransactionType", "Quantity" FROM "TransactionHistory"
      UNION ALL
      SELECT "ProductID", "ReferenceOrderID", "TransactionType", "Quantity" FROM "TransactionHistoryArchive"
    ) t
    LEFT JOIN "WorkOrder" w ON t."TransactionType" = 'W' AND w."WorkOrderID" = t."ReferenceOrderID"
    LEFT JOIN "SalesOrderHeader" s ON t."TransactionType" = 'S' AND s."SalesOrderID" = t."ReferenceOrderID"
    LEFT JOIN "PurchaseOrderHeader" h ON t."TransactionType" = 'P' AND h."PurchaseOrderID" = t."ReferenceOrderID"
    LEFT JOIN "PurchaseOrderDetail" d ON t."TransactionType" = 'P' AND d."PurchaseOrderID" = t."ReferenceOrderID" AND d."ProductID" = t."ProductID"
    UNION ALL
    SELECT b."ComponentID", 'C', TRY_CAST(w."EndDate" AS TIMESTAMP),
      -TRY_CAST(w."OrderQty" AS DOUBLE) * TRY_CAST(b."PerAssemblyQty" AS DOUBLE)
    FROM "WorkOrder" w
    JOIN "BillOfMaterials" b ON b."ProductAssemblyID" = w."ProductID" AND b."StartDate" <= w."StartDate"
      AND (b."EndDate" IS NULL OR b."EndDate" > w."StartDate")
  )
  WHERE moved_at > $as_of - INTERVAL 56 DAY
  GROUP BY item_id, moved_at
) m ON m.item_id = i.item_id AND m.moved_at > i.balance_at
LEFT JOIN "Product" p ON p."ProductID" = i.item_id
LEFT JOIN (
  SELECT "ProductID", TRY_CAST("StandardCost" AS DOUBLE) AS std_cost, TRY_CAST("StartDate" AS TIMESTAMP) AS begins,
    coalesce(TRY_CAST("EndDate" AS TIMESTAMP) + INTERVAL 1 DAY, TIMESTAMP '9999-12-31') AS ends
  FROM "ProductCostHistory"
) c ON c."ProductID" = i.item_id AND i.balance_at >= c.begins AND i.balance_at < c.ends
GROUP BY i.item_id, i.balance_at, i.final_qty

-- assumption: stock of August 2014 (all locations together) rolled back through the movement ledger; the ledger holds no component consumption, so components roll back without it, and a balance that would be negative is quarantined.
-- assumption: one balance per week for the last 8 weeks beside the one at as_of; value at today's standard cost.
SELECT
  i.item_id,
  'AW' AS location_id,
  'AW' AS site_id,
  b.balance_at,
  i.qty - coalesce(sum(m.qty) FILTER (WHERE m.moved_at >= b.balance_at), 0) AS on_hand_qty,
  any_value(p."StandardCost") AS unit_std_cost,
  'USD' AS currency,
  NULL AS exclude_reason
FROM (
  SELECT "ProductID" AS item_id, sum(TRY_CAST("Quantity" AS DOUBLE)) AS qty FROM "ProductInventory" GROUP BY 1
) i
CROSS JOIN (
  SELECT CAST($as_of AS TIMESTAMP) - week * INTERVAL 7 DAY AS balance_at FROM range(0, 9) w(week)
) b
LEFT JOIN (
  SELECT "ProductID" AS item_id, TRY_CAST("TransactionDate" AS TIMESTAMP) AS moved_at,
    CASE WHEN "TransactionType" = 'S' THEN -TRY_CAST("Quantity" AS DOUBLE) ELSE TRY_CAST("Quantity" AS DOUBLE) END AS qty
  FROM (
    SELECT "ProductID", "TransactionDate", "TransactionType", "Quantity" FROM "TransactionHistory"
    UNION ALL
    SELECT "ProductID", "TransactionDate", "TransactionType", "Quantity" FROM "TransactionHistoryArchive"
  )
) m ON m.item_id = i.item_id AND m.moved_at >= b.balance_at
LEFT JOIN "Product" p ON p."ProductID" = i.item_id
GROUP BY i.item_id, i.qty, b.balance_at

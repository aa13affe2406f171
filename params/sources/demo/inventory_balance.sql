-- assumption: the warehouse lists its stock on Mondays at 05:00; finished goods by batch, the rest in one figure.
SELECT
  "sku" AS item_id,
  "warehouse" AS location_id,
  "batch" AS lot_id,
  "stock_at" AS balance_at,
  "qty" AS on_hand_qty,
  "qty_reserved" AS reserved_qty,
  "qty_blocked" AS blocked_qty,
  "best_before" AS expiry_date,
  "std_cost" AS unit_std_cost,
  'EUR' AS currency,
  "warehouse" AS site_id,
  "stock_at" AS recorded_at,
  CASE WHEN (TRY_CAST("stock_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "wms__stock_list"

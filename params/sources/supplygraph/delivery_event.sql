-- assumption: a day's delivery of a product is divided over its oldest open orders (FIFO); what exceeds all orders so far has no order line and is left out.
WITH orders AS (
  SELECT item_id, day, qty, sum(qty) OVER (PARTITION BY item_id ORDER BY day) AS upto
  FROM (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Sales Order" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  )
), deliveries AS (
  SELECT item_id, day, qty, sum(qty) OVER (PARTITION BY item_id ORDER BY day) AS upto
  FROM (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Delivery To distributor" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  )
)
SELECT
  'D/' || d.item_id || '/' || strftime(d.day, '%Y-%m-%d') AS shipment_id,
  o.item_id || '/' || strftime(o.day, '%Y-%m-%d') AS order_id,
  '1' AS line_id,
  least(o.upto, d.upto) - greatest(o.upto - o.qty, d.upto - d.qty) AS delivered_qty,
  greatest(d.day, o.day) + INTERVAL 12 HOUR AS goods_issue_at,
  CASE WHEN greatest(d.day, o.day) + INTERVAL 1 DAY > CAST($as_of AS TIMESTAMP) THEN 'after as_of' END AS exclude_reason
FROM deliveries d
JOIN orders o ON o.item_id = d.item_id AND o.qty > 0 AND d.qty > 0
  AND least(o.upto, d.upto) - greatest(o.upto - o.qty, d.upto - d.qty) > 1e-6

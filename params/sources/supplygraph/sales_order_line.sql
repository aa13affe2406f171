-- assumption: deliveries serve the oldest orders of a product first (FIFO); an order line is delivered when the cumulative delivery reaches its cumulative order quantity, on the day of the order at the earliest.
-- assumption: an order is due on the day it was taken; both promises are that day.
WITH orders AS (
  SELECT *, sum(qty) OVER (PARTITION BY item_id ORDER BY day) AS upto,
    sum(qty) OVER (PARTITION BY item_id ORDER BY day) - qty AS before
  FROM (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, "Date" AS raw_day, value AS raw_qty, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Sales Order" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  )
), deliveries AS (
  SELECT item_id, day, sum(qty) OVER (PARTITION BY item_id ORDER BY day) AS upto
  FROM (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Delivery To distributor" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  )
  WHERE day + INTERVAL 1 DAY <= $as_of
), delivered AS (
  SELECT item_id, max(upto) AS total FROM deliveries GROUP BY item_id
), completed AS (
  SELECT o.item_id, o.day, min(d.day) AS day_done
  FROM orders o JOIN deliveries d ON d.item_id = o.item_id AND d.upto >= o.upto - 1e-6
  GROUP BY ALL
)
SELECT
  o.item_id || '/' || strftime(o.day, '%Y-%m-%d') AS order_id,
  '1' AS line_id,
  'distributors' AS customer_id,
  o.item_id,
  'factory' AS site_id,
  o.raw_day AS ordered_at,
  o.raw_qty AS ordered_qty,
  'unit' AS uom,
  o.raw_day AS requested_date,
  o.raw_day AS first_confirmed_date,
  o.raw_day AS last_confirmed_date,
  greatest(0, least(o.qty, coalesce(t.total, 0) - o.before)) AS delivered_qty,
  CASE WHEN c.day_done IS NOT NULL THEN greatest(c.day_done, o.day) + INTERVAL 12 HOUR END AS last_goods_issue_at,
  CASE WHEN c.day_done IS NOT NULL THEN 'completed' ELSE 'open' END AS status,
  'MTS' AS order_type,
  CASE
    WHEN o.day + INTERVAL 1 DAY > $as_of THEN 'after as_of'
    WHEN TRY_CAST(o.raw_qty AS DOUBLE) = 0 THEN 'nothing ordered that day'
  END AS exclude_reason
FROM orders o
LEFT JOIN delivered t ON t.item_id = o.item_id
LEFT JOIN completed c ON c.item_id = o.item_id AND c.day = o.day

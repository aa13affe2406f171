-- assumption: a day's delivery of a product serves its oldest open orders first (FIFO), and orders to come where none is open; a delivery whose order is not known at as_of stands under '<product>/no order yet'.
WITH orders AS (
  SELECT item_id, day, qty, sum(qty) OVER (PARTITION BY item_id ORDER BY day) AS upto
  FROM (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Sales Order" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  )
  WHERE qty > 0 AND day + INTERVAL 1 DAY <= $as_of
), deliveries AS (
  SELECT item_id, day, qty, sum(qty) OVER (PARTITION BY item_id ORDER BY day) AS upto
  FROM (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Delivery To distributor" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  )
), matched AS (
  SELECT d.item_id, d.day, o.item_id || '/' || strftime(o.day, '%Y-%m-%d') AS order_id,
    least(o.upto, d.upto) - greatest(o.upto - o.qty, d.upto - d.qty) AS qty
  FROM deliveries d
  JOIN orders o ON o.item_id = d.item_id AND d.qty > 0
    AND least(o.upto, d.upto) - greatest(o.upto - o.qty, d.upto - d.qty) > 1e-6
), parts AS (
  SELECT item_id, day, order_id, qty FROM matched
  UNION ALL
  SELECT d.item_id, d.day, d.item_id || '/no order yet', d.qty - coalesce(m.qty, 0)
  FROM deliveries d
  LEFT JOIN (SELECT item_id, day, sum(qty) AS qty FROM matched GROUP BY ALL) m ON m.item_id = d.item_id AND m.day = d.day
  WHERE d.qty - coalesce(m.qty, 0) > 1e-6
)
SELECT
  'D/' || item_id || '/' || strftime(day, '%Y-%m-%d') AS shipment_id,
  order_id,
  '1' AS line_id,
  item_id AS delivered_item_id,
  'factory' AS site_id,
  qty AS delivered_qty,
  day + INTERVAL 12 HOUR AS goods_issue_at,
  CASE WHEN day + INTERVAL 1 DAY > $as_of THEN 'after as_of' END AS exclude_reason
FROM parts

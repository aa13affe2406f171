-- assumption: the opening stock of each product is the smallest that keeps cumulative production minus delivery at or above zero over the days known at as_of.
-- assumption: one balance per week for the last 8 weeks beside the one at as_of.
WITH flow AS (
  SELECT p.item_id, p.day,
    sum(p.qty - d.qty) OVER (PARTITION BY p.item_id ORDER BY p.day) AS net
  FROM (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Production" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  ) p
  JOIN (
    SELECT item_id, TRY_CAST("Date" AS TIMESTAMP) AS day, coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
    FROM (UNPIVOT "daily_units__Delivery To distributor" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value)
  ) d ON d.item_id = p.item_id AND d.day = p.day
  WHERE p.day + INTERVAL 1 DAY <= CAST($as_of AS TIMESTAMP)
), opening AS (
  SELECT item_id, greatest(0, -min(net)) AS qty FROM flow GROUP BY item_id
)
SELECT
  o.item_id,
  'factory' AS location_id,
  'factory' AS site_id,
  b.balance_at,
  greatest(0, o.qty + coalesce(arg_max(f.net, f.day), 0)) AS on_hand_qty,
  NULL AS exclude_reason
FROM opening o
CROSS JOIN (
  SELECT CAST($as_of AS TIMESTAMP) - week * INTERVAL 7 DAY AS balance_at FROM range(0, 9) w(week)
) b
LEFT JOIN flow f ON f.item_id = o.item_id AND f.day + INTERVAL 1 DAY <= b.balance_at
GROUP BY o.item_id, o.qty, b.balance_at

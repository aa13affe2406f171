-- assumption: the opening stock of each product is the smallest that keeps cumulative production minus delivery at or above zero over the days known at as_of.
-- assumption: one balance per day from the first day on (at its beginning), so that production is the change of stock plus what was delivered.
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
  WHERE p.day + INTERVAL 1 DAY <= $as_of
), opening AS (
  SELECT item_id, greatest(0, -min(net)) AS qty, min(day) AS first_day FROM flow GROUP BY item_id
)
SELECT item_id, 'factory' AS location_id, 'factory' AS site_id, balance_at, greatest(0, qty) AS on_hand_qty
FROM (
  SELECT item_id, first_day AS balance_at, qty FROM opening
  UNION ALL
  SELECT f.item_id, f.day + INTERVAL 1 DAY, o.qty + f.net FROM flow f JOIN opening o ON o.item_id = f.item_id
)

-- assumption: derived baseline: the plan of a month is the family's mean daily order quantity over the 56 days before the as_of month that are known, times the days of the month; the first month of the data plans itself from what is known so far.
SELECT
  'derived-' || strftime(CAST($as_of AS TIMESTAMP), '%Y-%m') AS plan_version,
  date_trunc('month', CAST($as_of AS TIMESTAMP)) AS approved_at,
  family_id,
  'factory' AS site_id,
  month AS plan_month,
  'demand' AS measure,
  round(sum(qty) / count(DISTINCT day) * date_diff('day', month, month + INTERVAL 1 MONTH)) AS planned_qty,
  'mean daily orders of the eight weeks before the month' AS assumption_text
FROM (
  SELECT coalesce(g."Group" || '-' || g."Sub-Group", 'ungrouped') AS family_id, TRY_CAST("Date" AS TIMESTAMP) AS day,
    coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
  FROM (UNPIVOT "daily_units__Sales Order" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value) s
  LEFT JOIN (
    SELECT "Node", any_value("Group") AS "Group", any_value("Sub-Group") AS "Sub-Group"
    FROM "Nodes__Node Types (Product Group and Subgroup)" GROUP BY "Node"
  ) g ON g."Node" = s.item_id
)
CROSS JOIN (
  SELECT date_trunc('month', CAST($as_of AS TIMESTAMP)) + k * INTERVAL 1 MONTH AS month FROM range(0, 4) t(k)
) m
WHERE day < date_trunc('month', CAST($as_of AS TIMESTAMP))
  AND day >= date_trunc('month', CAST($as_of AS TIMESTAMP)) - INTERVAL 56 DAY
GROUP BY family_id, month

-- assumption: derived baseline, not a management plan: the plan of a month is the family's mean daily order quantity over the 56 days before the version's month (fewer where the data begins later) times the days of the month. Months to come follow the version of the as_of month; each of the two months before has the version of its own first day.
SELECT
  'derived-' || strftime(m.version, '%Y-%m') AS plan_version,
  m.version AS approved_at,
  o.family_id,
  'factory' AS site_id,
  m.month AS plan_month,
  'demand' AS measure,
  round(sum(o.qty) / count(DISTINCT o.day) * date_diff('day', m.month, m.month + INTERVAL 1 MONTH)) AS planned_qty,
  'mean daily orders of the eight weeks before' AS assumption_text
FROM (
  SELECT coalesce(g."Group" || '-' || g."Sub-Group", 'ungrouped') AS family_id, TRY_CAST("Date" AS TIMESTAMP) AS day,
    coalesce(TRY_CAST(value AS DOUBLE), 0) AS qty
  FROM (UNPIVOT "daily_units__Sales Order" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value) s
  LEFT JOIN (
    SELECT "Node", any_value("Group") AS "Group", any_value("Sub-Group") AS "Sub-Group"
    FROM "Nodes__Node Types (Product Group and Subgroup)" GROUP BY "Node"
  ) g ON g."Node" = regexp_replace(s.item_id, '\.1$', '')
) o
JOIN (
  SELECT date_trunc('month', CAST($as_of AS TIMESTAMP)) + k * INTERVAL 1 MONTH AS month,
    date_trunc('month', CAST($as_of AS TIMESTAMP)) + least(k, 0) * INTERVAL 1 MONTH AS version
  FROM range(-2, 5) t(k)
) m ON o.day >= m.version - INTERVAL 56 DAY AND o.day < m.version
GROUP BY o.family_id, m.month, m.version

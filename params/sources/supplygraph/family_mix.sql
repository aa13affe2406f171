-- assumption: an item's share of its family is its share of the orders of the eight weeks before the as_of month.
SELECT
  coalesce(g."Group" || '-' || g."Sub-Group", 'ungrouped') AS family_id,
  s.item_id,
  'factory' AS site_id,
  sum(coalesce(TRY_CAST(s.value AS DOUBLE), 0)) AS mix_weight,
  'history' AS mix_basis
FROM (UNPIVOT "daily_units__Sales Order" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE value) s
LEFT JOIN (
  SELECT "Node", any_value("Group") AS "Group", any_value("Sub-Group") AS "Sub-Group"
  FROM "Nodes__Node Types (Product Group and Subgroup)" GROUP BY "Node"
) g ON g."Node" = regexp_replace(s.item_id, '\.1$', '')
WHERE TRY_CAST(s."Date" AS TIMESTAMP) < date_trunc('month', CAST($as_of AS TIMESTAMP))
  AND TRY_CAST(s."Date" AS TIMESTAMP) >= date_trunc('month', CAST($as_of AS TIMESTAMP)) - INTERVAL 56 DAY
GROUP BY ALL

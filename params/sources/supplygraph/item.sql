-- assumption: the family is the product group and sub-group; every product is made in-house.
SELECT
  n."Node" AS item_id,
  coalesce(g."Group" || '-' || g."Sub-Group", 'ungrouped') AS family_id,
  'unit' AS uom,
  'make' AS supply_type,
  'MTS' AS item_type
FROM (
  SELECT DISTINCT item_id AS "Node" FROM (UNPIVOT "daily_units__Sales Order" ON COLUMNS(* EXCLUDE "Date") INTO NAME item_id VALUE qty)
) n
LEFT JOIN (
  SELECT "Node", any_value("Group") AS "Group", any_value("Sub-Group") AS "Sub-Group"
  FROM "Nodes__Node Types (Product Group and Subgroup)" GROUP BY "Node"
) g ON g."Node" = regexp_replace(n."Node", '\.1$', '')

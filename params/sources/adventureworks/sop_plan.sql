-- assumption: derived baseline: the plan of a month is the family's mean monthly order quantity over the three full months before it that were known at the first of the as_of month.
SELECT
  'derived-' || strftime(CAST($as_of AS TIMESTAMP), '%Y-%m') AS plan_version,
  date_trunc('month', CAST($as_of AS TIMESTAMP)) AS approved_at,
  family_id,
  'AW' AS site_id,
  m.month AS plan_month,
  'demand' AS measure,
  round(sum(qty) / 3.0) AS planned_qty,
  'mean of the last three full months' AS assumption_text
FROM (
  SELECT coalesce(s."Name", CASE WHEN p."MakeFlag" = 'True' THEN 'Components (make)' ELSE 'Components (buy)' END) AS family_id,
    TRY_CAST(d."OrderQty" AS DOUBLE) AS qty, TRY_CAST(h."OrderDate" AS TIMESTAMP) AS ordered
  FROM "SalesOrderDetail" d
  JOIN "SalesOrderHeader" h ON h."SalesOrderID" = d."SalesOrderID"
  JOIN "Product" p ON p."ProductID" = d."ProductID"
  LEFT JOIN "ProductSubcategory" s ON s."ProductSubcategoryID" = p."ProductSubcategoryID"
)
CROSS JOIN (
  SELECT date_trunc('month', CAST($as_of AS TIMESTAMP)) + k * INTERVAL 1 MONTH AS month FROM range(0, 4) t(k)
) m
WHERE ordered >= date_trunc('month', CAST($as_of AS TIMESTAMP)) - INTERVAL 3 MONTH
  AND ordered < date_trunc('month', CAST($as_of AS TIMESTAMP))
GROUP BY family_id, m.month

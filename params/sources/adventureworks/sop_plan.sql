-- assumption: derived baseline, not a management plan: the plan of a month is the family's mean monthly order quantity over the three full months before the version's month. Months to come follow the version of the as_of month; each of the three months before has the version of its own first day.
SELECT
  'derived-' || strftime(m.version, '%Y-%m') AS plan_version,
  m.version AS approved_at,
  o.family_id,
  'AW' AS site_id,
  m.month AS plan_month,
  'demand' AS measure,
  round(sum(o.qty) / 3.0) AS planned_qty,
  'mean of the three full months before' AS assumption_text
FROM (
  SELECT coalesce(s."Name", CASE WHEN p."MakeFlag" = 'True' THEN 'Components (make)' ELSE 'Components (buy)' END) AS family_id,
    TRY_CAST(d."OrderQty" AS DOUBLE) AS qty, TRY_CAST(h."OrderDate" AS TIMESTAMP) AS ordered
  FROM "SalesOrderDetail" d
  JOIN "SalesOrderHeader" h ON h."SalesOrderID" = d."SalesOrderID"
  JOIN "Product" p ON p."ProductID" = d."ProductID"
  LEFT JOIN "ProductSubcategory" s ON s."ProductSubcategoryID" = p."ProductSubcategoryID"
) o
JOIN (
  SELECT date_trunc('month', CAST($as_of AS TIMESTAMP)) + k * INTERVAL 1 MONTH AS month,
    date_trunc('month', CAST($as_of AS TIMESTAMP)) + least(k, 0) * INTERVAL 1 MONTH AS version
  FROM range(-3, 5) t(k)
) m ON o.ordered >= m.version - INTERVAL 3 MONTH AND o.ordered < m.version
GROUP BY o.family_id, m.month, m.version

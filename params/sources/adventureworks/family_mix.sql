-- assumption: an item's share of its family is its share of the orders of the three full months before the as_of month.
SELECT
  coalesce(s."Name", CASE WHEN p."MakeFlag" = 'True' THEN 'Components (make)' ELSE 'Components (buy)' END) AS family_id,
  p."ProductID" AS item_id,
  'AW' AS site_id,
  sum(TRY_CAST(d."OrderQty" AS DOUBLE)) AS mix_weight,
  'history' AS mix_basis
FROM "SalesOrderDetail" d
JOIN "SalesOrderHeader" h ON h."SalesOrderID" = d."SalesOrderID"
JOIN "Product" p ON p."ProductID" = d."ProductID"
LEFT JOIN "ProductSubcategory" s ON s."ProductSubcategoryID" = p."ProductSubcategoryID"
WHERE TRY_CAST(h."OrderDate" AS TIMESTAMP) >= date_trunc('month', CAST($as_of AS TIMESTAMP)) - INTERVAL 3 MONTH
  AND TRY_CAST(h."OrderDate" AS TIMESTAMP) < date_trunc('month', CAST($as_of AS TIMESTAMP))
GROUP BY ALL

-- assumption: tiers by revenue known at as_of: the best 5 % of customers are A, the next 15 % B, the next 30 % C, others D; the source has no penalty clauses.
SELECT
  c."CustomerID" AS customer_id,
  CASE WHEN r.rank IS NULL THEN 'D' WHEN r.rank <= 0.05 THEN 'A' WHEN r.rank <= 0.20 THEN 'B' WHEN r.rank <= 0.50 THEN 'C' ELSE 'D' END AS customer_tier,
  'none' AS penalty_type,
  t."Name" AS region,
  'USD' AS currency
FROM "Customer" c
LEFT JOIN "SalesTerritory" t ON t."TerritoryID" = c."TerritoryID"
LEFT JOIN (
  SELECT customer_id, percent_rank() OVER (ORDER BY revenue DESC, customer_id) AS rank FROM (
    SELECT "CustomerID" AS customer_id, sum(TRY_CAST("SubTotal" AS DOUBLE)) AS revenue
    FROM "SalesOrderHeader" WHERE TRY_CAST("OrderDate" AS TIMESTAMP) <= CAST($as_of AS TIMESTAMP) GROUP BY 1
  )
) r ON r.customer_id = c."CustomerID"

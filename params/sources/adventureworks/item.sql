-- assumption: the family is the product subcategory; parts without one are 'Components (make)' or 'Components (buy)'.
-- assumption: lead time is the vendors' mean lead time for bought parts and DaysToManufacture for made ones.
-- assumption: standard cost is the one valid at as_of (ProductCostHistory); list prices and safety stocks have no history and are today's.
SELECT
  p."ProductID" AS item_id,
  coalesce(s."Name", CASE WHEN p."MakeFlag" = 'True' THEN 'Components (make)' ELSE 'Components (buy)' END) AS family_id,
  'EA' AS uom,
  CASE WHEN p."MakeFlag" = 'True' THEN 'make' ELSE 'buy' END AS supply_type,
  p."Name" AS description,
  CASE WHEN p."FinishedGoodsFlag" = 'True' THEN 'MTS' WHEN p."MakeFlag" = 'True' THEN 'intermediate' ELSE 'component' END AS item_type,
  CASE WHEN p."MakeFlag" = 'True' THEN TRY_CAST(p."DaysToManufacture" AS DOUBLE) ELSE v.lead_time_days END AS lead_time_days,
  p."SafetyStockLevel" AS safety_stock_qty,
  coalesce(c.std_cost, TRY_CAST(p."StandardCost" AS DOUBLE)) AS std_cost,
  p."ListPrice" AS price,
  'USD' AS currency,
  v.supplier_id,
  CASE WHEN TRY_CAST(p."SellStartDate" AS TIMESTAMP) > $as_of THEN 'after as_of' END AS exclude_reason
FROM "Product" p
LEFT JOIN "ProductSubcategory" s ON s."ProductSubcategoryID" = p."ProductSubcategoryID"
LEFT JOIN (
  SELECT "ProductID", avg(TRY_CAST("AverageLeadTime" AS DOUBLE)) AS lead_time_days, min("BusinessEntityID") AS supplier_id
  FROM "ProductVendor" GROUP BY "ProductID"
) v ON v."ProductID" = p."ProductID"
LEFT JOIN (
  SELECT "ProductID", arg_max(TRY_CAST("StandardCost" AS DOUBLE), "StartDate") AS std_cost
  FROM "ProductCostHistory" WHERE TRY_CAST("StartDate" AS TIMESTAMP) <= $as_of GROUP BY "ProductID"
) c ON c."ProductID" = p."ProductID"

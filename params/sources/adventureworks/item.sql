-- assumption: the family is the product subcategory; purchased and unclassified parts are 'Components (make)' or 'Components (buy)'.
-- assumption: lead time is the vendor's average lead time for bought parts and DaysToManufacture for made ones.
SELECT
  p."ProductID" AS item_id,
  coalesce(s."Name", CASE WHEN p."MakeFlag" = 'True' THEN 'Components (make)' ELSE 'Components (buy)' END) AS family_id,
  'EA' AS uom,
  CASE WHEN p."MakeFlag" = 'True' THEN 'make' ELSE 'buy' END AS supply_type,
  p."Name" AS description,
  CASE WHEN p."FinishedGoodsFlag" = 'True' THEN 'MTS' WHEN p."MakeFlag" = 'True' THEN 'intermediate' ELSE 'component' END AS item_type,
  coalesce(v.lead_time_days, TRY_CAST(p."DaysToManufacture" AS DOUBLE)) AS lead_time_days,
  p."SafetyStockLevel" AS safety_stock_qty,
  p."StandardCost" AS std_cost,
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

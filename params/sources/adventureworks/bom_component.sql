-- assumption: ended BOM lines and top rows without an assembly are left out; quantities per assembly are in the component's stock unit (92 lines in ounces and 9 in inches are taken as they stand).
SELECT
  "ProductAssemblyID" AS parent_item_id,
  "ComponentID" AS component_item_id,
  'AW' AS site_id,
  "PerAssemblyQty" AS qty_per,
  "StartDate" AS valid_from_date,
  "EndDate" AS valid_to_date,
  CASE
    WHEN "ProductAssemblyID" IS NULL THEN 'top row without assembly'
    WHEN TRY_CAST("StartDate" AS TIMESTAMP) > $as_of THEN 'after as_of'
    WHEN TRY_CAST("EndDate" AS TIMESTAMP) <= $as_of THEN 'line ended'
  END AS exclude_reason
FROM "BillOfMaterials"

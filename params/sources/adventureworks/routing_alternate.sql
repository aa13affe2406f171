-- assumption: the hours of an operation are one constant per work centre whatever the quantity; hours per unit are total planned hours (PlannedCost / CostRate) divided by total ordered quantity of the product at that work centre, over operations scheduled to start by as_of, so that total hours are conserved.
-- assumption: products without routing rows (89 of 238 made products) are not scheduled on a work centre; setup is inside the hours.
SELECT
  r."ProductID" AS item_id,
  r."OperationSequence" AS op_no,
  r."LocationID" AS resource_id,
  any_value(l."Name") AS operation_name,
  60.0 * sum(TRY_CAST(r."PlannedCost" AS DOUBLE) / TRY_CAST(l."CostRate" AS DOUBLE)) / sum(TRY_CAST(w."OrderQty" AS DOUBLE)) AS run_minutes_per_unit,
  1 AS preference
FROM "WorkOrderRouting" r
LEFT JOIN "WorkOrder" w ON w."WorkOrderID" = r."WorkOrderID"
LEFT JOIN "Location" l ON l."LocationID" = r."LocationID"
WHERE TRY_CAST(r."ScheduledStartDate" AS TIMESTAMP) <= $as_of
GROUP BY r."ProductID", r."OperationSequence", r."LocationID"

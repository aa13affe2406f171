-- assumption: ActualResourceHrs is one constant per work centre whatever the quantity; hours per unit are total recorded hours divided by total ordered quantity of the product at that work centre, from operations started by as_of, so that total hours are conserved.
-- assumption: products without recorded operations have no routing and are not scheduled on a work centre.
SELECT
  "ProductID" AS item_id,
  "OperationSequence" AS op_no,
  "LocationID" AS resource_id,
  60.0 * sum(hours) / sum(qty) AS run_minutes_per_unit,
  1 AS preference
FROM (
  SELECT r."ProductID", r."OperationSequence", r."LocationID",
    TRY_CAST(r."ActualResourceHrs" AS DOUBLE) AS hours, TRY_CAST(w."OrderQty" AS DOUBLE) AS qty
  FROM "WorkOrderRouting" r
  JOIN "WorkOrder" w ON w."WorkOrderID" = r."WorkOrderID"
  WHERE TRY_CAST(r."ScheduledStartDate" AS TIMESTAMP) <= CAST($as_of AS TIMESTAMP)
)
GROUP BY "ProductID", "OperationSequence", "LocationID"

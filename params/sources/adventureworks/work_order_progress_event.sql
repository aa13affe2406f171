-- assumption: an operation's actual start and end are its start and complete events; the good quantity is reported at the end of the last operation.
SELECT
  "WorkOrderID" || '-' || "OperationSequence" || '-' || kind AS event_id,
  event_at,
  "WorkOrderID" AS wo_id,
  "OperationSequence" AS op_no,
  "LocationID" AS resource_id,
  kind AS event_type,
  CASE WHEN kind = 'complete' THEN stocked ELSE '0' END AS good_qty,
  CASE WHEN kind = 'complete' AND is_last THEN scrapped ELSE '0' END AS scrap_qty,
  CASE WHEN event_at IS NULL OR TRY_CAST(event_at AS TIMESTAMP) > CAST($as_of AS TIMESTAMP) THEN 'after as_of' END AS exclude_reason
FROM (
  SELECT r."WorkOrderID", r."OperationSequence", r."LocationID", 'start' AS kind, r."ActualStartDate" AS event_at,
    '0' AS stocked, '0' AS scrapped, false AS is_last
  FROM "WorkOrderRouting" r
  UNION ALL
  SELECT r."WorkOrderID", r."OperationSequence", r."LocationID", 'complete', r."ActualEndDate",
    w."StockedQty", w."ScrappedQty",
    r."OperationSequence" = max(r."OperationSequence") OVER (PARTITION BY r."WorkOrderID")
  FROM "WorkOrderRouting" r JOIN "WorkOrder" w ON w."WorkOrderID" = r."WorkOrderID"
)

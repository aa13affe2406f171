-- assumption: an operation's actual start and end are its start and complete events; all operations pass on the whole order, and only the last one reports what was scrapped.
-- Two rows (start, complete) for each row of WorkOrderRouting.
SELECT
  "WorkOrderID" || '-' || "OperationSequence" || '-' || kind AS event_id,
  event_at,
  "WorkOrderID" AS wo_id,
  'AW' AS site_id,
  "OperationSequence" AS op_no,
  1 AS split_no,
  "LocationID" AS resource_id,
  kind AS event_type,
  CASE WHEN kind = 'start' THEN '0' WHEN is_last THEN "StockedQty" ELSE "OrderQty" END AS good_qty,
  CASE WHEN kind = 'complete' AND is_last THEN "ScrappedQty" ELSE '0' END AS scrap_qty,
  CASE
    WHEN event_at IS NULL OR TRY_CAST(event_at AS TIMESTAMP) > $as_of THEN 'after as_of'
    WHEN TRY_CAST("ActualEndDate" AS TIMESTAMP) <= $as_of - to_weeks($history_weeks) THEN 'older than the history kept'
  END AS exclude_reason
FROM (
  SELECT r.*, w."OrderQty", w."StockedQty", w."ScrappedQty", k.kind,
    CASE WHEN k.kind = 'start' THEN r."ActualStartDate" ELSE r."ActualEndDate" END AS event_at,
    TRY_CAST(r."OperationSequence" AS INTEGER)
      = max(TRY_CAST(r."OperationSequence" AS INTEGER)) OVER (PARTITION BY r."WorkOrderID") AS is_last
  FROM "WorkOrderRouting" r
  CROSS JOIN (VALUES ('start'), ('complete')) k(kind)
  LEFT JOIN "WorkOrder" w ON w."WorkOrderID" = r."WorkOrderID"
)

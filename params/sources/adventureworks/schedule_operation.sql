-- assumption: the scheduled dates of the routing are the published schedule; operations of one work order share them in the source, so the window is divided evenly among its operations in their order.
-- assumption: the schedule of a work order is published when the order starts; the source keeps one version, so nothing shows how plans moved.
SELECT
  'erp' AS version_id,
  "ScheduledStartDate" AS published_at,
  'published' AS status,
  "WorkOrderID" AS wo_id,
  'AW' AS site_id,
  "OperationSequence" AS op_no,
  1 AS split_no,
  "ProductID" AS item_id,
  qty AS planned_qty,
  "LocationID" AS resource_id,
  begins + (place - 1) * step AS setup_start_at,
  begins + (place - 1) * step AS start_at,
  begins + place * step AS end_at,
  false AS is_frozen,
  CASE
    WHEN begins > $as_of THEN 'after as_of'
    WHEN ends_actual <= $as_of - to_weeks($history_weeks) THEN 'older than the history kept'
  END AS exclude_reason
FROM (
  SELECT r.*, w."OrderQty" AS qty,
    TRY_CAST(r."ScheduledStartDate" AS TIMESTAMP) AS begins,
    TRY_CAST(w."EndDate" AS TIMESTAMP) AS ends_actual,
    row_number() OVER (PARTITION BY r."WorkOrderID" ORDER BY TRY_CAST(r."OperationSequence" AS INTEGER)) AS place,
    (TRY_CAST(r."ScheduledEndDate" AS TIMESTAMP) - TRY_CAST(r."ScheduledStartDate" AS TIMESTAMP))
      / count(*) OVER (PARTITION BY r."WorkOrderID") AS step
  FROM "WorkOrderRouting" r
  LEFT JOIN "WorkOrder" w ON w."WorkOrderID" = r."WorkOrderID"
)

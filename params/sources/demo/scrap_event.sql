SELECT
  "scrapNo" AS event_id,
  "timestamp" AS event_at,
  "orderNo" AS wo_id,
  "material" AS item_id,
  "pieces" AS scrap_qty,
  "reason" AS reason_code,
  "operation" AS op_no,
  "line" AS resource_id,
  "disposal" AS disposition,
  "timestamp" AS recorded_at,
  CASE WHEN TRY_CAST("timestamp" AS TIMESTAMPTZ) > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "mes__scrap_log"

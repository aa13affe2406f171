-- assumption: counts are increments since the report before.
SELECT
  "eventNo" AS event_id,
  "timestamp" AS event_at,
  "orderNo" AS wo_id,
  "operation" AS op_no,
  "line" AS resource_id,
  "event" AS event_type,
  "goodCount" AS good_qty,
  "scrapCount" AS scrap_qty,
  '1' AS split_no,
  "crew" AS labour_count,
  "reason" AS reason_code,
  "timestamp" AS recorded_at,
  CASE WHEN TRY_CAST("timestamp" AS TIMESTAMPTZ) > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "mes__machine_events"

SELECT
  "toolNo" AS tool_id,
  "pieces" AS tool_qty,
  "text" AS description,
  "state" AS status,
  "place" AS location,
  "changedAt" AS recorded_at,
  CASE WHEN TRY_CAST("changedAt" AS TIMESTAMPTZ) > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "mes__tools"

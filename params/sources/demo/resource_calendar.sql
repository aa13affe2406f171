SELECT
  "resource" AS resource_id,
  "begin" AS start_at,
  "end" AS end_at,
  "kind" AS calendar_kind,
  "stations" AS capacity,
  "shift" AS shift_code,
  "changed_at" AS recorded_at,
  CASE WHEN (TRY_CAST("changed_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "aps__calendars"

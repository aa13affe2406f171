SELECT
  "month" AS plan_month,
  "week_from" AS week_start_date,
  "plant" AS site_id,
  "hours" AS working_hours,
  "changed_at" AS recorded_at,
  CASE WHEN (TRY_CAST("changed_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "sop__plan_calendar"

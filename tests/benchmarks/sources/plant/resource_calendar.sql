-- line_downtime.csv is already taken out of these windows
SELECT line AS resource_id, CAST(start AS TIMESTAMP) AS start_at, CAST("end" AS TIMESTAMP) AS end_at,
  'shift' AS calendar_kind
FROM line_calendar

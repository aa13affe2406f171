-- assumption: the weekly hours of a station are spread evenly over Monday to Friday from 06:00; 8 weeks back and 16 weeks ahead of as_of.
SELECT
  l."LocationID" AS resource_id,
  'AW' AS site_id,
  d.day + INTERVAL 6 HOUR AS start_at,
  d.day + INTERVAL 6 HOUR + to_minutes(CAST(round(TRY_CAST(l."Availability" AS DOUBLE) / 5 * 60) AS BIGINT)) AS end_at,
  'shift' AS calendar_kind,
  CASE WHEN TRY_CAST(l."Availability" AS DOUBLE) = 0 THEN 'store room' END AS exclude_reason
FROM "Location" l
CROSS JOIN (
  SELECT unnest(range(date_trunc('day', CAST($as_of AS TIMESTAMP)) - INTERVAL 56 DAY,
                      date_trunc('day', CAST($as_of AS TIMESTAMP)) + INTERVAL 112 DAY, INTERVAL 1 DAY)) AS day
) d
WHERE isodow(d.day) <= 5

-- assumption: a work centre has as many stations as its busiest weeks need: the 90th percentile of the recorded hours of the last 26 weeks before as_of, divided by Location.Availability (read as weekly hours of one station), rounded up.
-- assumption: store rooms are not resources.
SELECT
  l."LocationID" AS resource_id,
  'AW' AS site_id,
  l."Name" AS description,
  'work_centre' AS resource_type,
  greatest(1, ceil(coalesce(h.p90_hours, 0) / TRY_CAST(l."Availability" AS DOUBLE))) AS capacity_parallel,
  l."CostRate" AS cost_per_hour,
  CASE WHEN TRY_CAST(l."Availability" AS DOUBLE) = 0 THEN 'store room' END AS exclude_reason
FROM "Location" l
LEFT JOIN (
  SELECT location_id, quantile_cont(hours, 0.9) AS p90_hours FROM (
    SELECT "LocationID" AS location_id, date_trunc('week', TRY_CAST("ActualStartDate" AS TIMESTAMP)) AS week,
      sum(TRY_CAST("ActualResourceHrs" AS DOUBLE)) AS hours
    FROM "WorkOrderRouting"
    WHERE TRY_CAST("ActualStartDate" AS TIMESTAMP) BETWEEN CAST($as_of AS TIMESTAMP) - INTERVAL 26 WEEK AND CAST($as_of AS TIMESTAMP)
    GROUP BY ALL
  ) GROUP BY location_id
) h ON h.location_id = l."LocationID"

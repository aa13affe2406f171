-- assumption: a work centre has as many stations as its busiest weeks need: the 90th percentile of the weekly hours recorded by operations that started in the 26 weeks before as_of and ended by then, divided by Location.Availability (read as weekly hours of one station), rounded up, at least one; the numbers stand in source.yaml and in each centre's description.
-- assumption: store rooms (no availability) are not resources.
SELECT
  "LocationID" AS resource_id,
  'AW' AS site_id,
  "Name" || ' (' || CAST(stations AS INTEGER) || CASE WHEN stations = 1 THEN ' station)' ELSE ' stations)' END AS description,
  'work_centre' AS resource_type,
  stations AS capacity_parallel,
  "CostRate" AS cost_per_hour,
  CASE WHEN TRY_CAST("Availability" AS DOUBLE) = 0 THEN 'store room' END AS exclude_reason
FROM (
  SELECT l.*, greatest(1, ceil(coalesce(h.p90_hours, 0) / nullif(TRY_CAST(l."Availability" AS DOUBLE), 0))) AS stations
  FROM "Location" l
  LEFT JOIN (
    SELECT location_id, quantile_cont(hours, 0.9) AS p90_hours FROM (
      SELECT "LocationID" AS location_id, date_trunc('week', TRY_CAST("ActualStartDate" AS TIMESTAMP)) AS week,
        sum(TRY_CAST("ActualResourceHrs" AS DOUBLE)) AS hours
      FROM "WorkOrderRouting"
      WHERE TRY_CAST("ActualStartDate" AS TIMESTAMP) >= $as_of - INTERVAL 26 WEEK
        AND TRY_CAST("ActualEndDate" AS TIMESTAMP) <= $as_of
      GROUP BY ALL
    ) GROUP BY location_id
  ) h ON h.location_id = l."LocationID"
)

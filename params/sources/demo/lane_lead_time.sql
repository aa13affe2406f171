SELECT
  "lane" AS lane_id,
  "origin" AS origin_site_id,
  "destination" AS destination_id,
  "mode" AS mode,
  "days_typical" AS transit_p50_days,
  "days_slow" AS transit_p90_days,
  "eur_per_pallet" AS cost_per_pallet,
  "faster_mode" AS expedite_mode,
  "changed_at" AS recorded_at,
  CASE WHEN (TRY_CAST("changed_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "tms__lanes"

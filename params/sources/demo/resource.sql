SELECT
  "name" AS resource_id,
  "plant" AS site_id,
  "description" AS description,
  "type" AS resource_type,
  "parallel" AS capacity_parallel,
  "cost" AS cost_per_hour,
  "overtime_surcharge" AS overtime_cost_per_hour,
  "efficiency" AS efficiency_pct,
  "setup" AS current_setup_family,
  "constrained" AS is_bottleneck,
  "alternates" AS alternate_group,
  "setup_matrix" AS resource_group,
  "skill" AS skill_code,
  "changed_at" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "name", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, "changed_at" DESC
    ) AS place
  FROM (SELECT *, (TRY_CAST("changed_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') AS known_at FROM "aps__resources")
)

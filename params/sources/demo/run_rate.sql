SELECT
  "material" AS item_id,
  "line" AS resource_id,
  "standardPerHour" AS standard_rate_per_hour,
  "operation" AS op_no,
  "meanPerHour" AS mean_rate_per_hour,
  "p10PerHour" AS p10_rate_per_hour,
  "p90PerHour" AS p90_rate_per_hour,
  "observations" AS num_observations,
  "changedAt" AS updated_at,
  "changedAt" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "material", "line", "operation", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, "changedAt" DESC
    ) AS place
  FROM (SELECT *, "changedAt" AS known_at FROM "mes__run_rates")
)

SELECT
  "line" AS resource_id,
  "from" AS start_at,
  "to" AS end_at,
  "planned" AS is_planned,
  "reason" AS reason_code,
  "category" AS category,
  "expectedTo" AS expected_end_at,
  "changedAt" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "line", "from", "reason", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, "changedAt" DESC
    ) AS place
  FROM (SELECT *, TRY_CAST("changedAt" AS TIMESTAMPTZ) AS known_at FROM "mes__downtimes")
)

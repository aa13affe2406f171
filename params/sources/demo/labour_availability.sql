SELECT
  "plant" AS site_id,
  "day" AS labour_date,
  "shift" AS shift_code,
  "skill" AS skill_code,
  "planned" AS planned_headcount,
  "present" AS actual_headcount,
  "shiftStart" AS start_at,
  "shiftEnd" AS end_at,
  "changedAt" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "plant", "day", "shift", "skill", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, "changedAt" DESC
    ) AS place
  FROM (SELECT *, TRY_CAST("changedAt" AS TIMESTAMPTZ) AS known_at FROM "mes__crew")
)

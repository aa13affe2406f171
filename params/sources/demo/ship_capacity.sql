SELECT
  "day" AS ship_date,
  "plant" AS site_id,
  "lane" AS lane_id,
  "mode" AS mode,
  "pallets" AS capacity_pallets,
  "trucks" AS capacity_trucks,
  "weight_kg" AS capacity_weight_kg,
  "cut_off" AS cut_off_at,
  "eur_per_pallet" AS cost_per_pallet,
  "state" AS status,
  "changed_at" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "day", "lane", "mode", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, "changed_at" DESC
    ) AS place
  FROM (SELECT *, (TRY_CAST("changed_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') AS known_at FROM "tms__dock_slots")
)

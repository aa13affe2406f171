SELECT
  "AUFNR" AS wo_id,
  "PLNBEZ" AS item_id,
  "WERKS" AS site_id,
  "GAMNG" AS ordered_qty,
  "FTRMS" AS release_at,
  "GLTRP" AS due_at,
  CASE "STAT" WHEN 'PLAN' THEN 'planned' WHEN 'FREI' THEN 'released' WHEN 'RUECK' THEN 'started' WHEN 'TABG' THEN 'completed' ELSE "STAT" END AS status,
  "GWEMG" AS good_qty,
  "IASMG" AS scrap_qty,
  "GSTRI" AS started_at,
  "GLTRI" AS ended_at,
  "AEDAT" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "AUFNR", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, TRY_CAST("VERS" AS INTEGER) DESC
    ) AS place
  FROM (SELECT *, (TRY_CAST("AEDAT" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') AS known_at FROM "erp__production_orders")
)

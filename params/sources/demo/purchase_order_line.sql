SELECT
  "EBELN" AS po_id,
  "EBELP" AS line_id,
  "ETENR" AS schedule_no,
  "LIFNR" AS supplier_id,
  "MATNR" AS item_id,
  "WERKS" AS site_id,
  "BEDAT" AS ordered_at,
  "MENGE" AS ordered_qty,
  "WEMNG" AS received_qty,
  "EINDT" AS required_date,
  "BESTDT" AS promised_date,
  "BESTDT1" AS first_promised_date,
  "BESTMG" AS confirmed_qty,
  CASE "ELIKZ" WHEN 'A' THEN 'open' WHEN 'C' THEN 'completed' WHEN 'X' THEN 'cancelled' ELSE "ELIKZ" END AS status,
  CASE "EXPED" WHEN 'X' THEN 'true' WHEN '-' THEN 'false' END AS is_expedite_possible,
  "EXPED_KOST" AS expedite_cost,
  "EXPED_TAGE" AS expedite_days,
  "NETPR" AS unit_cost,
  "WAERS" AS currency,
  "AEDAT" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "EBELN", "EBELP", "ETENR", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, TRY_CAST("VERS" AS INTEGER) DESC
    ) AS place
  FROM (SELECT *, (TRY_CAST("AEDAT" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') AS known_at FROM "erp__purchase_order_items")
)

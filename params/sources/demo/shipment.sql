SELECT
  "shipment" AS shipment_id,
  "order_no" AS order_id,
  "order_line" AS line_id,
  "plant" AS site_id,
  "etd" AS planned_departure_at,
  "state" AS status,
  "cases" AS shipped_qty,
  "lane" AS lane_id,
  "mode" AS mode,
  "atd" AS actual_departure_at,
  "eta" AS eta_at,
  "ata" AS arrived_at,
  "carrier" AS carrier_id,
  "remark" AS reason_code,
  "changed_at" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "shipment", "order_no", "order_line", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, TRY_CAST("version" AS INTEGER) DESC
    ) AS place
  FROM (SELECT *, (TRY_CAST("changed_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') AS known_at FROM "tms__shipments")
)

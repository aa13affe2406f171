-- assumption: due_at is the loading cut-off of the last working day on which the promised day can still be met.
SELECT
  "VBELN" AS order_id,
  "POSNR" AS line_id,
  "ETENR" AS schedule_no,
  "KUNNR" AS customer_id,
  "MATNR" AS item_id,
  "WERKS" AS site_id,
  "ERDAT" AS ordered_at,
  "KWMENG" AS ordered_qty,
  "VRKME" AS uom,
  "VDATU" AS requested_date,
  "EDATU1" AS first_confirmed_date,
  "EDATU" AS last_confirmed_date,
  "BMENG" AS first_confirmed_qty,
  "BMENG" AS last_confirmed_qty,
  "WADAT" AS due_at,
  "LFIMG" AS delivered_qty,
  "WADAT_IST" AS last_goods_issue_at,
  "PODAT" AS delivered_at,
  CASE "GBSTA" WHEN 'A' THEN 'open' WHEN 'C' THEN 'completed' WHEN 'X' THEN 'cancelled' ELSE "GBSTA" END AS status,
  "AUART" AS order_type,
  "ABGRU" AS cancel_reason,
  "ABGRU_VON" AS cancelled_by,
  "ABGRU_AM" AS cancelled_at,
  "LPRIO" AS priority,
  CASE "KZTLF" WHEN 'X' THEN 'true' WHEN '-' THEN 'false' END AS is_partial_allowed,
  "NETPR" AS net_price,
  "NETWR" AS net_value,
  "DBSTK" AS margin_per_unit,
  "WAERK" AS currency,
  "INCO1" AS incoterm,
  "ROUTE" AS lane_id,
  "TRAZT" AS transit_days,
  'false' AS is_customer_pick_up,
  "AEDAT" AS recorded_at,
  CASE
    WHEN known_at > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of'
    WHEN place > 1 THEN 'superseded'
  END AS exclude_reason
FROM (
  SELECT *,
    row_number() OVER (
      PARTITION BY "VBELN", "POSNR", "ETENR", known_at <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC'
      ORDER BY known_at DESC, TRY_CAST("VERS" AS INTEGER) DESC
    ) AS place
  FROM (SELECT *, (TRY_CAST("AEDAT" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') AS known_at FROM "erp__sales_order_items")
)

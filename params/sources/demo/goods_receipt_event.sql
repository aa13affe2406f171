SELECT
  "EBELN" AS po_id,
  "EBELP" AS line_id,
  "BUDAT" AS received_at,
  "MENGE" AS received_qty,
  "AUSSCHUSS" AS rejected_qty,
  "BUDAT" AS recorded_at,
  CASE WHEN (TRY_CAST("BUDAT" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "erp__goods_receipts"

SELECT
  "EBELN" AS po_id,
  "EBELP" AS line_id,
  "ERDAT" AS event_at,
  "EINDT" AS confirmed_date,
  "MENGE" AS confirmed_qty,
  "KANAL" AS channel,
  "ERDAT" AS recorded_at,
  CASE WHEN (TRY_CAST("ERDAT" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "erp__vendor_confirmations"

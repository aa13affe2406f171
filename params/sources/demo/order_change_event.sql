SELECT
  "CHANGENR" AS event_id,
  "UDATE" AS event_at,
  "VBELN" AS order_id,
  "POSNR" AS line_id,
  "FNAME" AS change_field,
  "ORIGIN" AS initiated_by,
  "VALUE_OLD" AS old_value,
  "VALUE_NEW" AS new_value,
  "USERNAME" AS user_name,
  "GRUND" AS reason_code,
  "ZONE" AS zone,
  "UDATE" AS recorded_at,
  CASE WHEN (TRY_CAST("UDATE" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "erp__change_documents"

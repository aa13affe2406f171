SELECT
  "MATNR" AS parent_item_id,
  "IDNRK" AS component_item_id,
  "MENGE" AS qty_per,
  "AUSCH" AS scrap_pct,
  "DATUV" AS valid_from_date,
  "VORNR" AS op_no,
  "AEDAT" AS recorded_at,
  CASE WHEN (TRY_CAST("AEDAT" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "erp__bill_of_material"

SELECT
  "KSTAR" AS cost_type,
  "OBJNR" AS object_id,
  "VSART" AS mode,
  "TARIF" AS cost_amount,
  "EINHEIT" AS cost_unit,
  "WAERS" AS currency,
  "AEDAT" AS recorded_at,
  CASE WHEN (TRY_CAST("AEDAT" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "erp__cost_rates"

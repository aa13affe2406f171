SELECT
  "family" AS family_id,
  "sku" AS item_id,
  "plant" AS site_id,
  "share" AS mix_weight,
  "basis" AS mix_basis,
  "valid_from" AS valid_from_date,
  "changed_at" AS recorded_at,
  CASE WHEN (TRY_CAST("changed_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "sop__family_mix"

SELECT
  "Version" AS plan_version,
  "Approved" AS approved_at,
  "Family" AS family_id,
  "Plant" AS site_id,
  "Month" AS plan_month,
  "Measure" AS measure,
  "Quantity" AS planned_qty,
  "Value EUR" AS planned_value,
  'EUR' AS currency,
  "Assumption" AS assumption_text,
  "Owner" AS owner,
  "Low" AS lower_qty,
  "High" AS upper_qty,
  "Approved" AS recorded_at,
  CASE WHEN (TRY_CAST("Approved" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "sop__sop_plan"

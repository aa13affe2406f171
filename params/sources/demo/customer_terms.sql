SELECT
  "Customer" AS customer_id,
  "Tier" AS customer_tier,
  "Clause" AS penalty_type,
  "Name" AS description,
  "Region" AS region,
  "Date basis" AS otif_basis,
  "Late tolerance (working days)" AS late_days,
  "Under tolerance (%)" AS under_pct,
  "Amount" AS penalty_amount,
  "Free days" AS penalty_threshold_days,
  "Cap" AS penalty_cap,
  "Window" AS penalty_window,
  "Notice days" AS notice_days,
  "Lost sale" AS is_lost_sale,
  "Currency" AS currency,
  "Signed" AS recorded_at,
  CASE WHEN (TRY_CAST("Signed" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "crm__customer_contracts"

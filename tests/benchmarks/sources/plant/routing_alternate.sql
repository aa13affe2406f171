SELECT sku AS item_id, 10 AS op_no, line AS resource_id,
  60.0 / CAST(rate_per_hour AS DOUBLE) AS run_minutes_per_unit, preference
FROM routings

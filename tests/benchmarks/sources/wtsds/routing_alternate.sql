SELECT job AS item_id, 10 AS op_no, 'M1' AS resource_id, minutes AS run_minutes_per_unit,
  1 AS preference
FROM jobs

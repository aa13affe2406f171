SELECT line AS resource_id, 'plant' AS site_id, 'line' AS resource_type, 1 AS capacity_parallel,
  initial_family AS current_setup_family
FROM lines

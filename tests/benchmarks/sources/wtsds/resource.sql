SELECT 'M1' AS resource_id, 'shop' AS site_id, 1 AS capacity_parallel, 'start' AS current_setup_family

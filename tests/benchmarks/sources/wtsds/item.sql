SELECT job AS item_id, 'jobs' AS family_id, 'job' AS uom, 'make' AS supply_type,
  1 AS lot_min_qty, 1 AS lot_multiple_qty, job AS setup_family
FROM jobs

SELECT job AS order_id, '1' AS line_id, 'C' || job AS customer_id, job AS item_id,
  'shop' AS site_id, CAST($as_of AS TIMESTAMP) AS ordered_at, 1 AS ordered_qty, 'job' AS uom,
  CAST($as_of AS TIMESTAMP) + to_minutes(CAST(due_minutes AS BIGINT)) AS requested_date,
  NULL AS first_confirmed_date, NULL AS last_confirmed_date, 0 AS delivered_qty,
  NULL AS last_goods_issue_at, 'open' AS status, 'MTO' AS order_type,
  CAST($as_of AS TIMESTAMP) + to_minutes(CAST(due_minutes AS BIGINT)) AS due_at,
  FALSE AS is_partial_allowed
FROM jobs

SELECT order_id, '1' AS line_id, 'W' || weight AS customer_id, sku AS item_id, 'plant' AS site_id,
  CAST($as_of AS TIMESTAMP) AS ordered_at, quantity AS ordered_qty, 'pc' AS uom,
  CAST(due AS TIMESTAMP) AS requested_date, NULL AS first_confirmed_date,
  NULL AS last_confirmed_date, 0 AS delivered_qty, NULL AS last_goods_issue_at, 'open' AS status,
  'MTO' AS order_type, CAST(due AS TIMESTAMP) AS due_at, priority, FALSE AS is_partial_allowed
FROM orders
